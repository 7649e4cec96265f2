/** NOPs, hints, prefetches, fences and cache-line control. */
import type { InstructionForm } from "../types";
import { insn, n, op, op0f, wide } from "../dsl";
import type { OpcodeBuilder, Traits } from "../dsl";

/** The reserved hint space 0F 18 to 0F 1F runs as a NOP that only decodes its operand. */
const hint = (mnemonic: string, bytes: OpcodeBuilder): InstructionForm[] =>
  wide((size) => insn(mnemonic, [n(`rm${size}`)], bytes.size(size), { semantics: "nop" }));

/** NASM numbers the hint NOPs by opcode and extension: hint_nop0 is 0F 18 /0. */
const hintRows = [0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f].flatMap((opcode) =>
  [0, 1, 2, 3, 4, 5, 6, 7].flatMap((digit) => {
    const bytes = op0f(opcode).ext(digit);
    if (opcode === 0x1f && digit === 0) return hint("nop", bytes);
    return hint(`hint_nop${(opcode - 0x18) * 8 + digit}`, bytes);
  }),
);

const PREFETCH: Traits = { semantics: "nop" };
const prefetches = [
  insn("prefetch", [n("m8")], op0f(0x0d).ext(0).memory(), PREFETCH),
  insn("prefetchw", [n("m8")], op0f(0x0d).ext(1).memory(), PREFETCH),
  insn("prefetchwt1", [n("m8")], op0f(0x0d).ext(2).memory(), PREFETCH),
  insn("prefetchnta", [n("m8")], op0f(0x18).ext(0).memory(), PREFETCH),
  insn("prefetcht0", [n("m8")], op0f(0x18).ext(1).memory(), PREFETCH),
  insn("prefetcht1", [n("m8")], op0f(0x18).ext(2).memory(), PREFETCH),
  insn("prefetcht2", [n("m8")], op0f(0x18).ext(3).memory(), PREFETCH),
];

/** Ordering on a machine that executes in order: nothing to do beyond decoding. */
const fences = (
  [
    ["lfence", 5],
    ["mfence", 6],
    ["sfence", 7],
  ] as const
).flatMap(([mnemonic, digit]) =>
  // ModRM.rm is not decoded: E8 to EF are all LFENCE.
  [0, 1, 2, 3, 4, 5, 6, 7].map((rm) =>
    insn(
      mnemonic,
      [],
      op0f(0xae)
        .fixed(0xc0 | (digit << 3) | rm)
        .np(),
      { feature: "sse2", semantics: "fence" },
    ),
  ),
);

export const HINT_ROWS: readonly InstructionForm[] = [
  insn("nop", [], op(0x90)),
  insn("pause", [], op(0x90).f3(), {
    sensitivity: "conditional",
    vmExit: { reason: "PAUSE", when: "PAUSE exiting, or PAUSE-loop exiting at CPL 0" },
  }),
  ...prefetches,
  insn("endbr64", [], op0f(0x1e).fixed(0xfa).f3(), { semantics: "nop" }),
  insn("endbr32", [], op0f(0x1e).fixed(0xfb).f3(), { semantics: "nop" }),
  ...hintRows,
  ...fences,
  insn("clflush", [n("m8")], op0f(0xae).ext(7).memory().np(), { feature: "clfsh" }),
];
