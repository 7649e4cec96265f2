import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { api, eventually, extension, guestFile } from "./support";

export function defineLanguageTests(): void {
  describe("language", () => {
    before(function () {
      const server = vscode.Uri.joinPath(extension().extensionUri, "dist", "languageServer.js");
      if (!existsSync(server.fsPath)) {
        console.log("skipped: this build has no language server");
        this.skip();
      }
    });

    it("marks errors as Problems with their ranges", async () => {
      await api();
      const uri = guestFile("broken.asm");
      await vscode.window.showTextDocument(uri);
      const problems = await eventually("problems", () => {
        const found = vscode.languages.getDiagnostics(uri);
        return found.length >= 2 ? found : undefined;
      });
      const lines = problems.map((one) => one.range.start.line + 1).sort();
      assert.deepEqual([...new Set(lines)], [2, 3]);
    });

    it("links a rule's finding to its page, which opens as a preview", async () => {
      const uri = guestFile("mistyped.asm");
      await vscode.window.showTextDocument(uri);
      const finding = await eventually("the finding", () =>
        vscode.languages.getDiagnostics(uri).find((one) => codeOf(one) === "ASM1"),
      );
      const { target } = finding.code as { target: vscode.Uri };
      assert.equal(target.scheme, "command");
      await vscode.commands.executeCommand(target.path, "rules/ASM1");
      await eventually("the page", () =>
        vscode.window.tabGroups.all
          .flatMap((group) => group.tabs)
          .find((tab) => tab.label.includes("ASM1")),
      );
    });

    it("explains an instruction on hover", async () => {
      const uri = guestFile("tour.asm");
      await vscode.window.showTextDocument(uri);
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
        "vscode.executeHoverProvider",
        uri,
        new vscode.Position(8, 9),
      );
      const parts = hovers.flatMap((hover) => hover.contents as vscode.MarkdownString[]);
      assert.match(parts.map((part) => part.value).join("\n"), /cpuid/i);
    });

    it("lists the labels of a file", async () => {
      const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
        "vscode.executeDocumentSymbolProvider",
        guestFile("tour.asm"),
      );
      const names = symbols.map((one) => one.name);
      assert.ok(names.includes("start") && names.includes("stackTop"), names.join());
    });

    it("formats a file", async () => {
      const { uri } = await vscode.workspace.openTextDocument({
        language: "nasm",
        content: "bits 32\nstart: mov eax,1\n",
      });
      const edits = await vscode.commands.executeCommand<vscode.TextEdit[] | undefined>(
        "vscode.executeFormatDocumentProvider",
        uri,
        { tabSize: 4, insertSpaces: true },
      );
      assert.ok(edits?.some((edit) => edit.range.start.line === 1));
    });

    it("keeps a listing beside the source, which updates as it is typed", async () => {
      const uri = guestFile("tour.asm");
      const editor = await vscode.window.showTextDocument(uri);
      await vscode.commands.executeCommand("ringside.showListing");
      const listing = await eventually("listing", () =>
        vscode.workspace.textDocuments.find(
          (each) => each.uri.scheme === "ringside-listing" && each.getText().includes("start"),
        ),
      );
      await editor.edit((change) => change.insert(new vscode.Position(0, 0), "; typed just now\n"));
      await eventually("the new line", () =>
        listing.getText().includes("typed just now") ? true : undefined,
      );
      await vscode.commands.executeCommand("workbench.action.files.revert");
    });

    it("makes the texts of code lenses when they are seen", async () => {
      const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
        "vscode.executeCodeLensProvider",
        guestFile("tour.asm"),
        100,
      );
      const titles = lenses.map((lens) => lens.command?.title ?? "");
      assert.ok(
        titles.some((title) => /\d+ references?/.test(title)),
        titles.join(),
      );
    });

    it("knows who calls whom", async () => {
      const uri = guestFile("tour.asm");
      const { lineCount } = await vscode.workspace.openTextDocument(uri);
      assert.ok(lineCount > 1);
      const items = await vscode.commands.executeCommand<vscode.CallHierarchyItem[]>(
        "vscode.prepareCallHierarchy",
        uri,
        new vscode.Position(8, 9),
      );
      assert.equal(items[0]?.name, "start");
    });
  });
}

function codeOf({ code }: vscode.Diagnostic): unknown {
  return typeof code === "object" ? code.value : code;
}
