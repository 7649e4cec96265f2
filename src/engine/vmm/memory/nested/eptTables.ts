/** Extended page tables in host memory. SDM Vol. 3C, "The Extended Page Table Mechanism (EPT)". */
import type { PhysicalMemory } from "../../../cpu/physicalMemory";
import { entryIndex, type PagingLevel } from "../../../isa/pageTables";
import { CHUNK_BYTES, type GuestMemory } from "../../guestMemory";
import { PAGE_BYTES, type HostMemory } from "../../hostMemory";

const ACCESS = 7n;
const LARGE = 0x80n;
const WRITE_BACK = 6n << 3n;
const FRAME = 0xffffffffff000n;

/** Page-walk length 4, write-back tables, no accessed and dirty flags. */
export function eptPointer(root: number): bigint {
  return BigInt(root) | (3n << 3n) | 6n;
}

/** Where a path of tables is made on the way down; `made` and `written` hear of every new table and of the entry that points to it. */
export interface TableMaker {
  readonly ram: PhysicalMemory;
  readonly host: HostMemory;
  readonly made?: (table: number) => void;
  readonly written?: (entry: number) => void;
}

/** HPA of the entry that maps `gpa` at `level`, with the tables above it. */
export function eptEntryAt(
  { ram, host, made, written }: TableMaker,
  root: number,
  gpa: number,
  level: PagingLevel,
): number {
  let table = root;
  for (let at: PagingLevel = 4; at > level; at = (at - 1) as PagingLevel) {
    const entry = table + entryIndex("ept", at, BigInt(gpa)) * 8;
    if (ram.read64(entry) === 0n) {
      const made64 = host.allocate();
      ram.write64(entry, BigInt(made64) | ACCESS);
      made?.(made64);
      written?.(entry);
    }
    table = Number(ram.read64(entry) & FRAME);
  }
  return table + entryIndex("ept", level, BigInt(gpa)) * 8;
}

/** A leaf with all rights; the memory is ordinary write-back memory. */
export function eptLeaf(hpa: number, large: boolean): bigint {
  return BigInt(hpa) | WRITE_BACK | ACCESS | (large ? LARGE : 0n);
}

/** Maps all guest RAM: 2 MiB leaves, the first 2 MiB by 4 KiB ones (a PC's low memory is where page-wise exceptions are made). */
export function buildEpt(maker: TableMaker, guest: GuestMemory): number {
  const root = maker.host.allocate();
  for (let gpa = 0; gpa < guest.bytes; gpa += CHUNK_BYTES) {
    const hpa = guest.toHost(gpa)!;
    if (gpa > 0) {
      maker.ram.write64(eptEntryAt(maker, root, gpa, 2), eptLeaf(hpa, true));
      continue;
    }
    for (let offset = 0; offset < CHUNK_BYTES; offset += PAGE_BYTES)
      maker.ram.write64(eptEntryAt(maker, root, offset, 1), eptLeaf(hpa + offset, false));
  }
  return root;
}
