/** Edits that quick fixes are made of. */
import type { SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import type { Fix, FixEdit } from "./rule";

/** Whole lines in front of the line that a range begins on. */
export function linesBefore({ file, line }: SourceRange, lines: readonly string[]): FixEdit {
  const range = { file, line, column: 1, endLine: line, endColumn: 1 };
  return { range, newText: lines.map((each) => `${each}\n`).join("") };
}

/** Whole lines behind a statement, and behind the comment on its line. */
export function linesAfter(
  analysis: Analysis,
  { file, endLine }: SourceRange,
  lines: readonly string[],
): FixEdit {
  const column = analysis.lineText(file, endLine).length + 1;
  const range = { file, line: endLine, column, endLine, endColumn: column };
  return { range, newText: lines.map((each) => `\n${each}`).join("") };
}

/** `align` in front of the label at an address; nothing where no label is there. */
export function alignFix(analysis: Analysis, address: bigint, alignment: number): readonly Fix[] {
  const label = analysis.model.assembly.symbols.find(
    ({ kind, value }) => kind === "label" && value === address,
  );
  if (label === undefined) return [];
  const edit = linesBefore(label.range, [`        align   ${alignment}`]);
  return [{ title: `Put align ${alignment} before ${label.name}`, edits: [edit] }];
}
