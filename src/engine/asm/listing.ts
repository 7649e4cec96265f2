/** The listing file (NASM manual, "-l: Generating a Listing File"): line number, offset in the section, bytes, source. */
import { encodeInstruction } from "../codec/encode";
import type { AsmOperand } from "../codec/types";
import { sharedReuse } from "./knownLines";
import { Assembler } from "./assembler";
import { DataWriter, type AddressPiece } from "./dataBytes";
import type { Layout } from "./layout";
import { SilentObserver } from "./silentObserver";
import type { Placed, StatementTree } from "./statementTree";
import { tokensText, type SourceLine } from "./tokens";
import type { AssembleOptions, Diagnostic } from "./types";

/** Characters of the byte column. */
const COLUMN = 18;

interface ShownLine {
  readonly line: SourceLine;
  readonly level: number;
  readonly text: string;
  readonly statements: StatementTree[];
}

/** Keeps the lines that are read and what each of them became. */
class ListingRecorder extends SilentObserver {
  lines: ShownLine[] = [];

  override lineRead(line: SourceLine, level: number, shown: boolean): void {
    if (!shown) return;
    const { source, start, end } = line;
    const whole = level === 0 || line.tokens.length === 0 || this.isInFile(line);
    const indent = line.tokens[0]?.space === true ? " " : "";
    const text = whole
      ? source.text.slice(start, end).replace(/\\\r?\n/g, "")
      : indent + tokensText(line.tokens);
    this.lines.push({ line, level, text, statements: [] });
  }

  /** Lines of an included file are shown as they are, lines of a body as their tokens. */
  private isInFile(line: SourceLine): boolean {
    return this.lines.every((shown) => shown.line !== line);
  }

  override statementParsed(statement: StatementTree): void {
    this.lines[this.lines.length - 1]?.statements.push(statement);
  }

  override restart(): void {
    this.lines = [];
  }
}

/** Runs the assembler again with someone watching the lines: a listing is asked for rarely. */
export function listingOf(options: AssembleOptions): string {
  const recorder = new ListingRecorder();
  const assembler = new Assembler(options, recorder, sharedReuse());
  assembler.run();
  const said = new Map<string, Diagnostic[]>();
  for (const diagnostic of assembler.sink.diagnostics) {
    const key = `${diagnostic.range.file}:${diagnostic.range.line}`;
    said.set(key, [...(said.get(key) ?? []), diagnostic]);
  }
  const writer = new ListingWriter();
  for (const shown of recorder.lines) {
    writer.begin(shown);
    for (const statement of shown.statements) listStatement(statement, assembler.layout, writer);
    writer.flush();
    const key = `${shown.line.source.name}:${shown.line.line}`;
    for (const diagnostic of said.get(key) ?? []) writer.message(diagnostic);
    said.delete(key);
  }
  return writer.text();
}

class ListingWriter {
  private readonly out: string[] = [];
  private number = 0;
  private level = 0;
  private source: string | undefined;
  private data = "";
  private offset = 0;

  begin({ line, level, text }: ShownLine): void {
    this.number = line.line;
    this.level = level;
    this.source = text;
  }

  private get mark(): string {
    if (this.level > 0) return `${this.level < 10 ? " " : ""}<${this.level}>`;
    return this.source === undefined ? "" : "    ";
  }

