/** Requests about a place in a file. */
import { ErrorCodes, ResponseError, type Position } from "vscode-languageserver/node";
import { completionsAt, isCompletionData, resolveCompletion } from "../features/completion";
import { declarationsAt, definitionsAt } from "../features/definition";
import { hoverAt } from "../features/hover";
import { includableFiles } from "../features/includableFiles";
import { highlightsAt, referencesAt } from "../features/references";
import { prepareRename, renameAt, RenameRefusal } from "../features/rename";
import { selectionRangeAt } from "../features/selectionRanges";
import { signatureHelpAt } from "../features/signatureHelp";
import { fileOfUri } from "../fileNames";
import { toPlace, type Place } from "../positions";
import type { Answering } from "./answering";

export function answerAboutPlaces(server: Answering): void {
  const { connection } = server;
  interface At {
    readonly textDocument: { readonly uri: string };
    readonly position: Position;
  }
  const at = ({ textDocument, position }: At): Place =>
    toPlace(fileOfUri(textDocument.uri), position);
  connection.onHover((params) =>
    server.about(
      "hover",
      params.textDocument.uri,
      null,
      (analysis) => hoverAt(analysis, at(params), server.techniqueOf(analysis)) ?? null,
    ),
  );
  connection.onDefinition((params) =>
    server.about("definition", params.textDocument.uri, null, (analysis) =>
      definitionsAt(analysis, at(params)),
    ),
  );
  connection.onDeclaration((params) =>
    server.about("declaration", params.textDocument.uri, null, (analysis) =>
      declarationsAt(analysis, at(params)),
    ),
  );
  connection.onReferences((params) =>
    server.guard("references", null, () =>
      referencesAt(
        server.programsAt(params.textDocument.uri),
        at(params),
        params.context.includeDeclaration,
      ),
    ),
  );
  connection.onDocumentHighlight((params) =>
    server.about("highlight", params.textDocument.uri, null, (analysis) =>
      highlightsAt(analysis, at(params)),
    ),
  );
  connection.onPrepareRename((params) =>
    orRefusal(
      server.guard("rename", null, () =>
        prepareRename(server.programsAt(params.textDocument.uri), at(params)),
      ),
    ),
  );
  connection.onRenameRequest((params) =>
    orRefusal(
      server.guard("rename", null, () =>
        renameAt(server.programsAt(params.textDocument.uri), at(params), params.newName),
      ),
    ),
  );
  connection.onCompletion((params) =>
    server.about("completion", params.textDocument.uri, null, (analysis, file) =>
      completionsAt(
        analysis,
        file,
        params.position,
        (typed) => includableFiles(file, analysis.root, typed),
        server.client.completion,
      ),
    ),
  );
  connection.onCompletionResolve((item) => {
    const data: unknown = item.data;
    if (!isCompletionData(data)) return item;
    return server.guard("completion", item, () => {
      const analysis = server.workspace.analysisFor(data.file);
      return analysis === undefined ? item : resolveCompletion(analysis, item);
    });
  });
  connection.onSignatureHelp((params) =>
    server.about(
      "signature help",
      params.textDocument.uri,
      null,
      (analysis, file) => signatureHelpAt(analysis, file, params.position) ?? null,
    ),
  );
  connection.onSelectionRanges((params) =>
    server.about("selection", params.textDocument.uri, null, (analysis, file) =>
      params.positions.map((position) => selectionRangeAt(analysis, file, position)),
    ),
  );
}

/** A refusal becomes an error whose text the editor shows. */
function orRefusal<Result>(result: Result | RenameRefusal): Result | ResponseError {
  return result instanceof RenameRefusal
    ? new ResponseError(ErrorCodes.InvalidRequest, result.reason)
    : result;
}
