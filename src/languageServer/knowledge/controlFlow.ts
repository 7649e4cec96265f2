/**
 * Where control goes from each statement of a program, as far as the source shows it, and where it may come from. Rules that follow paths stand on
 * this; what it does not know (indirect jumps, code in other images) it says, so that a rule can be silent.
 */
import type { NameOccurrence, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { contains } from "../positions";
import { immediateOf } from "./registerFlow";

export type TransferKind =
  /** Control goes on with the next statement. */
  | "next"
  /** Always to the target. */
  | "jump"
  /** To the target or on. */
  | "branch"
  /** To the target, and on when that returns. */
  | "call"
  /** INT n, SYSCALL, hypercalls: goes on when that returns. */
  | "service"
  /** RET, RETF. */
  | "return"
  /** IRET, SYSRET, SYSEXIT, RSM: to the world that was interrupted. */
  | "interrupt-return"
  /** Another segment, and so perhaps another mode. */
  | "far-jump"
  /** VMLAUNCH, VMRESUME, VMRUN: on only when they fail (VMRUN: at the next exit). */
  | "vm-entry"
  /** HLT: on after an interrupt. */
  | "halt"
  /** UD2 and its like: never on. */
  | "stop"
  /** Not code, or code that was refused. */
  | "none";

export interface Transfer {
  readonly kind: TransferKind;
  /** Index of the statement that a jump, branch or call with a constant target goes to. */
  readonly target?: number;
  /** The constant address of the target, also where it lies outside the program. */
  readonly address?: number;
}

const KINDS: readonly (readonly [RegExp, TransferKind])[] = [
  [/^(loop(e|ne|z|nz)?|j(e|r)?cxz|j(?!mp)[a-z]+)$/, "branch"],
  [/^(ret|retn|retf|retw|retd|retq|retfw|retfd|retfq|retnw|retnd|retnq)$/, "return"],
  [/^(iret[wdq]?|sysret|sysexit|rsm|uiret)$/, "interrupt-return"],
  [/^(int|int1|int3|into|syscall|sysenter|vmcall|vmmcall)$/, "service"],
  [/^(vmlaunch|vmresume|vmrun)$/, "vm-entry"],
  [/^hlt$/, "halt"],
  [/^(ud0|ud1|ud2)$/, "stop"],
];

function kindOf(statement: Statement): TransferKind {
  const { form, operands } = statement;
  if (statement.kind !== "instruction") return isData(statement) ? "none" : "next";
  if (form === undefined) return "none";
  const { mnemonic } = form;
  const target = operands[0]?.value;
  const isFar = target?.kind === "far" || (target?.kind === "mem" && target.far);
  if (mnemonic === "jmp") return isFar ? "far-jump" : "jump";
  if (mnemonic === "call") return "call";
  let kind = kindByMnemonic.get(mnemonic);
  if (kind === undefined) {
    kind = KINDS.find(([pattern]) => pattern.test(mnemonic))?.[1] ?? "next";
    kindByMnemonic.set(mnemonic, kind);
  }
  return kind;
}

/** Filled as mnemonics are met: each is asked for many times. */
const kindByMnemonic = new Map<string, TransferKind>();

/** Bytes that are no instructions; ALIGN between code makes NOPs. */
function isData({ kind, length, mnemonic }: Statement): boolean {
  return length > 0 && !(kind === "directive" && mnemonic?.text.toLowerCase() === "align");
}

/** Whether control leaves a statement towards the one behind it, at once or later. */
export function goesOn(kind: TransferKind): boolean {
  return !ENDS.has(kind);
}

const ENDS: ReadonlySet<TransferKind> = new Set([
  "jump",
  "return",
  "interrupt-return",
  "far-jump",
  "stop",
  "none",
] as const);

export class ControlFlow {
  readonly transfers: readonly Transfer[];
  private readonly statements: readonly Statement[];
  /** Statement by address; -1 where two lie at one address (sections with the same vstart). */
  private readonly byAddress = new Map<number, number>();
  private readonly nextOf: readonly number[];
  private readonly previousOf: readonly number[];
  private readonly firstIndex: number;
  private readonly comesFrom = new Map<number, number[]>();
  /** Made when it is first asked for: it costs more than the rest. */
  private takenIds: ReadonlySet<string> | undefined;

  constructor(private readonly analysis: Analysis) {
    this.statements = analysis.model.statements;
    this.statements.forEach(({ address, length }, index) => {
      if (length > 0) this.byAddress.set(address, this.byAddress.has(address) ? -1 : index);
    });
    this.firstIndex = this.statements.findIndex(({ length }) => length > 0);
    this.nextOf = this.linkStatements();
    const previous = this.statements.map(() => -1);
    this.nextOf.forEach((next, index) => {
      if (next >= 0) previous[next] = index;
    });
    this.previousOf = previous;
    this.transfers = this.statements.map((statement) => this.transferOf(statement));
    this.transfers.forEach((_, index) => {
      for (const next of this.successors(index)) {
        const list = this.comesFrom.get(next);
        if (list === undefined) this.comesFrom.set(next, [index]);
        else list.push(index);
      }
    });
  }

  /** The statement that begins at an address; undefined if none does, or more than one. */
  indexAt(address: number): number | undefined {
    const index = this.byAddress.get(address) ?? -1;
    return index < 0 ? undefined : index;
  }

  /** The statement whose bytes follow in the same section; undefined at its end. */
  next(index: number): number | undefined {
    const next = this.nextOf[index] ?? -1;
    return next < 0 ? undefined : next;
  }

  /** The statement whose bytes come before in the same section; undefined at its start. */
  previous(index: number): number | undefined {
    const before = this.previousOf[index] ?? -1;
    return before < 0 ? undefined : before;
  }

  /** The last label that stands at a statement's address: in front of it, or alone on a line above. */
  labelAt(index: number): Statement["label"] {
    const { address } = this.statements[index]!;
    let at: number | undefined = index;
    while (at !== undefined && this.statements[at]!.address === address) {
      const { label, kind } = this.statements[at]!;
      if (label !== undefined && kind !== "equ") return label;
      at = this.previous(at);
    }
    return undefined;
  }

  /** Where control can go that the source shows; calls count as coming back. */
  successors(index: number): readonly number[] {
    const { kind, target } = this.transfers[index]!;
    const list = target === undefined ? [] : [target];
    const next = goesOn(kind) ? this.next(index) : undefined;
    if (next !== undefined) list.push(next);
    return list;
  }

  /** Whether all places that control can go to from here are in `successors` (or nowhere). */
  isComplete(index: number): boolean {
    const { kind, target } = this.transfers[index]!;
    if (kind === "jump" || kind === "branch" || kind === "call") return target !== undefined;
    return kind !== "far-jump" || target !== undefined;
  }

  predecessors(index: number): readonly number[] {
    return this.comesFrom.get(index) ?? [];
  }

  /**
   * Whether control may come here from places that are not predecessors: the start of the program or of a section, bytes before it that may be
   * instructions written by hand, a label that is global or whose address is used for anything but a direct jump or call.
   */
  mayBeEntered(index: number): boolean {
    const statement = this.statements[index]!;
    if (index === this.firstIndex || this.beginsCode(index)) return true;
    const { label } = statement;
    if (label === undefined) return false;
    const names = this.analysis.namesAt(label.range).filter(({ role }) => role === "definition");
    return names.length === 0 || names.some((name) => this.isTaken(name));
  }

  /** Indices that control can reach from the given ones, the starts included. */
  reachableFrom(starts: Iterable<number>): ReadonlySet<number> {
    const reached = new Set<number>(starts);
    // A set grows while it is walked.
    for (const index of reached) for (const next of this.successors(index)) reached.add(next);
    return reached;
  }

  private beginsCode(index: number): boolean {
    const before = this.previousOf[index] ?? -1;
    return before < 0 || this.transfers[before]!.kind === "none";
  }

  private isTaken(name: NameOccurrence): boolean {
    this.takenIds ??= new Set(this.addressesTaken());
    return this.takenIds.has(name.id) || this.analysis.symbol(name.name)?.global === true;
  }

  /** In each section the statements follow each other in the order of the source. */
  private linkStatements(): number[] {
    const last = new Map<string, number>();
    const next = this.statements.map(() => -1);
    this.statements.forEach(({ section }, index) => {
      const before = last.get(section);
      if (before !== undefined) next[before] = index;
      last.set(section, index);
    });
    return next;
  }

  private transferOf(statement: Statement): Transfer {
    const kind = kindOf(statement);
    if (!["jump", "branch", "call", "far-jump"].includes(kind)) return { kind };
    const address = targetAddress(statement);
    if (address === undefined) return { kind };
    const target = this.indexAt(address);
    return target === undefined ? { kind, address } : { kind, address, target };
  }

  /** Labels whose address is used for something else than a direct near jump or call. */
  private *addressesTaken(): Generator<string> {
    for (const name of this.analysis.model.names) {
      if (name.role !== "reference" || !LABELS.has(name.kind)) continue;
      const { file, line, column } = name.range;
      const user = this.analysis
        .statementsOn(file, line)
        .find((statement) => contains(statement.range, { file, line, column }));
      const isDirect = user !== undefined && DIRECT.has(kindOf(user)) && isNearConstant(user);
      if (!isDirect) yield name.id;
    }
  }
}

const LABELS: ReadonlySet<NameOccurrence["kind"]> = new Set([
  "label",
  "local-label",
  "macro-label",
  "context-label",
] as const);
const DIRECT: ReadonlySet<TransferKind> = new Set(["jump", "branch", "call"] as const);

function isNearConstant({ operands }: Statement): boolean {
  return operands.at(-1)?.value?.kind === "imm";
}

function targetAddress({ operands }: Statement): number | undefined {
  const target = operands[0]?.value;
  if (target?.kind === "far") {
    // `jmp 0x1000:0` goes to another program, whatever stands at address 0 of this one.
    const isNumber = /:\s*[\da-fx]+h?$/i.test(operands[0]?.text ?? "");
    return target.known && !isNumber ? Number(BigInt.asUintN(32, target.offset)) : undefined;
  }
  const value = immediateOf(target);
  return value === undefined ? undefined : Number(value);
}

/** Made once for a program. */
export const controlFlowOf = oncePerAnalysis((analysis): ControlFlow => new ControlFlow(analysis));
