/** What is known of a loaded program besides its bytes: lines, labels, and how both map to addresses. */
import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { biosSymbols } from "../../engine/index";
import type {
  DebugFunction,
  DebugInformation,
  DebugLine,
  DebugSection,
  DebugSymbol,
  GuestImage,
} from "../../engine/index";

export interface SymbolAt {
  readonly name: string;
  readonly offset: bigint;
}

/** A label and the linear addresses at which it can be met. */
interface Label {
  readonly symbol: DebugSymbol;
  readonly address: bigint;
}

/** A line's bytes, at one of the addresses at which they can be met. */
export interface PlacedLine {
  readonly address: bigint;
  readonly entry: DebugLine;
}

/** A section, at one of its places. */
interface PlacedSection {
  readonly from: bigint;
  /** The first address after it. */
  readonly to: bigint;
  readonly section: DebugSection;
}

/** Addresses beyond a label by more than this are not called "label+offset". */
const MAX_SYMBOL_DISTANCE = 0x10000n;

/** Sorted runs of the image; lookups by address and by line. */
export class Program {
  readonly files: readonly string[];
  /** Line entries by linear address: at the assembled address and, where it differs, at the loaded one. */
  private readonly placed: readonly PlacedLine[];
  private readonly byLine = new Map<string, DebugLine[]>();
  private readonly codeLinesOf = new Map<string, readonly number[]>();
  private readonly labels: readonly Label[];
  private readonly functionLabels: readonly Label[];
  private readonly sections: readonly PlacedSection[];
  private readonly byName = new Map<string, DebugSymbol>();
  private readonly known: DebugInformation | undefined;
  private starts: ReadonlySet<bigint> | undefined;

  constructor(readonly image: GuestImage) {
    this.known = image.debugInformation;
    this.files = this.known?.files ?? [];
    const placed: PlacedLine[] = [];
    for (const entry of this.known?.lines ?? []) {
      for (const address of this.addressesOf(entry)) placed.push({ address, entry });
      this.indexByLine(entry);
    }
    this.placed = placed.sort((a, b) => compare(a.address, b.address));
    for (const symbol of this.symbols) this.byName.set(symbol.name, symbol);
    this.indexCodeLines();
    this.labels = this.placeLabels();
    this.functionLabels = this.labels.filter(({ symbol }) => symbol.functionBytes !== undefined);
    this.sections = this.placeSections();
  }

  get symbols(): readonly DebugSymbol[] {
    return this.known?.symbols ?? [];
  }

  /** Whether one line of the source is several instructions, so that a step is a statement. */
  get hasStatements(): boolean {
    return this.known?.lineUnit === "statement";
  }

  /** Addresses at which statements begin; empty where a line is an instruction. */
  get statementStarts(): ReadonlySet<bigint> {
    this.starts ??= new Set(
      this.placed
        .filter(
          ({ entry }, index) =>
            this.hasStatements &&
            entry.isStatement !== false &&
            !continues(this.placed[index - 1]?.entry, entry),
        ) // prettier-ignore
        .map(({ address }) => address),
    );
    return this.starts;
  }

  /** Where an entry can be met: where it was made for, and where the loader put it. */
  addressesOf(entry: Pick<DebugLine, "address" | "fileOffset">): readonly bigint[] {
    const made = BigInt.asUintN(64, BigInt(entry.address));
    if (entry.fileOffset < 0) return [made];
    const loaded = BigInt(this.image.loadAddress + entry.fileOffset);
    return loaded === made ? [made] : [made, loaded];
  }

  /** Where else the byte at an address can be met, itself first: a higher-half kernel runs at its physical addresses before it maps itself. */
  twinsOf(address: bigint): readonly bigint[] {
    const home = this.sectionAt(address);
    if (!home) return [address];
    const offset = address - home.from;
    const all = this.addressesOf(home.section).map((start) => start + offset);
    return [address, ...all.filter((one) => one !== address)];
  }

  /** The entry that covers a linear address. */
  entryAt(address: bigint): DebugLine | undefined {
    return this.placedAt(address)?.entry;
  }

  /** The entry that covers `address`, with where it starts. */
  placedAt(address: bigint): PlacedLine | undefined {
    const index = this.indexAtOrBefore(address);
    const found = this.placed[index];
    if (!found || address >= found.address + BigInt(Math.max(found.entry.length, 1))) {
      return undefined;
    }
    return found;
  }

  /** Starts of instructions and data items at or below an address, nearest first. */
  *startsBefore(address: bigint): Generator<PlacedLine, undefined> {
    let index = this.indexAtOrBefore(address - 1n);
    for (; index >= 0; index--) {
      const item = this.placed[index];
      if (item) yield item;
    }
    return undefined;
  }

  /** The first start at or after an address. */
  startAtOrAfter(address: bigint): bigint | undefined {
    return this.placed[this.indexAtOrBefore(address - 1n) + 1]?.address;
  }

