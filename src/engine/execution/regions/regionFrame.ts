/** The locals of a region's function, and the ways out of it. */
import { GPR_BASE, STATE } from "../../cpu/layout";
import type { Emitter, FlagOperation } from "../../cpu/semantics/emitter";
import { I32, I64, type FunctionBuilder, type Label } from "../../wasm/moduleBuilder";
import { SIZES } from "../memoryFunctions";

/** What a region takes for granted; checked at each entry. */
export interface Guards {
  readonly tlbBase: number;
  readonly stackMask: bigint;
  /** Bits of STATE.flatSegments that are set. */
  readonly flatSegments: number;
  /** Code of 16 or 32 bits, upper halves of the registers zero. */
  readonly narrow: boolean;
  /** Follow from the fetch context. */
  readonly ipBias: bigint;
  readonly ipLimit: bigint;
  isFlat(segment: number): boolean;
}

export function readGuards(view: DataView, narrow: boolean): Guards {
  const flatSegments = view.getUint32(STATE.flatSegments, true);
  return {
    tlbBase: view.getUint32(STATE.tlbBase, true),
    stackMask: view.getBigUint64(STATE.stackMask, true),
    flatSegments,
    narrow,
    ipBias: view.getBigUint64(STATE.ipBias, true),
    ipLimit: view.getBigUint64(STATE.ipLimit, true),
    isFlat: (segment) => (flatSegments & (1 << segment)) !== 0,
  };
}

/** What is known of the flags where code is being emitted: the two words are true, or an operation is noted, or only the run knows. */
type KnownFlags = "settled" | "unknown" | FlagOperation;

const KINDS = ["sub", "add", "inc", "dec"] as const;
/** From this number on CF is in flagCarry: INC and DEC come last. */
const CARRY_KEPT = 1 + KINDS.indexOf("inc") * SIZES.length;

/** Number of an operation as local flagKind has it; 0 means settled. */
function kindNumber({ op, size }: Pick<FlagOperation, "op" | "size">): number {
  return 1 + KINDS.indexOf(op) * SIZES.length + SIZES.indexOf(size);
}

export function kindOfNumber(number: number): Pick<FlagOperation, "op" | "size"> {
  return { op: KINDS[(number - 1) >> 2]!, size: SIZES[(number - 1) & 3]! };
}

/** Where jumps lead: a label of the code being emitted, or a number for the dispatcher. */
export type Destination =
  | { readonly kind: "label"; readonly label: Label }
  | { readonly kind: "entry"; readonly entry: number; readonly dispatch: Label };

interface Navigation {
  /** Undefined outside the region. */
  find(rip: bigint): Destination | undefined;
  readonly returns: readonly { readonly rip: bigint; readonly entry: number }[];
  readonly dispatch: Label;
}

/** Parameters: budget, entry, first micro-op. */
export const BUDGET = 0;
export const ENTRY = 1;
const FIRST_MICRO_OP = 2;

/** Functions beside the region's. */
interface RegionFunctions {
  readonly auxOf: number;
  readonly defineMultiplyHigh: () => number;
}

export class RegionFrame {
  readonly t: Emitter["t"];
  readonly n: Emitter["n"];
  readonly va: number;
  readonly host: number;
  readonly updateHost: number;
  readonly flagResult: number;
  readonly flagAux: number;
  readonly flagKind: number;
  readonly flagCarry: number;
  readonly flagA: number;
  readonly flagX: number;
  readonly flagR: number;
  /** Micro-op to go on at in tier 0; 0: at address exitTarget. */
  readonly exitMicroOp: number;
  readonly exitTarget: number;
  private readonly registers: number[];
  readonly read = new Set<number>();
  readonly written = new Set<number>();
  /** Kinds that may meet code that does not know them. */
  readonly notedKinds = new Set<number>();
  flags: KnownFlags = "unknown";
  exit!: Label;
  navigation!: Navigation;
  private multiplyHighIndex: number | undefined;

  constructor(
    readonly f: FunctionBuilder,
    readonly view: DataView,
    readonly guards: Guards,
    private readonly functions: RegionFunctions,
  ) {
    const i64 = (): number => f.local(I64);
    const i32 = (): number => f.local(I32);
    this.t = [i64(), i64(), i64(), i64(), i64(), i64()];
    this.n = [i32(), i32(), i32(), i32()];
    [this.va, this.flagResult, this.exitTarget] = [i64(), i64(), i64()];
    [this.flagA, this.flagX, this.flagR] = [i64(), i64(), i64()];
    [this.host, this.updateHost, this.flagAux] = [i32(), i32(), i32()];
    [this.flagKind, this.flagCarry, this.exitMicroOp] = [i32(), i32(), i32()];
    this.registers = Array.from({ length: 16 }, i64);
  }

  register(number: number): number {
    this.read.add(number);
    return this.registers[number]!;
  }

