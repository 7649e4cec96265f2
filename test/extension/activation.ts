import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import * as vscode from "vscode";
import { COMMANDS } from "../../src/extension/contributions/commands";
import { api, extension, guestFile } from "./support";

/** Everything that may be in the .vsix; the first two are what VS Code adds when it installs one. */
const SHIPPED = [
  /^[.]vsixmanifest$/,
  /^package[.]json$/,
  /^(README|readme|CHANGELOG|changelog)[.]md$/,
  /^LICENSE([.]txt)?$/,
  /^language-configuration[.]json$/,
  /^dist\/\w+[.]js$/,
  /^syntaxes\/\w+[.]tmLanguage[.]json$/,
  /^media\/icons\/[\w-]+[.](svg|png)$/,
  /^media\/walkthrough\/\w+[.]md$/,
  /^examples\/(include\/)?[\w-]+[.](asm|inc)$/,
  /^examples\/cKernel\/[\w-]+[.](c|S|ld)$/,
  // The pages that diagnostics lead to.
  /^docs\/(rules|sensitive|techniques)\/[\w-]+[.]md$/,
];

export function defineActivationTests(): void {
  describe("activation", () => {
    it("happens when an assembly file is opened", async () => {
      const document = await vscode.workspace.openTextDocument(guestFile("tour.asm"));
      assert.equal(document.languageId, "nasm");
      await api();
      assert.ok(extension().isActive);
    });

    it("runs the packaged extension, not the sources", () => {
      assert.match(extension().extensionPath, /ringside[.]ringside-[\d.]+/);
    });

    it("has what it needs in its package, and nothing else", () => {
      const root = extension().extensionPath;
      const files = readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
      const others = files.filter((file) => !SHIPPED.some((pattern) => pattern.test(file)));
      assert.deepEqual(others, []);
      for (const name of ["extension", "debugAdapter", "languageServer", "cli"]) {
        assert.ok(files.includes(`dist/${name}.js`), name);
      }
    });

    it("registers exactly the commands that package.json names", async () => {
      await api();
      const all = await vscode.commands.getCommands(true);
      // VS Code adds "….focus", "….open" and such for each view.
      const ours = all.filter((id) => /^ringside[.][A-Za-z0-9]+$/.test(id));
      const named = COMMANDS.map((row) => row.id);
      assert.deepEqual(
        named.filter((id) => !ours.includes(id)),
        [],
      );
      assert.deepEqual(
        ours.filter((id) => !named.includes(id)),
        [],
      );
    });

    it("shows the exits that can be ticked, and nothing else, while no session runs", async () => {
      const { views } = await api();
      assert.ok((await views.exits.getChildren()).length > 1);
      assert.deepEqual(await views.vcpu.getChildren(), []);
      assert.deepEqual(await views.vmcs.getChildren(), []);
      assert.deepEqual(await views.guestTables.getChildren(), []);
      assert.deepEqual(await views.hardwareTables.getChildren(), []);
    });
  });
}
