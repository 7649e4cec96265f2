/** ringside/writers ("who wrote this?") and ringside/history (what the last steps did): both look into the past and come back. */
import { hex } from "../../engine/index";
import type { Debuggee, Stop, WatchPoint } from "../../engine/index";
import { registerNamed } from "../expressions/names";
import type { RegisterName } from "../expressions/registers";
import type {
  CodePlace,
  HistoryBody,
  HistoryEntryBody,
  WritersArguments,
  WritersBody,
} from "../protocol";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import { linearPlace } from "../running/runControl";
import { placeArgument } from "./placeArgument";
import { requireRecording } from "./running";

const MAX_HISTORY = 1000;
const DEFAULT_HISTORY = 20;

/** How many steps back a register's writer is looked for, and in which portions. */
const REGISTER_SEARCH_STEPS = 200_000;
const FIRST_PORTION = 500;
/** A forward search for a register's next change gives up after so many steps. */
const FORWARD_STEPS = 200_000;

/** Runs `look` somewhere else in time and returns to where the user stands. */
async function elsewhere<T>(debuggee: Debuggee, look: () => T | Promise<T>): Promise<T> {
  const { position } = debuggee;
  const output = debuggee.onOutput;
  try {
    return await look();
  } finally {
    debuggee.travelTo(position);
    debuggee.onOutput = output;
  }
}

export async function writers(
  session: RingsideSession,
  args: WritersArguments,
): Promise<WritersBody> {
  const debuggee = requireRecording(session);
  const forward = args.direction === "forward";
  if (args.register !== undefined) {
    const register = registerNamed(args.register);
    if (!register) throw new RequestError(`"${args.register}" is not a register.`);
    return elsewhere(debuggee, () => registerWriter(session, debuggee, register, forward));
  }
  if (args.address === undefined) throw new RequestError("Which register or address?");
  const { space, address } = placeArgument(session, args.address, args.space);
  const watch: WatchPoint = { id: 0, space, address, length: args.length ?? 1, access: "write" };
  return elsewhere(debuggee, () => memoryWriter(session, debuggee, watch, forward));
}

async function memoryWriter(
  session: RingsideSession,
  debuggee: Debuggee,
  watch: WatchPoint,
  forward: boolean,
): Promise<WritersBody> {
  const control = { breakpoints: new Set<bigint>(), watchPoints: [watch] };
  const { horizon } = debuggee;
  const slice = forward
    ? (ticks: number) =>
        debuggee.position >= horizon
          ? ({ reason: "limit" } as const)
          : debuggee.run(Math.min(ticks, horizon - debuggee.position), control)
    : () => debuggee.runBackSlice(control);
  const outcome = await session.loop.start(slice);
  const what = `${watch.space}:${hex(watch.address)}`;
  if (outcome.reason !== "data-breakpoint") return nothingFound(session, what, outcome.reason);
  return found(session, debuggee, what, outcome);
}

function nothingFound(session: RingsideSession, what: string, reason: string): WritersBody {
  const why: Readonly<Record<string, string>> = {
    "history-start": "Nothing in recorded time wrote",
    pause: "The search was stopped before it found a write of",
  };
  const start = why[reason] ?? "Nothing up to the end of recorded time writes";
  return { generation: session.generation, found: false, text: `${start} ${what}.` };
}

/** The machine stands after the writing instruction; the step before it is the place to show. */
function found(
  session: RingsideSession,
  debuggee: Debuggee,
  what: string,
  stop: Stop & { reason: "data-breakpoint" },
): WritersBody {
  debuggee.stepBack();
  const place = session.target.place(linearPlace(debuggee));
  const change =
    stop.newValue === undefined
      ? {}
      : {
          after: hex(stop.newValue),
          ...(stop.oldValue === undefined ? {} : { before: hex(stop.oldValue) }),
        };
  return {
    generation: session.generation,
    found: true,
    text: `${what} is written by ${writerText(debuggee, place)}.`,
    position: debuggee.position,
    place,
    world: debuggee.world,
    ...change,
  };
}

