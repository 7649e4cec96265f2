import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { RULES } from "../../../src/languageServer/rules/allRules";
import { pageFileUri, pageUriFrom } from "../../../src/languageServer/rules/pages";
import { brief, diagnose, diagnosticsIn, workspaceWith } from "../support";
import { linesOf } from "./support";

const ROOT = path.resolve(import.meta.dirname, "../../..");

describe("all rules", () => {
  const pages = path.join(ROOT, "docs/rules");

  for (const { id, title } of RULES)
    it(`${id} has a page whose examples are as it says`, () => {
      const page = readFileSync(path.join(pages, `${id}.md`), "utf8");
      assert.ok(page.startsWith(`# ${id}: ${title}\n`), "the page begins with the rule's title");
      const examples = [...page.matchAll(/```nasm\n(.*?)```/gs)].map((match) => match[1] ?? "");
      const isMarked = (line: string): boolean => line.includes(`; ${id}`);
      const marks = examples.map((text) => text.split("\n").filter(isMarked).length);
      assert.ok(
        marks.some((count) => count > 0),
        "an example marks what is found",
      );
      assert.ok(marks.includes(0), "an example shows the way out");
      for (const text of examples) {
        const marked = text.split("\n").flatMap((line, at) => (isMarked(line) ? [at + 1] : []));
        assert.deepEqual(linesOf(id, text, { showPrivileged: true }), marked, text);
      }
    });

  it("are listed with their titles, and nothing else has a page", () => {
    const index = readFileSync(path.join(pages, "README.md"), "utf8");
    const rows = [...index.matchAll(/^\| \[(\w+)\]\(\1\.md\) *\| (.*?) *\|/gm)];
    assert.deepEqual(
      rows.map((row) => [row[1], row[2]]),
      RULES.map(({ id, title }) => [id, title]),
    );
    const files = readdirSync(pages).filter((name) => name !== "README.md");
    assert.deepEqual(files.sort(), RULES.map(({ id }) => `${id}.md`).sort());
  });

  it("have tests that name them, where they speak and where they are silent", () => {
    for (const { id } of RULES) {
      const family = id.replace(/\d+$/, "").toLowerCase();
      const tests = readFileSync(path.join(import.meta.dirname, `${family}.test.ts`), "utf8");
      assert.match(tests, new RegExp(`describe\\("${id}:`), id);
    }
  });

  it("link to their page from each diagnostic", () => {
    const [found] = diagnose("bits 32\nhalt\n");
    assert.ok(found?.codeDescription?.href.endsWith("/docs/rules/ASM1.md"));
    const own = pageUriFrom("https://example.org/{page}.html");
    assert.equal(own("rules/ASM1"), "https://example.org/rules/ASM1.html");
    const other = pageUriFrom("no place for the page");
    assert.equal(other("rules/ASM1"), pageFileUri("rules/ASM1"));
  });

  it("find nothing in the examples under the technique that they are written for", () => {
    const folder = path.join(ROOT, "examples");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(asm|inc)$/.test(name))
      .map((name) => [path.join(folder, name), readFileSync(path.join(folder, name), "utf8")]);
    const workspace = workspaceWith(Object.fromEntries(files) as Record<string, string>);
    const ids = new Set(RULES.map((rule) => rule.id));
    for (const [file] of files) {
      if (!file!.endsWith(".asm")) continue;
      const found = diagnosticsIn(workspace, file!).filter((each) => ids.has(String(each.code)));
      assert.deepEqual(brief(found), [], file);
    }
  });
});
