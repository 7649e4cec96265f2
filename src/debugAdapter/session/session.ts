/** One debug session: the launched program, its breakpoints, running it, and telling the client what happened. */
import {
  DebugSession,
  Event,
  ExitedEvent,
  ContinuedEvent,
  StoppedEvent,
  TerminatedEvent,
} from "@vscode/debugadapter";
import type { DebugProtocol } from "@vscode/debugprotocol";
import { hex, UserError } from "../../engine/index";
import type { Debuggee, DebugLine, MachineConfig, RunControl, Stop } from "../../engine/index";
import { ClientBreakpoints } from "../breakpoints/clientBreakpoints";
import { EventBreakpoints } from "../breakpoints/eventBreakpoints";
import { debugExitStatus } from "../launch/debugExit";
import { ExpressionError } from "../expressions/expression";
import type { EventBody, LaunchArguments, RingsideEvent, StateBody } from "../protocol";
import { ControlledRun, linearPlace } from "../running/runControl";
import type { RunOptions } from "../running/runControl";
import { IDLE, RunLoop } from "../running/runLoop";
import type { Outcome } from "../running/runLoop";
import { tellStop } from "../running/stopText";
import type { StopTelling } from "../running/stopText";
import { placeText } from "../stack/frameNames";
import { OutputBatch } from "./outputBatch";
import { RequestError } from "./requestError";
import { stateBody } from "./stateBody";
import { PLAIN_STEP, stepText } from "./stepText";
import { Target } from "./target";
import { THREAD_ID } from "./threads";

/** What the session needs of the engine. */
export interface EngineParts {
  readonly createDebuggee: (config: MachineConfig) => Debuggee;
}

/** How the client counts. */
interface ClientSettings {
  linesStartAt1: boolean;
  columnsStartAt1: boolean;
}

/** An error of a request that is nobody's fault but ours. */
const BUG_MESSAGE = "Internal error of Ringside";

export class RingsideSession extends DebugSession {
  readonly client: ClientSettings = { linesStartAt1: true, columnsStartAt1: true };
  readonly events = new EventBreakpoints();
  readonly breakpoints = new ClientBreakpoints(() => this.breakpointTarget());
  readonly output = new OutputBatch((event) => this.sendEvent(event));
  readonly loop = new RunLoop(() => this.output.flush());
  launchArguments: (LaunchArguments & { readonly noDebug?: boolean }) | undefined;
  /** Places given out by gotoTargets; ids count from 1. */
  readonly gotoPlaces: DebugLine[] = [];
  generation = 0;
  ended = false;
  /** The program is being stopped for good: its last stop is not told. */
  private silent = false;
  private idleTold = false;
  private launched: Target | undefined;
  protected afterwards: (() => void)[] = [];

  constructor(readonly engine: EngineParts) {
    super();
  }

  /** The launched program; a request that needs it is refused before the launch. */
  get target(): Target {
    if (!this.launched) throw new RequestError("Nothing is launched yet.");
    return this.launched;
  }

  get hasTarget(): boolean {
    return this.launched !== undefined;
  }

  /** The target, stopped. */
  get stopped(): Target {
    if (this.loop.running) throw new RequestError("The program is running. Pause it first.");
    return this.target;
  }

  setTarget(target: Target): void {
    this.launched = target;
    this.silent = false;
    this.gotoPlaces.length = 0;
    this.generation++;
    target.debuggee.onOutput = (_, byte) => this.output.byte(byte);
    target.debuggee.onNotice = (text, address) => {
      if (address === undefined) this.output.line({ text });
      else this.log(target, text, address);
    };
  }

  /** Runs `action` right after the response to the present (queued) request has been sent. */
  afterResponse(action: () => void): void {
    this.afterwards.push(action);
  }

  protected answerError(response: DebugProtocol.Response, error: unknown): void {
    const known =
      error instanceof RequestError || error instanceof UserError || error instanceof ExpressionError; // prettier-ignore
    const message = known ? error.message : `${BUG_MESSAGE}: ${String(error)}`;
    const showUser = !known || (error instanceof RequestError && error.showUser);
    response.success = false;
    response.message = message;
    // Braces in `format` would be taken for variables.
    response.body = { error: { id: known ? 1 : 2, format: "{message}", variables: { message }, showUser } }; // prettier-ignore
    this.sendResponse(response);
    if (!known) this.reportBug(error);
  }