/** The step at which the machine stands, as the doer of something. */
function writerText(debuggee: Debuggee, place: CodePlace): string {
  const activity = debuggee.vmm();
  const at = place.symbol ?? place.address;
  if (!activity) return `${place.instruction ?? "an instruction"} at ${at}`;
  const step = activity.steps[activity.step];
  return `the VMM (${activity.title}, step ${activity.step + 1}: ${step?.name ?? ""}) for the guest at ${at}`;
}

interface Change {
  readonly position: number;
  readonly before: bigint;
  readonly after: bigint;
}

async function registerWriter(
  session: RingsideSession,
  debuggee: Debuggee,
  register: RegisterName,
  forward: boolean,
): Promise<WritersBody> {
  const read = (): bigint => register.read(debuggee.vcpu());
  const change = forward
    ? firstChange(debuggee, read, Math.min(FORWARD_STEPS, debuggee.horizon - debuggee.position))
    : await lastChange(debuggee, read);
  const { generation } = session;
  if (!change) {
    const text = `No step in the last ${REGISTER_SEARCH_STEPS} changes ${register.name}.`;
    return { generation, found: false, text };
  }
  debuggee.travelTo(change.position);
  const place = session.target.place(linearPlace(debuggee));
  return {
    generation,
    found: true,
    text: `${register.name} is changed from ${hex(change.before)} to ${hex(change.after)} by ${writerText(debuggee, place)}.`,
    position: change.position,
    place,
    world: debuggee.world,
    before: hex(change.before),
    after: hex(change.after),
  };
}

/** Searches in growing portions of the past: each is stepped forward from its start, and its last change counts. */
async function lastChange(debuggee: Debuggee, read: () => bigint): Promise<Change | undefined> {
  const now = debuggee.position;
  let end = now;
  for (let portion = FIRST_PORTION; end > 0 && now - end < REGISTER_SEARCH_STEPS; portion *= 2) {
    const start = Math.max(0, end - portion);
    debuggee.travelTo(start);
    const change = lastChangeUpTo(debuggee, read, end);
    if (change) return change;
    end = start;
    await new Promise((done) => setImmediate(done));
  }
  return undefined;
}

function lastChangeUpTo(debuggee: Debuggee, read: () => bigint, end: number): Change | undefined {
  let last: Change | undefined;
  let before = read();
  while (debuggee.position < end) {
    const { position } = debuggee;
    debuggee.step();
    if (debuggee.position === position) break;
    const after = read();
    if (after !== before) last = { position, before, after };
    before = after;
  }
  return last;
}

function firstChange(debuggee: Debuggee, read: () => bigint, steps: number): Change | undefined {
  const before = read();
  for (let done = 0; done < steps; done++) {
    const { position } = debuggee;
    debuggee.step();
    if (debuggee.position === position) return undefined;
    const after = read();
    if (after !== before) return { position, before, after };
  }
  return undefined;
}

export async function history(
  session: RingsideSession,
  args: { readonly count?: number },
): Promise<HistoryBody> {
  const debuggee = requireRecording(session);
  const count = Math.min(MAX_HISTORY, Math.max(0, args.count ?? DEFAULT_HISTORY));
  const end = debuggee.position;
  const entries = await elsewhere(debuggee, () => {
    debuggee.travelTo(Math.max(0, end - count));
    return stepsUpTo(session, debuggee, end);
  });
  return { generation: session.generation, entries };
}

function stepsUpTo(session: RingsideSession, debuggee: Debuggee, end: number): HistoryEntryBody[] {
  const entries: HistoryEntryBody[] = [];
  while (debuggee.position < end) {
    const { position, world } = debuggee;
    const before = debuggee.vcpu().registers;
    const place = session.target.place(linearPlace(debuggee));
    debuggee.step();
    if (debuggee.position === position) break;
    const after = debuggee.vcpu().registers;
    const changes = Object.keys(before)
      .filter((name) => name !== "rip" && before[name] !== after[name])
      .map((name) => ({ name, before: hex(before[name] ?? 0n), after: hex(after[name] ?? 0n) }));
    entries.push({ position, world, place, changes });
  }
  return entries;
}