  registerToWrite(number: number): number {
    this.written.add(number);
    return this.register(number);
  }

  multiplyHigh(): number {
    return (this.multiplyHighIndex ??= this.functions.defineMultiplyHigh());
  }

  /** budget -= instructions. */
  spend(instructions: number): void {
    if (instructions > 0) this.f.get(BUDGET).i32(instructions).op("i32.sub").set(BUDGET);
  }

  /** Tells code that does not know where it was reached from what the flags are. */
  noteFlags(): void {
    if (this.flags === "unknown") return;
    const kind = this.flags === "settled" ? 0 : kindNumber(this.flags);
    if (kind > 0) this.notedKinds.add(kind);
    this.f.i32(kind).set(this.flagKind);
  }

  /** Out of the region, to go on in tier 0 at a micro-op; `executed` instructions of this block are done. */
  leaveAt(microOp: number, executed: number): void {
    this.spend(executed);
    this.noteFlags();
    this.f.i32(microOp).set(this.exitMicroOp).br(this.exit);
  }

  goTo(rip: bigint): void {
    const destination = this.navigation.find(rip);
    const { f } = this;
    if (destination === undefined) f.i64(rip).set(this.exitTarget).br(this.exit);
    else if (destination.kind === "label") f.br(destination.label);
    else f.i32(destination.entry).set(ENTRY).br(destination.dispatch);
  }

  /** A computed target: a return may lead back into the region. */
  goToLocal(target: number, isReturn: boolean): void {
    const { f } = this;
    const { returns, dispatch } = this.navigation;
    for (const { rip, entry } of isReturn ? returns : []) {
      f.get(target).i64(rip).op("i64.eq").if();
      f.i32(entry).set(ENTRY).br(dispatch).end();
    }
    f.get(target).set(this.exitTarget).br(this.exit);
  }

  private settle(): void {
    const { f } = this;
    f.get(this.flagKind).get(this.flagA).get(this.flagX).get(this.flagR).get(this.flagCarry);
    f.call(this.functions.auxOf).set(this.flagAux);
  }

  /** Makes flagAux true where only flagKind knows. */
  settleUnknown(): void {
    this.f.get(this.flagKind).if();
    this.settle();
    this.f.i32(0).set(this.flagKind).end();
  }

  pushUnknownCarry(): void {
    const { f } = this;
    f.get(this.flagKind).i32(CARRY_KEPT).op("i32.ge_u").if(I32);
    f.get(this.flagCarry).else();
    this.settleUnknown();
    f.get(this.flagAux).i32(31).op("i32.shr_u").end();
  }

  // ------------------------------------------------------------------ entry and exit

  /** Loads what the body uses; gives the entry back to tier 0 if a guard does not hold. */
  emitPrologue(): void {
    const { f, guards } = this;
    f.i32(0).mem("i32.load", STATE.tlbBase).i32(guards.tlbBase).op("i32.ne");
    f.i32(0).mem("i64.load", STATE.stackMask).i64(guards.stackMask).op("i64.ne", "i32.or");
    f.i32(0).mem("i32.load", STATE.flatSegments).i32(guards.flatSegments).op("i32.and");
    f.i32(guards.flatSegments).op("i32.ne", "i32.or").if();
    this.giveBack();
    f.end();
    const used = [...this.read];
    for (const register of used) f.i32(0).mem("i64.load", GPR_BASE + register * 8).set(this.registers[register]!); // prettier-ignore
    if (guards.narrow && used.length > 0) {
      f.i64(0);
      for (const register of used) f.get(this.registers[register]!).op("i64.or");
      f.i64(32).op("i64.shr_u", "i64.eqz", "i32.eqz").if();
      this.giveBack();
      f.end();
    }
    f.i32(0).mem("i64.load", STATE.flagResult).set(this.flagResult);
    f.i32(0).mem("i32.load", STATE.flagAux).set(this.flagAux);
  }

  private giveBack(): void {
    this.f.i32(0).get(BUDGET).mem("i32.store", STATE.budgetLeft);
    this.f.get(FIRST_MICRO_OP).op("return");
  }

  /** Stores what the body changed and returns. */
  emitEpilogue(): void {
    const { f } = this;
    for (const register of this.written) f.i32(0).get(this.registers[register]!).mem("i64.store", GPR_BASE + register * 8); // prettier-ignore
    f.get(this.flagKind).if();
    this.settle();
    f.end();
    f.i32(0).get(this.flagResult).mem("i64.store", STATE.flagResult);
    f.i32(0).get(this.flagAux).mem("i32.store", STATE.flagAux);
    f.i32(0).get(BUDGET).mem("i32.store", STATE.budgetLeft);
    f.get(this.exitMicroOp).op("i32.eqz").if();
    f.i32(0).get(this.exitTarget).mem("i64.store", STATE.rip);
    f.end().get(this.exitMicroOp);
  }
}
