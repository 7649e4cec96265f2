/** Pages of the documentation: of a rule, where a diagnostic's code is clicked, and the list of all rules. */
import * as vscode from "vscode";
import type { CommandTable } from "./commands/runTo";
import { COMMAND } from "./contributions/commands";

/** VS Code opens links of diagnostics that are commands; its Markdown preview reads better than the file itself. */
export const PAGE_LINK = `command:${COMMAND.showRule}?%5B%22{page}%22%5D`;

export function pageCommands(extensionUri: vscode.Uri): CommandTable {
  return {
    [COMMAND.showRule]: async (wanted?: unknown) => {
      // From the palette there is no rule: then the list of all of them.
      const isPage = typeof wanted === "string" && /^(rules|sensitive)\/\w+$/.test(wanted);
      const page = isPage ? wanted : "rules/README";
      const uri = vscode.Uri.joinPath(extensionUri, "docs", `${page}.md`);
      await vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
    },
  };
}