  /** Entries of one line, in address order. */
  entriesOfLine(file: string, line: number): readonly DebugLine[] {
    return this.byLine.get(lineKey(file, line)) ?? [];
  }

  /** Where a breakpoint on a line stops: at the first instruction of each of its places. */
  stopsOfLine(file: string, line: number): readonly bigint[] {
    const code = this.entriesOfLine(file, line).filter(({ kind }) => kind === "code");
    const statements = code.filter(({ isStatement }) => isStatement !== false);
    const entries = statements.length > 0 ? statements : code;
    const firsts = entries.filter((entry, index) => !continues(entries[index - 1], entry));
    return this.firstOfFunctions(firsts).flatMap((entry) => this.addressesOf(entry));
  }

  /**
   * A statement has several places in one function when the compiler took it apart (the head of a loop): it begins at the first. Inlined copies are
   * functions of their own.
   */
  private firstOfFunctions(entries: readonly DebugLine[]): readonly DebugLine[] {
    const functions = this.known?.functions ?? [];
    if (functions.length === 0) return entries;
    const seen = new Set<number>();
    return entries.filter(({ address }) => {
      const home = innermost(functions, address);
      if (!home) return true;
      const isFirst = !seen.has(home.id);
      seen.add(home.id);
      return isFirst;
    });
  }

  /** Lines of a file that have code, ascending. */
  codeLines(file: string): readonly number[] {
    return this.codeLinesOf.get(normalizePath(file)) ?? [];
  }

  /** The program's own spelling of a file that the client named; a compiler may have come to it by another way (a symbolic link). */
  fileNamed(path: string): string | undefined {
    const wanted = normalizePath(path);
    const exact = this.files.find((file) => normalizePath(file) === wanted);
    if (exact !== undefined || path === "") return exact;
    const real = realPath(path);
    return this.files.find((file) => basename(file) === basename(path) && realPath(file) === real);
  }

  symbol(name: string): DebugSymbol | undefined {
    return this.byName.get(name);
  }

  /** Label at or before a linear address; not the numbered ones of macros (`..@5.next`). */
  symbolAt(address: bigint): SymbolAt | undefined {
    return this.nearest(address, (label) => !label.symbol.name.startsWith("..@"));
  }

  /** The symbol at a place of the program or, in real mode, of the BIOS below it. */
  nameAt(address: bigint): SymbolAt | undefined {
    return this.covers(address) ? this.symbolAt(address) : this.firmwareAt(address);
  }

  private firmwareAt(address: bigint): SymbolAt | undefined {
    if (this.image.entry !== "real16") return undefined;
    let found: SymbolAt | undefined;
    for (const { name, value } of biosSymbols()) {
      const offset = address - value;
      if (offset >= 0n && offset <= (found?.offset ?? MAX_SYMBOL_DISTANCE))
        found = { name, offset };
    }
    return found;
  }

  /** As `symbolAt`, but only labels that are not local to another (`kmain`, not `kmain.loop`) nor in the middle of a function. */
  functionAt(address: bigint): SymbolAt | undefined {
    const known = this.functionLabels[lastAtOrBefore(this.functionLabels, address)];
    const offset = known && address - known.address;
    if (known && offset !== undefined && offset < BigInt(known.symbol.functionBytes ?? 0)) {
      return { name: known.symbol.name, offset };
    }
    return this.nearest(address, (label) => !isLocal(label.symbol.name));
  }

  /** Whether an address lies in the program, at either of its places. */
  covers(address: bigint): boolean {
    const start = BigInt(this.image.loadAddress);
    const loaded = address >= start && address < start + BigInt(this.image.bytes.length);
    return loaded || this.placedAt(address) !== undefined || this.sectionAt(address) !== undefined;
  }

  /** Whether an address of the program can hold code. */
  holdsCode(address: bigint): boolean {
    const entry = this.entryAt(address);
    if (entry) return entry.kind === "code";
    // Where no line says it: the section, or nothing, as in a stripped image.
    return this.sectionAt(address)?.section.isExecutable ?? (!this.known || this.hasStatements);
  }

  /** Bytes from `address` to the end of the data there; undefined where there may be code. */
  dataLeft(address: bigint): bigint | undefined {
    const placed = this.placedAt(address);
    if (placed) {
      const end = placed.address + BigInt(placed.entry.length);
      return placed.entry.kind === "code" ? undefined : end - address;
    }
    const home = this.sectionAt(address);
    return home?.section.isExecutable === false ? home.to - address : undefined;
  }

  /** The same at its places in guest-physical memory only. */
  asLoaded(): Program {
    const { image, known } = this;
    if (!known) return this;
    const moved = <T extends { readonly address: number; readonly fileOffset: number }>(
      all: readonly T[],
    ): T[] =>
      all
        .filter(({ fileOffset }) => fileOffset >= 0)
        .map((one) => ({ ...one, address: image.loadAddress + one.fileOffset }));
    const symbols = this.labels
      .filter(({ address }) => this.isLoadedAt(address))
      .map(({ symbol, address }) => ({ ...symbol, value: address }));
    const debugInformation = {
      ...known,
      lines: moved(known.lines),
      sections: moved(known.sections),
      symbols,
      functions: [],
    };
    return new Program({ ...image, debugInformation });
  }

