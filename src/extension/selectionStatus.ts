/** What the selected lines take and cost, in the status bar: "12 bytes · 2 sure VM exits". */
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { MeasureParams, MeasureResult } from "../languageServer/protocol";
import { MEASURE_REQUEST } from "../languageServer/protocol";
import { LANGUAGE_ID } from "./contributions/languages";

const DELAY_MS = 200;

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export function registerSelectionStatus(client: LanguageClient): vscode.Disposable {
  const item = vscode.window.createStatusBarItem(
    "ringside.selection",
    vscode.StatusBarAlignment.Right,
    90,
  );
  item.name = "Ringside: the selected lines";
  let timer: NodeJS.Timeout | undefined;
  const show = async (): Promise<void> => {
    const editor = vscode.window.activeTextEditor;
    if (editor?.document.languageId !== LANGUAGE_ID || editor.selection.isEmpty) {
      item.hide();
      return;
    }
    const { document, selection } = editor;
    const { start, end } = selection;
    const params: MeasureParams = {
      textDocument: { uri: document.uri.toString() },
      range: {
        start: { line: start.line, character: start.character },
        end: { line: end.line, character: end.character },
      },
    };
    const { bytes, instructions, costs } = await client.sendRequest<MeasureResult>(
      MEASURE_REQUEST,
      params,
    );
    item.text = [count(bytes, "byte"), ...costs].join(" · ");
    item.tooltip = `Selected lines: ${count(bytes, "byte")}, ${count(instructions, "instruction")}`;
    if (bytes > 0) item.show();
    else item.hide();
  };
  const soon = (): void => {
    clearTimeout(timer);
    // A server that has just stopped answers nothing, and there is nothing to show then.
    timer = setTimeout(() => void show().catch(() => item.hide()), DELAY_MS);
  };
  return vscode.Disposable.from(
    item,
    vscode.window.onDidChangeTextEditorSelection(soon),
    vscode.window.onDidChangeActiveTextEditor(soon),
    { dispose: () => clearTimeout(timer) },
  );
}