  /** A bug of ours: told with the machine's state; the session ends, the editor does not. */
  reportBug(error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.output.flush();
    this.output.line({ text: `${BUG_MESSAGE}: ${stack}` });
    this.output.line({ text: this.machineSummary() });
    this.output.flush();
    this.end(70);
  }

  private machineSummary(): string {
    const debuggee = this.launched?.debuggee;
    if (!debuggee) return "No program is launched.";
    try {
      const place = hex(linearPlace(debuggee));
      const { vmm, mmu } = debuggee.config;
      return `State: ${vmm}, ${mmu}, world ${debuggee.world}, position ${debuggee.position}, RIP ${place}`;
    } catch (error) {
      return `The machine's state cannot be read: ${String(error)}`;
    }
  }

  // ------------------------------------------------------------------------------------------------------ events

  tellClient<E extends RingsideEvent>(event: E, body: EventBody<E>): void {
    this.sendEvent(new Event(event, body));
  }

  state(running = this.loop.running): StateBody {
    const { generation, ended } = this;
    return stateBody(this.target, { generation, ended, running });
  }

  /** The user changed registers or memory: what was recorded of the future is void, views read again. */
  modified(): void {
    const { debuggee } = this.target;
    this.breakpoints.store.forgetHitsAfter(debuggee.position);
    this.generation++;
    this.target.refresh();
    this.tellClient("ringside/stateChanged", { change: "modified", state: this.state() });
  }

  /** Ends the session towards the client; the process lives until `disconnect`. */
  end(exitCode: number): void {
    if (this.ended) return;
    this.ended = true;
    this.output.flush();
    if (this.launched) {
      this.tellClient("ringside/stateChanged", { change: "ended", state: this.state() });
    }
    this.sendEvent(new ExitedEvent(exitCode));
    this.sendEvent(new TerminatedEvent());
  }

  // ----------------------------------------------------------------------------------------------------- running

  /** Starts an activity after the response; a stopped event ends it. `slice` gets the control made new for each slice. */
  run(
    options: Omit<RunOptions, "seenPosition">,
    slice: (maxTicks: number, control: RunControl) => Stop | undefined,
  ): void {
    const { target } = this;
    const run = new ControlledRun(this.controlInputs(target), {
      ...options,
      seenPosition: target.seenPosition,
    });
    this.generation++;
    target.expire();
    const before = stepText.snapshot(target);
    const waits = !options.backward && !options.single;
    this.idleTold = false;
    this.afterResponse(() => {
      this.tellClient("ringside/stateChanged", { change: "running", state: this.state(true) });
      this.loop
        .start((maxTicks) => {
          const stop = this.limited(target, maxTicks, (ticks) => slice(ticks, run.control()));
          return waits ? this.resting(target, stop) : stop;
        })
        .then((outcome) => this.tell(outcome, run, stepText.since(before, target)))
        .catch((error: unknown) => this.reportBug(error));
    });
  }

  /** Runs for a request that is not the protocol's own: its clients learn of it by an event, or go on showing the last stop. */
  runUnasked(
    options: Omit<RunOptions, "seenPosition">,
    slice: (maxTicks: number, control: RunControl) => Stop | undefined,
  ): void {
    this.afterResponse(() => {
      this.sendEvent(new ContinuedEvent(THREAD_ID, true));
    });
    this.run(options, slice);
  }

  /** A guest that sleeps is not stopped. If nothing but input can wake it, that is told once. */
  private resting({ debuggee }: Target, stop: Stop | undefined): Stop | typeof IDLE | undefined {
    if (!stop) return debuggee.vcpu().halted ? IDLE : undefined;
    if (stop.reason !== "halt" || !stop.wakeable) return stop;
    if (!this.idleTold) this.output.line({ text: `${stop.text}. Send it serial input or keys.` });
    this.idleTold = true;
    return IDLE;
  }

  /** Stops a running program without telling the client. */
  async halt(): Promise<void> {
    this.silent = true;
    await this.loop.halt();
  }

  /** Tells a stop that no run ended in: at the entry, after a jump. */
  showStanding(reason: "entry" | "goto", title: string): void {
    this.showStop({ reason, title, text: title, final: false, ids: [] });
  }

