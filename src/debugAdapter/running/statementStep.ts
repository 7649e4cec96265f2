/**
 * Steps by the statements of a compiled language, each of which is several instructions: instruction by instruction until another statement begins,
 * as other source debuggers do it. A step ends early where the guest leaves its world or ring, because that is what one wants to see here.
 */
import { FINAL_STOPS } from "../../engine/index";
import type { Debuggee, RunControl, StepPlan, Stop, World } from "../../engine/index";
import type { PlacedLine, Program } from "../sources/program";
import { linearPlace } from "./runControl";

/** Where the processor is, in the terms of the source. */
interface Standing {
  readonly world: World;
  readonly cpl: number;
  readonly stack: bigint;
  readonly address: bigint;
  readonly statement: PlacedLine | undefined;
}

const STEP: Stop = { reason: "step" };

function standing(debuggee: Debuggee, program: Program): Standing {
  const { cpl, registers } = debuggee.vcpu();
  const address = linearPlace(debuggee);
  const statement = program.placedAt(address);
  return { world: debuggee.world, cpl, stack: registers.rsp ?? 0n, address, statement };
}

function isSameLine(a: PlacedLine, b: PlacedLine): boolean {
  const [one, other] = [a.entry.range, b.entry.range];
  return one.line === other.line && one.file === other.file;
}

/** At the first instruction of a statement. */
function isAtStart({ address, statement }: Standing): boolean {
  return statement?.address === address && statement.entry.isStatement !== false;
}

/** Whether the present place is part of a statement, in a world where guest code runs. */
export function isInStatement(debuggee: Debuggee, program: Program): boolean {
  if (!program.hasStatements || debuggee.world === "vmm") return false;
  return program.entryAt(linearPlace(debuggee)) !== undefined;
}

/** After so many instructions a statement is a loop: from then on it runs, up to any place where a step can end. */
const PATIENCE = 2000;

/** Into or over one statement. */
export class StatementStep implements StepPlan {
  private readonly start: Standing;
  private current: StepPlan | undefined;
  private steps = 0;

  /** `callStack`: linear addresses of the frames, innermost first. */
  constructor(
    private readonly debuggee: Debuggee,
    private readonly program: Program,
    private readonly direction: "into" | "over",
    private readonly callStack: readonly bigint[],
  ) {
    this.start = standing(debuggee, program);
  }

  slice(maxTicks: number, control: RunControl): Stop | undefined {
    const { debuggee } = this;
    const end = debuggee.position + maxTicks;
    while (debuggee.position < end) {
      this.current ??= this.nextPlan();
      const stop = this.current.slice(end - debuggee.position, control);
      if (!stop) return undefined;
      this.current = undefined;
      if (stop.reason !== "step") return stop;
      const now = standing(debuggee, this.program);
      if (this.isDone(now)) return STEP;
      if (stopsAt(control, now.address)) return { reason: "breakpoint", address: now.address };
    }
    return undefined;
  }

  private nextPlan(): StepPlan {
    const { debuggee, direction } = this;
    const now = standing(debuggee, this.program);
    // A function without lines was called: nobody wants to step through it.
    const isInUnknown = now.statement === undefined && now.stack < this.start.stack;
    if (direction === "into" && isInUnknown) return debuggee.beginStepOut();
    if (this.steps++ >= PATIENCE) return this.runToGoal();
    return direction === "over"
      ? debuggee.beginStepOver()
      : { slice: (_, control) => debuggee.step(control) };
  }

  private runToGoal(): StepPlan {
    const { debuggee } = this;
    const goals = this.goals();
    const isGoal = (address: bigint): boolean => goals.has(address) && this.canEndHere();
    return {
      slice: (ticks, control) =>
        ownStop(
          debuggee.run(ticks, {
            ...control,
            breakpoints: new Set([...control.breakpoints, ...goals]),
            onBreakpoint: (address) => isGoal(address) || stopsAt(control, address),
          }),
          control,
        ),
    };
  }

  /** Where a step of many instructions can end: at another statement (of this function or a caller, if calls are stepped over), or back in a caller. */
  private goals(): ReadonlySet<bigint> {
    const { start, program, callStack, direction } = this;
    const starts = direction === "over" ? startsInFunctions(program, callStack) : program.statementStarts; // prettier-ignore
    const isOther = (address: bigint): boolean => {
      const there = program.placedAt(address);
      return !there || !start.statement || !isSameLine(there, start.statement);
    };
    return new Set([start.address, ...[...starts].filter(isOther), ...callStack.slice(1)]);
  }

