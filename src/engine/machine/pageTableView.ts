/** Page-table trees, read from memory one table at a time. */
import { guestPaging, pagingKind, pagingOn, type ViewedMachine } from "./guestContext";
import { decodeEntryFlags, type EntryFormat } from "./entryFlags";
import { translate } from "./translation";
import type { PageTableQuery, PageTableRow } from "./types";

const FRAME = 0xffffffffff000n;

interface Level {
  readonly name: string;
  readonly shift: number;
  /** Entries in the table. */
  readonly count: number;
}

interface Format {
  readonly entries: EntryFormat;
  readonly entryBytes: 4 | 8;
  readonly levels: readonly Level[];
}

const FOUR_LEVELS = (prefix: string): Level[] =>
  ["PML4E", "PDPTE", "PDE", "PTE"].map((name, i) => ({
    name: prefix + name,
    shift: 39 - 9 * i,
    count: 512,
  }));

const FORMATS: Readonly<Record<"4-level" | "pae" | "32-bit" | "ept", Format>> = {
  "4-level": { entries: "guest", entryBytes: 8, levels: FOUR_LEVELS("") },
  pae: {
    entries: "guest",
    entryBytes: 8,
    levels: [
      { name: "PDPTE", shift: 30, count: 4 },
      { name: "PDE", shift: 21, count: 512 },
      { name: "PTE", shift: 12, count: 512 },
    ],
  },
  "32-bit": {
    entries: "32-bit",
    entryBytes: 4,
    levels: [
      { name: "PDE", shift: 22, count: 1024 },
      { name: "PTE", shift: 12, count: 1024 },
    ],
  },
  ept: { entries: "ept", entryBytes: 8, levels: FOUR_LEVELS("EPT ") },
};

/** Where a tree starts and how its tables are found in host memory. */
interface Tree {
  readonly format: Format;
  readonly root: number;
  readonly toHost: (table: number) => number | undefined;
}

function guestTree(machine: ViewedMachine): Tree | string {
  const paging = guestPaging(machine);
  if (!pagingOn(paging))
    return "Paging is off (CR0.PG = 0): linear addresses are guest-physical addresses.";
  const kind = pagingKind(paging);
  return {
    format: FORMATS[kind],
    root: kind === "pae" ? Math.floor(paging.cr3 / 32) * 32 : Math.floor(paging.cr3 / 4096) * 4096,
    toHost: (table) => {
      const { hpa } = translate(machine, "gpa", BigInt(table));
      return hpa === undefined ? undefined : Number(hpa);
    },
  };
}

function hardwareTree(machine: ViewedMachine, which: "nested" | "shadow"): Tree | string {
  const { supervisor } = machine;
  const identity = (table: number): number => table;
  if (!supervisor) {
    const paging = guestPaging(machine);
    if (which === "nested" && paging.eptRoot !== undefined) {
      return { format: FORMATS.ept, root: paging.eptRoot, toHost: identity };
    }
    return which === "nested"
      ? "No EPT is in use: no VM runs with a current VMCS that enables it."
      : "No VMM keeps shadow tables: this machine runs without one.";
  }
  const { kind, hpa } = supervisor.hardwareRoot;
  if (kind !== which) {
    return which === "shadow"
      ? "The VMM uses nested paging (EPT): there are no shadow tables."
      : "The VMM uses shadow tables: there is no EPT.";
  }
  if (kind === "nested") return { format: FORMATS.ept, root: hpa, toHost: identity };
  return { format: FORMATS[supervisor.shadowFormat?.() ?? "4-level"], root: hpa, toHost: identity };
}

function isLeaf(
  value: bigint,
  level: number,
  levels: number,
  format: EntryFormat,
  levelName: string,
): boolean {
  if (level === levels - 1) return true;
  if (format !== "ept" && levelName === "PML4E") return false;
  return (value & 0x80n) !== 0n;
}

function present(value: bigint, format: EntryFormat): boolean {
  return format === "ept" ? (value & 7n) !== 0n : (value & 1n) !== 0n;
}

/** Canonical form of an address made from indexes. */
function canonical(address: bigint, format: EntryFormat, levels: number): bigint {
  return format === "guest" && levels === 4
    ? BigInt.asUintN(64, BigInt.asIntN(48, address))
    : address;
}

/** The present entries of one table. `path` are the indexes from the root. */
export function pageTable(
  machine: ViewedMachine,
  query: PageTableQuery,
): { rows: PageTableRow[]; note?: string } {
  const tree = query.which === "guest" ? guestTree(machine) : hardwareTree(machine, query.which);
  if (typeof tree === "string") return { rows: [], note: tree };
  const { format } = tree;
  let table = tree.root;
  let from = 0n;
  for (const [depth, index] of query.path.entries()) {
    const level = format.levels[depth];
    const host = tree.toHost(table);
    if (!level || host === undefined) return { rows: [], note: "The table is not in RAM." };
    const value = readEntry(machine, host + index * format.entryBytes, format);
    if (!present(value, format.entries))
      return { rows: [], note: "The entry is not present any more." };
    from += BigInt(index) << BigInt(level.shift);
    table = Number(value & (format.entryBytes === 4 ? 0xfffff000n : FRAME));
  }
  const depth = query.path.length;
  const level = format.levels[depth];
  const host = tree.toHost(table);
  if (!level || host === undefined) return { rows: [], note: "The table is not in RAM." };
  const rows = Array.from({ length: level.count }, (_, index) => index).flatMap((index) =>
    rowOf(machine, { format, depth, index, table, host, from }),
  );
  return rows.length === 0 ? { rows, note: "No entry is present." } : { rows };
}

function readEntry(machine: ViewedMachine, hpa: number, format: Format): bigint {
  return format.entryBytes === 4 ? BigInt(machine.ram.read32(hpa)) : machine.ram.read64(hpa);
}

function rowOf(
  machine: ViewedMachine,
  place: {
    format: Format;
    depth: number;
    index: number;
    table: number;
    host: number;
    from: bigint;
  },
): PageTableRow[] {
  const { format, depth, index, table, host, from } = place;
  const level = format.levels[depth]!;
  const value = readEntry(machine, host + index * format.entryBytes, format);
  if (!present(value, format.entries)) return [];
  const leaf = isLeaf(value, depth, format.levels.length, format.entries, level.name);
  const first = from + (BigInt(index) << BigInt(level.shift));
  return [
    {
      level: level.name,
      index,
      from: canonical(first, format.entries, format.levels.length),
      size: 1n << BigInt(level.shift),
      entryAddress: BigInt(table + index * format.entryBytes),
      value,
      flags: decodeEntryFlags(value, format.entries, format.levels.length - 1 - depth),
      target:
        value &
        (format.entryBytes === 4
          ? leaf && level.shift === 22
            ? 0xffc00000n
            : 0xfffff000n
          : FRAME),
      leaf,
    },
  ];
}
