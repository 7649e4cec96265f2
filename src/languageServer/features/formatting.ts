/**
 * Formatting: labels, mnemonics, operands and comments in columns. Only white space changes, and only where NASM does not
 * look at it; a line that is not understood stays as it is.
 */
import type { Range, TextEdit } from "vscode-languageserver-protocol";
import { keywordOf } from "../../engine/language";
import type { Analysis } from "../analysis";
import type { Settings } from "../settings";
import {
  cutLines,
  visualColumn,
  type CutLine,
  type StatementLine,
  type Trailing,
} from "./sourceLines";

type Format = Settings["format"];

/** Blanks that a block of the preprocessor indents the directives in it. */
const DIRECTIVE_INDENT = 2;
const FIELD_INDENT = 4;
/** Names longer than this do not move the whole table. */
const WIDEST_NAMES = 40;
/** Code that reaches so far beyond the comments' column does not move its neighbours' comments. */
const WIDEST_OVERHANG = 24;

function padded(text: string, column: number): string {
  return text + " ".repeat(Math.max(1, column - visualColumn(text)));
}

function isTableLine(line: CutLine | undefined): line is StatementLine {
  return line?.kind === "statement" && line.role === "data";
}

function labelText(line: StatementLine): string {
  const indent = line.inStructure && line.indent > 0 ? FIELD_INDENT : 0;
  return " ".repeat(indent) + (line.label ?? "");
}

interface Columns {
  readonly mnemonic: number;
  readonly operand: number;
}

/** Columns of a table: those that it has, if it has some, else behind its longest name. */
function tableColumns(table: readonly StatementLine[], format: Format): Columns {
  const named = table.filter((line) => line.label !== undefined);
  const longest = Math.max(0, ...named.map((line) => labelText(line).length));
  const own = named[0]?.headColumn ?? 0;
  const isAligned = table.every((line) => line.headColumn === own);
  if (isAligned && own > longest && own >= format.mnemonicColumn && own <= WIDEST_NAMES)
    return { mnemonic: own, operand: ownOperands(table, own, format) };
  const mnemonic =
    longest < format.mnemonicColumn
      ? format.mnemonicColumn
      : Math.min(4 * Math.ceil((longest + 1) / 4), WIDEST_NAMES);
  return { mnemonic, operand: operandColumn(mnemonic, format) };
}

/** Behind names that are too long for the columns one blank has to do. */
function operandColumn(mnemonic: number, format: Format): number {
  return mnemonic === format.mnemonicColumn ? format.operandColumn : 0;
}

function ownOperands(table: readonly StatementLine[], mnemonic: number, format: Format): number {
  const own = table[0]!.restColumn;
  const isAligned = table.every(
    ({ restColumn, head }) => restColumn === own && mnemonic + head.length < own,
  );
  return isAligned ? own : operandColumn(mnemonic, format);
}

function statementText(line: StatementLine, { mnemonic, operand }: Columns): string {
  const { label, head, rest, role } = line;
  const isLoose = role === "setting" || role === "opaque";
  if (label === undefined && line.indent === 0 && isLoose)
    return rest === "" ? head : `${head} ${rest}`;
  const before = label === undefined ? " ".repeat(mnemonic) : labelText(line);
  if (head === "") return before;
  const start = label === undefined ? before : padded(before, mnemonic);
  if (rest === "") return start + head;
  return padded(start + head, start.length === mnemonic ? operand : 0) + rest;
}

interface Shaped {
  /** Without its comment; undefined: the line stays as it is. */
  readonly code: string | undefined;
  readonly comment: Trailing | undefined;
}

/** The comment below one that stands behind code, in the same column, goes on with it. */
function continuesComment(line: CutLine, before: CutLine | undefined): boolean {
  if (line.kind !== "comment" || line.indent === 0) return false;
  const above =
    before?.kind === "verbatim" || before?.kind === "blank" ? undefined : before?.comment;
  return above?.column === line.indent;
}

class Formatter {
  private readonly shaped: Shaped[] = [];

  constructor(
    private readonly lines: readonly CutLine[],
    private readonly format: Format,
  ) {}

  run(): readonly Shaped[] {
    const columns = this.columns();
    let isContinuation = false;
    this.lines.forEach((line, i) => {
      isContinuation =
        continuesComment(line, this.lines[i - 1]) && (isContinuation || this.hasCode(i - 1));
      this.shaped.push(this.shape(line, columns[i]!, isContinuation));
    });
    return this.shaped;
  }

  private hasCode(index: number): boolean {
    const kind = this.lines[index]?.kind;
    return kind === "statement" || kind === "directive";
  }

