/** The listing file (NASM manual, "-l: Generating a Listing File"): line number, offset in the section, bytes, source. */
import { sharedReuse } from "./knownLines";
import { Assembler } from "./assembler";
import { marksOf } from "./listingMarks";
import type { AddressPiece, DataMarks } from "./dataBytes";
import type { Layout } from "./layout";
import { SilentObserver } from "./silentObserver";
import type { Placed, StatementTree } from "./statementTree";
import { isOp, tokensText, type SourceLine } from "./tokens";
import type { AssembleOptions, Diagnostic } from "./types";
import { warningSuffix } from "./warningClasses";

/** Characters of the byte column. */
const COLUMN = 18;

interface ShownLine {
  readonly number: number;
  readonly line: SourceLine;
  readonly level: number;
  readonly text: string;
  readonly statements: StatementTree[];
  readonly messages: Diagnostic[];
}

/** Keeps the lines that are read, what each of them became and what was said of it. */
class ListingRecorder extends SilentObserver {
  lines: ShownLine[] = [];
  /** After `[list -]`. */
  private off = false;
  /** Lines that were read from their file: when they are read again it is from a body. */
  private fromFile = new Set<SourceLine>();
  /** What the lexer says comes before its line. */
  private early: Diagnostic[] = [];

  override lineRead(line: SourceLine, level: number, shown: boolean, number = line.line): void {
    if (!shown) return;
    if (this.off || line.source.text === "") {
      this.fromFile.add(line);
      return;
    }
    const { source, start, end } = line;
    const whole = !this.fromFile.has(line);
    this.fromFile.add(line);
    const indent = line.tokens[0]?.space === true ? " " : "";
    const text =
      line.made ??
      (whole
        ? source.text.slice(start, end).replace(/\\\r?\n/g, "")
        : indent + tokensText(line.tokens));
    this.lines.push({ number, line, level, text, statements: [], messages: this.early });
    this.early = [];
  }

  override statementParsed(statement: StatementTree): void {
    if (!this.off) this.lines[this.lines.length - 1]?.statements.push(statement);
    const { body } = statement;
    if (body.kind !== "directive" || body.name !== "list") return;
    if (isOp(body.value[0], "-")) this.off = true;
    else if (isOp(body.value[0], "+")) this.off = false;
  }

  said(diagnostic: Diagnostic): void {
    const last = this.lines[this.lines.length - 1];
    const { file, line } = diagnostic.range;
    const isLexers = /^pp-(open|empty)/.test(diagnostic.code);
    const isAhead = !last || (isLexers && last.line.source.name === file && line > last.line.line); // prettier-ignore
    if (isAhead) this.early.push(diagnostic);
    else last.messages.push(diagnostic);
  }

  override restart(): void {
    this.lines = [];
    this.off = false;
    this.fromFile = new Set();
    this.early = [];
  }
}

/** Runs the assembler again with someone watching the lines: a listing is asked for rarely. */
export function listingOf(options: AssembleOptions): string {
  const recorder = new ListingRecorder();
  const assembler = new Assembler(options, recorder, sharedReuse());
  assembler.run();
  assembler.lastPass((diagnostic) => recorder.said(diagnostic));
  assembler.sink.muted = true;
  const writer = new ListingWriter();
  for (const shown of recorder.lines) {
    writer.begin(shown);
    const { atBytes, others } = sortMessages(shown.messages);
    for (const diagnostic of others) writer.say(diagnostic);
    const last = shown.statements.findLast((statement) => statement.placed !== undefined);
    if (last === undefined) for (const diagnostic of atBytes) writer.say(diagnostic);
    for (const statement of shown.statements) {
      const messages = statement === last ? atBytes : [];
      new StatementLister(statement, assembler.layout, writer, messages).list();
    }
    writer.end();
  }
  return writer.text();
}

/** What is said while bytes are written comes behind the row that they begin in; everything else behind the first row. */
function sortMessages(messages: readonly Diagnostic[]): {
  readonly atBytes: readonly Diagnostic[];
  readonly others: readonly Diagnostic[];
} {
  const isAtBytes = ({ code }: Diagnostic): boolean => /^(number-overflow|zeroing|ea-|prefix-)/.test(code); // prettier-ignore
  return {
    atBytes: messages.filter(isAtBytes),
    others: messages.filter((each) => !isAtBytes(each)),
  };
}

class ListingWriter {
  private readonly out: string[] = [];
  private pending: Diagnostic[] = [];
  private number = 0;
  private level = 0;
  private source: string | undefined;
  private data = "";
  private offset = 0;

  /** Where the row that is being filled, or the one before it, begins. */
  get rowOffset(): number {
    return this.offset;
  }

  begin({ number, level, text }: ShownLine): void {
    this.number = number;
    this.level = level;
    this.source = text;
  }

  private get mark(): string {
    if (this.level > 0) return `${this.level < 10 ? " " : ""}<${this.level}>`;
    return this.source === undefined ? "" : "    ";
  }

  private flush(): void {
    if (this.source === undefined && this.data === "") return;
    const number = String(this.number).padStart(6);
    const place = (this.offset >>> 0).toString(16).toUpperCase().padStart(8, "0");
    const bytes =
      this.data === "" ? "".padEnd(COLUMN + 10) : `${place} ${this.data.padEnd(COLUMN + 1)}`;
    const text = this.source === undefined ? "" : ` ${this.source}`;
    this.out.push(`${number} ${bytes}${this.mark}${text}`);
    this.source = undefined;
    this.data = "";
    this.messages();
  }

