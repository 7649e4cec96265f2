/** Folding: blocks of the preprocessor and structures, runs of comments, and what stands below a label. */
import { FoldingRangeKind, type FoldingRange } from "vscode-languageserver-protocol";
import type { Analysis } from "../analysis";
import { documentSymbols } from "./documentSymbols";

function commentRuns(analysis: Analysis, file: string): FoldingRange[] {
  const runs: FoldingRange[] = [];
  let start = -1;
  const lines = analysis.lines(file);
  lines.forEach((text, line) => {
    const isComment = /^\s*;/.test(text);
    if (isComment && start < 0) start = line;
    const ends = !isComment || line === lines.length - 1;
    if (!ends || start < 0) return;
    const endLine = isComment ? line : line - 1;
    if (endLine > start) runs.push({ startLine: start, endLine, kind: FoldingRangeKind.Comment });
    start = -1;
  });
  return runs;
}

/** The parts of an %if fold each for themselves. */
function blocks(analysis: Analysis, file: string): FoldingRange[] {
  return analysis.model.blocks
    .filter((block) => block.range.file === file)
    .flatMap((block) => {
      const lines = block.words.map((word) => word.range.line - 1);
      return lines.slice(1).map((end, i) => ({
        startLine: lines[i]!,
        endLine: end - 1,
        kind: FoldingRangeKind.Region,
      }));
    })
    .filter((range) => range.endLine > range.startLine);
}

function labels(analysis: Analysis, file: string): FoldingRange[] {
  const lines = analysis.lines(file);
  return documentSymbols(analysis, file).flatMap(({ range }) => {
    // Empty lines and comments above the next label belong to that one.
    let endLine = range.end.line - 1;
    while (endLine > range.start.line && /^\s*(;.*)?$/.test(lines[endLine] ?? "")) endLine -= 1;
    return endLine > range.start.line ? [{ startLine: range.start.line, endLine }] : [];
  });
}

export function foldingRanges(analysis: Analysis, file: string): FoldingRange[] {
  const seen = new Set<string>();
  return [
    ...blocks(analysis, file),
    ...commentRuns(analysis, file),
    ...labels(analysis, file),
  ].filter(({ startLine, endLine }) => {
    const key = `${startLine}-${endLine}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
