/** Growing selection: word, operand, statement, line, block, label, file. */
import type { Position, Range, SelectionRange } from "vscode-languageserver-protocol";
import type { Analysis } from "../analysis";
import { contains, toPlace, toRange } from "../positions";
import { documentSymbols } from "./documentSymbols";

function includes(outer: Range, inner: Range): boolean {
  const before =
    outer.start.line < inner.start.line ||
    (outer.start.line === inner.start.line && outer.start.character <= inner.start.character);
  const after =
    outer.end.line > inner.end.line ||
    (outer.end.line === inner.end.line && outer.end.character >= inner.end.character);
  return before && after;
}

function isEqual(a: Range, b: Range): boolean {
  return includes(a, b) && includes(b, a);
}

function span(range: Range): number {
  return (
    (range.end.line - range.start.line) * 100_000 + range.end.character - range.start.character
  );
}

function candidates(analysis: Analysis, file: string, position: Position): Range[] {
  const place = toPlace(file, position);
  const lines = analysis.lines(file);
  const token = analysis.tokenAt(place);
  const statement = analysis.statementAt(place);
  const found = [
    token?.range,
    ...(statement?.operands ?? [])
      .map((operand) => operand.range)
      .filter((range) => contains(range, place)),
    statement?.range,
    ...analysis.model.blocks.map((block) => block.range).filter((range) => contains(range, place)),
  ].flatMap((range) => (range?.file === file ? [toRange(range)] : []));
  const text = lines[position.line] ?? "";
  found.push({
    start: { line: position.line, character: 0 },
    end: { line: position.line, character: text.length },
  });
  for (const symbol of documentSymbols(analysis, file)) found.push(symbol.range);
  const last = lines.length - 1;
  found.push({
    start: { line: 0, character: 0 },
    end: { line: last, character: (lines[last] ?? "").length },
  });
  const at = { start: position, end: position };
  return found.filter((range) => includes(range, at)).sort((a, b) => span(a) - span(b));
}

export function selectionRangeAt(
  analysis: Analysis,
  file: string,
  position: Position,
): SelectionRange {
  const chain: Range[] = [];
  for (const range of candidates(analysis, file, position)) {
    const inner = chain.at(-1);
    if (inner === undefined || (includes(range, inner) && !isEqual(range, inner)))
      chain.push(range);
  }
  const outermostFirst = chain.reverse();
  let result: SelectionRange | undefined;
  for (const range of outermostFirst)
    result = result === undefined ? { range } : { range, parent: result };
  return result ?? { range: { start: position, end: position } };
}