  /** Lines of data that follow each other form a table. */
  private columns(): Columns[] {
    const { mnemonicColumn: mnemonic, operandColumn: operand } = this.format;
    const columns: Columns[] = this.lines.map(() => ({ mnemonic, operand }));
    for (let start = 0; start < this.lines.length; start++) {
      const table: StatementLine[] = [];
      for (let line = this.lines[start]; isTableLine(line); line = this.lines[start + table.length])
        table.push(line);
      if (table.length === 0) continue;
      columns.fill(tableColumns(table, this.format), start, start + table.length);
      start += table.length - 1;
    }
    return columns;
  }

  private shape(line: CutLine, columns: Columns, isContinuation: boolean): Shaped {
    switch (line.kind) {
      case "verbatim":
        return { code: undefined, comment: undefined };
      case "blank":
        return { code: "", comment: undefined };
      case "comment":
        if (isContinuation) return { code: "", comment: line.comment };
        return {
          code:
            (line.indent === 0 ? "" : " ".repeat(this.format.mnemonicColumn)) + line.comment.text,
          comment: undefined,
        };
      case "directive":
        return {
          code: " ".repeat(DIRECTIVE_INDENT * line.depth) + line.code,
          comment: line.comment,
        };
      case "statement":
        return { code: statementText(line, columns), comment: line.comment };
    }
  }
}

/** Comments behind lines that follow each other stand in one column: the one that they have, if they have one. */
function withComments(
  shaped: readonly Shaped[],
  { commentColumn }: Format,
): (string | undefined)[] {
  const texts = shaped.map(({ code }) => code);
  for (let start = 0; start < shaped.length; start++) {
    let end = start;
    while (shaped[end]?.comment !== undefined) end += 1;
    if (end === start) continue;
    const run = shaped.slice(start, end);
    const longest = Math.max(
      ...run
        .map(({ code }) => visualColumn(code!))
        .filter((each) => each <= commentColumn + WIDEST_OVERHANG),
    );
    const own = run[0]!.comment!.column;
    const isAligned = run.every(
      ({ code, comment }) => comment!.column === own && visualColumn(code!) < own,
    );
    const column = isAligned ? own : Math.max(commentColumn, longest + 1);
    run.forEach(({ code, comment }, i) => {
      texts[start + i] = padded(code!, column) + comment!.text;
    });
    start = end;
  }
  return texts;
}

/** Case of mnemonics and registers; strings, names and macros keep theirs. */
function recase(lines: readonly CutLine[], analysis: Analysis, format: Format): readonly CutLine[] {
  const wanted = format.case;
  if (wanted === "keep") return lines;
  const macros = new Set(analysis.model.macroDefinitions.map(({ name }) => name.toLowerCase()));
  const words = /"[^"]*"|'[^']*'|`(?:\\.|[^`\\])*`|[\w$#@~.?]+/g;
  const cased = (text: string, kind: "instruction" | "register"): string =>
    text.replace(words, (word) => {
      const lower = word.toLowerCase();
      if (macros.has(lower) || keywordOf(lower)?.kind !== kind) return word;
      return wanted === "upper" ? word.toUpperCase() : lower;
    });
  return lines.map((line) => {
    // A parameter or an environment variable may be spelled like a register.
    if (line.kind !== "statement" || line.role !== "code" || (line.head + line.rest).includes("%"))
      return line;
    // A name in the operands may be spelled like a mnemonic.
    return {
      ...line,
      head: cased(line.head, "instruction"),
      rest: cased(line.rest, "register"),
    };
  });
}

/** The text of each line as it should be. */
export function formattedLines(analysis: Analysis, file: string, format: Format): string[] {
  const cut = recase(cutLines(analysis, file), analysis, format);
  const texts = withComments(new Formatter(cut, format).run(), format);
  return analysis.lines(file).map((text, i) => texts[i] ?? text);
}

/** The smallest change of a line, so that cursors and marks stay where they are. */
function lineEdit(line: number, before: string, after: string): TextEdit[] {
  if (before === after) return [];
  const shortest = Math.min(before.length, after.length);
  let start = 0;
  while (start < shortest && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shortest - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  return [
    {
      range: {
        start: { line, character: start },
        end: { line, character: before.length - end },
      },
      newText: after.slice(start, after.length - end),
    },
  ];
}

/** Edits for a file, or for the lines of a range; a range that ends at the start of a line does not hold that line. */
export function formatEdits(
  analysis: Analysis,
  file: string,
  format: Format,
  within?: Range,
): TextEdit[] {
  const first = within?.start.line ?? 0;
  const last =
    within === undefined
      ? Infinity
      : within.end.character === 0 && within.end.line > first
        ? within.end.line - 1
        : within.end.line;
  const before = analysis.lines(file);
  return formattedLines(analysis, file, format).flatMap((after, line) =>
    line < first || line > last ? [] : lineEdit(line, before[line]!, after),
  );
}
