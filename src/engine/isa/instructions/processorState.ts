/**
 * Control and saved state of the floating-point and vector units, as kernels touch it. Recognised, not executed: the simulated
 * processor has no such units.
 */
import type { InstructionForm } from "../types";
import { insn, op, op0f, r, recognised, w } from "../dsl";
import type { OpcodeBuilder, Traits } from "../dsl";

const FPU = recognised("fpu");
const FXSR = recognised("fxsr");
const SSE = recognised("sse");
const XSAVE = recognised("xsave");

/** An area of 0F AE or 0F C7 with its twin under REX.W, whose pointers are 64 bits wide. */
function area(
  mnemonic: string,
  bytes: OpcodeBuilder,
  access: typeof r,
  traits: Traits,
): InstructionForm[] {
  return [
    insn(mnemonic, [access("m")], bytes.memory().np(), traits),
    insn(`${mnemonic}64`, [access("m")], bytes.memory().np().o64(), traits),
  ];
}

export const PROCESSOR_STATE_ROWS: readonly InstructionForm[] = [
  // WAIT is no instruction of the coprocessor: without one it only looks at CR0.
  insn("fwait", [], op(0x9b)),
  insn("fnop", [], op(0xd9).fixed(0xd0), FPU),
  insn("fnclex", [], op(0xdb).fixed(0xe2), FPU),
  insn("fninit", [], op(0xdb).fixed(0xe3), FPU),
  insn("fldenv", [r("m")], op(0xd9).ext(4).memory(), FPU),
  insn("fldcw", [r("m16")], op(0xd9).ext(5).memory(), FPU),
  insn("fnstenv", [w("m")], op(0xd9).ext(6).memory(), FPU),
  insn("fnstcw", [w("m16")], op(0xd9).ext(7).memory(), FPU),
  insn("frstor", [r("m")], op(0xdd).ext(4).memory(), FPU),
  insn("fnsave", [w("m")], op(0xdd).ext(6).memory(), FPU),
  insn("fnstsw", [w("m16")], op(0xdd).ext(7).memory(), FPU),
  insn("fnstsw", [w("ax")], op(0xdf).fixed(0xe0), FPU),
  insn("emms", [], op0f(0x77).np(), recognised("mmx")),
  ...area("fxsave", op0f(0xae).ext(0), w, FXSR),
  ...area("fxrstor", op0f(0xae).ext(1), r, FXSR),
  insn("ldmxcsr", [r("m32")], op0f(0xae).ext(2).memory().np(), SSE),
  insn("stmxcsr", [w("m32")], op0f(0xae).ext(3).memory().np(), SSE),
  ...area("xsave", op0f(0xae).ext(4), w, XSAVE),
  ...area("xrstor", op0f(0xae).ext(5), r, XSAVE),
  ...area("xsaveopt", op0f(0xae).ext(6), w, XSAVE),
  ...area("xsavec", op0f(0xc7).ext(4), w, XSAVE),
  ...area("xsaves", op0f(0xc7).ext(5), w, XSAVE),
  ...area("xrstors", op0f(0xc7).ext(3), r, XSAVE),
  insn("clflushopt", [r("m8")], op0f(0xae).ext(7).memory().p66(), {
    semantics: null,
    feature: "clflushopt",
  }),
  insn("clwb", [r("m8")], op0f(0xae).ext(6).memory().p66(), recognised("clwb")),
];
