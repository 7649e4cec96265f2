/** All ways to set a breakpoint, and where one can be. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { dataId } from "../breakpoints/dataBreakpoints";
import { newBreakpointId, refused } from "../breakpoints/breakpoint";
import { evaluateText, ExpressionError } from "../expressions/expression";
import { parsePlace } from "../memoryReference";
import type { RingsideSession } from "../session/session";
import type { VmmSource } from "../sources/vmmSources";
import type { HandlerTable } from "./handler";

interface Answers {
  readonly breakpoints: readonly DebugProtocol.Breakpoint[];
}

function setBreakpoints(
  session: RingsideSession,
  args: DebugProtocol.SetBreakpointsArguments,
): Answers {
  const requests = (args.breakpoints ?? (args.lines ?? []).map((line) => ({ line }))).map(
    (request) => ({ ...request, line: session.fromClientLine(request.line) }),
  );
  const virtual = vmmSourceOf(session, args.source);
  if (virtual) {
    return { breakpoints: toClient(session, session.breakpoints.setVmm(virtual.reference, requests)) }; // prettier-ignore
  }
  const file = session.target.program.fileNamed(args.source.path ?? "");
  // A file of another debugger, or not part of this program: no error, only unverified.
  if (file === undefined) {
    return {
      breakpoints: requests.map(({ line }) =>
        refused(newBreakpointId(), "This file is not part of the running program.", {
          line: session.toClientLine(line),
        }),
      ),
    };
  }
  return { breakpoints: toClient(session, session.breakpoints.setSource(file, requests)) };
}

/** Virtual sources come back by reference within a session, and only by name from an earlier one. */
export function vmmSourceOf(
  session: RingsideSession,
  source: DebugProtocol.Source | undefined,
): VmmSource | undefined {
  const { vmmSources } = session.target;
  const reference = source?.sourceReference ?? 0;
  if (reference > 0) return vmmSources.byReference(reference);
  return source?.name === undefined ? undefined : vmmSources.byName(source.name);
}

function toClient(
  session: RingsideSession,
  answers: readonly DebugProtocol.Breakpoint[],
): readonly DebugProtocol.Breakpoint[] {
  return answers.map((answer) =>
    answer.line === undefined ? answer : { ...answer, line: session.toClientLine(answer.line) },
  );
}

function setFunctionBreakpoints(
  session: RingsideSession,
  args: DebugProtocol.SetFunctionBreakpointsArguments,
): Answers {
  return { breakpoints: toClient(session, session.breakpoints.setFunctions(args.breakpoints)) };
}

function setInstructionBreakpoints(
  session: RingsideSession,
  args: DebugProtocol.SetInstructionBreakpointsArguments,
): Answers {
  return { breakpoints: session.breakpoints.setInstructions(args.breakpoints) };
}

function setDataBreakpoints(
  session: RingsideSession,
  args: DebugProtocol.SetDataBreakpointsArguments,
): Answers {
  return { breakpoints: session.breakpoints.setData(args.breakpoints) };
}

function setExceptionBreakpoints(
  session: RingsideSession,
  args: DebugProtocol.SetExceptionBreakpointsArguments,
): Answers {
  return { breakpoints: session.events.setFilters(args) };
}

type DataInfo = DebugProtocol.DataBreakpointInfoResponse["body"];

/** Memory can be watched: an address, a variable that lies in memory, or an expression with brackets. */
function dataBreakpointInfo(
  session: RingsideSession,
  args: DebugProtocol.DataBreakpointInfoArguments & { asAddress?: boolean; bytes?: number },
): DataInfo {
  const { target } = session;
  const container = args.variablesReference === undefined ? undefined : target.handles.get(args.variablesReference); // prettier-ignore
  const node = container?.children().find(({ name }) => name === args.name);
  if (node?.dataId !== undefined) return watchable(node.dataId, args.name);
  if (container) return { dataId: null, description: `${args.name} is not in memory` };
  try {
    if (args.asAddress) {
      const place = parsePlace(args.name, (text) => target.address(text, args.frameId));
      const id = dataId({ ...place, length: args.bytes ?? 1 });
      return watchable(id, id);
    }
    const value = evaluateText(args.name, target.scope(args.frameId));
    if (value.memory) {
      const { space, address, size } = value.memory;
      return watchable(dataId({ space, address, length: args.bytes ?? size }), args.name);
    }
    if (!value.addressSpace) return { dataId: null, description: `${args.name} is not in memory` };
    const place = { space: value.addressSpace, address: value.value, length: args.bytes ?? 1 };
    return watchable(dataId(place), args.name);
  } catch (error) {
    if (error instanceof ExpressionError) return { dataId: null, description: error.message };
    throw error;
  }
}

function watchable(id: string, description: string): DataInfo {
  return {
    dataId: id,
    description,
    accessTypes: ["read", "write", "readWrite"],
    canPersist: true,
  };
}

function breakpointLocations(
  session: RingsideSession,
  args: DebugProtocol.BreakpointLocationsArguments,
): DebugProtocol.BreakpointLocationsResponse["body"] {
  const from = session.fromClientLine(args.line);
  const to = args.endLine === undefined ? from : session.fromClientLine(args.endLine);
  return {
    breakpoints: linesWithCode(session, args.source)
      .filter((line) => line >= from && line <= to)
      .map((line) => ({ line: session.toClientLine(line) })),
  };
}

function linesWithCode(session: RingsideSession, source: DebugProtocol.Source): readonly number[] {
  const virtual = vmmSourceOf(session, source);
  if (virtual) {
    return Array.from({ length: virtual.stepCount }, (_, step) => virtual.firstLine + step);
  }
  const { program } = session.target;
  return program.codeLines(program.fileNamed(source.path ?? "") ?? "");
}

export const breakpointHandlers: HandlerTable = {
  setBreakpoints,
  setFunctionBreakpoints,
  setInstructionBreakpoints,
  setDataBreakpoints,
  setExceptionBreakpoints,
  dataBreakpointInfo,
  breakpointLocations,
};
