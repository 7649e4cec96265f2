/** What the server tells an editor that it can do. */
import {
  CodeActionKind,
  TextDocumentSyncKind,
  type ClientCapabilities,
  type ServerCapabilities,
} from "vscode-languageserver-protocol";
import { REFACTORING_KINDS } from "./features/refactorings";
import { legendFor } from "./features/semanticTokens";
import { SERVER_COMMANDS, type InitializationOptions } from "./protocol";

export function capabilitiesFor(
  client: ClientCapabilities,
  wishes: InitializationOptions | undefined,
): ServerCapabilities {
  const legend = legendFor(client.textDocument?.semanticTokens?.tokenTypes);
  return {
    textDocumentSync: TextDocumentSyncKind.Incremental,
    hoverProvider: true,
    definitionProvider: true,
    declarationProvider: true,
    referencesProvider: true,
    documentHighlightProvider: true,
    documentSymbolProvider: true,
    workspaceSymbolProvider: true,
    callHierarchyProvider: true,
    renameProvider: { prepareProvider: true },
    completionProvider: {
      resolveProvider: true,
      triggerCharacters: [".", "%", "[", '"', "$"],
      completionItem: { labelDetailsSupport: true },
    },
    signatureHelpProvider: { triggerCharacters: [" ", "(", ","], retriggerCharacters: [","] },
    semanticTokensProvider: { legend, full: { delta: true }, range: true },
    foldingRangeProvider: true,
    documentLinkProvider: {},
    inlayHintProvider: { resolveProvider: true },
    inlineValueProvider: true,
    codeLensProvider: { resolveProvider: true },
    codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix, ...REFACTORING_KINDS] },
    selectionRangeProvider: true,
    documentFormattingProvider: true,
    documentRangeFormattingProvider: true,
    documentOnTypeFormattingProvider: { firstTriggerCharacter: "\n" },
    executeCommandProvider: { commands: Object.values(SERVER_COMMANDS) },
    workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
    // Editors that do not ask are sent them.
    ...(client.textDocument?.diagnostic === undefined || wishes?.sendDiagnostics === true
      ? {}
      : {
          diagnosticProvider: {
            identifier: "ringside",
            interFileDependencies: true,
            workspaceDiagnostics: false,
          },
        }),
  };
}