  /** Adds to the byte column; goes on in the next line where it is full. */
  put(offset: number, text: string): void {
    if (this.data.length + text.length > COLUMN) {
      this.data += "-";
      this.flush();
    }
    if (this.data === "") this.offset = offset;
    this.data += text;
  }

  /** A message that comes behind the row that is being filled. */
  say(diagnostic: Diagnostic): void {
    this.pending.push(diagnostic);
  }

  /** The line is complete. */
  end(): void {
    this.flush();
    this.messages();
  }

  private messages(): void {
    for (const { severity, message, code } of this.pending) {
      const number = String(this.number).padStart(6);
      const mark = this.level > 0 ? this.mark : "    ";
      const text = `${severity}: ${message}${warningSuffix(severity, code)}`;
      this.out.push(`${number}          ${"*".repeat(COLUMN)} ${mark}  ${text}`);
    }
    this.pending = [];
  }

  text(): string {
    return this.out.length === 0 ? "" : `${this.out.join("\n")}\n`;
  }
}

function hexByte(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

function sizeTag(tag: string, size: number): string {
  return `<${tag} ${size.toString(16).toUpperCase()}h>`;
}

function reservedText(length: number): string {
  return length > 8 ? sizeTag("res", length) : "??".repeat(length);
}

function firstCopy(statement: StatementTree, placed: Placed): Uint8Array {
  return placed.uniform ? placed.bytes : (statement.encoded?.bytes ?? placed.bytes);
}

class StatementLister {
  constructor(
    private readonly statement: StatementTree,
    private readonly layout: Layout,
    private readonly writer: ListingWriter,
    private readonly messages: readonly Diagnostic[],
  ) {}

  list(): void {
    const { statement, writer, messages } = this;
    const { placed, body } = statement;
    if (placed === undefined || placed.length === 0) {
      for (const message of messages) writer.say(message);
      // A file of which nothing is left.
      if (body.kind === "incbin" && statement.binary) writer.put(statement.offset, sizeTag("bin", 0)); // prettier-ignore
    } else if (placed.kind === "reserve") {
      for (const message of messages) writer.say(message);
      writer.put(placed.offset, reservedText(placed.length));
    } else this.copies(placed);
  }

  private copies(placed: Placed): void {
    const { statement, writer, layout } = this;
    const { offset } = placed;
    let times = 1;
    if (statement.body.kind === "incbin") {
      for (const message of this.messages) writer.say(message);
      writer.put(offset, sizeTag("bin", placed.bytes.length));
      times = 0;
    } else {
      const first = firstCopy(statement, placed);
      const marks = marksOf(statement, placed, first, layout);
      this.bytes(first, offset, marks, this.places(first, marks));
      times = placed.copies;
      if (placed.copies > 1) writer.put(writer.rowOffset, sizeTag("rep", placed.copies));
      // The other copies are not shown, but what is said of them is.
      const said = [...this.places(first, marks).values()].flat();
      for (let i = 1; i < times; i++) for (const message of said) writer.say(message);
      return;
    }
    if (placed.copies > 1) writer.put(writer.rowOffset, sizeTag("rep", placed.copies));
  }

  /** In front of which bytes something is said. */
  private places(bytes: Uint8Array, { reserved, overflows }: DataMarks): Map<number, Diagnostic[]> {
    const places = new Map<number, Diagnostic[]>();
    const add = (at: number, message: Diagnostic): void => {
      places.set(at, [...(places.get(at) ?? []), message]);
    };
    const isData = this.statement.body.kind === "data";
    const left = [...overflows];
    for (const message of this.messages) {
      if (message.code === "zeroing" && isData) for (const { at } of reserved) add(at, message);
      else if (message.code !== "number-overflow") add(0, message);
      else add(isData ? (left.shift()?.at ?? 0) : bytes.length - 1, message);
    }
    return places;
  }

  private bytes(
    bytes: Uint8Array,
    offset: number,
    { addresses, reserved }: DataMarks,
    said: ReadonlyMap<number, readonly Diagnostic[]>,
  ): void {
    const { writer } = this;
    const pieces = new Map(addresses.map((piece) => [piece.at, piece]));
    const runs = new Map(reserved.map((run) => [run.at, run.length]));
    for (let i = 0; i < bytes.length;) {
      const messages = said.get(i) ?? [];
      // Of space NASM speaks when it has put it down, of numbers before.
      for (const message of messages) if (message.code !== "zeroing") writer.say(message);
      const run = runs.get(i);
      const piece = pieces.get(i);
      if (run !== undefined) writer.put(offset + i, reservedText(run));
      else if (piece) writer.put(offset + i, pieceText(piece));
      else writer.put(offset + i, hexByte(bytes[i]!));
      for (const message of messages) if (message.code === "zeroing") writer.say(message);
      i += run ?? piece?.length ?? 1;
    }
  }
}

function pieceText({ offset, length, relative }: AddressPiece): string {
  let text = "";
  for (let k = 0; k < length; k++) {
    text += hexByte(Number((offset >> BigInt(8 * k)) & 0xffn));
  }
  return relative ? `(${text})` : `[${text}]`;
}
