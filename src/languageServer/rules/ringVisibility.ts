/** VMM3 and VMM4: code that asks the hardware a question whose answer is the VMM's when the kernel is deprivileged. Robin and Irvine (2000). */
import type { AsmOperand, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { immediateOf, wholeRegister, writesRegister } from "../knowledge/registerFlow";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

const SP = 4;
const [CS, SS] = [1, 2] as const;
const FARTHEST = 6;
const IF = 1n << 9n;

/** Techniques that run a kernel deprivileged on the hardware's own state. */
function showsHardwareState({ technique }: RuleContext): boolean {
  return technique === "trap-and-emulate" || technique === "paravirtual";
}

/** Statements behind `at` in straight-line code. */
function* straightOn(analysis: Analysis, at: number): Generator<Statement> {
  const { statements } = analysis.model;
  for (let i = at + 1; i <= at + FARTHEST && i < statements.length; i++) {
    const next = statements[i]!;
    if (next.form === undefined || (next.label !== undefined && i > at + 1)) return;
    yield next;
  }
}

function usesMask(statement: Statement, mask: bigint): boolean {
  const value = immediateOf(statement.operands[1]?.value);
  const { form } = statement;
  if (value === undefined) return false;
  if (form?.mnemonic === "bt") return 1n << (value & 63n) === mask;
  return (form?.mnemonic === "test" || form?.mnemonic === "and") && value === mask;
}

/** Whether an operand is the flags image on top of the stack; `byte [esp + 1]` holds bits 15:8. */
function testsPushedFlags(statement: Statement): boolean {
  const target = statement.operands[0]?.value;
  if (target?.kind !== "mem" || target.base?.class !== "gpr" || target.base.number !== SP)
    return false;
  if (target.index !== undefined) return false;
  return target.displacement === 1n
    ? usesMask(statement, IF >> 8n)
    : target.displacement === 0n && usesMask(statement, IF);
}

/** The statement that tests IF in what a PUSHF put on the stack. */
function flagTest(analysis: Analysis, at: number): Statement | undefined {
  let register: number | undefined;
  for (const next of straightOn(analysis, at)) {
    const target = next.operands[0]?.value;
    if (register === undefined) {
      if (testsPushedFlags(next)) return next;
      if (/^(cli|sti|cld|nop)$/.test(next.form?.mnemonic ?? "")) continue;
      if (next.form?.mnemonic !== "pop") return undefined;
      register = wholeRegister(target);
      if (register === undefined) return undefined;
      continue;
    }
    if (wholeRegister(target) === register && testsRegisterForIf(next)) return next;
    if (writesRegister(next, register) !== false) return undefined;
  }
  return undefined;
}

function testsRegisterForIf(statement: Statement): boolean {
  const target = statement.operands[0]?.value;
  const isHigh = target?.kind === "reg" && target.register.class === "gpr" && target.register.high;
  return usesMask(statement, isHigh ? IF >> 8n : IF);
}

function flagFindings(context: RuleContext): Finding[] {
  if (!showsHardwareState(context)) return [];
  const { analysis, technique } = context;
  return analysis.model.statements.flatMap((statement, at) => {
    if (statement.form?.semantics !== "pushf" || statement.bits !== 32) return [];
    const test = flagTest(analysis, at);
    if (test === undefined) return [];
    const why =
      technique === "paravirtual"
        ? "the kernel's interrupt mask is the byte in the shared page"
        : "CLI and STI trap and change only the VMM's copy";
    const finding: Finding = {
      code: "VMM3",
      severity: "warning",
      message: `This tests the hardware's IF, which is always 1 while a deprivileged guest runs: ${why}, so the guest takes the branch for "interrupts on".`,
      range: test.range,
      related: [{ message: "the flags come from here", range: statement.range }],
    };
    return [withCall(finding, test)];
  });
}

export const interruptFlagTest: Rule = {
  id: "VMM3",
  title: "IF tested in pushed flags",
  run: flagFindings,
};

function segmentOf(operand: AsmOperand | undefined): number | undefined {
  return operand?.kind === "reg" && operand.register.class === "sreg"
    ? operand.register.number
    : undefined;
}

/** The register that gets CS or SS, and the index at which it has it. */
function selectorRead(
  statements: readonly Statement[],
  at: number,
): { readonly segment: number; readonly register: number; readonly index: number } | undefined {
  const { form, operands } = statements[at]!;
  const source = operands[form?.mnemonic === "push" ? 0 : 1]?.value;
  const segment = segmentOf(source);
  if (segment !== CS && segment !== SS) return undefined;
  if (form?.semantics === "mov_from_sreg") {
    const register = wholeRegister(operands[0]?.value);
    return register === undefined ? undefined : { segment, register, index: at };
  }
  const pop = statements[at + 1];
  if (form?.semantics !== "push_sreg" || pop?.form?.mnemonic !== "pop") return undefined;
  const register = wholeRegister(pop.operands[0]?.value);
  return register === undefined ? undefined : { segment, register, index: at + 1 };
}

/** `test ax, 3`, `and eax, 3`, `cmp ax, 8`: all ask for the ring. */
function asksForRing(statement: Statement): boolean {
  const value = immediateOf(statement.operands[1]?.value);
  if (value === undefined) return false;
  if (statement.form?.mnemonic === "cmp") return (value & 3n) === 0n;
  return usesMask(statement, 3n) || usesMask(statement, 1n) || usesMask(statement, 2n);
}

function ringQuestion(analysis: Analysis, from: number, register: number): Statement | undefined {
  for (const next of straightOn(analysis, from)) {
    if (wholeRegister(next.operands[0]?.value) === register && asksForRing(next)) return next;
    if (writesRegister(next, register) !== false) return undefined;
  }
  return undefined;
}

function ringFindings(context: RuleContext): Finding[] {
  if (!showsHardwareState(context)) return [];
  const { analysis } = context;
  const { statements } = analysis.model;
  return statements.flatMap((statement, at) => {
    const read = statement.bits === 32 ? selectorRead(statements, at) : undefined;
    if (read === undefined) return [];
    const question = ringQuestion(analysis, read.index, read.register);
    if (question === undefined) return [];
    const name = read.segment === CS ? "CS" : "SS";
    const finding: Finding = {
      code: "VMM4",
      severity: "warning",
      message: `${name} holds the ring that the VMM runs this kernel at (1 or 3), not 0: the answer is another one than on the bare machine, and the kernel takes itself for user code.`,
      range: question.range,
      related: [{ message: `${name} is read here, without a trap`, range: statement.range }],
    };
    return [withCall(finding, question)];
  });
}

export const ringTest: Rule = { id: "VMM4", title: "Ring read from CS or SS", run: ringFindings };
