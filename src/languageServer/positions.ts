/** Between the engine's ranges (1-based, with a file name) and those of the protocol (0-based). Both count UTF-16 units. */
import type { Position, Range } from "vscode-languageserver-protocol";
import type { SourceRange } from "../engine/language";

export function toRange(range: SourceRange): Range {
  return {
    start: { line: range.line - 1, character: range.column - 1 },
    end: { line: range.endLine - 1, character: range.endColumn - 1 },
  };
}

/** A place in a file, the engine's way. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export function toPlace(file: string, position: Position): Place {
  return { file, line: position.line + 1, column: position.character + 1 };
}

/** The end counts as inside: a cursor behind a word is at the word. */
export function contains(range: SourceRange, place: Place): boolean {
  if (range.file !== place.file) return false;
  if (place.line < range.line || place.line > range.endLine) return false;
  if (place.line === range.line && place.column < range.column) return false;
  return place.line !== range.endLine || place.column <= range.endColumn;
}

export function sameRange(a: SourceRange, b: SourceRange): boolean {
  return (
    a.line === b.line &&
    a.column === b.column &&
    a.endLine === b.endLine &&
    a.endColumn === b.endColumn &&
    a.file === b.file
  );
}

export function rangeKey(range: SourceRange): string {
  return `${range.file}\n${range.line}:${range.column}-${range.endLine}:${range.endColumn}`;
}

/** From the start of one range to the end of another in the same file. */
export function spanning(from: SourceRange, to: SourceRange): SourceRange {
  return { ...from, endLine: to.endLine, endColumn: to.endColumn };
}

/** The start of a file. */
export function fileStart(file: string): SourceRange {
  return { file, line: 1, column: 1, endLine: 1, endColumn: 1 };
}
