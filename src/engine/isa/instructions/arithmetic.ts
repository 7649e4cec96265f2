/** Integer arithmetic: the eight ALU operations, INC, DEC, NEG, MUL, DIV, XADD, CMPXCHG, and decimal adjustment. */
import type { InstructionForm } from "../types";
import {
  ACCUMULATOR,
  ARITHMETIC,
  flags,
  IMMEDIATE,
  insn,
  LOGIC,
  op,
  op0f,
  op38,
  r,
  rw,
  w,
  wide,
} from "../dsl";
import type { AnySize, Traits } from "../dsl";

const SIZES: readonly AnySize[] = [8, 16, 32, 64];

/** In the order of the opcode extension: opcode = number * 8 + form. SDM Vol. 2D, "Opcode Map". */
const ALU = [
  ["add", ARITHMETIC],
  ["or", LOGIC],
  ["adc", flags({ read: "C", written: "CPAZSO" })],
  ["sbb", flags({ read: "C", written: "CPAZSO" })],
  ["and", LOGIC],
  ["sub", ARITHMETIC],
  ["xor", LOGIC],
  ["cmp", ARITHMETIC],
] as const;

function aluRows(mnemonic: string, number: number, effects: Traits["flags"]): InstructionForm[] {
  const writes = mnemonic !== "cmp";
  const first = writes ? rw : r;
  const plain: Traits = { flags: effects! };
  const locked: Traits = { ...plain, lock: writes };
  const base = number * 8;
  const registers = SIZES.flatMap((size) => {
    const odd = size === 8 ? 0 : 1;
    return [
      insn(
        mnemonic,
        [first(`rm${size}`), r(`r${size}`)],
        op(base + odd)
          .reg()
          .size(size),
        locked,
      ),
      insn(
        mnemonic,
        [first(`r${size}`), r(`rm${size}`)],
        op(base + 2 + odd)
          .reg()
          .size(size),
        plain,
      ),
    ];
  });
  const immediates = SIZES.flatMap((size) => {
    const odd = size === 8 ? 0 : 1;
    const { kind, field } = IMMEDIATE[size];
    const full = op(0x80 + odd)
      .ext(number)
      .size(size)
      .imm(field);
    const rows = [
      insn(
        mnemonic,
        [first(ACCUMULATOR[size]), r(kind)],
        op(base + 4 + odd)
          .size(size)
          .imm(field),
        plain,
      ),
      insn(mnemonic, [first(`rm${size}`), r(kind)], full, locked),
    ];
    if (size === 8) {
      // The alias that 64-bit mode removed.
      const alias = op(0x82).ext(number).imm("ib");
      rows.push(insn(mnemonic, [first("rm8"), r("imm8")], alias, { ...locked, modes: "legacy" }));
    } else {
      const short = op(0x83).ext(number).size(size).imm("ib");
      rows.push(insn(mnemonic, [first(`rm${size}`), r("sx8")], short, locked));
    }
    return rows;
  });
  return [...registers, ...immediates];
}

/** F6/F7 and FE/FF: one operand in ModRM.rm, over all four sizes. */
function oneOperand(
  mnemonic: string,
  opcode: number,
  digit: number,
  traits: Traits,
  access: typeof r = rw,
): InstructionForm[] {
  return SIZES.map((size) => {
    const bytes = op(opcode + (size === 8 ? 0 : 1))
      .ext(digit)
      .size(size);
    return insn(mnemonic, [access(`rm${size}`)], bytes, traits);
  });
}

const INCREMENT = flags({ written: "PAZSO" });
const MULTIPLY = flags({ written: "CO", undefined: "SZAP" });
const DIVIDE = flags({ undefined: "CPAZSO" });

const incrementInOpcode = (mnemonic: string, opcode: number): InstructionForm[] =>
  ([16, 32] as const).map((size) =>
    insn(mnemonic, [rw(`r${size}`)], op(opcode).plus().size(size), {
      flags: INCREMENT,
      modes: "legacy",
    }),
  );

/** TEST reads both operands; F6/1 and F7/1 are aliases of /0 (SDM Vol. 2D leaves them out, processors have them). */
const testRows: InstructionForm[] = SIZES.flatMap((size) => {
  const odd = size === 8 ? 0 : 1;
  const { kind, field } = IMMEDIATE[size];
  const traits: Traits = { flags: LOGIC };
  const immediate = op(0xf6 + odd)
    .size(size)
    .imm(field);
  return [
    insn(
      "test",
      [r(`rm${size}`), r(`r${size}`)],
      op(0x84 + odd)
        .reg()
        .size(size),
      traits,
    ),
    insn(
      "test",
      [r(ACCUMULATOR[size]), r(kind)],
      op(0xa8 + odd)
        .size(size)
        .imm(field),
      traits,
    ),
    insn("test", [r(`rm${size}`), r(kind)], immediate.ext(0), traits),
    insn("test", [r(`rm${size}`), r(kind)], immediate.ext(1), traits),
  ];
});

