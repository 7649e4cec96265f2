/** The page of a language-server rule, shown where a diagnostic's code is clicked. */
import * as vscode from "vscode";
import type { CommandTable } from "./commands/runTo";
import { COMMAND } from "./contributions/commands";

/** VS Code opens links of diagnostics that are commands; its Markdown preview reads better than the file itself. */
export const RULE_PAGE_LINK = `command:${COMMAND.showRule}?%5B%22{id}%22%5D`;

export function rulePageCommands(extensionUri: vscode.Uri): CommandTable {
  return {
    [COMMAND.showRule]: async (id?: unknown) => {
      // From the palette there is no rule: then the list of all of them.
      const page = typeof id === "string" && /^[A-Z]+\d+$/.test(id) ? id : "README";
      const uri = vscode.Uri.joinPath(extensionUri, "docs", "rules", `${page}.md`);
      await vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
    },
  };
}
