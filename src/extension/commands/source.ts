/** Commands about the source, answered by the language server. */
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Location, Position } from "vscode-languageclient/node";
import { COMMAND } from "../contributions/commands";
import { LANGUAGE_ID } from "../contributions/languages";
import type { LiveDocuments } from "../liveDocuments";
import type { CommandTable } from "./runTo";

export function sourceCommands(
  client: LanguageClient | undefined,
  live: LiveDocuments | undefined,
): CommandTable {
  return {
    [COMMAND.expandMacro]: () => inEditor(live, expandMacro),
    [COMMAND.showListing]: () =>
      inEditor(live, (documents, editor) => documents.showListing(editor.document.uri)),
    [COMMAND.showReferences]: (uri: string, position: Position, locations: Location[]) =>
      showReferences(client, uri, position, locations),
  };
}

async function inEditor(
  live: LiveDocuments | undefined,
  act: (live: LiveDocuments, editor: vscode.TextEditor) => Promise<void>,
): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (live === undefined) throw new Error("The language server does not run.");
  if (editor?.document.languageId !== LANGUAGE_ID) throw new Error("Open an assembly file first.");
  await act(live, editor);
}

async function expandMacro(live: LiveDocuments, editor: vscode.TextEditor): Promise<void> {
  if (!(await live.showExpansion(editor)))
    void vscode.window.showInformationMessage("There is no macro call at the cursor.");
}

/** Behind a code lens: VS Code's own peek window wants its own kinds of places. */
async function showReferences(
  client: LanguageClient | undefined,
  uri: string,
  position: Position,
  locations: readonly Location[],
): Promise<void> {
  if (client === undefined) return;
  const { protocol2CodeConverter } = client;
  await vscode.commands.executeCommand(
    "editor.action.showReferences",
    vscode.Uri.parse(uri),
    protocol2CodeConverter.asPosition(position),
    locations.map((each) => protocol2CodeConverter.asLocation(each)),
  );
}
