/** Runs a program to its end without a debugger, and reports on it. */
import type { Debuggee, ProcessorView, Stop } from "../engine/index";
import { hex } from "../engine/index";
import { debugExitStatus } from "../debugAdapter/launch/debugExit";
import { EXIT } from "./exitCodes";

/** Ticks between two looks at the clock and the output. */
const SLICE = 2_000_000;

export interface RunEnd {
  readonly reason: "debug-exit" | "halt" | "shutdown" | "limit" | "error";
  /** What the guest wrote to the debug-exit port; for the other reasons the exit status. */
  readonly code: number;
  /** Exit status of the command. */
  readonly status: number;
  readonly message: string;
}

/** A second in which a program waits in the BIOS for a key, and no key comes: it will wait for ever. */
const LAST_KEY_WAIT = 100_000_000;

/** What happens while a program runs. */
interface RunCompany {
  /** Typed on the keyboard, one character a slice. */
  readonly keys?: string;
  /** Passes output on. */
  readonly afterSlice?: () => void;
}

/** Runs until the program ends or `maxInstructions` are retired. */
export function runToEnd(
  debuggee: Debuggee,
  maxInstructions: number | undefined,
  { keys = "", afterSlice = () => undefined }: RunCompany = {},
): RunEnd {
  const control = { breakpoints: new Set<bigint>() };
  const typed = Array.from(keys);
  for (;;) {
    const left = maxInstructions === undefined ? Infinity : maxInstructions - debuggee.instructions;
    if (left <= 0) {
      return { reason: "limit", ...same(EXIT.instructionLimit), message: `stopped after ${debuggee.instructions} instructions` }; // prettier-ignore
    }
    const stop = debuggee.run(Math.min(SLICE, left), control);
    afterSlice();
    const key = typed.shift();
    if (key !== undefined) debuggee.sendKeys(key);
    else if ((debuggee.keyWaitTicks ?? 0) > LAST_KEY_WAIT) return KEY_WAIT;
    const end = stop && endOf(stop);
    // A halted program may wait for the key that has just been typed.
    if (end && (key === undefined || end.reason !== "halt")) return end;
  }
}

const KEY_WAIT: RunEnd = {
  reason: "halt",
  code: 0,
  status: 0,
  message: "the program waits in INT 16h for a key, and nobody types",
};

const same = (status: number): Pick<RunEnd, "code" | "status"> => ({ code: status, status });

/** How a stop ends a run; undefined for stops that a run without breakpoints goes on after. */
function endOf(stop: Stop): RunEnd | undefined {
  switch (stop.reason) {
    case "debug-exit":
      return { reason: "debug-exit", code: stop.code, status: debugExitStatus(stop.code), message: `debug exit with value ${stop.code}` }; // prettier-ignore
    case "halt":
      return { reason: "halt", ...same(EXIT.ok), message: stop.text };
    case "shutdown":
      return { reason: "shutdown", ...same(EXIT.tripleFault), message: stop.text };
    case "error":
      return { reason: "error", ...same(EXIT.engineError), message: `${stop.code}: ${stop.text}` };
    default:
      return undefined;
  }
}

const SEGMENTS = ["cs", "ss", "ds", "es", "fs", "gs", "ldtr", "tr"] as const;

/** A VCPU as `run --json` shows it: what the guest believes. */
export function vcpuReport(view: ProcessorView): object {
  const registers = Object.fromEntries(
    Object.entries(view.registers).map(([name, value]) => [name, hex(value)]),
  );
  const selectors = Object.fromEntries(
    SEGMENTS.map((name) => [name, hex(view.segments[name].selector)]),
  );
  const table = ({ base, limit }: { readonly base: bigint; readonly limit: number }): object => ({
    base: hex(base),
    limit,
  });
  return {
    mode: view.mode,
    cpl: view.cpl,
    registers: { ...registers, ...selectors, gdtr: table(view.gdtr), idtr: table(view.idtr) },
  };
}

/** Counters above zero, by exit key. */
export function exitReport(debuggee: Debuggee): Readonly<Record<string, number>> {
  const counted = debuggee.exits().filter(({ count }) => count > 0);
  return Object.fromEntries(counted.map(({ key, count }) => [key, count]));
}
