/**
 * The descriptor tables that the processor uses: shadows of the guest's GDT and LDT, with entries of the VMM's own at the end of the GDT. Pages that the
 * guest's tables lie in are read-only in the shadow page tables (traced): a write makes all shadow descriptors absent, and the next entry into the VMM
 * makes them anew.
 */
import { AR, encodeDescriptor } from "../../isa/descriptors";
import { CS, SS } from "../../isa/registers";
import { isNull } from "../../cpu/segmentation";
import type { DescriptorTable, SegmentRegister } from "../../cpu/systemState";
import { walkGuest, type GuestAccess } from "../guestPaging";
import { AREA } from "./area";
import { holdsSame, isPresent, shadowDescriptor, shadowOfRegister, withoutPresent } from "./shadowDescriptor"; // prettier-ignore
import { hardwareRing } from "./rings";
import { pagingOf } from "./virtualProcessor";
import type { Vm } from "./vm";

const DESCRIPTOR_BYTES = 8;
const TABLE_ENTRIES = 8192;
const PAGE = 4096;

/** Selectors of the VMM's own: the last entries of the GDT. A guest's GDT that reaches there is cut off. */
export const VMM_SELECTOR = {
  /** Stands in for the guest's CS or SS where its tables do not hold what the register does (nonreversible segments). */
  cachedCs: 0xffd0,
  cachedSs: 0xffd8,
  code: 0xffe0,
  data: 0xffe8,
  tss: 0xfff0,
  ldt: 0xfff8,
} as const;

const GUEST_ENTRIES = VMM_SELECTOR.cachedCs / DESCRIPTOR_BYTES;
const FLAT = { base: 0n, limit: 0xffffffff } as const;
const SEGMENT = AR.G | AR.DB | AR.P | AR.S;
export const VMM_CODE_RIGHTS = SEGMENT | 0xb;
export const VMM_DATA_RIGHTS = SEGMENT | 3;
export const VMM_TSS_RIGHTS = AR.P | 0xb;
export const TSS_LIMIT = 0x67;
const LDT_RIGHTS = AR.P | 2;
export const TABLE_LIMIT = TABLE_ENTRIES * DESCRIPTOR_BYTES - 1;

interface TableKind {
  readonly name: "gdt" | "ldt";
  readonly shadow: number;
  readonly image: number;
  readonly entries: number;
}

const TABLES: readonly TableKind[] = [
  { name: "gdt", shadow: AREA.gdt, image: AREA.gdtImage, entries: GUEST_ENTRIES },
  { name: "ldt", shadow: AREA.ldt, image: AREA.ldtImage, entries: TABLE_ENTRIES },
];

/** CS or SS if a selector is the VMM's stand-in for it. */
export function slotOf(selector: number): typeof CS | typeof SS | undefined {
  const entry = selector & 0xfffc;
  if (entry === VMM_SELECTOR.cachedCs) return CS;
  return entry === VMM_SELECTOR.cachedSs ? SS : undefined;
}

export function writeVmmDescriptors(vm: Vm): void {
  const { area } = vm.parts;
  const put = (selector: number, descriptor: bigint): void => {
    area.write64(AREA.gdt + selector, descriptor);
  };
  put(VMM_SELECTOR.code, encodeDescriptor({ ...FLAT, accessRights: VMM_CODE_RIGHTS }));
  put(VMM_SELECTOR.data, encodeDescriptor({ ...FLAT, accessRights: VMM_DATA_RIGHTS }));
  put(VMM_SELECTOR.tss, encodeDescriptor({ base: BigInt(AREA.tss), limit: TSS_LIMIT, accessRights: VMM_TSS_RIGHTS })); // prettier-ignore
  put(VMM_SELECTOR.ldt, encodeDescriptor({ base: BigInt(AREA.ldt), limit: TABLE_LIMIT, accessRights: LDT_RIGHTS })); // prettier-ignore
}

/** A processor after reset has an LDT of 64 KiB at address 0 that no guest means: loads from it come to the VMM. */
function hasShadowLdt({ vcpu }: Vm): boolean {
  const { selector, ar } = vcpu.system.ldtr;
  return !isNull(selector) && (ar & AR.UNUSABLE) === 0;
}

/** LDTR of the hardware: null as long as the guest's has no shadow. */
export function loadHardwareLdtr(vm: Vm): void {
  vm.cpu.system.ldtr = hasShadowLdt(vm)
    ? { selector: VMM_SELECTOR.ldt, base: BigInt(AREA.ldt), limit: TABLE_LIMIT, ar: LDT_RIGHTS }
    : { selector: 0, base: 0n, limit: 0, ar: AR.UNUSABLE };
}

