/** What is known of a loaded program besides its bytes: lines, labels, and how both map to addresses. */
import type { AsmSymbol, GuestImage, LineEntry } from "../../engine/index";

export interface SymbolAt {
  readonly name: string;
  readonly offset: bigint;
}

/** A label and the linear addresses at which it can be met. */
interface Label {
  readonly symbol: AsmSymbol;
  readonly address: bigint;
}

/** Addresses beyond a label by more than this are not called "label+offset". */
const MAX_SYMBOL_DISTANCE = 0x10000n;

/** Sorted runs of the image; lookups by address and by line. */
export class Program {
  readonly files: readonly string[];
  /** Line entries by linear address: at the assembled address and, where it differs, at the loaded one. */
  private readonly placed: readonly { readonly address: bigint; readonly entry: LineEntry }[];
  private readonly byLine = new Map<string, LineEntry[]>();
  private readonly codeLinesOf = new Map<string, readonly number[]>();
  private readonly labels: readonly Label[];
  private readonly byName = new Map<string, AsmSymbol>();

  constructor(readonly image: GuestImage) {
    const assembly = image.assembly;
    this.files = assembly?.files ?? [];
    const placed: { address: bigint; entry: LineEntry }[] = [];
    for (const entry of assembly?.lines ?? []) {
      for (const address of this.addressesOf(entry)) placed.push({ address, entry });
      this.indexByLine(entry);
    }
    this.placed = placed.sort((a, b) => compare(a.address, b.address));
    for (const symbol of assembly?.symbols ?? []) this.byName.set(symbol.name, symbol);
    this.indexCodeLines();
    this.labels = this.placeLabels();
  }

  get symbols(): readonly AsmSymbol[] {
    return this.image.assembly?.symbols ?? [];
  }

  /** Where an entry can be met: where it was assembled for, and where the loader put it. */
  addressesOf(entry: LineEntry): readonly bigint[] {
    const assembled = BigInt.asUintN(64, BigInt(entry.address));
    if (entry.fileOffset < 0) return [assembled];
    const loaded = BigInt(this.image.loadAddress + entry.fileOffset);
    return loaded === assembled ? [assembled] : [assembled, loaded];
  }

  /** The entry that covers a linear address. */
  entryAt(address: bigint): LineEntry | undefined {
    return this.placedAt(address)?.entry;
  }

  /** The entry that covers `address`, with where it starts. */
  placedAt(address: bigint): { readonly address: bigint; readonly entry: LineEntry } | undefined {
    const index = this.indexAtOrBefore(address);
    const found = this.placed[index];
    if (!found || address >= found.address + BigInt(Math.max(found.entry.length, 1))) {
      return undefined;
    }
    return found;
  }

  /** Starts of instructions and data items at or below an address, nearest first. */
  *startsBefore(
    address: bigint,
  ): Generator<{ readonly address: bigint; readonly entry: LineEntry }, undefined> {
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
  entriesOfLine(file: string, line: number): readonly LineEntry[] {
    return this.byLine.get(lineKey(file, line)) ?? [];
  }

  /** Lines of a file that have code, ascending. */
  codeLines(file: string): readonly number[] {
    return this.codeLinesOf.get(normalizePath(file)) ?? [];
  }

  /** The program's own spelling of a file that the client named. */
  fileNamed(path: string): string | undefined {
    const wanted = normalizePath(path);
    return this.files.find((file) => normalizePath(file) === wanted);
  }

  symbol(name: string): AsmSymbol | undefined {
    return this.byName.get(name);
  }

  /** Label at or before a linear address; not the numbered ones of macros (`..@5.next`). */
  symbolAt(address: bigint): SymbolAt | undefined {
    return this.nearest(address, (label) => !label.symbol.name.startsWith("..@"));
  }

  /** As `symbolAt`, but only labels that are not local to another (`kmain`, not `kmain.loop`). */
  functionAt(address: bigint): SymbolAt | undefined {
    return this.nearest(address, (label) => !isLocal(label.symbol.name));
  }

  /** Whether an address lies in the loaded image (at either of its places). */
  covers(address: bigint): boolean {
    const start = BigInt(this.image.loadAddress);
    const loaded = address >= start && address < start + BigInt(this.image.bytes.length);
    return loaded || this.placedAt(address) !== undefined;
  }

  /** Under the line as written in the file and, for macros, under each line of a body that it came through. */
  private indexByLine(entry: LineEntry): void {
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
      if (accept(label)) return { name: label.symbol.name, offset: address - label.address };
    }
    return undefined;
  }

  private placeLabels(): readonly Label[] {
    const assembly = this.image.assembly;
    if (!assembly) return [];
    const sections = new Map(assembly.sections.map((section) => [section.name, section]));
    const labels: Label[] = [];
    for (const symbol of assembly.symbols) {
      if (symbol.kind !== "label") continue;
      const address = BigInt.asUintN(64, symbol.value);
      labels.push({ symbol, address });
      const section = symbol.section === undefined ? undefined : sections.get(symbol.section);
      if (!section || section.fileOffset < 0) continue;
      const offset = Number(symbol.value) - section.address + section.fileOffset;
      const loaded = BigInt(this.image.loadAddress + offset);
      if (loaded !== address) labels.push({ symbol, address: loaded });
    }
    return labels.sort((a, b) => compare(a.address, b.address));
  }

  private indexAtOrBefore(address: bigint): number {
    return lastAtOrBefore(this.placed, address);
  }
}

export function isLocal(name: string): boolean {
  return name.indexOf(".", 1) > 0 || name.startsWith("..@");
}

/** "kmain+0x12". */
export function symbolText(at: SymbolAt | undefined): string | undefined {
  if (!at) return undefined;
  return at.offset === 0n ? at.name : `${at.name}+0x${at.offset.toString(16)}`;
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