  flush(): void {
    if (this.source === undefined && this.data === "") return;
    const number = String(this.number).padStart(6);
    const place = (this.offset >>> 0).toString(16).toUpperCase().padStart(8, "0");
    const bytes =
      this.data === "" ? "".padEnd(COLUMN + 10) : `${place} ${this.data.padEnd(COLUMN + 1)}`;
    const text = this.source === undefined ? "" : ` ${this.source}`;
    this.out.push(`${number} ${bytes}${this.mark}${text}`);
    this.source = undefined;
    this.data = "";
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

  message({ severity, message, code }: Diagnostic): void {
    const number = String(this.number).padStart(6);
    const suffix = severity === "warning" ? ` [-w+${code}]` : "";
    const mark = this.level > 0 ? this.mark : "    ";
    this.out.push(
      `${number}          ${"*".repeat(COLUMN)} ${mark}  ${severity}: ${message}${suffix}`,
    );
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

function listStatement(statement: StatementTree, layout: Layout, writer: ListingWriter): void {
  const { placed } = statement;
  if (placed === undefined || placed.length === 0) return;
  const { offset } = placed;
  if (placed.kind === "reserve") {
    writer.put(
      offset,
      placed.length > 8 ? sizeTag("res", placed.length) : "??".repeat(placed.length),
    );
    return;
  }
  if (statement.body.kind === "incbin") {
    writer.put(offset, sizeTag("bin", placed.bytes.length));
  } else {
    const first = firstCopy(statement, placed);
    listBytes(first, offset, addressPieces(statement, placed, first, layout), writer);
  }
  if (placed.copies > 1) writer.put(offset, sizeTag("rep", placed.copies));
}

function firstCopy(statement: StatementTree, placed: Placed): Uint8Array {
  return placed.uniform ? placed.bytes : (statement.encoded?.bytes ?? placed.bytes);
}

function listBytes(
  bytes: Uint8Array,
  offset: number,
  pieces: readonly AddressPiece[],
  writer: ListingWriter,
): void {
  for (let i = 0; i < bytes.length;) {
    const piece = pieces.find((each) => each.at === i);
    if (piece === undefined) {
      writer.put(offset + i, hexByte(bytes[i]!));
      i++;
      continue;
    }
    let text = "";
    for (let k = 0; k < piece.length; k++) {
      text += hexByte(Number((piece.offset >> BigInt(8 * k)) & 0xffn));
    }
    writer.put(offset + i, `[${text}]`);
    i += piece.length;
  }
}

/** Which bytes hold addresses, and the offsets that they stand for. */
function addressPieces(
  statement: StatementTree,
  placed: Placed,
  bytes: Uint8Array,
  layout: Layout,
): readonly AddressPiece[] {
  const { body } = statement;
  if (body.kind === "data" && !body.isConstant) {
    layout.standAt(statement);
    const writer = new DataWriter(layout.surroundings);
    writer.pieces = [];
    writer.write(body.items, statement.mnemonicToken!);
    return writer.pieces;
  }
  if (body.kind !== "instruction" || placed.operands === undefined) return [];
  if (placed.encoded?.isRelative === true) return [];
  const pieces: AddressPiece[] = [];
  placed.operands.forEach((operand, i) => {
    const changed = withOtherAddress(operand);
    if (changed === undefined) return;
    const result = encodeInstruction({
      mnemonic: body.mnemonic,
      operands: placed.operands!.map((each, k) => (k === i ? changed.operand : each)),
      bits: placed.bits,
      prefixes: statement.prefixes,
      address: BigInt(layout.sections.baseOf(placed.segment) + placed.offset),
    });
    if (!result.ok || result.bytes.length !== bytes.length) return;
    // The field is where the bytes differ when every byte of the address does.
    const at = bytes.findIndex((byte, k) => byte !== result.bytes[k]);
    if (at < 0) return;
    let end = at;
    while (end < bytes.length && bytes[end] !== result.bytes[end]) end++;
    const offset = changed.value - BigInt(sectionBase(changed.value, layout, placed));
    pieces.push({ at, length: end - at, offset });
  });
  return pieces;
}

const EVERY_BYTE = 0x0101010101010101n;

function withOtherAddress(
  operand: AsmOperand,
): { readonly operand: AsmOperand; readonly value: bigint } | undefined {
  if (operand.kind === "imm" && operand.isAddress) {
    return { operand: { ...operand, value: operand.value ^ EVERY_BYTE }, value: operand.value };
  }
  if (operand.kind === "mem" && operand.displacementIsAddress && operand.relative !== "rel") {
    const value = operand.displacement;
    return { operand: { ...operand, displacement: value ^ EVERY_BYTE }, value };
  }
  return undefined;
}

/** Base of the section that an address lies in; the statement's own if it lies in none. */
function sectionBase(address: bigint, layout: Layout, placed: Placed): number {
  const value = Number(address);
  const inside = layout.sections.sections.find(
    (section) => value >= section.vstart && value <= section.vstart + section.length,
  );
  return inside ? inside.vstart : layout.sections.baseOf(placed.segment);
}
