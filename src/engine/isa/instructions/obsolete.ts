/**
 * Instructions of processors that are gone, and of other makers. NASM assembles them, so we do; nothing decodes them, because the processors
 * of today have others at these bytes, or none (LOADALL286 is SYSCALL, UMOV is MOVUPS).
 */
import type { InstructionForm } from "../types";
import { insn, n, op, op0f, r, recognised, rw, w } from "../dsl";
import type { OpcodeBuilder } from "../dsl";

const GONE = recognised("obsolete");

/** NAME OPCODE of instructions without operands, in the map 0F. */
const plain = (names: string): InstructionForm[] =>
  names.split(" ").map((entry) => {
    const [name = "", opcode = ""] = entry.split("/");
    return insn(name, [], op0f(Number.parseInt(opcode, 16)), GONE);
  });

/** VIA's PadLock: a whole ModRM byte behind 0F A6 or 0F A7, and REP before all but the first. */
const PADLOCK = (
  [
    ["xstore", 0xa7, 0xc0],
    ["xcryptecb", 0xa7, 0xc8],
    ["xcryptcbc", 0xa7, 0xd0],
    ["xcryptctr", 0xa7, 0xd8],
    ["xcryptcfb", 0xa7, 0xe0],
    ["xcryptofb", 0xa7, 0xe8],
    ["montmul", 0xa6, 0xc0],
    ["xsha1", 0xa6, 0xc8],
    ["xsha256", 0xa6, 0xd0],
  ] as const
).map(([name, opcode, modrm]) => insn(name, [], op0f(opcode).fixed(modrm), GONE));

type Size = 8 | 16 | 32;

function stores(mnemonic: string, sizes: readonly Size[], opcode: number): InstructionForm[] {
  return sizes.map((size) =>
    insn(
      mnemonic,
      [rw(`rm${size}`), r(`r${size}`)],
      op0f(opcode | (size === 8 ? 0 : 1))
        .reg()
        .size(size),
      GONE,
    ),
  );
}

function loads(mnemonic: string, sizes: readonly Size[], opcode: number): InstructionForm[] {
  return sizes.map((size) =>
    insn(
      mnemonic,
      [w(`r${size}`), r(`rm${size}`)],
      op0f(opcode | (size === 8 ? 0 : 1))
        .reg()
        .size(size),
      GONE,
    ),
  );
}

/** Cyrix's moves of a descriptor with its selector. */
const whole = (mnemonic: string, opcode: number): InstructionForm =>
  insn(mnemonic, [rw("m80")], op0f(opcode).ext(0).memory(), GONE);

const chips = (mnemonic: string, opcode: number): InstructionForm =>
  insn(mnemonic, [rw("rm32")], op0f(opcode).ext(0).o32(), GONE);

const toIa64 = ([16, 32] as const).flatMap((size) => {
  const distance: OpcodeBuilder = op0f(0xb8).size(size);
  return [
    insn("jmpe", [r(`rel${size}`)], distance.imm(size === 16 ? "cw" : "cd"), GONE),
    insn("jmpe", [r(`rm${size}`)], op0f(0x00).ext(6).size(size), GONE),
  ];
});

const ROWS: readonly InstructionForm[] = [
  ...plain(
    "loadall286/05 loadall/07 smint/38 dmint/39 rdm/3a bb0_reset/3a bb1_reset/3b cpu_write/3c cpu_read/3d smintold/7e",
  ),
  ...PADLOCK,
  ...stores("cmpxchg486", [8, 16, 32], 0xa6).map((row) => ({ ...row, lock: true })),
  ...stores("ibts", [16, 32], 0xa6),
  ...[16, 32].map((size) =>
    insn(
      "xbts",
      [w(`r${size as 16}`), r(`rm${size as 16}`)],
      op0f(0xa6)
        .reg()
        .size(size as 16),
      GONE,
    ),
  ),
  ...stores("umov", [8, 16, 32], 0x10),
  ...loads("umov", [8, 16, 32], 0x12),
  ...toIa64,
  chips("rdshr", 0x36),
  chips("wrshr", 0x37),
  insn("svdc", [w("m80"), r("sreg")], op0f(0x78).reg().memory(), GONE),
  insn("rsdc", [w("sreg"), r("m80")], op0f(0x79).reg().memory(), GONE),
  // Announced, and never made.
  insn("pcommit", [], op0f(0xae).fixed(0xf8).p66(), recognised("pcommit")),
  whole("svldt", 0x7a),
  whole("rsldt", 0x7b),
  whole("svts", 0x7c),
  whole("rsts", 0x7d),
  // The test registers of the 386 and the 486.
  insn("mov", [w("rr32"), r("tr")], op0f(0x24).reg().register(), { ...GONE, modes: "legacy" }),
  insn("mov", [w("tr"), r("rr32")], op0f(0x26).reg().register(), { ...GONE, modes: "legacy" }),
  // The 8086's; since then a prefix of other opcodes.
  insn("pop", [n("cs")], op(0x0f), GONE),
];

export const OBSOLETE_BY_ID: ReadonlyMap<string, InstructionForm> = new Map(
  ROWS.map((form) => [form.id, form]),
);

export const OBSOLETE_MNEMONICS: ReadonlySet<string> = new Set(
  ROWS.map(({ mnemonic }) => mnemonic).filter((name) => name !== "mov" && name !== "pop"),
);
