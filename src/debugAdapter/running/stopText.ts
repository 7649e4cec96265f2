/** Stops and events in words: what happened, and why. */
import { hex, vectorName } from "../../engine/index";
import type { Debuggee, ExitCount, MachineEvent, Stop } from "../../engine/index";
import { debugExitStatus } from "../launch/debugExit";
import type { StopDescription } from "../protocol";
import type { Outcome } from "./runLoop";

/** How a stop is told to the client. */
export interface StopTelling extends StopDescription {
  /** Short title for the call stack: "Paused on …". */
  readonly title: string;
  /** exceptionInfo's id, when there is something to tell. */
  readonly exceptionId?: string;
  readonly event?: MachineEvent;
}

/** "VM exit 28 (control-register access)", "Trap TRAP_GP (…)". */
export function exitTitle(key: string, number: number, exits: readonly ExitCount[]): string {
  const title = exits.find((exit) => exit.key === key)?.title;
  const name = title ?? key;
  return number >= 0 ? `VM exit ${number}: ${name}` : `VMM entry: ${name}`;
}

export function eventTitle(event: MachineEvent, exits: readonly ExitCount[]): string {
  switch (event.kind) {
    case "vm-exit":
      return exitTitle(event.key, event.number, exits);
    case "vm-entry":
      return "VM entry";
    case "vm-entry-failure":
      return "VM-entry failure";
    case "interrupt":
      return `Interrupt ${hex(event.vector)}`;
    case "exception":
      return `Exception ${vectorName(event.vector)}`;
    case "ring-change":
      return `Ring ${event.from} to ring ${event.to}`;
    case "mode-change":
      return `Mode change: ${event.from} to ${event.to}`;
    case "cr3-load":
      return `CR3 load: ${hex(event.value)}`;
    case "triple-fault":
      return "Triple fault";
    case "fidelity-lost":
      return "Fidelity lost";
    case "firmware":
      return "BIOS";
  }
}

/** Title and text in one sentence, without saying the same twice. */
export function eventSentence(event: MachineEvent, exits: readonly ExitCount[]): string {
  const title = eventTitle(event, exits);
  if (event.kind === "vm-entry-failure" && event.violations[0]) {
    return `${title}: ${violationText(event.violations)}`;
  }
  const text = event.text.trim();
  if (text === "" || title.includes(text)) return title;
  const begin = text.slice(0, title.length);
  if (begin.toLowerCase() === title.toLowerCase()) return title + text.slice(title.length);
  return `${title}: ${text}`;
}

type EntryFailure = MachineEvent & { readonly kind: "vm-entry-failure" };

/** The first rule that failed decides what the processor does; the others are for exceptionInfo. */
function violationText([first, ...more]: EntryFailure["violations"]): string {
  const others = more.length > 0 ? ` (and ${more.length} more)` : "";
  return first ? `${first.text} [${first.rule}]${others}` : "";
}

function eventTelling(event: MachineEvent, exits: readonly ExitCount[]): StopTelling {
  const title = eventTitle(event, exits);
  const key = event.kind === "vm-exit" ? { exitKey: event.key } : {};
  const id = event.kind === "vm-exit" ? event.key : event.kind;
  return {
    reason: "exception",
    title,
    text: eventSentence(event, exits),
    final: false,
    exceptionId: id,
    event,
    ...key,
  };
}

type BreakpointKindName =
  "breakpoint" | "function breakpoint" | "instruction breakpoint" | "data breakpoint";

const simple = (reason: string, title: string, text = title): StopTelling => ({
  reason,
  title,
  text,
  final: false,
});

/** A final stop explains itself as an exception, so that the editor shows the text at the line. */
const final = (exceptionId: string, title: string, text: string): StopTelling => ({
  reason: "exception",
  title,
  text,
  final: true,
  exceptionId,
});

/** What telling needs besides the outcome. */
export interface StopContext {
  /** Kind of the breakpoint that was hit. */
  readonly kind: BreakpointKindName;
  /** What a step did. */
  readonly step: string;
  /** "kmain+0x12". */
  readonly place: (address: bigint) => string;
}

/** How an outcome is told. */
export function tellStop(
  outcome: Outcome,
  debuggee: Debuggee,
  { kind, step, place }: StopContext,
): StopTelling {
  switch (outcome.reason) {
    case "pause":
      return simple("pause", "Paused");
    case "step":
      return simple("step", step);
    case "breakpoint":
      return simple(kind, "Breakpoint", `Breakpoint at ${place(outcome.address)}`);
    case "vmm-breakpoint":
      return simple("breakpoint", "Breakpoint in the VMM", `VMM ${outcome.handler}, step ${outcome.step + 1}`); // prettier-ignore
    case "data-breakpoint":
      return tellData(outcome, place);
    case "event":
      return eventTelling(outcome.event, debuggee.exits());
    case "history-start":
      return simple(
        "step",
        "Start of recorded time",
        "There is nothing recorded before this point.",
      );
    case "debug-exit":
      return { ...final("debug-exit", "Debug exit", debugExitText(outcome.code)), reason: "pause" };
    case "halt":
      if (outcome.wakeable) return simple("pause", "Halted, waiting for input", outcome.text);
      return final("halt", "Halted for good", outcome.text);
    case "shutdown":
      return final("triple-fault", "Shutdown", outcome.text);
    case "limit":
      return simple("pause", "Instruction limit", "The instruction limit (maxInstructions) is reached. Continue goes on without it."); // prettier-ignore
    case "error":
      return final(outcome.code, "Engine error", outcome.text);
  }
}

function debugExitText(value: number): string {
  return `The guest wrote ${hex(value)} to the debug-exit port: exit status ${debugExitStatus(value)}.`;
}

function tellData(
  stop: Stop & { reason: "data-breakpoint" },
  place: StopContext["place"],
): StopTelling {
  const change =
    stop.oldValue !== undefined && stop.newValue !== undefined
      ? `: ${hex(stop.oldValue)} becomes ${hex(stop.newValue)}`
      : "";
  const verb = stop.access === "write" ? "Write to" : "Read of";
  return simple("data breakpoint", "Data breakpoint", `${verb} ${place(stop.address)}${change}`);
}
