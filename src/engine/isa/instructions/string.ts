/** String instructions and port I/O. */
import type { InstructionForm } from "../types";
import { ACCUMULATOR, ARITHMETIC, flags, insn, op, r, w } from "../dsl";
import type { AnySize, Traits } from "../dsl";

const SUFFIX = { 8: "b", 16: "w", 32: "d", 64: "q" } as const;
const SIZES: readonly AnySize[] = [8, 16, 32, 64];

const COMPARE = flags({ ...ARITHMETIC, read: "D" });
const MOVE: Traits = { flags: flags({ read: "D" }), repeat: "rep" };

const strings = SIZES.flatMap((size) => {
  const odd = size === 8 ? 0 : 1;
  const suffix = SUFFIX[size];
  const source = r(`strsi${size}`);
  const accumulator = ACCUMULATOR[size];
  const row = (
    family: string,
    operands: readonly ReturnType<typeof r>[],
    opcode: number,
    traits: Traits,
  ): InstructionForm =>
    insn(family + suffix, operands, op(opcode + odd).size(size), { ...traits, semantics: family });
  return [
    row("movs", [w(`strdi${size}`), source], 0xa4, MOVE),
    row("cmps", [source, r(`strdi${size}`)], 0xa6, { flags: COMPARE, repeat: "repcc" }),
    row("stos", [w(`strdi${size}`), r(accumulator)], 0xaa, MOVE),
    row("lods", [w(accumulator), source], 0xac, MOVE),
    row("scas", [r(accumulator), r(`strdi${size}`)], 0xae, { flags: COMPARE, repeat: "repcc" }),
  ];
});

const PORT: Traits = {
  sensitivity: "iopl-sensitive",
  flags: flags({ read: "LV" }),
  vmExit: {
    reason: "IO_INSTRUCTION",
    when: "unconditional I/O exiting, or use I/O bitmaps with the port's bit set",
  },
};
const PORT_STRING: Traits = { ...PORT, repeat: "rep", flags: flags({ read: "DLV" }) };

const ports = ([8, 16, 32] as const).flatMap((size) => {
  const odd = size === 8 ? 0 : 1;
  const accumulator = ACCUMULATOR[size];
  const suffix = SUFFIX[size];
  return [
    insn(
      "in",
      [w(accumulator), r("imm8")],
      op(0xe4 + odd)
        .size(size)
        .imm("ib"),
      PORT,
    ),
    insn("in", [w(accumulator), r("dx")], op(0xec + odd).size(size), PORT),
    insn(
      "out",
      [r("imm8"), r(accumulator)],
      op(0xe6 + odd)
        .size(size)
        .imm("ib"),
      PORT,
    ),
    insn("out", [r("dx"), r(accumulator)], op(0xee + odd).size(size), PORT),
    insn(`ins${suffix}`, [w(`strdi${size}`), r("dx")], op(0x6c + odd).size(size), {
      ...PORT_STRING,
      semantics: "ins",
    }),
    insn(`outs${suffix}`, [r("dx"), r(`strsi${size}`)], op(0x6e + odd).size(size), {
      ...PORT_STRING,
      semantics: "outs",
    }),
  ];
});

export const STRING_ROWS: readonly InstructionForm[] = [...strings, ...ports];
