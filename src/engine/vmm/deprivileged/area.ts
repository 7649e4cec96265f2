/**
 * The VMM's area: the top 4 MiB of every linear address space of the guest. Its pages belong to the supervisor, which keeps ring 3 out; rings 1 and 2
 * are supervisor to paging, and are kept out by segment limits that end below it (segment truncation).
 */
import { InvariantError } from "../../base/errors";
import type { PhysicalMemory } from "../../cpu/physicalMemory";
import { PAGE_BYTES, type HostMemory } from "../hostMemory";
import { KEPT } from "../memory/shadowLazy/shadowTables";

/** First linear address of the area. */
export const AREA_BASE = 0xffc00000;

const TABLE_BYTES = 0x10000;

/** Linear addresses of what lies in it. */
export const AREA = {
  /** The descriptor tables that the processor uses. */
  gdt: AREA_BASE,
  ldt: AREA_BASE + TABLE_BYTES,
  /** The guest's descriptors that the shadow ones were made from. */
  gdtImage: AREA_BASE + 2 * TABLE_BYTES,
  ldtImage: AREA_BASE + 3 * TABLE_BYTES,
  idt: AREA_BASE + 0x40000,
  tss: AREA_BASE + 0x41000,
  stack: AREA_BASE + 0x42000,
  /** ESP0: the stack is empty whenever the guest runs. */
  stackTop: AREA_BASE + 0x43000,
  /** One stub a vector. */
  stubs: AREA_BASE + 0x43000,
  /** What the stubs lead to, and the ways back. */
  code: AREA_BASE + 0x44000,
} as const;

const AREA_END = AREA_BASE + 0x45000;
const PRESENT = 1n;
const WRITABLE = 2n;
/** Entries of PAE page directories for the area. */
const FIRST_PDE = 510;
const PAGE_TABLES = 2;
const DIRECTORIES = 4;

/** Page tables and pages of the area; the VMM reaches them through their host-physical addresses. */
export class VmmArea {
  private readonly pages: readonly number[];
  private readonly pageTables: readonly number[];

  constructor(
    private readonly ram: PhysicalMemory,
    private readonly host: HostMemory,
  ) {
    const count = (AREA_END - AREA_BASE) / PAGE_BYTES;
    this.pages = Array.from({ length: count }, () => host.allocate());
    this.pageTables = Array.from({ length: PAGE_TABLES }, () => host.allocate());
  }

  /** Fills the page tables that all shadow roots share. Supervisor pages: the U flag stays 0. */
  buildPageTables(): void {
    const [first] = this.pageTables;
    this.pages.forEach((hpa, i) => {
      this.ram.write64(first! + 8 * i, BigInt(hpa) | PRESENT | WRITABLE);
    });
  }

  /** Gives a new shadow root its page directories, the last of them with the area. They stay while the root lives, so the processor's PDPTEs never change. */
  mapInto(root: number): void {
    for (let i = 0; i < DIRECTORIES; i++) {
      const directory = this.host.allocate();
      this.ram.write64(root + 8 * i, BigInt(directory) | PRESENT | KEPT);
      if (i !== DIRECTORIES - 1) continue;
      this.pageTables.forEach((table, n) => {
        this.ram.write64(
          directory + 8 * (FIRST_PDE + n),
          BigInt(table) | PRESENT | WRITABLE | KEPT,
        );
      });
    }
  }

  /** HPA of a linear address in the area. */
  hpaOf(linear: number): number {
    const page = this.pages[Math.floor((linear - AREA_BASE) / PAGE_BYTES)];
    if (page === undefined)
      throw new InvariantError(`0x${linear.toString(16)} is not in the VMM's area`);
    return page + (linear % PAGE_BYTES);
  }

  read32(linear: number): number {
    return this.ram.read32(this.hpaOf(linear));
  }

  write32(linear: number, value: number): void {
    this.ram.write32(this.hpaOf(linear), value >>> 0);
  }

  read64(linear: number): bigint {
    return this.ram.read64(this.hpaOf(linear));
  }

  write64(linear: number, value: bigint): void {
    this.ram.write64(this.hpaOf(linear), value);
  }

  /** Within one page. */
  writeBytes(linear: number, bytes: Uint8Array): void {
    this.ram.writeBytes(this.hpaOf(linear), bytes);
  }
}

/** True for linear addresses that the VMM keeps for itself. */
export function isInArea(linear: number): boolean {
  return linear >= AREA_BASE;
}
