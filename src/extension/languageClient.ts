/** Starts the language server and connects the editor to it. */
import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { LanguageClient, TransportKind } from "vscode-languageclient/node";
import { NODE_FLAGS, type InitializationOptions } from "../languageServer/protocol";
import { LANGUAGE_ID } from "./contributions/languages";
import { PAGE_LINK } from "./documentationPages";

/** Files, and what is no file yet or no longer; not the listings and expansions that the server itself makes. */
const SOURCES = ["file", "untitled", "git", "vscode-vfs"];

/** VS Code's client drops what an answer says of other files: asked for, errors in included files would be lost. */
const OPTIONS: InitializationOptions = {
  canShowReferences: true,
  sendDiagnostics: true,
  documentationPage: PAGE_LINK,
};

/** Undefined when the server is not part of this build. */
export function startLanguageClient(extensionUri: vscode.Uri): LanguageClient | undefined {
  const module = vscode.Uri.joinPath(extensionUri, "dist", "languageServer.js").fsPath;
  if (!existsSync(module)) return undefined;
  const client = new LanguageClient(
    "ringside.languageServer",
    "Ringside Language Server",
    { module, transport: TransportKind.ipc, options: { execArgv: [...NODE_FLAGS] } },
    {
      documentSelector: SOURCES.map((scheme) => ({ language: LANGUAGE_ID, scheme })),
      initializationOptions: OPTIONS,
      synchronize: {
        fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{asm,nasm,inc,mac}"),
      },
    },
  );
  client.start().catch((error: unknown) => {
    client.error("The language server did not start.", error);
  });
  return client;
}
