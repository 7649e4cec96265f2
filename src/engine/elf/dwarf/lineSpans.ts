/** The line tables as runs of addresses, each made from one source line. */
import type { ElfFile } from "../elfFile";
import { readCompilationUnits } from "./compilationUnits";
import type { FunctionRange } from "./compilationUnits";
import { readLineTables } from "./lineProgram";
import type { LineRow } from "./lineProgram";
import { dwarfSections } from "./sections";

/** Code of one line. Addresses as in `ByteCursor`. */
export interface LineSpan {
  readonly address: number;
  /** 0 for a line that left no code of its own here: a breakpoint on it stops at the code that follows. */
  readonly length: number;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly isStatement: boolean;
}

export interface DwarfLines {
  /** By address; of several at one address the last one covers code. */
  readonly spans: readonly LineSpan[];
  readonly functions: readonly FunctionRange[];
  /** What could not be read, as sentences. */
  readonly problems: readonly string[];
}

export function readDwarfLines(file: ElfFile): DwarfLines {
  const sections = dwarfSections(file);
  const { directories, functions, problems } = readCompilationUnits(sections);
  const tables = readLineTables(sections, (offset) => directories.get(offset) ?? "");
  const isLive = liveness(file);
  const spans: LineSpan[] = [];
  for (const { files, rows } of tables.units) {
    for (const sequence of sequencesOf(rows)) {
      // The linker removes functions without their line tables.
      if (isLive(sequence[0]?.address ?? 0)) addSpans(spans, sequence, files);
    }
  }
  return {
    // Sorting is stable: rows of one address stay in the order of the table.
    spans: spans.sort((a, b) => a.address - b.address),
    functions: functions.filter(({ from }) => isLive(from)),
    problems: [...problems, ...tables.problems],
  };
}

/** Whether an address lies in a section of the loaded program; with stripped section headers, in a segment. */
function liveness({ sections, segments }: ElfFile): (address: number) => boolean {
  const loaded = sections.filter(({ isLoaded }) => isLoaded);
  const places =
    loaded.length > 0
      ? loaded.map(({ address, sizeBytes }) => ({ from: address, to: address + sizeBytes }))
      : segments.map(({ virtual, memorySize }) => ({ from: virtual, to: virtual + memorySize }));
  return (address) => places.some(({ from, to }) => address >= from && address < to);
}

/** Rows up to and with each end of sequence; a table that is cut off has a last one without. */
function sequencesOf(rows: readonly LineRow[]): LineRow[][] {
  const sequences: LineRow[][] = [];
  let current: LineRow[] = [];
  for (const row of rows) {
    current.push(row);
    if (!row.endsSequence) continue;
    sequences.push(current);
    current = [];
  }
  return current.length > 0 ? [...sequences, current] : sequences;
}

function addSpans(
  spans: LineSpan[],
  sequence: readonly LineRow[],
  files: readonly (string | undefined)[],
): void {
  sequence.forEach(({ address, file, line, column, isStatement, endsSequence }, index) => {
    const path = files[file];
    const next = sequence[index + 1];
    if (endsSequence || line === 0 || path === undefined || !next) return;
    const length = next.address - address;
    const isRepeated = next.line === line && next.file === file;
    if (length === 0 && (isRepeated || !isStatement)) return;
    // Within a sequence addresses only grow: anything else is damage.
    if (length >= 0) spans.push({ address, length, file: path, line, column, isStatement });
  });
}
