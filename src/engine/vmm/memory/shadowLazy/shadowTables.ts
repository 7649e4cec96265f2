/** Shadow page tables in host memory: the real tables that the processor walks instead of the guest's. PAE format for 32-bit guests, 4-level format for 64-bit ones. */
import type { PhysicalMemory } from "../../../cpu/physicalMemory";
import { entryIndex, type PagingLevel } from "../../../isa/pageTables";
import type { HostMemory } from "../../hostMemory";

export type ShadowFormat = "pae" | "4-level";

export interface ShadowLeaf {
  readonly hpa: number;
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
  /** Bytes of the guest page that this is a fragment of. */
  readonly guestPageSize: number;
}

const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const EXECUTE_DISABLE = 1n << 63n;
/** Bits 11:9 are free for software. SDM Vol. 3A, "4-Level Paging and 5-Level Paging". Here: fragment of a 2 or 4 MiB page, of a 1 GiB page. */
const LARGE_FRAGMENT = 0x200n;
const GIGABYTE_FRAGMENT = 0x400n;
/** An entry of the VMM's own: neither cleared nor given back while its root lives. */
export const KEPT = 0x800n;
const FRAME = 0xffffffffff000n;
const GIGABYTE = 0x40000000;
const PAGE_TABLE_SPAN = 0x200000n;

const TOP: Readonly<Record<ShadowFormat, PagingLevel>> = { pae: 3, "4-level": 4 };

/** Rights are decided by the leaf alone. A PDPTE of PAE paging has no rights: its bits 2:1 are reserved. */
function tableEntry(table: number, format: ShadowFormat, level: PagingLevel): bigint {
  const rights = format === "pae" && level === 3 ? PRESENT : PRESENT | WRITABLE | USER;
  return BigInt(table) | rights;
}

export function leafEntry(leaf: ShadowLeaf): bigint {
  const { hpa, writable, user, executable, guestPageSize } = leaf;
  return (
    BigInt(hpa) |
    PRESENT |
    (writable ? WRITABLE : 0n) |
    (user ? USER : 0n) |
    (executable ? 0n : EXECUTE_DISABLE) |
    (guestPageSize >= GIGABYTE ? GIGABYTE_FRAGMENT : guestPageSize > 4096 ? LARGE_FRAGMENT : 0n)
  );
}

export class ShadowTables {
  constructor(
    private readonly ram: PhysicalMemory,
    private readonly host: HostMemory,
    private readonly format: ShadowFormat,
    readonly root: number,
  ) {}

  /** HPA of the entry of an address at `level`; undefined where a table above is missing. */
  find(address: bigint, level: PagingLevel = 1): number | undefined {
    let table = this.root;
    for (let at = TOP[this.format]; at > level; at = (at - 1) as PagingLevel) {
      const entry = this.ram.read64(table + entryIndex(this.format, at, address) * 8);
      if (!(entry & PRESENT)) return undefined;
      table = Number(entry & FRAME);
    }
    return table + entryIndex(this.format, level, address) * 8;
  }

  /** The leaf entry of an address, 0 if there is none. */
  read(address: bigint): bigint {
    const at = this.find(address);
    return at === undefined ? 0n : this.ram.read64(at);
  }

  /** Writes a leaf, with the tables above it; false if host memory is used up. */
  fill(address: bigint, leaf: ShadowLeaf): boolean {
    let table = this.root;
    for (let level = TOP[this.format]; level > 1; level = (level - 1) as PagingLevel) {
      const at = table + entryIndex(this.format, level, address) * 8;
      let entry = this.ram.read64(at);
      if (!(entry & PRESENT)) {
        const made = this.host.tryAllocate();
        if (made === undefined) return false;
        entry = tableEntry(made, this.format, level);
        this.ram.write64(at, entry);
      }
      table = Number(entry & FRAME);
    }
    this.ram.write64(table + entryIndex(this.format, 1, address) * 8, leafEntry(leaf));
    return true;
  }

  /** Forgets one page. */
  drop(address: bigint): void {
    const at = this.find(address);
    if (at !== undefined) this.ram.write64(at, 0n);
  }

  /** What INVLPG must forget: the page, and every fragment of a large guest page around it. True if more than the page went. */
  dropWithFragments(address: bigint, hasGigabyteFragments: boolean): boolean {
    this.drop(address);
    // A 4 MiB page of 32-bit paging covers two page tables.
    const start = address - (address % (2n * PAGE_TABLE_SPAN));
    let dropped = false;
    for (let i = 0n; i < 2n; i++)
      dropped = this.dropMarked(start + i * PAGE_TABLE_SPAN, LARGE_FRAGMENT) || dropped;
    if (!hasGigabyteFragments) return dropped;
    const first = address - (address % BigInt(GIGABYTE));
    for (let i = 0n; i < 512n; i++)
      dropped = this.dropMarked(first + i * PAGE_TABLE_SPAN, GIGABYTE_FRAGMENT) || dropped;
    return dropped;
  }

  private dropMarked(address: bigint, mark: bigint): boolean {
    const first = this.find(address);
    if (first === undefined) return false;
    let dropped = false;
    for (let at = first; at < first + 4096; at += 8) {
      if (!(this.ram.read64(at) & mark)) continue;
      this.ram.write64(at, 0n);
      dropped = true;
    }
    return dropped;
  }

  /** Forgets every page of the guest and gives the tables below the root back. */
  clear(): void {
    this.clearTable(this.root, TOP[this.format], false);
  }

  /** The same before the root itself is given back: page directories of the VMM's own go too. */
  release(): void {
    this.clearTable(this.root, TOP[this.format], true);
  }

  private clearTable(table: number, level: PagingLevel, all: boolean): void {
    const entries = this.format === "pae" && level === 3 ? 4 : 512;
    for (let i = 0; i < entries; i++) {
      const entry = this.ram.read64(table + 8 * i);
      if (!(entry & PRESENT)) continue;
      const kept = (entry & KEPT) !== 0n;
      // The page tables of the VMM's own area are shared by all roots.
      if (kept && level === 2) continue;
      if (level > 1) {
        const below = Number(entry & FRAME);
        if (level > 2) this.clearTable(below, (level - 1) as PagingLevel, all);
        if (kept && !all) continue;
        this.host.release(below);
      }
      this.ram.write64(table + 8 * i, 0n);
    }
  }
}
