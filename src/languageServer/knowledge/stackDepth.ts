/**
 * How deep the stack is on each path through a function, in bytes since its entry. What is not sure (an unknown write of SP, a callee that
 * pops what it did not push) ends a path: then nothing is said of what follows. SDM Vol. 1, "Procedure Stack".
 */
import type { AsmOperand, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { functionsOf } from "./functions";
import { followPaths, type PathStep } from "./paths";
import { gprOf, immediateOf } from "./registerFlow";

const [SP, BP] = [4, 5] as const;

interface StackState {
  readonly depth: number;
  /** The depth that BP points to, between `mov ebp, esp` and the next write of EBP. */
  readonly frame?: number;
}

export interface StackAtReturn {
  /** Index of the RET, RETF or IRET. */
  readonly index: number;
  /** Bytes that the function pushed and did not pop; negative where it popped what is not its own. */
  readonly depth: number;
}

function slotBytes({ form, bits }: Statement): number {
  const size = form?.encoding.operandSize ?? 0;
  return (size === 0 ? bits : size) / 8;
}

function isStackPointer(operand: AsmOperand | undefined): boolean {
  const register = gprOf(operand);
  return register?.number === SP && register.size > 8;
}

function isFramePointer(operand: AsmOperand | undefined): boolean {
  const register = gprOf(operand);
  return register?.number === BP && register.size > 8;
}

function isWritten(
  statement: Statement,
  is: (operand: AsmOperand | undefined) => boolean,
): boolean {
  return statement.operands.some((operand, i) => {
    const access = statement.form?.operands[i]?.access;
    return (access === "w" || access === "rw") && is(operand.value);
  });
}

/** LEA ESP, [ESP+n] and LEA ESP, [EBP-n]. */
function afterLea(state: StackState, source: AsmOperand | undefined): StackState | undefined {
  if (source?.kind !== "mem" || source.index !== undefined || !source.displacementKnown)
    return undefined;
  if (source.base?.class !== "gpr") return undefined;
  const distance = Number(source.displacement);
  if (source.base.number === SP) return { ...state, depth: state.depth - distance };
  if (source.base.number !== BP || state.frame === undefined) return undefined;
  return { ...state, depth: state.frame - distance };
}

/** What a direct write of SP makes of it; undefined where that is not known. */
function afterWrite(statement: Statement, state: StackState): StackState | undefined {
  const { form, operands } = statement;
  const source = operands[1]?.value;
  const value = immediateOf(source);
  const by = (bytes: number): StackState => ({ ...state, depth: state.depth + bytes });
  switch (form?.mnemonic) {
    case "add":
      return value === undefined ? undefined : by(-Number(value));
    case "sub":
      return value === undefined ? undefined : by(Number(value));
    case "inc":
      return by(-statement.times);
    case "dec":
      return by(statement.times);
    case "lea":
      return afterLea(state, source);
    case "mov":
      return isFramePointer(source) && state.frame !== undefined
        ? { ...state, depth: state.frame }
        : undefined;
    default:
      return undefined;
  }
}

function afterPush(statement: Statement, depth: number): number | undefined {
  const { form, operands, times } = statement;
  const slot = slotBytes(statement);
  const mnemonic = form?.mnemonic ?? "";
  if (mnemonic.startsWith("pusha")) return depth + 8 * slot;
  if (mnemonic.startsWith("popa")) return depth - 8 * slot;
  if (mnemonic.startsWith("push")) return depth + times * slot;
  if (mnemonic.startsWith("popf") || (mnemonic === "pop" && !isStackPointer(operands[0]?.value)))
    return depth - times * slot;
  return undefined;
}

/** The state behind an instruction that is no transfer. */
export function stackAfter(statement: Statement, state: StackState): StackState | undefined {
  const { form, operands } = statement;
  if (form === undefined)
    return statement.length === 0 || statement.kind === "directive" ? state : undefined;
  if (form.mnemonic === "enter") {
    if (immediateOf(operands[1]?.value) !== 0n) return undefined;
    const frame = state.depth + slotBytes(statement);
    return { frame, depth: frame + Number(immediateOf(operands[0]?.value) ?? 0n) };
  }
  if (form.mnemonic === "leave")
    return state.frame === undefined ? undefined : { depth: state.frame - slotBytes(statement) };
  const pushed = afterPush(statement, state.depth);
  if (pushed !== undefined) {
    const keepsFrame = form.mnemonic !== "pop" || !isFramePointer(operands[0]?.value);
    return keepsFrame && !form.mnemonic.startsWith("popa")
      ? { ...state, depth: pushed }
      : { depth: pushed };
  }
  if (isWritten(statement, isStackPointer)) return afterWrite(statement, state);
  if (!isWritten(statement, isFramePointer)) return state;
  const copies = form.mnemonic === "mov" && isStackPointer(operands[1]?.value);
  return copies ? { depth: state.depth, frame: state.depth } : { depth: state.depth };
}

class StackDepths {
  private readonly functions;
  private readonly statements: readonly Statement[];
  private readonly done = new Map<number, readonly StackAtReturn[] | undefined>();
  private readonly pops = new Map<number, number | undefined>();

  constructor(analysis: Analysis) {
    this.functions = functionsOf(analysis);
    this.statements = analysis.model.statements;
  }

  /** All returns that are reached with a known depth; undefined where a loop changes the depth. */
  returnsOf(entry: number): readonly StackAtReturn[] | undefined {
    if (this.done.has(entry)) return this.done.get(entry);
    this.done.set(entry, undefined);
    const found: StackAtReturn[] = [];
    const isBounded = followPaths<StackState>(
      entry,
      { depth: 0 },
      ({ depth, frame }) => `${depth}:${frame}`,
      (index, state) => this.step(entry, index, state, found),
    );
    this.done.set(entry, isBounded ? found : undefined);
    return this.done.get(entry);
  }

  private step(
    entry: number,
    index: number,
    state: StackState,
    found: StackAtReturn[],
  ): PathStep<StackState> {
    const { flow, entries } = this.functions;
    const { kind, target } = flow.transfers[index]!;
    if (kind === "return" || kind === "interrupt-return") {
      found.push({ index, depth: state.depth });
      return { next: [] };
    }
    const after =
      kind === "call" ? this.afterCall(index, state) : stackAfter(this.statements[index]!, state);
    if (after === undefined) return { next: [] };
    // A jump to another function hands the stack on to it.
    const isTail =
      kind === "jump" && target !== undefined && entries.has(target) && target !== entry;
    if (isTail) return { next: [] };
    return { next: this.functions.successors(index).map((next) => [next, after]) };
  }

  private afterCall(index: number, state: StackState): StackState | undefined {
    const { flow } = this.functions;
    const { target } = flow.transfers[index]!;
    const statement = this.statements[index]!;
    if (target === undefined) return undefined;
    // `call here` / `here: pop esi` pushes an address.
    if (target === flow.next(index)) return { ...state, depth: state.depth + slotBytes(statement) };
    const popped = this.poppedBy(target);
    return popped === undefined ? undefined : { ...state, depth: state.depth - popped };
  }

  /** Bytes of arguments that a function takes off (`ret 8`); undefined where it is not balanced. */
  private poppedBy(entry: number): number | undefined {
    if (this.pops.has(entry)) return this.pops.get(entry);
    this.pops.set(entry, 0);
    const returns = this.returnsOf(entry) ?? [];
    const counts = new Set(
      returns.map(({ index, depth }) =>
        depth === 0 ? Number(immediateOf(this.statements[index]!.operands[0]?.value) ?? 0n) : -1,
      ),
    );
    const [only = -1] = counts;
    this.pops.set(entry, counts.size === 1 && only >= 0 ? only : undefined);
    return this.pops.get(entry);
  }
}

const stackDepthsOf = oncePerAnalysis((analysis) => new StackDepths(analysis));

/** The returns of the function (or handler) that begins at a statement, with the depth of the stack at each. */
export function returnsWithDepth(
  analysis: Analysis,
  entry: number,
): readonly StackAtReturn[] | undefined {
  return stackDepthsOf(analysis).returnsOf(entry);
}
