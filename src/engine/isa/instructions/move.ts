/** Data movement between registers and memory: MOV in all its forms, MOVZX, MOVSX, LEA, XCHG, CMOVcc, SETcc, XLAT, far pointers. */
import type { InstructionForm } from "../types";
import {
  ACCUMULATOR,
  conditional,
  CONDITIONS,
  flags,
  IMMEDIATE,
  insn,
  n,
  op,
  op0f,
  r,
  rw,
  w,
  wide,
} from "../dsl";
import type { AnySize, Traits } from "../dsl";

const SIZES: readonly AnySize[] = [8, 16, 32, 64];

const movRows = SIZES.flatMap((size) => {
  const odd = size === 8 ? 0 : 1;
  const { kind, field } = IMMEDIATE[size];
  const inOpcode = op(0xb0 + 8 * odd)
    .plus()
    .size(size);
  const full =
    size === 64
      ? insn("mov", [w("r64"), r("imm64")], inOpcode.imm("iq"))
      : insn("mov", [w(`r${size}`), r(kind)], inOpcode.imm(field));
  return [
    insn(
      "mov",
      [w(`rm${size}`), r(`r${size}`)],
      op(0x88 + odd)
        .reg()
        .size(size),
    ),
    insn(
      "mov",
      [w(`r${size}`), r(`rm${size}`)],
      op(0x8a + odd)
        .reg()
        .size(size),
    ),
    insn(
      "mov",
      [w(ACCUMULATOR[size]), r(`moffs${size}`)],
      op(0xa0 + odd)
        .size(size)
        .imm("mo"),
    ),
    insn(
      "mov",
      [w(`moffs${size}`), r(ACCUMULATOR[size])],
      op(0xa2 + odd)
        .size(size)
        .imm("mo"),
    ),
    full,
    insn(
      "mov",
      [w(`rm${size}`), r(kind)],
      op(0xc6 + odd)
        .ext(0)
        .size(size)
        .imm(field),
    ),
  ];
});

const EXTENDING: Traits = {};
const extensions = (
  [
    ["movzx", 0xb6],
    ["movsx", 0xbe],
  ] as const
).flatMap(([mnemonic, opcode]) =>
  wide((size) => [
    insn(mnemonic, [w(`r${size}`), r("rm8")], op0f(opcode).reg().size(size), EXTENDING),
    insn(
      mnemonic,
      [w(`r${size}`), r("rm16")],
      op0f(opcode + 1)
        .reg()
        .size(size),
      EXTENDING,
    ),
  ]),
);

const exchangeRows = [
  ...SIZES.map((size) =>
    insn(
      "xchg",
      [rw(`rm${size}`), rw(`r${size}`)],
      op(size === 8 ? 0x86 : 0x87)
        .reg()
        .size(size),
      {
        lock: true,
      },
    ),
  ),
  ...wide((size) =>
    insn("xchg", [rw(ACCUMULATOR[size]), rw(`r${size}`)], op(0x90).plus().size(size)),
  ),
];

const conditionals = CONDITIONS.flatMap((_, condition) => {
  const move = conditional("cmov", condition);
  const set = conditional("set", condition);
  return [
    ...wide((size) =>
      insn(
        move.mnemonic,
        [rw(`r${size}`), r(`rm${size}`)],
        op0f(0x40 + condition)
          .reg()
          .size(size),
        {
          ...move.traits,
          semantics: "cmovcc",
          feature: "cmov",
        },
      ),
    ),
    insn(set.mnemonic, [w("rm8")], op0f(0x90 + condition).ext(0), {
      ...set.traits,
      semantics: "setcc",
    }),
    // ModRM.reg is not decoded: all eight values are the same instruction.
    ...[1, 2, 3, 4, 5, 6, 7].map((digit) =>
      insn(set.mnemonic, [w("rm8")], op0f(0x90 + condition).ext(digit), {
        ...set.traits,
        semantics: "setcc",
      }),
    ),
  ];
});

const FAR_MEMORY = { 16: "m16:16", 32: "m16:32", 64: "m16:64" } as const;
const FAR_LOAD: Traits = { semantics: "lxs", sensitivity: "sensitive-unprivileged" };

const farLoads = [
  ...(
    [
      ["les", 0xc4],
      ["lds", 0xc5],
    ] as const
  ).flatMap(([mnemonic, opcode]) =>
    ([16, 32] as const).map((size) =>
      insn(mnemonic, [w(`r${size}`), r(FAR_MEMORY[size])], op(opcode).reg().memory().size(size), {
        ...FAR_LOAD,
        modes: "legacy",
      }),
    ),
  ),
  ...(
    [
      ["lss", 0xb2],
      ["lfs", 0xb4],
      ["lgs", 0xb5],
    ] as const
  ).flatMap(([mnemonic, opcode]) =>
    wide((size) =>
      insn(
        mnemonic,
        [w(`r${size}`), r(FAR_MEMORY[size])],
        op0f(opcode).reg().memory().size(size),
        FAR_LOAD,
      ),
    ),
  ),
];

export const MOVE_ROWS: readonly InstructionForm[] = [
  ...movRows,
  ...extensions,
  // 16- and 32-bit MOVSXD moves without extending; the SDM discourages it, the processor does it.
  insn("movsxd", [w("r16"), r("rm16")], op(0x63).reg().o16(), { modes: "long" }),
  insn("movsxd", [w("r32"), r("rm32")], op(0x63).reg().o32(), { modes: "long" }),
  insn("movsxd", [w("r64"), r("rm32")], op(0x63).reg().o64()),
  ...wide((size) => insn("lea", [w(`r${size}`), n("m")], op(0x8d).reg().memory().size(size))),
  ...exchangeRows,
  ...conditionals,
  ...farLoads,
  insn("xlatb", [r("strbx8")], op(0xd7), { aliases: ["xlat"], semantics: "xlat" }),
  insn("lahf", [], op(0x9f), { flags: flags({ read: "CPAZS" }) }),
  insn("sahf", [], op(0x9e), { flags: flags({ written: "CPAZS" }) }),
];
