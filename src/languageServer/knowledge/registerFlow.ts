/**
 * Constants in registers, as far as straight-line code shows them: `mov ecx, 0xc0000080` … `wrmsr`. Says nothing rather than something
 * doubtful: a label, a call or an unknown writer on the way ends the search.
 */
import type { AsmOperand, AsmRegister, InstructionForm, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";

const FARTHEST = 12;

const [A, C, D, B, SP, BP, SI, DI] = [0, 1, 2, 3, 4, 5, 6, 7] as const;

/** General registers that an instruction writes without naming them, by semantics or mnemonic. SDM Vol. 2, "Operation" of each. */
// prettier-ignore
const IMPLICIT_WRITES: Readonly<Record<string, readonly number[]>> = {
  rdmsr: [A, D], rdtsc: [A, D], rdtscp: [A, C, D], rdpmc: [A, D], xgetbv: [A, D], rdpkru: [A, D], cpuid: [A, B, C, D],
  mul: [A, D], imul: [A, D], div: [A, D], idiv: [A, D], cbw: [A], cwde: [A], cdqe: [A], cwd: [D], cdq: [D], cqo: [D],
  cmpxchg: [A], cmpxchg8b: [A, D], cmpxchg16b: [A, D], aaa: [A], aas: [A], aam: [A], aad: [A], daa: [A], das: [A], lahf: [A], salc: [A], xlat: [A], xlatb: [A],
  movs: [C, SI, DI], cmps: [C, SI, DI], stos: [C, DI], lods: [A, C, SI], scas: [C, DI], ins: [C, DI], outs: [C, SI],
  loop: [C], loope: [C], loopne: [C], leave: [SP, BP], enter: [SP, BP], push: [SP], pop: [SP], pushf: [SP], popf: [SP],
};
/** After these nothing is known, or control goes elsewhere. */
const BARRIERS =
  /^(call|ret|retn|retf|iret|int|into|int1|int3|jmp|syscall|sysret|sysenter|sysexit|popa|hlt|vmcall|vmmcall|vmlaunch|vmresume|vmrun|rsm)/;

export function gprOf(
  operand: AsmOperand | undefined,
): (AsmRegister & { class: "gpr" }) | undefined {
  return operand?.kind === "reg" && operand.register.class === "gpr" ? operand.register : undefined;
}

/** Encoding number of the whole register that an operand is a part of. */
export function wholeRegister(operand: AsmOperand | undefined): number | undefined {
  return gprOf(operand)?.number;
}

function stringOperation(mnemonic: string): string | undefined {
  return /^(movs|cmps|stos|lods|scas|ins|outs)[bwdq]$/.exec(mnemonic)?.[1];
}

const implicitByForm = new Map<InstructionForm, readonly number[] | "barrier">();

/** Asked for every statement that a search passes: worked out once for a form. */
function implicitWrites(form: InstructionForm): readonly number[] | "barrier" {
  let writes = implicitByForm.get(form);
  if (writes === undefined) {
    const { mnemonic, semantics } = form;
    const family = stringOperation(mnemonic) ?? semantics ?? mnemonic;
    writes = BARRIERS.test(mnemonic)
      ? "barrier"
      : (IMPLICIT_WRITES[family] ?? IMPLICIT_WRITES[mnemonic] ?? []);
    implicitByForm.set(form, writes);
  }
  return writes;
}

/** Whether a statement may change a general register; "barrier" where nothing can be said. */
export function writesRegister(statement: Statement, register: number): boolean | "barrier" {
  const { form, operands } = statement;
  if (statement.kind === "directive" || statement.kind === "equ") return false;
  if (form === undefined) return "barrier";
  const implicit = implicitWrites(form);
  if (implicit === "barrier") return "barrier";
  if (implicit.includes(register)) return true;
  return operands.some((operand, i) => {
    const access = form.operands[i]?.access;
    return (access === "w" || access === "rw") && wholeRegister(operand.value) === register;
  });
}

export interface KnownConstant {
  readonly value: bigint;
  /** The statement that loads it. */
  readonly from: Statement;
}

/** The value of an immediate operand. */
export function immediateOf(operand: AsmOperand | undefined): bigint | undefined {
  return operand?.kind === "imm" && operand.known ? operand.value : undefined;
}

function loadedConstant(statement: Statement): bigint | undefined {
  const { form, operands } = statement;
  const [target, source] = operands;
  const size = gprOf(target?.value)?.size;
  if (size === undefined || size === 8) return undefined;
  if (form?.mnemonic === "mov") return immediateOf(source?.value);
  const isCleared = form?.mnemonic === "xor" || form?.mnemonic === "sub";
  const same = wholeRegister(source?.value) === wholeRegister(target?.value);
  return isCleared && same ? 0n : undefined;
}

/** What a register holds when a statement begins. */
export function constantBefore(
  analysis: Analysis,
  statement: Statement,
  register: number,
): KnownConstant | undefined {
  const { statements } = analysis.model;
  let at = analysis.indexOf(statement);
  if (at < 0) return undefined;
  for (let distance = 0; distance < FARTHEST && at > 0; distance++) {
    // Control may come from elsewhere to a label.
    if (statements[at]!.label !== undefined && statements[at]!.kind !== "equ") return undefined;
    at -= 1;
    const before = statements[at]!;
    const written = writesRegister(before, register);
    if (written === "barrier") return undefined;
    if (!written) continue;
    const value = loadedConstant(before);
    return value === undefined ? undefined : { value, from: before };
  }
  return undefined;
}

/** The first statement after one, in straight-line code, that `isUse` accepts while a register still holds what it was given. */
export function useOf(
  analysis: Analysis,
  statement: Statement,
  register: number,
  isUse: (candidate: Statement) => boolean,
): Statement | undefined {
  const { statements } = analysis.model;
  const start = analysis.indexOf(statement);
  if (start < 0) return undefined;
  for (let at = start + 1; at <= start + FARTHEST && at < statements.length; at++) {
    const next = statements[at]!;
    if (next.label !== undefined && next.kind !== "equ") return undefined;
    if (isUse(next)) return next;
    if (writesRegister(next, register) !== false) return undefined;
  }
  return undefined;
}