  /** Cuts a forward slice at launch.json's maxInstructions. */
  private limited(
    target: Target,
    maxTicks: number,
    slice: (ticks: number) => Stop | undefined,
  ): Stop | undefined {
    const left =
      target.maxInstructions === undefined
        ? Infinity
        : target.maxInstructions - target.debuggee.instructions;
    if (left <= 0) {
      target.maxInstructions = undefined;
      return { reason: "limit" };
    }
    return slice(Math.min(maxTicks, left));
  }

  private controlInputs(target: Target) {
    return {
      debuggee: target.debuggee,
      program: target.program,
      breakpoints: this.breakpoints.store,
      events: this.events,
      log: (text: string, address: bigint) => this.log(target, text, address),
    };
  }

  private log(target: Target, text: string, address: bigint): void {
    const source = target.sourceAt(address);
    this.output.line({
      text,
      ...(source?.path === undefined ? {} : { path: source.path, line: this.toClientLine(source.line) }), // prettier-ignore
    });
  }

  /** Tells the client that the machine has stopped, and why. */
  tell(outcome: Outcome, run: ControlledRun | undefined, step: string): void {
    if (this.silent) return;
    const { target } = this;
    const ids = outcome.reason === "pause" ? [] : (run?.idsOf(outcome) ?? []);
    const place = (address: bigint): string => placeText(target.program, address);
    const telling = tellStop(outcome, target.debuggee, {
      kind: this.breakpointKind(outcome, run),
      step,
      place,
    });
    const status = this.endStatus(outcome, telling);
    if (status === undefined) this.showStop({ ...telling, ids });
    else this.noteStop(telling);
    if (telling.final) {
      const isDebugExit = outcome.reason === "debug-exit";
      this.output.line({ text: isDebugExit ? telling.text : `${telling.title}. ${telling.text}` });
      this.output.flush();
    }
    if (status !== undefined) this.end(status);
  }

  /**
   * Status of a session that ends with this outcome; undefined when it goes on. An end is not told as a stop before: the editor
   * would open the source of a place that it can ask nothing about any more.
   */
  private endStatus(outcome: Outcome, telling: StopTelling): number | undefined {
    if (outcome.reason === "debug-exit") return debugExitStatus(outcome.code);
    if (!telling.final || !this.launchArguments?.noDebug) return undefined;
    return outcome.reason === "halt" ? 0 : 71;
  }

  private breakpointKind(outcome: Outcome, run: ControlledRun | undefined) {
    if (outcome.reason === "data-breakpoint") return "data breakpoint" as const;
    if (outcome.reason !== "breakpoint") return "breakpoint" as const;
    const kinds = run?.at(outcome.address).map(({ kind }) => kind) ?? [];
    if (kinds.includes("function") && !kinds.includes("source")) return "function breakpoint";
    if (kinds.includes("instruction") && !kinds.includes("source")) return "instruction breakpoint";
    return "breakpoint";
  }

  private showStop(telling: StopTelling & { readonly ids: readonly number[] }): void {
    this.noteStop(telling);
    if (this.ended) return;
    this.sendEvent(stoppedEvent(telling, telling.ids));
    this.tellClient("ringside/stateChanged", { change: "stopped", state: this.state() });
  }

  /** The machine stands at a new place, told or not. */
  private noteStop(telling: StopTelling): void {
    const { target } = this;
    this.output.flush();
    this.generation++;
    target.expire();
    target.history.stopped(target.debuggee);
    target.lastStop = telling;
    target.seenPosition = target.debuggee.position;
  }

  // ------------------------------------------------------------------------------------------------------- places

  toClientLine(line: number): number {
    return this.client.linesStartAt1 ? line : line - 1;
  }

  fromClientLine(line: number): number {
    return this.client.linesStartAt1 ? line : line + 1;
  }

  toClientColumn(column: number): number {
    return this.client.columnsStartAt1 ? column : column - 1;
  }

  private breakpointTarget() {
    const { target } = this;
    return {
      program: target.program,
      vmmSources: target.vmmSources,
      address: (text: string) => target.address(text),
    };
  }
}

function stoppedEvent(telling: StopTelling, ids: readonly number[]): DebugProtocol.StoppedEvent {
  const event: DebugProtocol.StoppedEvent = new StoppedEvent(telling.reason, THREAD_ID);
  event.body = {
    ...event.body,
    ...(telling.title === PLAIN_STEP ? {} : { description: telling.title, text: telling.text }),
    allThreadsStopped: true,
    ...(ids.length > 0 ? { hitBreakpointIds: [...ids] } : {}),
  };
  return event;
}
