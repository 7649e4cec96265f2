/** Starts the language server and connects the editor to it. */
import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { LanguageClient, TransportKind } from "vscode-languageclient/node";
import { RULE_PAGE_OPTION } from "../languageServer/protocol";
import { LANGUAGE_ID } from "./contributions/languages";
import { RULE_PAGE_LINK } from "./rulePages";

/** Undefined when the server is not part of this build. */
export function startLanguageClient(extensionUri: vscode.Uri): LanguageClient | undefined {
  const module = vscode.Uri.joinPath(extensionUri, "dist", "languageServer.js").fsPath;
  if (!existsSync(module)) return undefined;
  const client = new LanguageClient(
    "ringside.languageServer",
    "Ringside Language Server",
    { module, transport: TransportKind.ipc },
    {
      documentSelector: [{ language: LANGUAGE_ID }],
      initializationOptions: { [RULE_PAGE_OPTION]: RULE_PAGE_LINK },
      synchronize: {
        fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{asm,nasm,inc}"),
      },
    },
  );
  client.start().catch((error: unknown) => {
    client.error("The language server did not start.", error);
  });
  return client;
}
