/** Cuts a file into logical lines: a backslash at the end of a line, even in a comment, joins the next one to it. */
import { lexJoined, lexLine, type LexProblem } from "./lexer";
import type { SourceText } from "./sourceText";
import type { SourceLine, Token } from "./tokens";
import type { WordTable } from "./words";

/** A line that is one line of its file; its tokens are cut when someone asks. */
export class FileLine implements SourceLine {
  private cut: readonly Token[] | undefined;

  constructor(
    readonly source: SourceText,
    readonly line: number,
    readonly start: number,
    readonly end: number,
    private readonly words: WordTable,
  ) {}

  get tokens(): readonly Token[] {
    return (this.cut ??= lexLine(this.source, this.start, this.end, this.words));
  }

  /** Cuts the tokens, and says what is wrong. */
  lex(problem: LexProblem | undefined): void {
    this.cut = lexLine(this.source, this.start, this.end, this.words, problem);
  }

  /** The tokens are not needed for now. */
  forget(): void {
    this.cut = undefined;
  }

  get text(): string {
    return this.source.text.slice(this.start, this.end);
  }
}

export class LineReader {
  private next = 0;
  private readonly starts: readonly number[];

  constructor(
    readonly source: SourceText,
    private readonly words: WordTable,
    private readonly problem?: LexProblem,
  ) {
    this.starts = source.lineStarts;
  }

  read(): SourceLine | undefined {
    const first = this.next;
    const { source, starts } = this;
    if (first >= starts.length) return undefined;
    const start = starts[first]!;
    if (start >= source.text.length && first > 0) return undefined;
    let end = this.lineEnd(first);
    this.next = first + 1;
    if (source.text.charCodeAt(end - 1) !== 92 || end <= start || this.next >= starts.length) {
      const line = new FileLine(source, first + 1, start, end, this.words);
      line.lex(this.problem);
      return line;
    }
    const pieces: { readonly at: number; readonly from: number }[] = [];
    let text = "";
    let pieceStart = start;
    for (;;) {
      const joins =
        source.text.charCodeAt(end - 1) === 92 && end > pieceStart && this.next < starts.length;
      pieces.push({ at: text.length, from: pieceStart });
      text += source.text.slice(pieceStart, joins ? end - 1 : end);
      if (!joins) break;
      pieceStart = starts[this.next]!;
      end = this.lineEnd(this.next);
      this.next++;
    }
    const placeOf = (offset: number): number => {
      let piece = pieces[0]!;
      for (const candidate of pieces) if (candidate.at <= offset) piece = candidate;
      return piece.from + offset - piece.at;
    };
    const tokens = lexJoined(source, text, placeOf, this.words, this.problem);
    return { source, line: first + 1, start, end, tokens };
  }

  /** Text of the next line; undefined at the end, and where a backslash joins the line after it. */
  peek(): string | undefined {
    const start = this.starts[this.next];
    if (start === undefined) return undefined;
    const end = this.lineEnd(this.next);
    if (this.source.text.charCodeAt(end - 1) === 92) return undefined;
    return this.source.text.slice(start, end);
  }

  /** The next line, uncut. */
  take(): FileLine {
    const index = this.next++;
    const start = this.starts[index]!;
    return new FileLine(this.source, index + 1, start, this.lineEnd(index), this.words);
  }

  /** Offset of the line's end mark. */
  private lineEnd(index: number): number {
    const { text } = this.source;
    const next = this.starts[index + 1];
    if (next === undefined) return text.length;
    const end = next - 1;
    return text.charCodeAt(end) === 10 &&
      text.charCodeAt(end - 1) === 13 &&
      end > this.starts[index]!
      ? end - 1
      : end;
  }
}
