/** A finding about a line that is expanded, or reached, several times is told once; the list is in the order of the lines. */
import { rangeKey } from "../positions";
import type { Finding } from "./rule";

export function once(findings: readonly Finding[]): Finding[] {
  const byPlace = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.code}\n${rangeKey(finding.range)}\n${finding.message}`;
    if (!byPlace.has(key)) byPlace.set(key, finding);
  }
  return [...byPlace.values()].sort((a, b) => a.range.line - b.range.line);
}
