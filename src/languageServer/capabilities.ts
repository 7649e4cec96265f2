/** What the server tells an editor that it can do. */
import {
  CodeActionKind,
  TextDocumentSyncKind,
  type ServerCapabilities,
} from "vscode-languageserver-protocol";
import { LEGEND } from "./features/semanticTokens";

export const CAPABILITIES: ServerCapabilities = {
  textDocumentSync: TextDocumentSyncKind.Incremental,
  hoverProvider: true,
  definitionProvider: true,
  referencesProvider: true,
  documentHighlightProvider: true,
  documentSymbolProvider: true,
  workspaceSymbolProvider: true,
  renameProvider: { prepareProvider: true },
  completionProvider: { resolveProvider: true, triggerCharacters: [".", "%", "[", '"', "$"] },
  signatureHelpProvider: { triggerCharacters: [" ", "(", ","], retriggerCharacters: [","] },
  semanticTokensProvider: { legend: LEGEND, full: true, range: true },
  foldingRangeProvider: true,
  documentLinkProvider: {},
  inlayHintProvider: true,
  codeLensProvider: {},
  codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
  selectionRangeProvider: true,
  documentFormattingProvider: true,
  documentRangeFormattingProvider: true,
  documentOnTypeFormattingProvider: { firstTriggerCharacter: "\n" },
};
