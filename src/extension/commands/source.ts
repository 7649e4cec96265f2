/** Commands about the source, answered by the language server. */
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type {
  ExpandMacroParams,
  ExpandMacroResult,
  ListingParams,
  ListingResult,
} from "../../languageServer/protocol";
import { EXPAND_MACRO_REQUEST, LISTING_REQUEST } from "../../languageServer/protocol";
import { COMMAND } from "../contributions/commands";
import { LANGUAGE_ID } from "../contributions/languages";
import type { CommandTable } from "./runTo";

export function sourceCommands(client: LanguageClient | undefined): CommandTable {
  return {
    [COMMAND.expandMacro]: () => withGuest(client, expandMacro),
    [COMMAND.showListing]: () => withGuest(client, showListing),
  };
}

async function withGuest(
  client: LanguageClient | undefined,
  act: (client: LanguageClient, editor: vscode.TextEditor) => Promise<void>,
): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (client === undefined) throw new Error("The language server does not run.");
  if (editor?.document.languageId !== LANGUAGE_ID) throw new Error("Open an assembly file first.");
  await act(client, editor);
}

async function expandMacro(client: LanguageClient, editor: vscode.TextEditor): Promise<void> {
  const params: ExpandMacroParams = {
    textDocument: { uri: editor.document.uri.toString() },
    position: editor.selection.active,
  };
  const expansion = await client.sendRequest<ExpandMacroResult>(EXPAND_MACRO_REQUEST, params);
  if (expansion === null) {
    void vscode.window.showInformationMessage("There is no macro call at the cursor.");
    return;
  }
  await showBeside(`; ${expansion.name}, expanded\n${expansion.text}\n`);
}

async function showListing(client: LanguageClient, editor: vscode.TextEditor): Promise<void> {
  const params: ListingParams = { textDocument: { uri: editor.document.uri.toString() } };
  const { text } = await client.sendRequest<ListingResult>(LISTING_REQUEST, params);
  await showBeside(text);
}

async function showBeside(content: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ content, language: LANGUAGE_ID });
  await vscode.window.showTextDocument(document, {
    viewColumn: vscode.ViewColumn.Beside,
    preserveFocus: true,
    preview: true,
  });
}
