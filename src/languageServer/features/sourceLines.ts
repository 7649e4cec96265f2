/** The lines of a file cut into their columns, for the formatter. What is not understood for sure is left as it stands. */
import { keywordOf, type PlainToken } from "../../engine/language";
import type { Analysis } from "../analysis";
import { DIRECTIVES } from "../knowledge/nasmWords";

export type CutLine =
  /** Not to be touched: a continued line, an open string, characters that NASM may refuse. */
  | { readonly kind: "verbatim" }
  | { readonly kind: "blank" }
  /** Nothing but a comment. */
  | { readonly kind: "comment"; readonly indent: number; readonly comment: Trailing }
  /** A line that begins with a preprocessor word; `depth` blocks are open around it. */
  | {
      readonly kind: "directive";
      readonly depth: number;
      readonly code: string;
      readonly comment: Trailing | undefined;
    }
  | StatementLine;

export interface StatementLine {
  readonly kind: "statement";
  /** Visual column at which the line begins. */
  readonly indent: number;
  /** With its colon. */
  readonly label: string | undefined;
  /** Visual column of the first word behind the label. */
  readonly headColumn: number;
  /** Visual column of what follows the head. */
  readonly restColumn: number;
  /** The instruction, directive or prefix in front of the rest; the whole line, as it stands, where it is opaque. */
  readonly head: string;
  readonly rest: string;
  /**
   * "code": an instruction; "data": a line that forms a table with its neighbours; "setting": a directive such as `bits 32`; "opaque": a
   * macro call, or a word that is not known here.
   */
  readonly role: "code" | "data" | "setting" | "opaque";
  readonly inStructure: boolean;
  readonly comment: Trailing | undefined;
}

export interface Trailing {
  readonly text: string;
  readonly column: number;
}

const TAB = 8;

/** The column that a reader sees: tabs go to the next multiple of eight. */
export function visualColumn(text: string): number {
  let column = 0;
  for (const c of text) column = c === "\t" ? column + TAB - (column % TAB) : column + c.length;
  return column;
}

const OPENS = /^%(if\w*|i?r?macro|rep)$/i;
const PARTS = /^%(elif\w*|else)$/i;
const CLOSES = /^%(endif|endmacro|endm|endrep)$/i;

/** Words that may stand in the first column, as settings of the file. */
const SETTINGS =
  /^(bits|use16|use32|use64|org|section|segment|absolute|global|extern|common|static|required|cpu|float|default|struc|endstruc|istruc|iend|at)$/i;

function chunkEnd(tokens: readonly PlainToken[], from: number): number {
  let end = from + 1;
  while (
    end < tokens.length &&
    tokens[end]!.range.column === tokens[end - 1]!.range.endColumn &&
    tokens[end]!.text !== ":"
  )
    end += 1;
  return end;
}

function isKnownHead(word: string): boolean {
  const kind = keywordOf(word)?.kind;
  return (
    kind === "instruction" ||
    kind === "data" ||
    kind === "reserve" ||
    kind === "equ" ||
    kind === "incbin" ||
    kind === "times" ||
    kind === "prefix" ||
    DIRECTIVES[word] !== undefined
  );
}

interface Names {
  /** Lower case: of every macro and define. */
  readonly all: ReadonlySet<string>;
  readonly multiLine: ReadonlySet<string>;
}

function macroNames(analysis: Analysis): Names {
  const { macroDefinitions } = analysis.model;
  const lower = (kind: "macro" | "define"): string[] =>
    macroDefinitions.flatMap((macro) => (macro.kind === kind ? [macro.name.toLowerCase()] : []));
  const multiLine = lower("macro");
  return { all: new Set([...multiLine, ...lower("define")]), multiLine: new Set(multiLine) };
}

/** One blank behind each comma of the operands, and none of the tabs; what is in parentheses may be a macro's argument. */
function spacedOperands(text: string, tokens: readonly PlainToken[], from: number): string {
  let out = "";
  let depth = 0;
  for (let i = from; i < tokens.length; i++) {
    const token = tokens[i]!;
    const next = tokens[i + 1];
    out += token.text;
    if ("([{".includes(token.text)) depth += 1;
    if (")]}".includes(token.text)) depth -= 1;
    if (next === undefined) break;
    const gap = text.slice(token.range.endColumn - 1, next.range.column - 1);
    const needsBlank = gap === "" && token.text === "," && depth === 0;
    out += needsBlank || gap.includes("\t") ? " " : gap;
  }
  return out;
}

class Cutter {
  private depth = 0;
  private inStructure = false;
  private isContinued = false;
  private readonly names: Names;
  private readonly inactive: ReadonlySet<number>;

  constructor(
    private readonly analysis: Analysis,
    private readonly file: string,
  ) {
    this.names = macroNames(analysis);
    this.inactive = new Set(
      analysis.model.inactive
        .filter(({ range }) => range.file === file)
        .flatMap(({ range }) =>
          Array.from({ length: range.endLine - range.line + 1 }, (_, i) => range.line + i),
        ),
    );
  }

