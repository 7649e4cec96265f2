/**
 * Paging structures as a program's source shows them: CR3 values that are constants name the top table; constants that are stored there (`mov dword [table], next | 3`) or
 * that stand there as data are its entries; and these name the tables of the next level.
 */
import {
  CR4,
  decodeEntry,
  EFER,
  entrySize,
  levelShift,
  MSR,
  topLevel,
  type DecodedEntry,
  type PagingFormat,
  type PagingLevel,
  type Statement,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { bitsBefore, knownValue, operandBits } from "./registerBits";
import { isLinkedPart, systemWritesOf } from "./systemWrites";

const TABLE_BYTES = 4096;

/** Nothing that this depends on is judged by the decoder: separate rules do that. */
const OPTIONS = {
  physicalAddressBits: 52,
  executeDisable: true,
  pageSizeExtensions: true,
  pages1G: true,
};

export interface StaticEntry {
  readonly address: number;
  readonly value: bigint;
  readonly statement: Statement;
  /** The table that it is in. */
  readonly table: number;
  readonly level: PagingLevel;
  readonly decoded: DecodedEntry;
}

export interface Paging {
  readonly format: PagingFormat;
  /** Level by physical address, of every table that is known. */
  readonly tables: ReadonlyMap<number, PagingLevel>;
  readonly entries: readonly StaticEntry[];
  /** Addresses in tables that get values which are not known. */
  readonly changed: ReadonlySet<number>;
}

/** Undefined where the program may choose between several. */
export function pagingFormatOf(analysis: Analysis): PagingFormat | undefined {
  const writes = systemWritesOf(analysis);
  if (analysis.model.statements.some(({ bits, form }) => bits === 64 && form !== undefined))
    return "4-level";
  const long = writes.setsMsrBit(MSR.EFER, EFER.LME);
  const wide = writes.setsControlBit(4, CR4.PAE);
  if (long === "yes") return "4-level";
  if (long === "maybe" || wide === "maybe") return undefined;
  return wide === "yes" ? "pae" : "32-bit";
}

interface Candidate {
  readonly address: number;
  readonly value: bigint | undefined;
  readonly statement: Statement;
}

/** The address of a memory operand, where its register holds a known constant. */
export function operandAddress(analysis: Analysis, statement: Statement): number | undefined {
  const target = statement.operands[0]?.value;
  if (target?.kind !== "mem" || !target.displacementKnown || target.index !== undefined)
    return undefined;
  if (target.base === undefined) return Number(target.displacement);
  if (target.base.class !== "gpr" || target.base.size === 16) return undefined;
  const size = target.base.size;
  const index = analysis.indexOf(statement);
  const base = knownValue(bitsBefore(analysis, index, target.base.number), size);
  return base === undefined ? undefined : Number(BigInt.asUintN(size, base + target.displacement));
}

/** Segment bases are not known in 16-bit code. */
function storeOf(analysis: Analysis, statement: Statement): Candidate | undefined {
  const { form, operands, bits } = statement;
  const target = operands[0]?.value;
  const access = form?.operands[0]?.access;
  if (form === undefined || bits === 16 || target?.kind !== "mem" || target.segment !== undefined)
    return undefined;
  if (access !== "w" && access !== "rw") return undefined;
  const address = operandAddress(analysis, statement);
  if (address === undefined) return undefined;
  const width = form.operands[0]?.kind;
  const size = width === "rm64" || width === "m64" ? 64 : width === "rm32" || width === "moffs32" ? 32 : 0; // prettier-ignore
  if (form.mnemonic !== "mov" || size === 0) return { address, value: undefined, statement };
  const source = operands[1]?.value;
  const value = knownValue(operandBits(analysis, analysis.indexOf(statement), source), size);
  return { address, value, statement };
}

function dataEntries(statement: Statement, size: 4 | 8, table: number): Candidate[] {
  const { bytes, address } = statement;
  if ((address - table) % size !== 0 || bytes.length % size !== 0) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Candidate[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const value = size === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
    if (value !== 0n) found.push({ address: address + at, value, statement });
  }
  return found;
}

function tableOf(address: number): number {
  return Math.floor(address / TABLE_BYTES) * TABLE_BYTES;
}

class Collector {
  readonly tables = new Map<number, PagingLevel>();
  readonly entries: StaticEntry[] = [];
  readonly changed = new Set<number>();
  private readonly stores = new Map<number, Candidate[]>();
  private readonly data: readonly Statement[];
  private readonly size: 4 | 8;

  constructor(
    private readonly analysis: Analysis,
    private readonly format: PagingFormat,
  ) {
    this.size = entrySize(format);
    this.data = analysis.model.statements.filter(
      ({ kind, bytes }) =>
        kind === "data" && bytes.length >= this.size && bytes.length <= TABLE_BYTES,
    );
    for (const statement of analysis.model.statements) this.addStore(statement);
  }

  private addStore(statement: Statement): void {
    const store = storeOf(this.analysis, statement);
    if (store === undefined) return;
    const table = tableOf(store.address);
    const list = this.stores.get(table);
    if (list === undefined) this.stores.set(table, [store]);
    else list.push(store);
  }

  /** The tables from one on, and what is below them. */
  collect(top: number, level: PagingLevel): void {
    this.tables.set(top, level);
    // A map grows while it is walked.
    for (const [table, at] of this.tables) if (at === level) this.read(table, at);
    const below = level - 1;
    if (below === 0) return;
    for (const [table, at] of [...this.tables]) if (at === below) this.collect(table, at);
  }

  private read(table: number, level: PagingLevel): void {
    const inside = ({ address }: Statement): boolean => address >= table && address < table + TABLE_BYTES; // prettier-ignore
    const data = this.data.filter(inside).flatMap((each) => dataEntries(each, this.size, table));
    for (const each of [...(this.stores.get(table) ?? []), ...data]) this.add(each, table, level);
  }

  private add({ address, value, statement }: Candidate, table: number, level: PagingLevel): void {
    const isEntry = (address - table) % this.size === 0;
    if (value === undefined || !isEntry) {
      this.changed.add(address - ((address - table) % this.size));
      return;
    }
    if (this.entries.some((each) => each.address === address && each.statement === statement)) return; // prettier-ignore
    const decoded = decodeEntry(value, this.format, level, OPTIONS);
    this.entries.push({ address, value, statement, table, level, decoded });
    if (!decoded.present || decoded.leaf || level === 1) return;
    const next = Number(decoded.frame);
    if (!this.tables.has(next)) this.tables.set(next, (level - 1) as PagingLevel);
  }
}

function findPaging(analysis: Analysis): Paging {
  const roots = systemWritesOf(analysis)
    .writesOf(3)
    .flatMap(({ bits, statement }) => {
      const value = knownValue(bits, statement.bits === 64 ? 64 : 32);
      return value === undefined || value === 0n ? [] : [tableOf(Number(value))];
    });
  const format =
    roots.length === 0 || isLinkedPart(analysis) ? undefined : pagingFormatOf(analysis);
  if (format === undefined)
    return { format: "32-bit", tables: new Map(), entries: [], changed: new Set() };
  const collector = new Collector(analysis, format);
  for (const root of new Set(roots)) collector.collect(root, topLevel(format));
  const { tables, entries, changed } = collector;
  return { format, tables, entries, changed };
}

/** Made once for a program. */
export const pagingOf = oncePerAnalysis((analysis): Paging => findPaging(analysis));

/** The entries by which a table can be reached. */
export function parentsOf({ entries }: Paging, table: number): readonly StaticEntry[] {
  return entries.filter(
    ({ decoded, level }) => decoded.present && !decoded.leaf && level > 1 && Number(decoded.frame) === table, // prettier-ignore
  );
}

/** The linear address that an entry maps; undefined where the way to it from the top is not the only one, or not known. */
export function linearAddressOf(
  paging: Paging,
  { table, address }: Pick<StaticEntry, "table" | "address">,
): bigint | undefined {
  const level = paging.tables.get(table);
  if (level === undefined) return undefined;
  const size = entrySize(paging.format);
  const index = BigInt(Math.floor((address - table) / size));
  const part = index << BigInt(levelShift(paging.format, level));
  if (level === topLevel(paging.format)) return part;
  const parents = parentsOf(paging, table);
  const [parent] = parents;
  const above = parent === undefined || parents.length > 1 ? undefined : linearAddressOf(paging, parent); // prettier-ignore
  return above === undefined ? undefined : above + part;
}
