/** What each line that just ran has changed, at its end: "ebx 0x11 → 0x22". */
import * as vscode from "vscode";
import { INLINE_HISTORY_SETTING } from "./contributions/configuration";
import { LANGUAGE_ID } from "./contributions/languages";
import type { SessionModel } from "./session";
import { inlineTexts } from "./views/historyTexts";

/** Steps to look back. */
const STEPS = 100;
export function registerInlineHistory(model: SessionModel): vscode.Disposable {
  const changed = new vscode.EventEmitter<void>();
  const provider: vscode.InlineValuesProvider = {
    onDidChangeInlineValues: changed.event,
    async provideInlineValues(document, viewPort) {
      const enabled = vscode.workspace
        .getConfiguration()
        .get<boolean>(INLINE_HISTORY_SETTING, true);
      if (!enabled || model.state?.recording !== true) return [];
      const { entries } = await model.read("ringside/history", { count: STEPS });
      return inlineTexts(entries, document.uri.fsPath).flatMap(({ line, text }) => {
        const inDocument = line >= 1 && line <= document.lineCount;
        if (!inDocument || !viewPort.contains(new vscode.Position(line - 1, 0))) return [];
        return [new vscode.InlineValueText(document.lineAt(line - 1).range, text)];
      });
    },
  };
  return vscode.Disposable.from(
    changed,
    model.onDidChange((change) => {
      if (change?.change === "stopped" || change?.change === "modified") changed.fire();
    }),
    vscode.languages.registerInlineValuesProvider({ language: LANGUAGE_ID }, provider),
  );
}
