/** Keeps the `when` clauses' keys in step with the session. */
import * as vscode from "vscode";
import { RECORDING_KEY, RELEVANT_KEY } from "./contributions/commands";
import type { SessionModel } from "./session";

function setContext(key: string, value: boolean): void {
  void vscode.commands.executeCommand("setContext", key, value);
}

export function registerContextKeys(model: SessionModel): vscode.Disposable {
  setContext(RELEVANT_KEY, true);
  let position = 0;
  return model.onDidChange((change) => {
    const { state } = model;
    setContext(RECORDING_KEY, state?.recording ?? false);
    if (state === undefined) {
      position = 0;
      return;
    }
    // These tick off the steps of the walkthrough.
    setContext("ringside.started", true);
    if (change?.change !== "stopped") return;
    if (state.stop?.exitKey !== undefined) setContext("ringside.stoppedOnExit", true);
    if (state.position < position) setContext("ringside.steppedBack", true);
    position = state.position;
  });
}
