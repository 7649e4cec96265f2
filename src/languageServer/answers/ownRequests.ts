/** What this server answers besides the protocol, as requests and as commands. */
import { ErrorCodes, Position, ResponseError } from "vscode-languageserver/node";
import { measure } from "../features/codeLens";
import { listingOf } from "../features/listing";
import { expandMacroAt } from "../features/macroExpansion";
import { toPlace } from "../positions";
import {
  EXPAND_MACRO_REQUEST,
  LISTING_REQUEST,
  MEASURE_REQUEST,
  SERVER_COMMANDS,
  type ExpandMacroParams,
  type ExpandMacroResult,
  type ListingParams,
  type ListingResult,
  type MeasureParams,
  type MeasureResult,
} from "../protocol";
import type { Answering } from "./answering";

export function answerOwnRequests(server: Answering): void {
  const { connection } = server;
  const expand = ({ textDocument: { uri }, position }: ExpandMacroParams): ExpandMacroResult =>
    server.about(
      "expand macro",
      uri,
      null,
      (analysis, file) => expandMacroAt(analysis, toPlace(file, position)) ?? null,
    );
  const list = ({ textDocument: { uri } }: ListingParams): ListingResult =>
    server.about("listing", uri, { text: "", lines: [] }, listingOf);
  const nothing: MeasureResult = { bytes: 0, instructions: 0, costs: [] };
  connection.onRequest(EXPAND_MACRO_REQUEST, expand);
  connection.onRequest(LISTING_REQUEST, list);
  connection.onRequest(MEASURE_REQUEST, ({ textDocument: { uri }, range }: MeasureParams) =>
    server.about("measure", uri, nothing, (analysis, file) =>
      measure(analysis, file, range, server.techniqueOf(analysis)),
    ),
  );
  connection.onExecuteCommand(({ command, arguments: [params] = [] }) => {
    if (command === SERVER_COMMANDS.expandMacro)
      return namesPlace(params)
        ? expand(params)
        : badArguments(command, "{ textDocument, position }");
    if (command === SERVER_COMMANDS.listing)
      return namesFile(params) ? list(params) : badArguments(command, "{ textDocument }");
    return null;
  });
}

/** Commands can come from a user's key binding, with any arguments or none. */
function namesFile(params: unknown): params is ListingParams {
  const { textDocument } = (params ?? {}) as Partial<ListingParams>;
  return typeof textDocument?.uri === "string";
}

function namesPlace(params: unknown): params is ExpandMacroParams {
  return namesFile(params) && Position.is((params as Partial<ExpandMacroParams>).position);
}

function badArguments(command: string, wanted: string): ResponseError {
  return new ResponseError(ErrorCodes.InvalidParams, `${command} needs the argument ${wanted}.`);
}