// ------------------------------------------------------------------ reading the guest's tables

function tableOf(selector: number): TableKind {
  return TABLES[selector & 4 ? 1 : 0]!;
}

/** The guest's descriptor that the shadow of a selector was made from; 0 beyond the table. */
export function guestDescriptor(vm: Vm, selector: number): bigint {
  const table = tableOf(selector);
  const index = selector >>> 3;
  if (index >= vm.state.tables.counts[table.name]) return 0n;
  return vm.parts.area.read64(table.image + index * DESCRIPTOR_BYTES);
}

const READ_TABLE: GuestAccess = { write: false, fetch: false, user: false, implicit: true };

/** Bytes of the guest at linear addresses; remembers the pages. Their A flags are set now, as a processor that looks ahead would, since it reads the shadow later. */
class TableReader {
  /** GPA of each page by its linear address; undefined where the guest maps nothing. */
  readonly pages = new Map<number, number | undefined>();

  constructor(private readonly vm: Vm) {}

  private gpaOf(linear: number): number | undefined {
    const page = linear - (linear % PAGE);
    if (!this.pages.has(page)) {
      const { vcpu, parts } = this.vm;
      const walk = walkGuest(parts.guest, pagingOf(vcpu), BigInt(page), READ_TABLE);
      this.pages.set(page, walk.kind === "mapped" ? walk.gpa : undefined);
    }
    const gpa = this.pages.get(page);
    return gpa === undefined ? undefined : gpa + (linear % PAGE);
  }

  private read8(linear: number): number | undefined {
    const gpa = this.gpaOf(linear >>> 0);
    return gpa === undefined ? undefined : this.vm.parts.guest.read8(gpa);
  }

  /** 0 where the guest maps nothing: loading the descriptor comes to the VMM. */
  descriptor(linear: number): bigint {
    const gpa = this.gpaOf(linear);
    if (linear % DESCRIPTOR_BYTES === 0)
      return gpa === undefined ? 0n : this.vm.parts.guest.read64(gpa);
    let value = 0n;
    for (let i = DESCRIPTOR_BYTES - 1; i >= 0; i--) {
      const byte = this.read8(linear + i);
      if (byte === undefined) return 0n;
      value = (value << 8n) | BigInt(byte);
    }
    return value;
  }
}

// ------------------------------------------------------------------ making the shadow

function guestTable(vm: Vm, { name }: TableKind): DescriptorTable {
  const { gdtr, ldtr } = vm.vcpu.system;
  if (name === "gdt") return gdtr;
  return hasShadowLdt(vm) ? ldtr : { base: 0n, limit: -1 };
}

/** Selectors (without RPL) of registers that hold something else than their descriptor does now. */
function staleSelectors(vm: Vm): ReadonlySet<number> {
  const { vcpu } = vm;
  if (vcpu.virtual8086) return new Set();
  const stale = vcpu.system.segments.filter(
    ({ selector, ar }, i) =>
      !isNull(selector) &&
      !(ar & AR.UNUSABLE) &&
      slotOf(selector) === undefined &&
      !holdsSame(guestDescriptor(vm, selector), vcpu.system.segments[i]!),
  );
  return new Set(stale.map(({ selector }) => selector & 0xfffc));
}

function copyImage(vm: Vm, table: TableKind, reader: TableReader): void {
  const { area } = vm.parts;
  const { counts } = vm.state.tables;
  const { base, limit } = guestTable(vm, table);
  const count = Math.min(Math.floor((limit + 1) / DESCRIPTOR_BYTES), table.entries);
  const start = Number(BigInt.asUintN(32, base));
  for (let i = 0; i < count; i++) {
    const linear = (start + i * DESCRIPTOR_BYTES) % 2 ** 32;
    area.write64(table.image + i * DESCRIPTOR_BYTES, reader.descriptor(linear));
  }
  for (let i = count; i < counts[table.name]; i++)
    area.write64(table.shadow + i * DESCRIPTOR_BYTES, 0n);
  counts[table.name] = count;
}

function writeShadow(vm: Vm, table: TableKind, stale: ReadonlySet<number>): void {
  const { area, kernelRing } = vm.parts;
  const ti = table.name === "ldt" ? 4 : 0;
  for (let i = 0; i < vm.state.tables.counts[table.name]; i++) {
    const raw = area.read64(table.image + i * DESCRIPTOR_BYTES);
    const isStale = stale.has((i * DESCRIPTOR_BYTES) | ti);
    const shadow = shadowDescriptor(raw, { ring: vm.vcpu.cpl, kernelRing, stale: isStale });
    const at = table.shadow + i * DESCRIPTOR_BYTES;
    if (area.read64(at) !== shadow) area.write64(at, shadow);
  }
}

