/** Everything that makes time pass, in either direction. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import type { Debuggee, StepPlan } from "../../engine/index";
import { memoryReference, parsePlace } from "../memoryReference";
import { isInStatement, StatementStep, StatementStepBack } from "../running/statementStep";
import { RequestError } from "../session/requestError";
import { THREAD_ID } from "../session/threads";
import type { RingsideSession } from "../session/session";
import type { HandlerTable } from "./handler";

function goOn(session: RingsideSession): DebugProtocol.ContinueResponse["body"] {
  if (!session.loop.running) {
    const { debuggee } = session.target;
    session.run({ backward: false }, (ticks, control) => debuggee.run(ticks, control));
  }
  return { allThreadsContinued: true };
}

/** A step in slices: planned when the first slice runs, that is after the response. */
function planned(session: RingsideSession, plan: (debuggee: Debuggee) => StepPlan): undefined {
  const { debuggee } = session.stopped;
  let running: StepPlan | undefined;
  session.run({ backward: false }, (ticks, control) => {
    running ??= plan(debuggee);
    return running.slice(ticks, control);
  });
}

type Granular = Pick<DebugProtocol.NextArguments, "granularity">;

/** Whether a step is a statement: where there are some, unless the client shows instructions. */
function isByStatement(session: RingsideSession, { granularity }: Granular): boolean {
  const { debuggee, program } = session.stopped;
  return granularity !== "instruction" && isInStatement(debuggee, program);
}

/** Linear addresses of the frames, innermost first. */
function callStack(session: RingsideSession): readonly bigint[] {
  return session.stopped.stack().flatMap(({ address }) => address ?? []);
}

function next(session: RingsideSession, args: Granular): undefined {
  const { program } = session.stopped;
  if (!isByStatement(session, args)) {
    planned(session, (debuggee) => debuggee.beginStepOver());
    return;
  }
  const frames = callStack(session);
  planned(session, (debuggee) => new StatementStep(debuggee, program, "over", frames));
}

function stepIn(session: RingsideSession, args: Granular): undefined {
  const { debuggee, program } = session.stopped;
  if (!isByStatement(session, args)) {
    session.run({ backward: false, single: true }, (_, control) => debuggee.step(control));
    return;
  }
  const plan = new StatementStep(debuggee, program, "into", callStack(session));
  session.run({ backward: false, single: true }, (ticks, control) => plan.slice(ticks, control));
}

/** The machine, if it can go back. */
export function requireRecording(session: RingsideSession): Debuggee {
  const { debuggee } = session.stopped;
  if (!debuggee.config.recording) {
    throw new RequestError('Time is not recorded. Set "recording" to true in launch.json to go back.'); // prettier-ignore
  }
  return debuggee;
}

function stepBack(session: RingsideSession, args: Granular): undefined {
  const debuggee = requireRecording(session);
  if (!isByStatement(session, args)) {
    session.run({ backward: true }, () => debuggee.stepBack());
    return;
  }
  const { program } = session.target;
  const plan = new StatementStepBack(debuggee, program, callStack(session));
  session.run({ backward: true }, (_, control) => plan.slice(control));
}

function reverseContinue(session: RingsideSession): undefined {
  const debuggee = requireRecording(session);
  session.run({ backward: true }, (_, control) => debuggee.runBackSlice(control));
}

function pause(session: RingsideSession): undefined {
  session.loop.pause();
}

/** The line's first instruction, as a place to jump to. */
function gotoTargets(
  session: RingsideSession,
  args: DebugProtocol.GotoTargetsArguments,
): DebugProtocol.GotoTargetsResponse["body"] {
  const { program } = session.target;
  const file = program.fileNamed(args.source.path ?? "");
  if (file === undefined) return { targets: [] };
  const entries = program.entriesOfLine(file, session.fromClientLine(args.line));
  const entry = entries.find(({ kind }) => kind === "code");
  if (!entry) return { targets: [] };
  const id = session.gotoPlaces.push(entry);
  const instructionPointerReference = memoryReference(
    "gva",
    BigInt.asUintN(64, BigInt(entry.address)),
  );
  const label = `line ${args.line}`;
  return { targets: [{ id, label, line: args.line, instructionPointerReference }] };
}

/** Sets the instruction pointer. */
function goto(session: RingsideSession, args: DebugProtocol.GotoArguments): undefined {
  const { program, debuggee } = session.stopped;
  const entry = session.gotoPlaces[args.targetId - 1];
  if (!entry) throw new RequestError("There is no instruction to jump to.");
  const [assembled = 0n, loaded = assembled] = program.addressesOf(entry);
  // A program linked at one place and loaded at another: only the place that is mapped can be run.
  const mapped = debuggee.readMemory("gva", assembled, 1).length > 0 ? assembled : loaded;
  debuggee.setRegister("rip", BigInt.asUintN(64, mapped - debuggee.vcpu().segments.cs.base));
  session.modified();
  session.afterResponse(() => session.showStanding("goto", "Jumped"));
}

/** One VCPU; asked also while it runs, because Pause needs a thread. */
function threads(): DebugProtocol.ThreadsResponse["body"] {
  return { threads: [{ id: THREAD_ID, name: "VCPU 0" }] };
}

/** Goes to a position in time; a stopped event follows. */
export function travel(session: RingsideSession, position: number): void {
  const debuggee = requireRecording(session);
  if (!Number.isSafeInteger(position) || position < 0 || position > debuggee.horizon) {
    throw new RequestError(`Positions go from 0 to ${debuggee.horizon}.`);
  }
  session.runUnasked({ backward: position < debuggee.position }, () => debuggee.travelTo(position));
}

/** Reads an address argument that may be an expression. */
export function addressOf(session: RingsideSession, text: string): bigint {
  const { target } = session;
  return parsePlace(text, (expression) => target.address(expression)).address;
}

export const runningHandlers: HandlerTable = {
  continue: goOn,
  next,
  stepOut: (session: RingsideSession) => planned(session, (debuggee) => debuggee.beginStepOut()),
  stepIn,
  stepBack,
  reverseContinue,
  pause,
  gotoTargets,
  goto,
  threads,
};