const imulRows: InstructionForm[] = wide((size) => {
  const traits: Traits = { flags: MULTIPLY };
  const { kind, field } = IMMEDIATE[size];
  return [
    insn("imul", [rw(`r${size}`), r(`rm${size}`)], op0f(0xaf).reg().size(size), traits),
    insn(
      "imul",
      [w(`r${size}`), r(`rm${size}`), r("sx8")],
      op(0x6b).reg().size(size).imm("ib"),
      traits,
    ),
    insn(
      "imul",
      [w(`r${size}`), r(`rm${size}`), r(kind)],
      op(0x69).reg().size(size).imm(field),
      traits,
    ),
  ];
});

const exchanges: InstructionForm[] = SIZES.flatMap((size) => {
  const odd = size === 8 ? 0 : 1;
  const traits: Traits = { flags: ARITHMETIC, lock: true };
  return [
    insn(
      "xadd",
      [rw(`rm${size}`), rw(`r${size}`)],
      op0f(0xc0 + odd)
        .reg()
        .size(size),
      traits,
    ),
    insn(
      "cmpxchg",
      [rw(`rm${size}`), r(`r${size}`)],
      op0f(0xb0 + odd)
        .reg()
        .size(size),
      traits,
    ),
  ];
});

const DECIMAL = flags({ read: "CA", written: "CPAZS", undefined: "O" });
const ASCII_ADDITION = flags({ read: "A", written: "CA", undefined: "PZSO" });
const ASCII_PRODUCT = flags({ written: "PZS", undefined: "CAO" });

const decimal: InstructionForm[] = [
  insn("daa", [], op(0x27), { modes: "legacy", flags: DECIMAL }),
  insn("das", [], op(0x2f), { modes: "legacy", flags: DECIMAL }),
  insn("aaa", [], op(0x37), { modes: "legacy", flags: ASCII_ADDITION }),
  insn("aas", [], op(0x3f), { modes: "legacy", flags: ASCII_ADDITION }),
  insn("aam", [r("imm8")], op(0xd4).imm("ib"), { modes: "legacy", flags: ASCII_PRODUCT }),
  insn("aad", [r("imm8")], op(0xd5).imm("ib"), { modes: "legacy", flags: ASCII_PRODUCT }),
];

const WIDE_COMPARE: Traits = { flags: flags({ written: "Z" }), lock: true };

export const ARITHMETIC_ROWS: readonly InstructionForm[] = [
  ...ALU.flatMap(([mnemonic, effects], number) => aluRows(mnemonic, number, effects)),
  ...oneOperand("inc", 0xfe, 0, { flags: INCREMENT, lock: true }),
  ...incrementInOpcode("inc", 0x40),
  ...oneOperand("dec", 0xfe, 1, { flags: INCREMENT, lock: true }),
  ...incrementInOpcode("dec", 0x48),
  ...testRows,
  ...oneOperand("not", 0xf6, 2, { lock: true }),
  ...oneOperand("neg", 0xf6, 3, { flags: ARITHMETIC, lock: true }),
  ...oneOperand("mul", 0xf6, 4, { flags: MULTIPLY }, r),
  ...oneOperand("imul", 0xf6, 5, { flags: MULTIPLY }, r),
  ...oneOperand("div", 0xf6, 6, { flags: DIVIDE }, r),
  ...oneOperand("idiv", 0xf6, 7, { flags: DIVIDE }, r),
  ...imulRows,
  ...exchanges,
  insn("cmpxchg8b", [rw("m64")], op0f(0xc7).ext(1).memory(), { ...WIDE_COMPARE, feature: "cx8" }),
  insn("cmpxchg16b", [rw("m128")], op0f(0xc7).ext(1).memory().o64(), {
    ...WIDE_COMPARE,
    feature: "cx16",
  }),
  ...decimal,
  // Undocumented on Intel until recently: AL = CF ? FF : 00. SDM Vol. 2D, "Opcode Map", leaves D6 empty.
  insn("salc", [], op(0xd6), { modes: "legacy", flags: flags({ read: "C" }) }),
  ...(
    [
      ["cbw", "cwd"],
      ["cwde", "cdq"],
      ["cdqe", "cqo"],
    ] as const
  ).flatMap(([convert, extend], index) => {
    const size = ([16, 32, 64] as const)[index]!;
    return [
      insn(convert, [], op(0x98).size(size), { semantics: "cbw" }),
      insn(extend, [], op(0x99).size(size), { semantics: "cwd" }),
    ];
  }),
  ...wide((size) =>
    insn(
      "crc32",
      [rw(`r${size === 64 ? 64 : 32}`), r(`rm${size}`)],
      op38(0xf1).reg().f2().size(size),
      { feature: "sse42" },
    ),
  ),
  insn("crc32", [rw("r32"), r("rm8")], op38(0xf0).reg().f2(), { feature: "sse42" }),
  insn("crc32", [rw("r64"), r("rm8")], op38(0xf0).reg().f2().o64(), { feature: "sse42" }),
];