  cut(text: string, line: number): CutLine {
    const continues = text.trimEnd().endsWith("\\");
    const wasContinued = this.isContinued;
    this.isContinued = /\\$/.test(text);
    const tokens = this.analysis.tokensOn(this.file, line);
    const code = tokens.filter((token) => token.kind !== "comment");
    const first = code[0];
    const depth = first?.kind === "preprocessor" && !wasContinued ? this.enter(first.text) : 0;
    if (wasContinued || continues || !this.isPlain(text, tokens)) return { kind: "verbatim" };
    if (text.trim() === "") return { kind: "blank" };
    const comment = this.commentOf(text, tokens);
    if (first === undefined)
      return comment === undefined
        ? { kind: "verbatim" }
        : { kind: "comment", indent: comment.column, comment };
    if (first.kind === "preprocessor" && /^%[a-z]/i.test(first.text)) {
      const written = text.slice(first.range.column - 1, code.at(-1)!.range.endColumn - 1);
      return { kind: "directive", depth, code: written, comment };
    }
    return this.statement(text, line, code, comment);
  }

  /** Depth at which a preprocessor word stands. */
  private enter(word: string): number {
    if (OPENS.test(word)) return this.depth++;
    if (CLOSES.test(word)) return (this.depth = Math.max(0, this.depth - 1));
    return PARTS.test(word) ? Math.max(0, this.depth - 1) : this.depth;
  }

  private isPlain(text: string, tokens: readonly PlainToken[]): boolean {
    const isOdd = ({ kind, text: word }: PlainToken): boolean =>
      kind === "other" ||
      (kind === "string" && (word.length < 2 || !word.startsWith(word.slice(-1))));
    // Control characters other than the tab mean different things to different programs.
    return !/[^\t\x20-\x7e\u00a0-\ufefe\uff00-\uffff]/.test(text) && !tokens.some(isOdd);
  }

  private commentOf(text: string, tokens: readonly PlainToken[]): Trailing | undefined {
    const comment = tokens.find((token) => token.kind === "comment");
    if (comment === undefined) return undefined;
    const column = visualColumn(text.slice(0, comment.range.column - 1));
    return { text: comment.text.trimEnd(), column };
  }

  private statement(
    text: string,
    line: number,
    code: readonly PlainToken[],
    comment: Trailing | undefined,
  ): CutLine {
    const at = (token: PlainToken): number => visualColumn(text.slice(0, token.range.column - 1));
    const slice = (from: number, to = code.length): string =>
      from >= to ? "" : text.slice(code[from]!.range.column - 1, code[to - 1]!.range.endColumn - 1);
    const labelEnd = this.labelEnd(code);
    const head = code[labelEnd];
    const headEnd = head === undefined ? labelEnd : chunkEnd(code, labelEnd);
    const role = head === undefined ? "code" : this.roleOf(code, labelEnd, headEnd);
    // Prose in `%if 0` is no code.
    if (role === "opaque" && this.inactive.has(line)) return { kind: "verbatim" };
    this.noteStructure(head?.text.toLowerCase());
    const isCall = code.some(({ text: word }) => this.names.multiLine.has(word.toLowerCase()));
    const isOpaque = role === "opaque";
    // Attributes of a section are told apart by blanks.
    const isFree = !isCall && (role === "code" || role === "data");
    const rest = isFree ? spacedOperands(text, code, headEnd) : slice(headEnd);
    return {
      kind: "statement",
      indent: at(code[0]!),
      label: labelEnd === 0 ? undefined : slice(0, labelEnd),
      headColumn: head === undefined ? 0 : at(head),
      restColumn: code[headEnd] === undefined ? 0 : at(code[headEnd]),
      head: slice(labelEnd, isOpaque ? code.length : headEnd),
      rest: isOpaque ? "" : rest,
      role,
      inStructure: this.inStructure && head?.text.toLowerCase() !== "struc",
      comment,
    };
  }

  private noteStructure(head: string | undefined): void {
    if (head === "struc") this.inStructure = true;
    if (head === "endstruc") this.inStructure = false;
  }

  /** How many tokens the label takes: one, two with a colon, none. */
  private labelEnd(code: readonly PlainToken[]): number {
    const first = code[0]!;
    const word = first.text.toLowerCase();
    if (this.names.all.has(word)) return 0;
    const second = code[1];
    if (second?.text === ":") {
      if (first.kind === "word") return 2;
      // What a parameter stands for is not known: the blank behind the colon has to be there already.
      const third = code[2];
      const isApart = third === undefined || third.range.column > second.range.endColumn;
      return first.kind === "preprocessor" && isApart ? 2 : 0;
    }
    if (first.kind !== "word" || isKnownHead(word) || second?.kind !== "word") return 0;
    const head = second.text.toLowerCase();
    return isKnownHead(head) && !this.names.all.has(head) ? 1 : 0;
  }

  private roleOf(code: readonly PlainToken[], start: number, end: number): StatementLine["role"] {
    const head = code[start]!;
    const word = head.text.toLowerCase();
    if (head.text === "[") return "setting";
    const isPart = end > start + 1;
    if (head.kind !== "word" || isPart || this.names.all.has(word) || !isKnownHead(word))
      return "opaque";
    if (SETTINGS.test(word)) return "setting";
    const kind = keywordOf(word)?.kind;
    return kind === "data" || kind === "reserve" || kind === "equ" ? "data" : "code";
  }
}

export function cutLines(analysis: Analysis, file: string): CutLine[] {
  const cutter = new Cutter(analysis, file);
  return analysis.lines(file).map((text, i) => cutter.cut(text, i + 1));
}
