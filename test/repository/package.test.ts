import assert from "node:assert/strict";
import { PackageManager, listFiles } from "@vscode/vsce";

/** Everything that may be in the .vsix. */
const SHIPPED = [
  /^package[.]json$/,
  /^(README|CHANGELOG)[.]md$/,
  /^LICENSE$/,
  /^language-configuration[.]json$/,
  /^dist\/(extension|debugAdapter|languageServer|cli)[.]js$/,
  /^syntaxes\/\w+[.]tmLanguage[.]json$/,
  /^media\/icons\/[\w-]+[.](svg|png)$/,
  /^media\/walkthrough\/\w+[.]md$/,
  /^examples\/(include\/)?[\w-]+[.](asm|inc)$/,
];

describe("the package", () => {
  let files: readonly string[];
  before(async () => {
    files = await listFiles({ cwd: process.cwd(), packageManager: PackageManager.None });
  });

  it("ships the programs, the language, the examples, and nothing else", () => {
    const others = files.filter((file) => !SHIPPED.some((pattern) => pattern.test(file)));
    assert.deepEqual(others, []);
  });

  it("ships what package.json and the walkthrough name", () => {
    for (const file of [
      "package.json",
      "language-configuration.json",
      "media/icons/ringside.png",
    ]) {
      assert.ok(files.includes(file), file);
    }
    assert.ok(files.some((file) => file.startsWith("examples/")));
    assert.ok(files.some((file) => file.startsWith("media/walkthrough/")));
  });
});
