import type { SourceRange } from "./types";

/** One file's text with its line table. Tokens keep offsets; lines and columns are computed when someone asks. */
export class SourceText {
  private starts: number[] | undefined;

  constructor(
    readonly name: string,
    readonly text: string,
    /** Text of NASM's own macros: never shown as a place. */
    readonly builtin = false,
  ) {}

  /** Offset of the first character of each line. `\n`, `\r\n` and a lone `\r` end a line. */
  get lineStarts(): readonly number[] {
    if (this.starts) return this.starts;
    const starts = [0];
    const { text } = this;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 10) starts.push(i + 1);
      else if (code === 13) {
        if (text.charCodeAt(i + 1) === 10) i++;
        starts.push(i + 1);
      }
    }
    this.starts = starts;
    return starts;
  }

  /** 1-based line of an offset. */
  lineAt(offset: number): number {
    const starts = this.lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  }

  range(start: number, end: number): SourceRange {
    const line = this.lineAt(start);
    const starts = this.lineStarts;
    const next = starts[line];
    const endLine = next === undefined || end < next ? line : this.lineAt(end);
    return {
      file: this.name,
      line,
      column: start - starts[line - 1]! + 1,
      endLine,
      endColumn: end - starts[endLine - 1]! + 1,
    };
  }
}
