/** initialize, launch, configurationDone, restart, terminate, disconnect, cancel. */
import { BreakpointEvent, CapabilitiesEvent, InitializedEvent } from "@vscode/debugadapter";
import type { DebugProtocol } from "@vscode/debugprotocol";
import { UserError } from "../../engine/index";
import type { Assembly, Diagnostic } from "../../engine/index";
import { machineSettings } from "../launch/machineSettings";
import { loadProgram } from "../launch/programFile";
import { readProgram } from "../launch/sourceFile";
import { CONDITION_DESCRIPTION, EXCEPTION_FILTERS } from "../protocol";
import type { LaunchArguments } from "../protocol";
import { logEvent } from "../session/outputBatch";
import { RequestError } from "../session/requestError";
import { Target } from "../session/target";
import type { RingsideSession } from "../session/session";
import type { HandlerTable } from "./handler";

function initialize(
  session: RingsideSession,
  args: DebugProtocol.InitializeRequestArguments,
): DebugProtocol.Capabilities {
  session.client.linesStartAt1 = args.linesStartAt1 ?? true;
  session.client.columnsStartAt1 = args.columnsStartAt1 ?? true;
  return CAPABILITIES;
}

const CAPABILITIES: DebugProtocol.Capabilities = {
  supportsConfigurationDoneRequest: true,
  supportsFunctionBreakpoints: true,
  supportsConditionalBreakpoints: true,
  supportsHitConditionalBreakpoints: true,
  supportsLogPoints: true,
  supportsInstructionBreakpoints: true,
  supportsDataBreakpoints: true,
  supportsDataBreakpointBytes: true,
  supportsBreakpointLocationsRequest: true,
  supportsEvaluateForHovers: true,
  supportsStepBack: true,
  supportsSetVariable: true,
  supportsSetExpression: true,
  supportsGotoTargetsRequest: true,
  supportsCompletionsRequest: true,
  completionTriggerCharacters: [".", "$", "[", " "],
  supportsRestartRequest: true,
  supportsTerminateRequest: true,
  supportsExceptionInfoRequest: true,
  supportsExceptionFilterOptions: true,
  supportsExceptionOptions: false,
  supportsLoadedSourcesRequest: true,
  supportsReadMemoryRequest: true,
  supportsWriteMemoryRequest: true,
  supportsDisassembleRequest: true,
  supportsSteppingGranularity: true,
  supportsCancelRequest: true,
  supportsDelayedStackTraceLoading: true,
  supportsValueFormattingOptions: true,
  supportsClipboardContext: true,
  exceptionBreakpointFilters: EXCEPTION_FILTERS.map(({ filter, label, description, ...rest }) => ({
    filter,
    label,
    description,
    default: rest.default ?? false,
    supportsCondition: true,
    conditionDescription: CONDITION_DESCRIPTION,
  })),
};

type Launch = LaunchArguments & { readonly noDebug?: boolean };

function launch(session: RingsideSession, args: Launch): undefined {
  session.launchArguments = args;
  session.setTarget(load(session, args));
  session.events.breakOn(args.breakOnVmExit ?? []);
  session.afterResponse(() => {
    if (args.recording === false) session.sendEvent(new CapabilitiesEvent({ supportsStepBack: false })); // prettier-ignore
    session.sendEvent(new InitializedEvent());
  });
}

/** Reads, assembles and loads the program into a new machine. Every failure is one line for the user. */
function load(session: RingsideSession, args: Launch): Target {
  try {
    if (typeof args.program !== "string" || args.program === "") {
      throw new UserError("no-program", "There is no program to run.", 'Set "program" in launch.json to a .asm file or an image.'); // prettier-ignore
    }
    const settings = machineSettings(args);
    const program = loadProgram(args.program, {
      ...settings,
      includePaths: args.includePaths,
      defines: args.defines,
    });
    if (!program.ok) throw new RequestError(reportDiagnostics(session, program.assembly), true);
    if (program.assembly) reportDiagnostics(session, program.assembly);
    for (const text of program.image.debugInformation?.notes ?? []) session.output.line({ text });
    const debuggee = session.engine.createDebuggee({
      image: program.image,
      vmm: settings.vmm,
      mmu: settings.mmu,
      memoryBytes: settings.memoryBytes,
      cpu: settings.cpu,
      kernelRing: settings.kernelRing,
      recording: args.recording ?? true,
      ...(args.costProfile === undefined ? {} : { costProfile: args.costProfile }),
    });
    if (args.serialInput !== undefined) debuggee.sendSerial(readProgram(args.serialInput));
    const target = new Target(debuggee, args.program);
    target.maxInstructions = args.maxInstructions;
    return target;
  } catch (error) {
    if (error instanceof UserError) throw new RequestError(error.message, true);
    throw error;
  }
}

/** One output event a diagnostic, with a link to its place; returns the line that a failed launch shows. */
function reportDiagnostics(session: RingsideSession, assembly: Assembly): string {
  for (const diagnostic of assembly.diagnostics) {
    const { file, line } = diagnostic.range;
    const text = diagnosticText(diagnostic);
    const category = diagnostic.severity === "error" ? "stderr" : "console";
    const event = logEvent({ text, path: file, line: session.toClientLine(line) }, category);
    event.body.column = session.toClientColumn(diagnostic.range.column);
    session.sendEvent(event);
  }
  const errors = assembly.diagnostics.filter(({ severity }) => severity === "error");
  const [first] = errors;
  if (!first) return "";
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return `${diagnosticText(first)}${more}`;
}

/** `file:line:column: error: text`, as the command line writes it. */
export function diagnosticText({ range, severity, message }: Diagnostic): string {
  return `${range.file}:${range.line}:${range.column}: ${severity}: ${message}`;
}

function configurationDone(session: RingsideSession): undefined {
  begin(session);
}

/** The first stop, or the first run. */
function begin(session: RingsideSession): void {
  const { target } = session;
  const { stopOnEntry, noDebug } = session.launchArguments ?? {};
  if (stopOnEntry && !noDebug) {
    session.afterResponse(() => {
      enterGuest(session);
      session.showStanding("entry", "Stopped at the entry point");
    });
    return;
  }
  session.run({ backward: false }, (ticks, control) => target.debuggee.run(ticks, control));
}

/** More steps than any VMM takes to launch its guest. */
const MAX_LAUNCH_STEPS = 100;

/** The entry point is the guest's first instruction: the VMM's launch comes before it (and can be seen by stepping back). */
function enterGuest({ target: { debuggee } }: RingsideSession): void {
  for (let step = 0; debuggee.world === "vmm" && step < MAX_LAUNCH_STEPS; step++) debuggee.step();
}

/** Starts over with the client's newest settings; breakpoints keep their ids. */
async function restart(
  session: RingsideSession,
  args: { readonly arguments?: Launch },
): Promise<undefined> {
  await session.halt();
  const settings = { ...(session.launchArguments ?? { program: "" }), ...args.arguments };
  const target = load(session, settings);
  session.launchArguments = settings;
  session.setTarget(target);
  for (const breakpoint of session.breakpoints.reapply()) {
    session.sendEvent(new BreakpointEvent("changed", breakpoint));
  }
  begin(session);
}

function terminate(session: RingsideSession): undefined {
  void session.halt();
  setImmediate(() => session.end(0));
}

function disconnect(session: RingsideSession): undefined {
  void session.halt();
  session.ended = true;
  setImmediate(() => session.shutdown());
}

export const lifecycleHandlers: HandlerTable = {
  initialize,
  launch,
  configurationDone,
  restart,
  terminate,
  disconnect,
  cancel: () => undefined,
};
