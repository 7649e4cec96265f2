/** The assembler's door: text to image, symbols, line map and diagnostics. Bytes are those of `nasm -f bin` 2.16.01 with its default -Ox. */
import { Assembler } from "./assembler";
import { rangeOf } from "./diagnosticSink";
import { sharedReuse, type Reuse } from "./knownLines";
import { listingOf } from "./listing";
import { OriginFinder } from "./origins";
import type { Section as AssembledSection } from "./sections";
import type { Placed, StatementTree } from "./statementTree";
import type { AsmSymbol, Assemble, Assembly, AssembleOptions, LineEntry, Section } from "./types";

/** Copies of a repeated instruction that get entries of their own; a longer run is one entry. */
const MOST_COPY_ENTRIES = 4096;

export const assemble: Assemble = (options) => assembleWith(options, sharedReuse());

export function assembleWith(options: AssembleOptions, reuse: Reuse): Assembly {
  const assembler = new Assembler(options, undefined, reuse);
  assembler.run();
  return assemblyOf(assembler, options);
}

/** The program after preprocessing, as `nasm -E` prints it. */
export function preprocess(options: AssembleOptions): {
  readonly ok: boolean;
  readonly text: string;
  readonly diagnostics: Assembly["diagnostics"];
} {
  const assembler = new Assembler(options, undefined, sharedReuse());
  const text = assembler.preprocessOnly();
  const { sink } = assembler;
  return { ok: !sink.hasErrors, text, diagnostics: sorted(sink.diagnostics) };
}

/** What a finished run gives. */
export function assemblyOf(assembler: Assembler, options: AssembleOptions): Assembly {
  return new FinishedAssembly(assembler, options);
}

/**
 * A class, as an object literal with `get` would be kept alive: V8 holds such functions in tables that count as roots while it collects young
 * objects only, and through them all of the run.
 */
class FinishedAssembly implements Assembly {
  readonly ok: boolean;
  readonly image: Uint8Array;
  readonly origin: number;
  readonly originGiven: boolean;
  readonly entryBits: Assembly["entryBits"];
  readonly sections: readonly Section[];
  readonly diagnostics: Assembly["diagnostics"];
  readonly files: readonly string[];
  // Not every caller wants these; they cost as much as a pass.
  private symbolList: readonly AsmSymbol[] | undefined;
  private lineList: readonly LineEntry[] | undefined;

  constructor(
    private readonly assembler: Assembler,
    private readonly options: AssembleOptions,
  ) {
    const { layout, sink, statements } = assembler;
    const { sections } = layout;
    const ordered = sections.sections.filter(
      (section) => section.type !== "nobits" && section.length > 0,
    );
    const first = ordered.reduce((least, { start }) => Math.min(least, start), Infinity);
    this.origin = sections.origin ?? (ordered.length > 0 ? first : sections.sections[0]!.start);
    this.ok = !sink.hasErrors;
    this.image = imageOf(assembler, ordered, this.origin);
    this.originGiven = sections.origin !== undefined;
    this.entryBits = entryBits(statements, assembler);
    this.sections = sections.sections.map((section) => sectionOf(section, this.origin));
    this.diagnostics = sorted(sink.diagnostics);
    this.files = assembler.files;
  }

  get symbols(): readonly AsmSymbol[] {
    return (this.symbolList ??= symbolsOf(this.assembler));
  }

  get lines(): readonly LineEntry[] {
    return (this.lineList ??= linesOf(this.assembler, this.origin));
  }

  listing(): string {
    return listingOf(this.options);
  }
}

function sorted(diagnostics: Assembly["diagnostics"]): Assembly["diagnostics"] {
  return diagnostics.length < 2 ? diagnostics : [...diagnostics].sort(byPlace);
}

/** By line within a file; files keep the order in which they spoke first. */
function byPlace(a: Assembly["diagnostics"][number], b: Assembly["diagnostics"][number]): number {
  if (a.range.file !== b.range.file) return 0;
  return a.range.line - b.range.line || a.range.column - b.range.column;
}

function imageOf(
  assembler: Assembler,
  ordered: readonly AssembledSection[],
  origin: number,
): Uint8Array {
  const end = ordered.reduce(
    (most, section) => Math.max(most, section.start + section.length),
    origin,
  );
  const image = new Uint8Array(Math.min(end - origin, 1 << 29));
  for (const { placed } of assembler.statements) {
    const section = placed?.section;
    if (
      placed === undefined ||
      section === undefined ||
      section.type === "nobits" ||
      placed.bytes.length === 0
    )
      continue;
    let at = section.start - origin + placed.offset;
    const copies = placed.uniform ? placed.copies : 1;
    if (at < 0 || at + placed.bytes.length * copies > image.length) continue;
    if (placed.bytes.length === 1) image.fill(placed.bytes[0]!, at, at + copies);
    else {
      for (let i = 0; i < copies; i++, at += placed.bytes.length) image.set(placed.bytes, at);
    }
  }
  return image;
}

function entryBits(
  statements: readonly StatementTree[],
  assembler: Assembler,
): Assembly["entryBits"] {
  const first = statements.find((statement) => statement.placed?.kind === "code");
  if (first) return first.bits;
  return statements[statements.length - 1]?.bits ?? assembler.layout.bits;
}

function sectionOf(section: AssembledSection, origin: number): Section {
  return {
    name: section.name,
    address: section.vstart,
    fileOffset: section.type === "nobits" ? -1 : section.start - origin,
    length: section.length,
  };
}

function symbolsOf(assembler: Assembler): AsmSymbol[] {
  const { sections } = assembler.layout;
  const symbols: AsmSymbol[] = [];
  for (const entry of assembler.symbols.all()) {
    if (entry.definition === undefined || entry.kind === undefined) continue;
    const section = sections.ofSegment(entry.segment);
    symbols.push({
      name: entry.name,
      kind: entry.kind,
      value: section
        ? BigInt.asUintN(64, entry.offset + BigInt(sections.baseOf(entry.segment)))
        : entry.offset,
      ...(section ? { section: section.name } : {}),
      global: entry.declaration === "global",
      range: rangeOf(entry.definition),
    });
  }
  return symbols;
}

/** Address of a placed statement. */
export function addressOf(placed: Placed): number {
  return (placed.section?.vstart ?? 0) + placed.offset;
}

export function fileOffsetOf(placed: Placed, origin: number): number {
  const { section } = placed;
  if (section === undefined || section.type === "nobits") return -1;
  return section.start - origin + placed.offset;
}

function linesOf(assembler: Assembler, origin: number): LineEntry[] {
  const finder = new OriginFinder();
  const lines: LineEntry[] = [];
  for (const statement of assembler.statements) {
    const { placed } = statement;
    if (placed?.section === undefined) continue;
    const { callRange, trail } = finder.origin(statement.line, statement.frame);
    const entry = {
      address: addressOf(placed),
      fileOffset: fileOffsetOf(placed, origin),
      length: placed.length,
      kind: placed.kind,
      bits: placed.bits,
      range: callRange,
      macroTrail: trail,
    };
    const apart = placed.kind === "code" && placed.copies > 1 && placed.uniform;
    if (!apart || placed.copies > MOST_COPY_ENTRIES) {
      lines.push(entry);
      continue;
    }
    const size = placed.bytes.length;
    for (let i = 0; i < placed.copies; i++) {
      const fileOffset = entry.fileOffset < 0 ? -1 : entry.fileOffset + i * size;
      lines.push({ ...entry, address: entry.address + i * size, fileOffset, length: size });
    }
  }
  return lines;
}
