/** The floating-point unit's instructions. Recognised, not executed: the simulated processor has no such unit. */
import type { InstructionForm } from "../types";
import { family, insn, op, r, recognised, rw, w } from "../dsl";
import type { OpcodeBuilder } from "../dsl";

const FPU = recognised("fpu");

/** Two operations of the stack: `names` is "fadd d8/0 ...", the opcode and what stands in ModRM.reg. */
const onStack = (
  names: string,
  first: "st0" | "sti",
  second: "st0" | "sti",
  access = rw,
): InstructionForm[] => family(names, [access(first), r(second)], op(0).ext(0).register(), FPU);

/** One register of the stack. */
const oneOfStack = (names: string): InstructionForm[] =>
  family(names, [r("sti")], op(0).ext(0).register(), FPU);

const memory = (
  names: string,
  kind: "m16" | "m32" | "m64" | "m80",
  access = r,
): InstructionForm[] => family(names, [access(kind)], op(0).ext(0).memory(), FPU);

const whole = (opcode: number, modrm: number): OpcodeBuilder => op(opcode).fixed(modrm);

/** Operations without operands: D9, and what stands in the ModRM byte. */
const PLAIN = [
  ["fchs", 0xe0],
  ["fabs", 0xe1],
  ["ftst", 0xe4],
  ["fxam", 0xe5],
  ["fld1", 0xe8],
  ["fldl2t", 0xe9],
  ["fldl2e", 0xea],
  ["fldpi", 0xeb],
  ["fldlg2", 0xec],
  ["fldln2", 0xed],
  ["fldz", 0xee],
  ["f2xm1", 0xf0],
  ["fyl2x", 0xf1],
  ["fptan", 0xf2],
  ["fpatan", 0xf3],
  ["fxtract", 0xf4],
  ["fprem1", 0xf5],
  ["fdecstp", 0xf6],
  ["fincstp", 0xf7],
  ["fprem", 0xf8],
  ["fyl2xp1", 0xf9],
  ["fsqrt", 0xfa],
  ["fsincos", 0xfb],
  ["frndint", 0xfc],
  ["fscale", 0xfd],
  ["fsin", 0xfe],
  ["fcos", 0xff],
] as const;

/** The arithmetic operations by their opcode extension; the reversed pairs change places in the forms that write ST(i). */
export const X87_ROWS: readonly InstructionForm[] = [
  ...onStack("fadd d8/0 fmul d8/1 fsub d8/4 fsubr d8/5 fdiv d8/6 fdivr d8/7", "st0", "sti"),
  ...onStack("fadd dc/0 fmul dc/1 fsubr dc/4 fsub dc/5 fdivr dc/6 fdiv dc/7", "sti", "st0"),
  ...onStack("faddp de/0 fmulp de/1 fsubrp de/4 fsubp de/5 fdivrp de/6 fdivp de/7", "sti", "st0"),
  ...onStack(
    "fcmovb da/0 fcmove da/1 fcmovbe da/2 fcmovu da/3 fcmovnb db/0 fcmovne db/1 fcmovnbe db/2 fcmovnu db/3",
    "st0",
    "sti",
  ),
  ...onStack(
    "fcom d8/2 fcomp d8/3 fucom dd/4 fucomp dd/5 fucomi db/5 fcomi db/6 fucomip df/5 fcomip df/6",
    "st0",
    "sti",
    r,
  ),
  // What the manuals leave out and processors take all the same.
  ...onStack("fcom dc/2 fcomp dc/3 fcomp de/2", "st0", "sti", r),
  ...onStack("fxch d9/1", "st0", "sti"),
  ...onStack("fxch dd/1 fxch df/1", "st0", "sti"),
  ...oneOfStack("fld d9/0 ffree dd/0 ffreep df/0"),
  ...family(
    "fst dd/2 fstp dd/3 fstp d9/3 fstp df/2 fstp df/3",
    [w("sti")],
    op(0).ext(0).register(),
    FPU,
  ),
  ...memory(
    "fadd d8/0 fmul d8/1 fcom d8/2 fcomp d8/3 fsub d8/4 fsubr d8/5 fdiv d8/6 fdivr d8/7",
    "m32",
  ),
  ...memory(
    "fadd dc/0 fmul dc/1 fcom dc/2 fcomp dc/3 fsub dc/4 fsubr dc/5 fdiv dc/6 fdivr dc/7",
    "m64",
  ),
  ...memory(
    "fiadd da/0 fimul da/1 ficom da/2 ficomp da/3 fisub da/4 fisubr da/5 fidiv da/6 fidivr da/7",
    "m32",
  ),
  ...memory(
    "fiadd de/0 fimul de/1 ficom de/2 ficomp de/3 fisub de/4 fisubr de/5 fidiv de/6 fidivr de/7",
    "m16",
  ),
  ...memory("fld d9/0 fild db/0", "m32"),
  ...memory("fld dd/0 fild df/5", "m64"),
  ...memory("fild df/0", "m16"),
  ...memory("fld db/5 fbld df/4", "m80"),
  ...memory("fst d9/2 fstp d9/3 fist db/2 fistp db/3 fisttp db/1", "m32", w),
  ...memory("fst dd/2 fstp dd/3 fistp df/7 fisttp dd/1", "m64", w),
  ...memory("fist df/2 fistp df/3 fisttp df/1", "m16", w),
  ...memory("fstp db/7 fbstp df/6", "m80", w),
  ...PLAIN.map(([mnemonic, modrm]) => insn(mnemonic, [], whole(0xd9, modrm), FPU)),
  insn("fcompp", [], whole(0xde, 0xd9), FPU),
  insn("fucompp", [], whole(0xda, 0xe9), FPU),
  insn("fneni", [], whole(0xdb, 0xe0), FPU),
  insn("fndisi", [], whole(0xdb, 0xe1), FPU),
  insn("fsetpm", [], whole(0xdb, 0xe4), FPU),
];