  private isLoadedAt(address: bigint): boolean {
    const home = this.sectionAt(address);
    return (
      home !== undefined &&
      home.section.fileOffset >= 0 &&
      home.from === BigInt(this.image.loadAddress + home.section.fileOffset)
    );
  }

  private sectionAt(address: bigint): PlacedSection | undefined {
    return this.sections.find(({ from, to }) => address >= from && address < to);
  }

  private placeSections(): readonly PlacedSection[] {
    return (this.known?.sections ?? []).flatMap((section) =>
      this.addressesOf(section).map((from) => ({
        from,
        to: from + BigInt(section.length),
        section,
      })),
    );
  }

  /** Under the line as written in the file and, for macros, under each line of a body that it came through. */
  private indexByLine(entry: DebugLine): void {
    const ranges = [entry.range, ...entry.macroTrail.map(({ range }) => range)];
    const keys = new Set(ranges.map(({ file, line }) => lineKey(file, line)));
    for (const key of keys) {
      const sameLine = this.byLine.get(key);
      if (sameLine) sameLine.push(entry);
      else this.byLine.set(key, [entry]);
    }
  }

  private indexCodeLines(): void {
    const lines = new Map<string, Set<number>>();
    for (const [key, entries] of this.byLine) {
      if (!entries.some(({ kind }) => kind === "code")) continue;
      const colon = key.lastIndexOf(":");
      const file = key.slice(0, colon);
      const known = lines.get(file) ?? new Set();
      lines.set(file, known.add(Number(key.slice(colon + 1))));
    }
    for (const [file, set] of lines)
      this.codeLinesOf.set(
        file,
        [...set].sort((a, b) => a - b),
      );
  }

  private nearest(address: bigint, accept: (label: Label) => boolean): SymbolAt | undefined {
    let index = lastAtOrBefore(this.labels, address);
    for (; index >= 0; index--) {
      const label = this.labels[index];
      if (!label || address - label.address > MAX_SYMBOL_DISTANCE) return undefined;
      if (!accept(label)) continue;
      const offset = address - label.address;
      const { name, functionBytes } = label.symbol;
      // What lies behind the end of a function is no place in it.
      return functionBytes !== undefined && offset >= functionBytes ? undefined : { name, offset };
    }
    return undefined;
  }

  private placeLabels(): readonly Label[] {
    const sections = new Map(this.known?.sections.map((section) => [section.name, section]));
    const labels: Label[] = [];
    for (const symbol of this.symbols) {
      if (symbol.kind !== "label") continue;
      const section = symbol.section === undefined ? undefined : sections.get(symbol.section);
      const shift =
        section && section.fileOffset >= 0 ? section.fileOffset - section.address : -Infinity;
      const place = { address: Number(symbol.value), fileOffset: Number(symbol.value) + shift };
      for (const address of this.addressesOf(place)) labels.push({ symbol, address });
    }
    return labels.sort((a, b) => compare(a.address, b.address));
  }

  private indexAtOrBefore(address: bigint): number {
    return lastAtOrBefore(this.placed, address);
  }
}

/** Whether an entry goes on where the one before it ended, in the same expansion. */
function continues(before: DebugLine | undefined, entry: DebugLine): boolean {
  return (
    before !== undefined &&
    before.address + before.length === entry.address &&
    before.range.line === entry.range.line &&
    before.range.file === entry.range.file
  );
}

/** The smallest run of code around an address: an inlined copy rather than the function that it is in. */
function innermost(
  functions: readonly DebugFunction[],
  address: number,
): DebugFunction | undefined {
  let found: DebugFunction | undefined;
  for (const one of functions) {
    if (address < one.from || address >= one.to) continue;
    if (!found || one.to - one.from < found.to - found.from) found = one;
  }
  return found;
}

export function isLocal(name: string): boolean {
  return name.indexOf(".", 1) > 0 || name.startsWith("..@");
}

/** "kmain+0x12". */
export function symbolText(at: SymbolAt | undefined): string | undefined {
  if (!at) return undefined;
  return at.offset === 0n ? at.name : `${at.name}+0x${at.offset.toString(16)}`;
}

/** The path without symbolic links; as it is where there is no such file. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Paths compare without regard to separators and to the case of a drive letter. */
export function normalizePath(path: string): string {
  const slashes = path.replaceAll("\\", "/").replace(/\/\.\//g, "/");
  return /^[A-Za-z]:/.test(slashes) ? slashes.toLowerCase() : slashes;
}

function lineKey(file: string, line: number): string {
  return `${normalizePath(file)}:${line}`;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Index of the last item at or before `address` in a list sorted by address; -1 if none. */
function lastAtOrBefore(items: readonly { readonly address: bigint }[], address: bigint): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && item.address <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
