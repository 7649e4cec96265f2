/** What may end a run, built from the session's breakpoints; and which of them a stop was. */
import type { Debuggee, MachineEvent, RunControl, Stop } from "../../engine/index";
import type { Breakpoint } from "../breakpoints/breakpoint";
import type { BreakpointStore } from "../breakpoints/breakpointStore";
import type { EventBreakpoints } from "../breakpoints/eventBreakpoints";
import { eventVariables } from "../expressions/eventVariables";
import { MachineScope } from "../expressions/names";
import type { Variables } from "../expressions/names";
import type { Program } from "../sources/program";

export interface ControlInputs {
  readonly debuggee: Debuggee;
  readonly program: Program;
  readonly breakpoints: BreakpointStore;
  readonly events: EventBreakpoints;
  /** A line for the debug console, from a log point or a logged exit. */
  readonly log: (text: string, address: bigint) => void;
}

export interface RunOptions {
  readonly backward: boolean;
  /** Position of the stop that the user sees: breakpoints there have been seen and do not stop again. */
  readonly seenPosition: number | undefined;
  /** One step: a guest that halts is told at once, instead of waited for. */
  readonly single?: boolean;
  /** Extra event to stop at, for "run to". */
  readonly target?: (event: MachineEvent) => boolean;
  /** Extra address to stop at, for "run to". */
  readonly targetAddress?: bigint;
}

/** Filter name that a stop on the target of a "run to" carries. */
export const RUN_TO = "run-to";

export class ControlledRun {
  /** The filter (or RUN_TO) and its id of the event that stopped the run. */
  eventCause: { readonly filter: string; readonly id: number | undefined } | undefined;

  constructor(
    private readonly inputs: ControlInputs,
    private readonly options: RunOptions,
  ) {}

  /** Made new for every slice: breakpoints may change while the machine runs. */
  control(): RunControl {
    const { breakpoints, events } = this.inputs;
    const addresses = new Set(breakpoints.byAddress().keys());
    const { targetAddress, target } = this.options;
    if (targetAddress !== undefined) addresses.add(targetAddress);
    return {
      breakpoints: addresses,
      onBreakpoint: (address) => this.reached(address),
      vmmBreakpoints: new Set(breakpoints.byVmmStep.keys()),
      watchPoints: breakpoints.watches.map(({ watch }) => watch),
      onWatch: (stop) => this.watched(stop),
      ...(events.idle && !target ? {} : { onEvent: (event) => this.happened(event) }),
    };
  }

  /** Ids of the breakpoints that a stop is due to. */
  idsOf(stop: Stop): readonly number[] {
    if (stop.reason === "breakpoint") {
      return this.stoppingAt(stop.address, false).map(({ id }) => id);
    }
    if (stop.reason === "vmm-breakpoint") {
      const breakpoint = this.inputs.breakpoints.byVmmStep.get(`${stop.handler}:${stop.step}`);
      return breakpoint ? [breakpoint.id] : [];
    }
    if (stop.reason === "data-breakpoint") return [stop.id];
    const id = this.eventCause?.id;
    return stop.reason === "event" && id !== undefined ? [id] : [];
  }

  /** Working breakpoints at an address, for naming the kind of a stop. */
  at(address: bigint): readonly Breakpoint[] {
    return this.stoppingAt(address, false);
  }

  private reached(address: bigint): boolean {
    if (this.inputs.debuggee.position === this.options.seenPosition) return false;
    if (address === this.options.targetAddress) return true;
    return this.stoppingAt(address, !this.options.backward).length > 0;
  }

  private stoppingAt(address: bigint, log: boolean): readonly Breakpoint[] {
    const there = this.inputs.breakpoints.byAddress().get(address) ?? [];
    return there.filter((breakpoint) => this.stops(breakpoint, address, log));
  }

  private stops(breakpoint: Breakpoint, address: bigint, log: boolean, more?: Variables): boolean {
    const { condition, hitCondition, logMessage, hits } = breakpoint;
    const guarded = condition !== undefined || logMessage !== undefined;
    const scope = guarded ? this.scope(more) : undefined;
    if (scope && condition && !condition.holds(scope)) return false;
    const count = hits.hit(this.inputs.debuggee.position);
    if (hitCondition && !hitCondition(count)) return false;
    if (!scope || !logMessage) return true;
    if (log) this.inputs.log(logMessage.render(scope, this.inputs.program), address);
    return false;
  }

  private watched(stop: Stop & { reason: "data-breakpoint" }): boolean {
    const watch = this.inputs.breakpoints.watches.find(({ breakpoint }) => breakpoint.id === stop.id); // prettier-ignore
    if (!watch) return true;
    const variables = new Map([["address", stop.address]]);
    if (stop.oldValue !== undefined) variables.set("old", stop.oldValue);
    if (stop.newValue !== undefined) variables.set("new", stop.newValue);
    return this.stops(watch.breakpoint, stop.address, !this.options.backward, variables);
  }

  private happened(event: MachineEvent): boolean {
    if (this.options.target?.(event)) {
      this.eventCause = { filter: RUN_TO, id: undefined };
      return true;
    }
    const decision = this.inputs.events.decide(event, () => this.scope(eventVariables(event)));
    if (decision.action === "log" && !this.options.backward) {
      this.inputs.log(event.text, linearPlace(this.inputs.debuggee));
    }
    if (decision.action !== "stop") return false;
    this.eventCause = { filter: decision.filter ?? "", id: decision.id };
    return true;
  }

  private scope(variables?: Variables): MachineScope {
    return new MachineScope(this.inputs.debuggee, this.inputs.program, variables);
  }
}

/** Linear address of the current instruction as the guest sees it. */
export function linearPlace(debuggee: Debuggee): bigint {
  const view = debuggee.vcpu();
  return BigInt.asUintN(64, view.segments.cs.base + (view.registers.rip ?? 0n));
}
