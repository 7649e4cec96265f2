/** Diagnostics as lines of text: `file:line:column: error: …`. */
import { warningSuffix } from "../engine/language";
import type { Diagnostic } from "../engine/language";

export function diagnosticLine({ range, severity, code, message, related }: Diagnostic): string {
  const own = `${range.file}:${range.line}:${range.column}: ${severity}: ${message}${warningSuffix(severity, code)}`;
  const more = related.map(
    (note) => `${note.range.file}:${note.range.line}:${note.range.column}: note: ${note.message}`,
  );
  return [own, ...more].join("\n");
}
