/** Requests about a whole file or a range of it. */
import {
  CodeActionKind,
  type DocumentDiagnosticReport,
  type Range,
  type TextEdit,
} from "vscode-languageserver/node";
import { codeActions } from "../features/codeActions";
import { codeLenses, isLensData, resolveLens } from "../features/codeLens";
import { documentLinks } from "../features/documentLinks";
import { documentSymbols } from "../features/documentSymbols";
import { foldingRanges } from "../features/folding";
import { formatEdits } from "../features/formatting";
import { inlayHints, isHintData, resolveHint } from "../features/inlayHints";
import { inlineValues } from "../features/inlineValues";
import { refactorings } from "../features/refactorings";
import { semanticTokens } from "../features/semanticTokens";
import { workspaceSymbols } from "../features/workspaceSymbols";
import { fileOfUri } from "../fileNames";
import type { Answering } from "./answering";

/** An editor that asks for refactorings only is not given quick fixes. */
function wantsFixes(only: readonly string[] | undefined): boolean {
  return only === undefined || only.length === 0 || only.includes(CodeActionKind.QuickFix);
}

export function answerAboutFiles(server: Answering): void {
  const { connection, workspace } = server;
  connection.onDocumentSymbol(({ textDocument: { uri } }) =>
    server.about("symbols", uri, null, (analysis, file) => documentSymbols(analysis, file)),
  );
  connection.onWorkspaceSymbol(({ query }) =>
    server.guard("symbols", null, () => workspaceSymbols(workspace, query)),
  );
  connection.onFoldingRanges(({ textDocument: { uri } }) =>
    server.about("folding", uri, null, (analysis, file) => foldingRanges(analysis, file)),
  );
  connection.onDocumentLinks(({ textDocument: { uri } }) =>
    server.about("links", uri, null, (analysis, file) => documentLinks(analysis, file)),
  );
  connection.onCodeLens(({ textDocument: { uri } }) =>
    server.about("code lens", uri, null, (analysis, file) =>
      workspace.settings.codeLens ? codeLenses(analysis, file) : [],
    ),
  );
  connection.onCodeLensResolve((lens) => {
    const data: unknown = lens.data;
    if (!isLensData(data)) return lens;
    return server.about("code lens", data.file, lens, (analysis) =>
      resolveLens(analysis, lens, server.techniqueOf(analysis), server.client.canShowReferences),
    );
  });
  connection.onCodeAction(({ textDocument: { uri }, range, context: { diagnostics, only } }) =>
    server.about("code action", uri, null, (analysis, file) => [
      ...(wantsFixes(only) ? codeActions(analysis, file, uri, diagnostics) : []),
      ...refactorings(analysis, file, uri, range, only),
    ]),
  );
  connection.languages.inlayHint.on(({ textDocument: { uri }, range }) =>
    server.about("inlay hints", uri, null, (analysis, file) =>
      inlayHints(analysis, file, range, workspace.settings.inlayHints),
    ),
  );
  connection.languages.inlayHint.resolve((hint) => {
    const data: unknown = hint.data;
    if (!isHintData(data)) return hint;
    return server.about("inlay hints", data.file, hint, (analysis) => resolveHint(analysis, hint));
  });
  connection.languages.inlineValue.on(({ textDocument: { uri }, range, context }) =>
    server.about("inline values", uri, [], (analysis, file) =>
      workspace.settings.inlineValues
        ? inlineValues(analysis, file, range, context.stoppedLocation)
        : [],
    ),
  );
  connection.languages.diagnostics.on(({ textDocument: { uri }, previousResultId }) =>
    server.guard<DocumentDiagnosticReport>("diagnostics", { kind: "full", items: [] }, () =>
      server.publisher.pull(fileOfUri(uri), previousResultId, server.client.takesRelated),
    ),
  );
}

export function answerAboutTokens(server: Answering): void {
  const { connection } = server;
  const all = (uri: string): number[] =>
    server.about("tokens", uri, [], (analysis, file) => semanticTokens(analysis, file));
  connection.languages.semanticTokens.on(({ textDocument: { uri } }) =>
    server.tokens.full(uri, all(uri)),
  );
  connection.languages.semanticTokens.onDelta(({ textDocument: { uri }, previousResultId }) =>
    server.tokens.delta(uri, previousResultId, all(uri)),
  );
  connection.languages.semanticTokens.onRange(({ textDocument: { uri }, range }) => ({
    data: server.about("tokens", uri, [], (analysis, file) =>
      semanticTokens(analysis, file, range),
    ),
  }));
}

export function answerFormatting(server: Answering): void {
  const { connection } = server;
  const format = (uri: string, within?: Range): TextEdit[] =>
    server.about("formatting", uri, [], (analysis, file) =>
      formatEdits(analysis, file, server.workspace.settings.format, within),
    );
  connection.onDocumentFormatting(({ textDocument: { uri } }) => format(uri));
  connection.onDocumentRangeFormatting(({ textDocument: { uri }, range }) => format(uri, range));
  connection.onDocumentOnTypeFormatting(({ textDocument: { uri }, position: { line } }) => {
    const above = { start: { line: line - 1, character: 0 }, end: { line, character: 0 } };
    return line === 0 ? [] : format(uri, above);
  });
}
