/** The suite's entry inside an extension host: the same for @vscode/test-electron and for VS Code's server. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import Mocha from "mocha";
import { defineActivationTests } from "./activation";
import { defineLanguageTests } from "./language";
import { defineSessionTests } from "./session";
import { defineViewTests } from "./views";

/** run.mjs reads this: a host's console is not ours. */
const RESULTS = path.join(__dirname, "results.txt");

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", color: false, timeout: 60_000, forbidOnly: true });
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  defineActivationTests();
  defineLanguageTests();
  defineSessionTests();
  defineViewTests();
  const lines: string[] = [];
  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run(resolve);
    runner.on("pass", (test) => lines.push(`  ✔ ${test.fullTitle()} (${test.duration ?? 0} ms)`));
    runner.on("pending", (test) => lines.push(`  - ${test.fullTitle()} (skipped)`));
    runner.on("fail", (test, error: Error) =>
      lines.push(`  ✖ ${test.fullTitle()}`, indent(error.stack ?? error.message)),
    );
    runner.on("end", () => {
      const { passes = 0, failures: failed = 0 } = runner.stats ?? {};
      lines.push("", `${passes} passed, ${failed} failed`);
    });
  });
  writeFileSync(RESULTS, `${lines.join("\n")}\n`);
  if (failures > 0) throw new Error(`${failures} failed`);
}

function indent(text: string): string {
  return text.replace(/^/gm, "      ");
}
