import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { formsByMnemonic, INSTRUCTIONS, sensitivityFact } from "../../src/engine/language";
import {
  sensitivePage,
  sensitivityPages,
} from "../../src/languageServer/knowledge/sensitivityPages";
import { diagnose } from "./support";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** Kept beside the repository, not in it. */
const SURVEY = path.join(ROOT, "../shared/research/sensitive.json");

describe("docs/sensitive", () => {
  it("is what `npm run sensitive-pages` makes", () => {
    const pages = sensitivityPages();
    const folder = path.join(ROOT, "docs/sensitive");
    assert.deepEqual(readdirSync(folder).sort(), [...pages.keys()].sort());
    for (const [name, text] of pages)
      assert.equal(readFileSync(path.join(folder, name), "utf8"), text, name);
  });

  it("has a page for each instruction that is not innocuous", () => {
    for (const form of INSTRUCTIONS)
      if (form.sensitivity !== "innocuous")
        assert.ok(existsSync(path.join(ROOT, "docs", `${sensitivePage(form)}.md`)), form.id);
  });

  it("is where the diagnostics of these instructions lead", () => {
    const pageOf = (text: string, code: string, settings: object): string | undefined =>
      diagnose(text, settings).find((each) => each.code === code)?.codeDescription?.href;
    const trap = { vmm: "trap-and-emulate", showPrivileged: true };
    assert.match(pageOf("bits 32\npopfd\n", "VMM1", trap) ?? "", /\/docs\/sensitive\/popf\.md$/);
    assert.match(pageOf("bits 32\nhlt\n", "VMM2", trap) ?? "", /\/docs\/sensitive\/hlt\.md$/);
    const paravirtual = { vmm: "paravirtual" };
    assert.match(pageOf("bits 32\ncli\n", "VMM5", paravirtual) ?? "", /\/sensitive\/cli\.md$/);
  });
});

interface SurveyedInstruction {
  readonly mnemonics: readonly string[];
  readonly class: string;
  readonly lsp: Readonly<Record<string, string>>;
}

describe("the sensitivity facts and a survey of the manuals", () => {
  it("agree on the severity of every instruction under every technique", function () {
    if (!existsSync(SURVEY)) {
      console.log(`      skipped: there is no ${SURVEY}`);
      this.skip();
    }
    const survey = JSON.parse(readFileSync(SURVEY, "utf8")) as {
      instructions: SurveyedInstruction[];
    };
    let compared = 0;
    for (const { mnemonics, class: sensitivity, lsp } of survey.instructions)
      for (const form of mnemonics.flatMap((name) => formsByMnemonic(name.toLowerCase()))) {
        if (form.sensitivity !== sensitivity) continue;
        const techniques = sensitivityFact(form)?.techniques;
        const ours = Object.values(techniques ?? {}).map(({ severity }) => severity);
        const { trap_emulate, binary_translation, paravirt, hw_assist } = lsp;
        assert.deepEqual(ours, [trap_emulate, binary_translation, paravirt, hw_assist], form.id);
        compared += 1;
      }
    assert.ok(compared > 150, `${compared} forms compared`);
  });
});
