/** ASM1: NASM takes an unknown word alone on a line for a label, so a mistyped mnemonic without operands assembles to nothing. */
import { formsByMnemonic, MNEMONICS } from "../../engine/language";
import { damerauDistance } from "../knowledge/spelling";
import { FOREIGN_WORDS } from "../knowledge/foreignWords";
import type { Finding, Rule, RuleContext } from "./rule";

/** Only an instruction that is written without operands can be meant by a word alone. Two letters are near to everything. */
const WITHOUT_OPERANDS: readonly string[] = MNEMONICS.filter(
  (name) =>
    name.length >= 3 &&
    formsByMnemonic(name).some((form) => form.operands.every(({ kind }) => kind.startsWith("str"))),
);

/** What a mistyped or foreign word alone on a line was probably meant to be. */
export function meantMnemonic(word: string): string | undefined {
  const lower = word.toLowerCase();
  const foreign = FOREIGN_WORDS[lower];
  if (foreign !== undefined || lower.length < 3) return foreign;
  return WITHOUT_OPERANDS.find((name) => damerauDistance(lower, name, 1) === 1);
}

function run({ analysis }: RuleContext): readonly Finding[] {
  const found: Finding[] = [];
  const { diagnostics } = analysis.model.assembly;
  // The word may be a macro of a file that was not found.
  if (diagnostics.some(({ code }) => code === "file-not-found")) return [];
  for (const diagnostic of diagnostics) {
    if (diagnostic.code !== "label-orphan") continue;
    const { range } = diagnostic;
    const label = analysis.namesAt({ file: range.file, line: range.line, column: range.column })[0];
    if (label === undefined || label.pasted || label.name !== label.spelled) continue;
    // A label that is jumped to is meant to be one.
    if (analysis.occurrences(label.id).some((each) => each.role === "reference")) continue;
    const meant = meantMnemonic(label.spelled);
    if (meant === undefined) continue;
    found.push({
      code: "ASM1",
      severity: "warning",
      message: `"${label.spelled}" is a label here and makes no code. Did you mean "${meant}"? A label that is meant needs a colon.`,
      range: label.range,
      replaces: ["label-orphan"],
      replacement: meant,
    });
  }
  return found;
}

export const orphanMnemonic: Rule = {
  id: "ASM1",
  title: "A label that looks like a mistyped mnemonic",
  run,
};
