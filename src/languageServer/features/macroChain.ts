/** How a diagnostic of the assembler came about through macros: the call, and the line of each body on the way. */
import type { Diagnostic, SourceRange, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { contains, rangeKey } from "../positions";

interface Related {
  readonly message: string;
  readonly range: SourceRange;
}

/** The expanded statement that a diagnostic speaks of: the one that failed, of those that were written at its place. */
function expandedStatement(analysis: Analysis, range: SourceRange): Statement | undefined {
  const place = { file: range.file, line: range.line, column: range.column };
  const isHere = ({ callRange, range: body, macroTrail }: Statement): boolean =>
    macroTrail.length > 0 && (contains(callRange, place) || contains(body, place));
  const inBody = analysis.statementsOn(range.file, range.line).filter(isHere);
  const found = inBody.length > 0 ? inBody : analysis.statementsCalledOn(range.file, range.line);
  return found.filter(isHere).find((each) => each.failed);
}

function lineKey({ file, line }: SourceRange): string {
  return `${file}:${line}`;
}

export function macroChain(analysis: Analysis, diagnostic: Diagnostic): readonly Related[] {
  const { range, related } = diagnostic;
  const statement = expandedStatement(analysis, range);
  if (statement === undefined) return related;
  const shown = new Set([lineKey(range), ...related.map((each) => lineKey(each.range))]);
  const chain: Related[] = [
    { message: "the macro is called here", range: statement.callRange },
    ...statement.macroTrail.map(({ macro, range: body }) => ({
      message: macro === "%rep" ? "in this repetition" : `in the expansion of macro \`${macro}'`,
      range: body,
    })),
  ];
  const missing = new Map(
    chain
      .filter((each) => !shown.has(lineKey(each.range)))
      .map((each) => [rangeKey(each.range), each]),
  );
  return [...related, ...missing.values()];
}
