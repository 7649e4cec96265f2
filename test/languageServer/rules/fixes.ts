/** What a program is after the first quick fix of a rule. */
import assert from "node:assert/strict";
import type { DiagnosticData } from "../../../src/languageServer/features/diagnostics";
import { diagnose } from "../support";

export function fixed(rule: string, text: string, settings: object = {}): string {
  const found = diagnose(text, settings).find((each) => each.code === rule);
  const [fix] = (found?.data as DiagnosticData | undefined)?.fixes ?? [];
  assert.ok(fix, `${rule} offers a fix`);
  const lines = text.split("\n");
  const offset = ({ line, character }: { line: number; character: number }): number =>
    lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, 0) + character;
  const edits = [...fix.edits].sort((a, b) => offset(b.range.start) - offset(a.range.start));
  return edits.reduce(
    (result, { range, newText }) =>
      result.slice(0, offset(range.start)) + newText + result.slice(offset(range.end)),
    text,
  );
}
