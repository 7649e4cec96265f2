/** Where the program stands: stackTrace, scopes, exceptionInfo. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { basename } from "node:path";
import { hex, sensitivityFactOf } from "../../engine/index";
import { eventSentence } from "../running/stopText";
import type { StopTelling } from "../running/stopText";
import { memoryReference } from "../memoryReference";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import type { VmmSource } from "../sources/vmmSources";
import type { Frame } from "../stack/frames";
import { SCOPE_TABLE, scopeContainer } from "../variables/scopes";
import type { HandlerTable } from "./handler";

function stackTrace(
  session: RingsideSession,
  args: DebugProtocol.StackTraceArguments,
): DebugProtocol.StackTraceResponse["body"] {
  const target = session.stopped;
  const frames = target.stack();
  const start = args.startFrame ?? 0;
  const end = args.levels ? start + args.levels : frames.length;
  const shown = frames.slice(start, end);
  return {
    totalFrames: frames.length,
    stackFrames: shown.map((frame, index) =>
      stackFrame(session, frame, target.frameId(start + index)),
    ),
  };
}

function stackFrame(session: RingsideSession, frame: Frame, id: number): DebugProtocol.StackFrame {
  const known = frame.line > 0;
  return {
    id,
    name: frame.name,
    line: known ? session.toClientLine(frame.line) : 0,
    column: known ? session.toClientColumn(1) : 0,
    ...(frame.file === undefined ? {} : { source: fileSource(frame.file) }),
    ...(frame.vmmSource ? { source: virtualSource(frame.vmmSource) } : {}),
    ...(frame.address === undefined
      ? {}
      : { instructionPointerReference: memoryReference("gva", frame.address) }),
    presentationHint: frame.kind === "label" ? "label" : "normal",
  };
}

export function fileSource(path: string): DebugProtocol.Source {
  return { name: basename(path), path };
}

export function virtualSource(source: VmmSource): DebugProtocol.Source {
  return {
    name: source.name,
    sourceReference: source.reference,
    origin: "VMM",
    presentationHint: "normal",
  };
}

function scopes(
  session: RingsideSession,
  args: DebugProtocol.ScopesArguments,
): DebugProtocol.ScopesResponse["body"] {
  const target = session.stopped;
  const frame = target.frame(args.frameId);
  if (frame?.kind === "label") return { scopes: [] };
  return {
    scopes: SCOPE_TABLE.map((row) => ({
      name: row.name,
      variablesReference: target.handles.reference(scopeContainer(session, row, args.frameId)),
      // Only one scope may be "registers"; the others are collapsed until asked for.
      ...(row.name === "Registers" ? { presentationHint: "registers" } : {}),
      expensive: row.expensive,
    })),
  };
}

function exceptionInfo(session: RingsideSession): DebugProtocol.ExceptionInfoResponse["body"] {
  const { lastStop } = session.stopped;
  if (lastStop?.exceptionId === undefined) throw new RequestError("The program did not stop at an exception."); // prettier-ignore
  return {
    exceptionId: lastStop.exceptionId,
    description: lastStop.text,
    breakMode: lastStop.final ? "unhandled" : "always",
    details: { message: lastStop.text, typeName: lastStop.title, stackTrace: details(session, lastStop) }, // prettier-ignore
  };
}

/** The facts under the sentence: fields, instruction, place. */
function details(session: RingsideSession, stop: StopTelling): string {
  const { target } = session;
  const place = target.place(target.currentAddress());
  const lines = [
    `at ${place.symbol ?? place.address}: ${place.instruction ?? "(not an instruction)"}`,
  ];
  const { event } = stop;
  if (event?.kind === "vm-exit") {
    lines.push(`exit reason ${event.number} ${event.key}, qualification ${hex(event.qualification)}`); // prettier-ignore
    if (event.gpa !== undefined) lines.push(`guest-physical address ${hex(event.gpa)}`);
  }
  if (event?.kind === "exception" && event.errorCode !== undefined) {
    lines.push(`error code ${hex(event.errorCode)}`);
  }
  if (event?.kind === "fidelity-lost") lines.push(...whyItIsSilent(event.instruction));
  if (event?.kind === "vm-entry-failure") {
    lines.push(...event.violations.map(({ rule, text, hint }) => `${rule}: ${text} ${hint}`));
  }
  const sentence = event && eventSentence(event, target.debuggee.exits());
  if (sentence !== undefined && sentence !== stop.text) lines.push(sentence);
  return [...new Set(lines)].join("\n");
}

/** What is known of a family of instructions that do not trap, and the page about it. */
function whyItIsSilent(family: string): readonly string[] {
  const fact = sensitivityFactOf(family);
  if (!fact) return [];
  const { text } = fact.techniques["trap-and-emulate"];
  return [
    `at CPL > 0: ${fact.deprivileged}`,
    `under trap-and-emulate: ${text}`,
    `more: docs/sensitive/${family}.md, docs/techniques/trap-and-emulate.md`,
  ];
}

export const inspectionHandlers: HandlerTable = { stackTrace, scopes, exceptionInfo };