/** Pages that have become writable are closed again; newly traced ones may be mapped writable anywhere. */
function trace(vm: Vm, pages: ReadonlyMap<number, number | undefined>): void {
  const { tables } = vm.state;
  const before = new Set(tables.traced);
  for (const linear of tables.opened) vm.space.dropPage(linear);
  tables.opened = [];
  tables.traced = [...new Set([...pages.values()].filter((gpa) => gpa !== undefined))];
  if (tables.traced.some((gpa) => !before.has(gpa))) vm.space.dropEverything();
}

/** Makes the shadow anew from the guest's tables as they are now. */
function makeShadowTables(vm: Vm): void {
  const { tables } = vm.state;
  const reader = new TableReader(vm);
  for (const table of TABLES) copyImage(vm, table, reader);
  const stale = staleSelectors(vm);
  for (const table of TABLES) writeShadow(vm, table, stale);
  trace(vm, reader.pages);
  tables.isStale = false;
  tables.madeFor = conditions(vm, stale);
}

/** What the shadow depends on besides the contents of the guest's tables. */
function conditions(vm: Vm, stale: ReadonlySet<number>): readonly (number | bigint)[] {
  const { cpl, system } = vm.vcpu;
  const { gdtr, ldtr } = system;
  return [cpl, gdtr.base, gdtr.limit, ldtr.base, ldtr.limit, ldtr.ar, ...stale];
}

/** Makes the shadow anew if anything that it depends on has changed. */
export function followDescriptorTables(vm: Vm): void {
  const { isStale, madeFor } = vm.state.tables;
  const now = conditions(vm, staleSelectors(vm));
  if (isStale || now.length !== madeFor.length || now.some((value, i) => value !== madeFor[i]))
    makeShadowTables(vm);
}

/** The guest writes to its tables: from now on every load of a segment register comes to the VMM. CS and SS of the guest stay, because the way back loads them. */
export function closeShadowTables(vm: Vm): void {
  const { area } = vm.parts;
  const { tables } = vm.state;
  const { cs, ss } = vm.vcpu;
  const inUse = new Set([cs.selector & 0xfffc, ss.selector & 0xfffc]);
  for (const { name, shadow } of TABLES) {
    const ti = name === "ldt" ? 4 : 0;
    for (let i = 0; i < tables.counts[name]; i++) {
      if (inUse.has((i * DESCRIPTOR_BYTES) | ti)) continue;
      const at = shadow + i * DESCRIPTOR_BYTES;
      area.write64(at, withoutPresent(area.read64(at)));
    }
  }
  tables.isStale = true;
}

export function isTraced(vm: Vm, gpa: number): boolean {
  return vm.state.tables.traced.includes(gpa - (gpa % PAGE));
}

// ------------------------------------------------------------------ loading the hardware's registers

function shadowAddress(selector: number): number {
  return tableOf(selector).shadow + (selector & 0xfff8);
}

/** Selector with which the way back loads CS or SS. Where the guest's tables do not hold what its register does, a descriptor of the VMM's own stands in. */
export function ringSelector(
  vm: Vm,
  index: typeof CS | typeof SS,
  segment: SegmentRegister,
): number | undefined {
  const { area, kernelRing } = vm.parts;
  const ring = hardwareRing(vm.vcpu.cpl, kernelRing);
  const { selector } = segment;
  const isOwn = !isNull(selector) && slotOf(selector) === undefined;
  if (
    isOwn &&
    isPresent(area.read64(shadowAddress(selector))) &&
    holdsSame(guestDescriptor(vm, selector), segment)
  )
    // prettier-ignore
    return (selector & 0xfffc) | ring;
  const shadow = shadowOfRegister(segment, kernelRing);
  if (shadow === undefined) return undefined;
  const slot = index === CS ? VMM_SELECTOR.cachedCs : VMM_SELECTOR.cachedSs;
  area.write64(AREA.gdt + slot, shadow);
  return slot | ring;
}

/** Runs `load` while a descriptor is in the shadow for a selector, present, whatever the rules for silent loads say. */
export function withDescriptor(vm: Vm, selector: number, shadow: bigint, load: () => void): void {
  const { area } = vm.parts;
  const at = shadowAddress(selector);
  const before = area.read64(at);
  area.write64(at, shadow);
  load();
  area.write64(at, before);
}
