/** disassemble: exactly as many rows as asked for, anchored on the assembler's line map when it goes backwards. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import type { CodeReader, CodeRow } from "../code/codeReader";
import { parsePlace } from "../memoryReference";
import type { RingsideSession } from "../session/session";
import { symbolText } from "../sources/program";
import type { CodeView } from "../session/target";
import type { HandlerTable } from "./handler";
import { fileSource } from "./inspection";

const MAX_ROWS = 5000;
/** Longest instruction: how far back a row can start. */
const MAX_LENGTH = 15n;

type Row = DebugProtocol.DisassembledInstruction;

function disassemble(
  session: RingsideSession,
  args: DebugProtocol.DisassembleArguments,
): { readonly instructions: readonly Row[] } {
  const { target } = session;
  const place = parsePlace(args.memoryReference, (text) => target.address(text));
  const view = target.codeIn(place.space);
  const base = BigInt.asUintN(64, place.address + BigInt(args.offset ?? 0));
  const count = Math.min(args.instructionCount, MAX_ROWS);
  const skip = args.instructionOffset ?? 0;
  const rows = rowsFrom(view, base, skip, count);
  return { instructions: withLocations(session, view, rows, args.resolveSymbols ?? true) };
}

/** `count` rows, the first one `skip` instructions away from `base`. */
export function rowsFrom(view: CodeView, base: bigint, skip: number, count: number): CodeRow[] {
  const before = skip < 0 ? rowsBefore(view, base, -skip) : [];
  const wanted = count + Math.max(skip, 0);
  const after: CodeRow[] = [];
  let address = base;
  while (before.length + after.length < wanted || after.length < skip) {
    const row = nextRow(view, address);
    after.push(row);
    address += BigInt(Math.max(1, row.bytes.length));
    if (address > 0xffff_ffff_ffff_ffffn) break;
  }
  const rows = skip > 0 ? after.slice(skip) : [...before, ...after];
  return padded(rows.slice(0, count), count);
}

/** A row that does not run into the start of known code: there the listing is right and the row is not. */
function nextRow(view: CodeView, address: bigint): CodeRow {
  const row = view.code.row(address);
  const start = view.program.startAtOrAfter(address + 1n);
  if (start === undefined || address + BigInt(row.bytes.length) <= start) return row;
  if (view.program.placedAt(address) !== undefined) return row;
  return byteRow(view, address);
}

function byteRow(view: CodeView, address: bigint): CodeRow {
  const bytes = view.code.bytesAt(address, 1);
  const text = bytes.length > 0 ? `db 0x${(bytes[0] ?? 0).toString(16).padStart(2, "0")}` : "(unreadable)"; // prettier-ignore
  return { address, bytes, text, valid: false };
}

/** The client wants exactly the count, also at the end of the address space. */
function padded(rows: CodeRow[], count: number): CodeRow[] {
  while (rows.length < count) {
    const last = rows[rows.length - 1];
    const address = last ? last.address + BigInt(Math.max(1, last.bytes.length)) : 0n;
    rows.push({ address, bytes: new Uint8Array(0), text: "(no address)", valid: false });
  }
  return rows;
}

/** Rows that end at `base`, nearest last. Addresses below 0 do not exist: there rows are left out. */
function rowsBefore(view: CodeView, base: bigint, count: number): CodeRow[] {
  let rows: CodeRow[] = [];
  let end = base;
  while (rows.length < count && end > 0n) {
    const found = stretchBefore(view, end);
    rows = [...found, ...rows];
    end = found[0]?.address ?? 0n;
  }
  const exact = rows.slice(Math.max(0, rows.length - count));
  const missing = count - exact.length;
  // VS Code counts on getting as many rows as it asked for.
  const holes = Array.from({ length: missing }, (_, index): CodeRow => {
    const address = (exact[0]?.address ?? base) - BigInt(missing - index);
    return { address, bytes: new Uint8Array(0), text: "(no address)", valid: false };
  });
  return [...holes, ...exact];
}

/** One or more rows that end exactly at `end`: from the line map, else from the start that decodes into step, else one byte. */
function stretchBefore(view: CodeView, end: bigint): CodeRow[] {
  for (const { address, entry } of view.program.startsBefore(end)) {
    if (address + BigInt(entry.length) < end) break;
    const rows = rowsBetween(view.code, address, end);
    if (rows) return rows;
    break;
  }
  for (let back = MAX_LENGTH; back > 0n; back--) {
    const start = end - back;
    if (start < 0n || view.program.placedAt(start) !== undefined) continue;
    const row = view.code.row(start);
    if (row.valid && start + BigInt(row.bytes.length) === end) return [row];
  }
  return [byteRow(view, end - 1n)];
}

function rowsBetween(code: CodeReader, start: bigint, end: bigint): CodeRow[] | undefined {
  const rows: CodeRow[] = [];
  let address = start;
  while (address < end) {
    const row = code.row(address);
    if (row.bytes.length === 0) return undefined;
    rows.push(row);
    address += BigInt(row.bytes.length);
  }
  return address === end ? rows : undefined;
}

/** Location only where it changes: the client fills forward. */
function withLocations(
  session: RingsideSession,
  { program }: CodeView,
  rows: readonly CodeRow[],
  symbols: boolean,
): readonly Row[] {
  let shown = "";
  return rows.map((row): Row => {
    const range = program.entryAt(row.address)?.range;
    const here = range ? `${range.file}:${range.line}` : "";
    const isNew = range !== undefined && here !== shown;
    shown = here;
    const symbol = program.nameAt(row.address);
    return {
      address: rowAddress(row.address),
      instructionBytes: Array.from(row.bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" "), // prettier-ignore
      instruction: row.text,
      ...(symbols && symbol?.offset === 0n ? { symbol: symbolText(symbol) ?? "" } : {}),
      ...(isNew ? { location: fileSource(range.file), line: session.toClientLine(range.line) } : {}), // prettier-ignore
      ...(row.valid ? {} : { presentationHint: "invalid" as const }),
    };
  });
}

/** Rows before address 0 and after the last address are holes; their numbers still have to be in order. */
function rowAddress(address: bigint): string {
  return address < 0n ? address.toString() : `0x${address.toString(16)}`;
}

export const disassemblyHandlers: HandlerTable = { disassemble };
