/** Where 16-bit code sets CR0.PE, and the far jump that follows. */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { controlFlowOf } from "./controlFlow";
import { gprOf, immediateOf, wholeRegister } from "./registerFlow";

/** Statements between setting PE and the far jump: segment loads, a serialising jump. */
const FARTHEST = 12;

export function isMoveToCr0(statement: Statement): number | undefined {
  const target = statement.operands[0]?.value;
  if (statement.form?.mnemonic !== "mov" || target?.kind !== "reg") return undefined;
  if (target.register.class !== "cr" || target.register.number !== 0) return undefined;
  return wholeRegister(statement.operands[1]?.value);
}

/** Whether the last thing that happened to a register before `at` set its bit 0. */
function setsBit0(statements: readonly Statement[], at: number, register: number): boolean {
  for (let i = at - 1; i >= 0 && i >= at - 4; i--) {
    const { form, operands } = statements[i]!;
    if (gprOf(operands[0]?.value)?.number !== register) continue;
    const value = immediateOf(operands[1]?.value);
    if (form?.mnemonic === "inc") return true;
    if (form?.mnemonic === "or" || form?.mnemonic === "mov") return ((value ?? 0n) & 1n) === 1n;
    if (form?.mnemonic === "bts") return value === 0n;
    return false;
  }
  return false;
}

/** Whether a statement of 16-bit code sets CR0.PE. */
export function setsProtectionEnable(statements: readonly Statement[], at: number): boolean {
  const statement = statements[at]!;
  if (statement.bits !== 16) return false;
  const register = isMoveToCr0(statement);
  if (register !== undefined) return setsBit0(statements, at, register);
  if (statement.form?.mnemonic !== "lmsw") return false;
  const operand = statement.operands[0]?.value;
  const source = wholeRegister(operand);
  return source !== undefined && setsBit0(statements, at, source);
}

export interface ModeSwitch {
  /** Index of the statement that sets PE. */
  readonly at: number;
  /** Index of the far jump with a constant target that follows in straight-line code. */
  readonly jump?: number;
  /** Index of the statement that it goes to, where that is in the program. */
  readonly target?: number;
}

function farJumpAfter(statements: readonly Statement[], at: number): number | undefined {
  for (let i = at + 1; i < statements.length && i <= at + FARTHEST; i++) {
    const { form, kind, operands, bits } = statements[i]!;
    if (kind === "data" || bits !== 16) return undefined;
    if (form?.mnemonic === "jmp" && operands[0]?.value?.kind === "far") return i;
    // Setting PE and clearing it again ("unreal mode") has no far jump.
    if (isMoveToCr0(statements[i]!) !== undefined) return undefined;
    if (/^(ret|iret|call|int|hlt)/.test(form?.mnemonic ?? "")) return undefined;
  }
  return undefined;
}

function findSwitches(analysis: Analysis): ModeSwitch[] {
  const { statements } = analysis.model;
  const sites = statements.flatMap((_, at) => (setsProtectionEnable(statements, at) ? [at] : []));
  return sites.map((at) => {
    const jump = farJumpAfter(statements, at);
    if (jump === undefined) return { at };
    const target = controlFlowOf(analysis).transfers[jump]?.target;
    return target === undefined ? { at, jump } : { at, jump, target };
  });
}

/** All places in 16-bit code that set PE, in program order. */
export const modeSwitchesOf = oncePerAnalysis((analysis): readonly ModeSwitch[] =>
  findSwitches(analysis),
);
