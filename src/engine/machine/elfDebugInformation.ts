/** Lines, symbols and sections of an ELF file in the debugger's shape. */
import type { DwarfLines, LineSpan } from "../elf/dwarf/lineSpans";
import { readDwarfLines } from "../elf/dwarf/lineSpans";
import { isCompressed } from "../elf/dwarf/sections";
import type { ElfFile, ElfSection, ElfSymbol } from "../elf/elfFile";
import type { DebugInformation, DebugLine, DebugSection, DebugSymbol } from "./debugInformation";

export interface ElfPlaces {
  /** Name for messages. */
  readonly name: string;
  /** Where the loader puts a virtual address, from the image's first byte; -1: nowhere. */
  readonly imageOffset: (address: number) => number;
  /** Where a source file is on this computer, by the path that the compiler wrote. */
  readonly locateSource?: ((path: string) => string) | undefined;
}

export function elfDebugInformation(file: ElfFile, places: ElfPlaces): DebugInformation {
  const dwarf = readDwarfLines(file);
  const located = locations(dwarf.spans, places);
  const lines = dwarf.spans.map((span) =>
    lineOf(span, located.get(span.file) ?? span.file, places),
  );
  return {
    files: [...new Set(lines.map(({ range }) => range.file))],
    lines,
    symbols: symbolsOf(file, dwarf),
    sections: file.sections
      .filter(({ isLoaded, sizeBytes }) => isLoaded && sizeBytes > 0)
      .map((section) => sectionOf(section, places)),
    lineUnit: "statement",
    functions: dwarf.functions,
    notes: notesOf(file, dwarf, places.name),
  };
}

/** Each path is looked for once. */
function locations(spans: readonly LineSpan[], places: ElfPlaces): ReadonlyMap<string, string> {
  const paths = new Set(spans.map(({ file }) => file));
  return new Map([...paths].map((path) => [path, places.locateSource?.(path) ?? path]));
}

function lineOf(span: LineSpan, file: string, { imageOffset }: ElfPlaces): DebugLine {
  const { address, length, line, isStatement } = span;
  const column = Math.max(1, span.column);
  return {
    address,
    fileOffset: imageOffset(address),
    length,
    kind: "code",
    range: { file, line, column, endLine: line, endColumn: column },
    macroTrail: [],
    isStatement,
  };
}

function sectionOf(section: ElfSection, { imageOffset }: ElfPlaces): DebugSection {
  const { name, address, sizeBytes, isExecutable } = section;
  return { name, address, fileOffset: imageOffset(address), length: sizeBytes, isExecutable };
}

/** Of several names for one address the last one is shown: functions rather than others, global rather than local. */
function rank({ kind, isGlobal }: ElfSymbol): number {
  return (kind === "untyped" ? 0 : 2) + (isGlobal ? 1 : 0);
}

function symbolsOf({ symbols }: ElfFile, { functions }: DwarfLines): readonly DebugSymbol[] {
  const named = new Set(symbols.map(({ value }) => value));
  // A stripped symbol table may leave the functions' names in the DWARF.
  const unnamed = functions.filter(({ from, isInlined }) => !isInlined && !named.has(from));
  return [
    ...unnamed.map(({ name, from, to }) => ({ ...label(name, from), functionBytes: to - from })),
    ...[...symbols].sort((a, b) => rank(a) - rank(b)).map(symbolOf),
  ];
}

function symbolOf({ name, value, section, kind, sizeBytes }: ElfSymbol): DebugSymbol {
  if (!section) return { name, kind: "equ", value: BigInt(value) };
  const functionBytes = kind === "function" && sizeBytes > 0 ? { functionBytes: sizeBytes } : {};
  return { ...label(name, value), section: section.name, ...functionBytes };
}

function label(name: string, value: number): DebugSymbol {
  return { name, kind: "label", value: BigInt(value) };
}

function notesOf(file: ElfFile, { spans, problems }: DwarfLines, name: string): string[] {
  if (isCompressed(file)) {
    return [
      `The debug information of ${name} is compressed, so there are no source lines. Build it with -gz=none, or run: objcopy --decompress-debug-sections ${name}`,
    ];
  }
  if (problems.length > 0) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    return [`The debug information of ${name} is damaged, so some source lines are missing. ${problems[0] ?? ""}${more}`]; // prettier-ignore
  }
  if (spans.length > 0) return [];
  return [`${name} has no line information, so it is debugged by its instructions. Build it with -g (gcc -g, as -g, nasm -f elf32 -g -F dwarf) and do not strip it.`]; // prettier-ignore
}