  private canEndHere(): boolean {
    const { start, direction } = this;
    const now = standing(this.debuggee, this.program);
    const isDeeper = direction === "over" && now.stack < start.stack;
    return now.cpl === start.cpl && !isDeeper && this.isDone(now);
  }

  private isDone(now: Standing): boolean {
    const { start, direction } = this;
    if (now.world !== start.world || now.cpl !== start.cpl) return true;
    const hasReturned = now.stack > start.stack;
    if (!now.statement) return direction === "over" || hasReturned;
    // A loop of one statement: once around is a step.
    if (now.address === start.address) return true;
    if (start.statement && isSameLine(now.statement, start.statement)) return false;
    // A caller goes on in the middle of its statement; code that was moved around does not count as another one before its start.
    return isAtStart(now) || hasReturned;
  }
}

/** Beginnings of statements in the functions that the addresses are in. */
function startsInFunctions(program: Program, addresses: readonly bigint[]): ReadonlySet<bigint> {
  const functionOf = (address: bigint): bigint => address - (program.functionAt(address)?.offset ?? 0n); // prettier-ignore
  const functions = new Set(addresses.map(functionOf));
  return new Set([...program.statementStarts].filter((one) => functions.has(functionOf(one))));
}

/** A stop at a breakpoint that is not the user's is the end of a step. */
function ownStop(stop: Stop | undefined, control: RunControl): Stop | undefined {
  return stop?.reason === "breakpoint" && !stopsAt(control, stop.address) ? STEP : stop;
}

/** Instructions that a step back looks at first, and by how much more each time that is not enough. */
const FIRST_WINDOW = 256;
const WINDOW_GROWTH = 16;

/**
 * Back to where the statement before this one began, or this one if the processor is in the middle of it; calls are gone over. Time is searched in
 * windows that end here and grow: the goal is mostly near, and a call may be far.
 */
export class StatementStepBack {
  private readonly start: Standing;
  private readonly end: number;
  private readonly goals: ReadonlySet<bigint>;
  private window = FIRST_WINDOW;

  /** `callStack`: linear addresses of the frames, which are the functions that a step back can end in. */
  constructor(
    private readonly debuggee: Debuggee,
    private readonly program: Program,
    callStack: readonly bigint[],
  ) {
    this.start = standing(debuggee, program);
    this.end = debuggee.position;
    this.goals = startsInFunctions(program, callStack);
  }

  slice(control: RunControl): Stop | undefined {
    const { debuggee } = this;
    const from = Math.max(0, this.end - this.window);
    this.window *= WINDOW_GROWTH;
    const isWholeHistory = debuggee.travelTo(from).reason === "history-start" || from === 0;
    const found = this.lastStop(control);
    if (found) debuggee.travelTo(found.position);
    if (found || !isWholeHistory) return found?.stop;
    debuggee.travelTo(0);
    return { reason: "history-start" };
  }

  /** The last stop before the present on a run up to it. */
  private lastStop(
    control: RunControl,
  ): { readonly position: number; readonly stop: Stop } | undefined {
    const { debuggee, end } = this;
    const asked: RunControl = {
      ...control,
      breakpoints: new Set([...control.breakpoints, ...this.goals]),
      onBreakpoint: (address) => this.isGoal(address) || stopsAt(control, address),
    };
    let found: { readonly position: number; readonly stop: Stop } | undefined;
    while (debuggee.position < end) {
      const stop = debuggee.run(end - debuggee.position, asked);
      const { position } = debuggee;
      if (!stop || position >= end || isFinal(stop)) break;
      found = { position, stop: ownStop(stop, control) ?? stop };
    }
    debuggee.travelTo(end);
    return found;
  }

  private isGoal(address: bigint): boolean {
    const { start, program } = this;
    if (!this.goals.has(address)) return false;
    const now = standing(this.debuggee, program);
    if (now.cpl !== start.cpl || now.stack < start.stack) return false;
    const isSame = now.statement && start.statement && isSameLine(now.statement, start.statement);
    return !isSame || !program.statementStarts.has(start.address);
  }
}

function isFinal({ reason }: Stop): boolean {
  return (FINAL_STOPS as readonly string[]).includes(reason);
}

function stopsAt(control: RunControl, address: bigint): boolean {
  return control.breakpoints.has(address) && (control.onBreakpoint?.(address) ?? true);
}
