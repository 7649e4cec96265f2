/** Statements in macros are expanded many times: a finding about a line of a body is told once, with one call that it came through. */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { rangeKey, sameRange } from "../positions";
import type { Finding } from "./rule";

export function throughMacros(
  analysis: Analysis,
  judge: (statement: Statement) => Finding | undefined,
): Finding[] {
  const found = new Map<string, Finding>();
  for (const statement of analysis.model.statements) {
    const finding = judge(statement);
    if (finding === undefined) continue;
    const key = `${rangeKey(finding.range)}\n${finding.message}`;
    if (!found.has(key)) found.set(key, withCall(finding, statement));
  }
  return [...found.values()];
}

/** Adds where the macro was called, for a statement that stands in a body. */
export function withCall(finding: Finding, statement: Statement): Finding {
  const macro = statement.macroTrail.findLast((entry) => entry.macro !== "%rep")?.macro;
  if (macro === undefined || sameRange(statement.callRange, statement.range)) return finding;
  const call = { message: `expanded from ${macro} here`, range: statement.callRange };
  return { ...finding, related: [...(finding.related ?? []), call] };
}
