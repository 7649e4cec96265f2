/** Where the machine is, at a glance: "guest · 64-bit · ring 0". */
import * as vscode from "vscode";
import { VIEW } from "./contributions/views";
import type { SessionModel } from "./session";
import { facts } from "./views/row";
import { MMU_TEXT, VMM_TEXT, whereText } from "./wording";

export function registerStatusBar(model: SessionModel): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("ringside.where", vscode.StatusBarAlignment.Left);
  item.name = "Ringside: world, mode and ring";
  item.command = `${VIEW.vcpu}.focus`;
  const show = (): void => {
    const { state } = model;
    if (state === undefined) {
      item.hide();
      return;
    }
    const inPast = state.position < state.horizon;
    item.text = `$(${inPast ? "history" : "circuit-board"}) ${whereText(state)}`;
    item.tooltip = new vscode.MarkdownString(
      facts("Ringside", [
        ["Technique", VMM_TEXT[state.vmm]],
        ["Memory", MMU_TEXT[state.mmu]],
        ["Instructions", state.instructions.toLocaleString("en")],
        ["Cycles", state.cycles.toLocaleString("en")],
        ["Time", `${state.position.toLocaleString("en")} of ${state.horizon.toLocaleString("en")}`],
        ["At", state.place.symbol ?? state.place.address],
        ["Instruction", state.place.instruction],
        ["Stopped", state.stop?.text],
      ]),
    );
    item.show();
  };
  show();
  return vscode.Disposable.from(item, model.onDidChange(show));
}
