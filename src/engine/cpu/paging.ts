/** The page walk of SDM Vol. 3A, "Paging": 32-bit, PAE and 4-level, through EPT when it is on. */
import { pageFault, type GuestFault } from "./abort";
import { ACCESS } from "./access";
import { linearToBigInt, pageOf, tableIndex, type Linear } from "./linear";
import type { Processor } from "./processor";
import { CR0, CR4, EFER, RFLAGS } from "./systemState";
import { tlbTag, type Translation } from "./tlb";
import { translateGuestPhysical, usesEpt } from "./vmx/ept";
import { currentVpid } from "./vmx/vmcs";

/** Paging-structure entry bits. SDM Vol. 3A, "4-Level Paging and 5-Level Paging", entry format tables. */
export const ENTRY = {
  P: 1,
  W: 2,
  U: 4,
  A: 0x20,
  D: 0x40,
  PS: 0x80,
  G: 0x100,
  NX_HIGH: 0x80000000,
} as const;

/** Bits of the TLB tag that the current address space has. */
export function refreshTlbTag(cpu: Processor): void {
  const pcid = cpu.system.cr4 & CR4.PCIDE ? cpu.system.cr3 & 0xfff : 0;
  cpu.tlb.switchTo(tlbTag(currentVpid(cpu), pcid));
}

/** HPA of a byte at a guest-physical address, for a paging-structure access on behalf of `linear`. */
function tableHpa(cpu: Processor, gpa: number, write: boolean, linear: Linear): number {
  if (!usesEpt(cpu)) return cpu.busFrame(Math.floor(gpa / 4096)) * 4096 + (gpa % 4096);
  const page = translateGuestPhysical(cpu, gpa, write ? ACCESS.write : ACCESS.read, {
    linear,
    tableWalk: true,
  });
  return page.frame * 4096 + (gpa % 4096);
}

function errorCodeOf(cpu: Processor, access: number, present: boolean, reserved: boolean): number {
  const fetchBit =
    access & ACCESS.fetch && (cpu.system.efer & EFER.NXE || cpu.system.cr4 & CR4.SMEP) ? 16 : 0;
  return (
    (present ? 1 : 0) |
    (access & ACCESS.write ? 2 : 0) |
    (access & ACCESS.user ? 4 : 0) |
    (reserved ? 8 : 0) |
    fetchBit
  );
}

/** A page-table walk and what it finds. There is one at a time, so one object serves them all. */
class Walk implements Translation {
  cpu!: Processor;
  linear: Linear = 0;
  access = 0;
  frame = 0;
  gpaFrame = 0;
  writable = true;
  user = true;
  noExecute = false;
  global = false;
  dirty = true;
  eptRead = true;
  eptWrite = true;
  eptExecute = true;
  pageSize = 4096;
  /** GPA and low half of the entries used, from the top; the last is the leaf. */
  private readonly gpas = [0, 0, 0, 0];
  private readonly lows = [0, 0, 0, 0];
  private visited = 0;
  /** Why the walk ends without a translation. */
  fault: GuestFault | undefined;

  begin(cpu: Processor, linear: Linear, access: number): void {
    this.cpu = cpu;
    this.linear = linear;
    this.access = access;
    this.writable = true;
    this.user = true;
    this.noExecute = false;
    this.global = false;
    this.dirty = true;
    this.pageSize = 4096;
    this.visited = 0;
    this.fault = undefined;
  }

  /** Ends the walk. */
  refuse(present: boolean, reserved: boolean, why: () => string): false {
    const code = errorCodeOf(this.cpu, this.access, present, reserved);
    this.fault = pageFault(linearToBigInt(this.linear), code, why);
    return false;
  }

  /** Reads a 4-byte or the low half of an 8-byte entry; 0 if it is not present. */
  read(gpa: number, level: string): number {
    const hpa = tableHpa(this.cpu, gpa, false, this.linear);
    const low = this.cpu.ram.read32(hpa);
    if (low & ENTRY.P) return low;
    this.refuse(false, false, () => `${level} at GPA 0x${gpa.toString(16)} is not present`);
    return 0;
  }

  high(gpa: number): number {
    return this.cpu.ram.read32(tableHpa(this.cpu, gpa + 4, false, this.linear));
  }

  /** Takes an entry's rights into account. */
  note(gpa: number, low: number, high: number): void {
    if (!(low & ENTRY.W)) this.writable = false;
    if (!(low & ENTRY.U)) this.user = false;
    if (high & ENTRY.NX_HIGH) this.noExecute = true;
    this.gpas[this.visited] = gpa;
    this.lows[this.visited] = low;
    this.visited++;
  }

  reserved(level: string): false {
    return this.refuse(true, true, () => `${level} has a reserved bit set`);
  }

  /** The last entry noted is the leaf. */
  reach(frame: number, pageSize: number): true {
    const { system } = this.cpu;
    const low = this.lows[this.visited - 1]!;
    this.gpaFrame = frame;
    this.pageSize = pageSize;
    this.global = (low & ENTRY.G) !== 0 && (system.cr4 & CR4.PGE) !== 0;
    this.dirty = ((this.access & ACCESS.write) | (low & ENTRY.D)) !== 0;
    return true;
  }

  /** Sets A on the way and D on the leaf, as the access requires. */
  setAccessedDirty(): void {
    const { cpu, linear, visited } = this;
    for (let i = 0; i < visited; i++) {
      const isLeaf = i === visited - 1;
      const wanted = ENTRY.A | (isLeaf && this.access & ACCESS.write ? ENTRY.D : 0);
      if ((this.lows[i]! & wanted) === wanted) continue;
      const hpa = tableHpa(cpu, this.gpas[i]!, true, linear);
      cpu.ram.write32(hpa, (cpu.ram.read32(hpa) | wanted) >>> 0);
    }
  }

  /** Adds the second stage. */
  finish(): void {
    const { cpu, gpaFrame, linear } = this;
    if (!usesEpt(cpu)) {
      this.frame = cpu.busFrame(gpaFrame);
      this.eptRead = true;
      this.eptWrite = true;
      this.eptExecute = true;
      return;
    }
    const gpa = gpaFrame * 4096 + (linear & 0xfff);
    const page = translateGuestPhysical(cpu, gpa, this.access, { linear, tableWalk: false });
    this.frame = cpu.busFrame(page.frame);
    this.eptRead = page.read;
    this.eptWrite = page.write;
    this.eptExecute = page.execute;
  }
}

const theWalk = new Walk();

/** Bits 63-32 of an 8-byte entry that must be zero: above the physical-address width, and NX without EFER.NXE. */
function reservedHigh(cpu: Processor, high: number, pae: boolean): boolean {
  const top = pae ? 0x7ff00000 : 0;
  const address = ~((1 << (cpu.model.physicalAddressBits - 32)) - 1) & 0xfffff;
  const nx = cpu.system.efer & EFER.NXE ? 0 : ENTRY.NX_HIGH;
  return (high & (top | address | nx)) !== 0;
}

function frameOf(low: number, high: number): number {
  return (high & 0xfffff) * 2 ** 20 + (low >>> 12);
}

function walk32(walk: Walk): boolean {
  const { cpu, linear } = walk;
  const { cr3, cr4 } = cpu.system;
  const page = pageOf(linear);
  const pdeGpa = (cr3 & 0xfffff000) + Math.floor(page / 1024) * 4;
  const tableBase = pdeGpa < 0 ? pdeGpa + 2 ** 32 : pdeGpa;
  const pde = walk.read(tableBase, "PDE");
  if (pde === 0) return false;
  if (pde & ENTRY.PS && cr4 & CR4.PSE) {
    if (pde & 0x200000) return walk.reserved("PDE");
    walk.note(tableBase, pde, 0);
    // PSE-36: bits 20-13 are physical-address bits 39-32.
    const frame = ((pde >>> 13) & 0xff) * 2 ** 20 + (pde >>> 22) * 1024 + (page & 1023);
    return walk.reach(frame, 1 << 22);
  }
  walk.note(tableBase, pde, 0);
  const pteGpa = (pde >>> 12) * 4096 + (page & 1023) * 4;
  const pte = walk.read(pteGpa, "PTE");
  if (pte === 0) return false;
  walk.note(pteGpa, pte, 0);
  return walk.reach(pte >>> 12, 4096);
}

const LEVELS = ["PTE", "PDE", "PDPTE", "PML4E"] as const;
const PAGES = [1, 512, 512 ** 2, 512 ** 3] as const;

/** Whether PS may not be set at this level, or bits below the frame of the large page are not 0. */
function reservedInLarge(cpu: Processor, low: number, level: number): boolean {
  if (level === 3 || (level === 2 && !cpu.model.features.has("1g"))) return true;
  return ((low >>> 0) & (2 ** (9 * level + 12) - 1) & ~0x1fff) !== 0;
}

/** The levels of 8-byte entries from `level` (3 = PML4) down. */
function walkWide(walk: Walk, root: number, from: number, pae: boolean): boolean {
  const { cpu, linear } = walk;
  let table = root;
  for (let level = from; ; level--) {
    const gpa = table + tableIndex(linear, level) * 8;
    const name = LEVELS[level]!;
    const low = walk.read(gpa, name);
    if (low === 0) return false;
    const high = walk.high(gpa);
    const isLarge = level > 0 && (low & ENTRY.PS) !== 0;
    if (reservedHigh(cpu, high, pae) || (isLarge && reservedInLarge(cpu, low, level)))
      return walk.reserved(name);
    walk.note(gpa, low, high);
    const first = frameOf(low, high);
    if (level === 0) return walk.reach(first, 4096);
    if (isLarge) {
      const pages = PAGES[level]!;
      return walk.reach(first - (first % pages) + (pageOf(linear) % pages), pages * 4096);
    }
    table = first * 4096;
  }
}

function walkPae(walk: Walk): boolean {
  const index = Math.floor(pageOf(walk.linear) / 2 ** 18) & 3;
  const pdpte = walk.cpu.system.pdptes[index]!;
  if (!(pdpte & 1n)) return walk.refuse(false, false, () => `PDPTE ${index} is not present`);
  return walkWide(walk, Number(pdpte & 0xffffff000n), 1, true);
}

/** Rights of a page, gathered on the way down. */
type Rights = Pick<Translation, "writable" | "user" | "noExecute">;

/** Why the rights forbid the access, or undefined. SDM Vol. 3A, "Access Rights". */
function refusal(cpu: Processor, access: number, rights: Rights): string | undefined {
  const { cr0, cr4, efer } = cpu.system;
  const isUser = (access & ACCESS.user) !== 0;
  if (access & ACCESS.fetch) {
    if (efer & EFER.NXE && rights.noExecute) return "the page is not executable (NX)";
    if (isUser && !rights.user) return "user code may not run from a supervisor page";
    if (!isUser && cr4 & CR4.SMEP && rights.user)
      return "SMEP: supervisor code may not run from a user page";
    return undefined;
  }
  if (isUser) {
    if (!rights.user) return "the page belongs to the supervisor (U/S = 0)";
    if (access & ACCESS.write && !rights.writable) return "the page is read-only (R/W = 0)";
    return undefined;
  }
  if (
    rights.user &&
    cr4 & CR4.SMAP &&
    (access & ACCESS.implicit || !(cpu.flagSystem & RFLAGS.AC))
  ) {
    return "SMAP: the supervisor may not touch a user page";
  }
  if (access & ACCESS.write && !rights.writable && cr0 & CR0.WP) {
    return "the page is read-only (R/W = 0) and CR0.WP is set";
  }
  return undefined;
}

/** Walks the tables of the paging mode; false if the walk ends with a fault. */
function walkTables(walk: Walk): boolean {
  const { cpu } = walk;
  const { cr3, cr4 } = cpu.system;
  const isFound = cpu.longMode
    ? walkWide(walk, Math.floor(cr3 / 4096) * 4096, 3, false)
    : cr4 & CR4.PAE
      ? walkPae(walk)
      : walk32(walk);
  if (!isFound) return false;
  const why = refusal(cpu, walk.access, walk);
  if (why !== undefined) return walk.refuse(true, false, () => why);
  walk.setAccessedDirty();
  return true;
}

/** True if a cached entry answers the access without a walk. */
function suffices(cpu: Processor, entry: Translation, access: number): boolean {
  if (access & ACCESS.write) {
    if (!entry.dirty || !entry.eptWrite) return false;
  } else if (access & ACCESS.fetch ? !entry.eptExecute : !entry.eptRead) return false;
  return !cpu.paging || refusal(cpu, access, entry) === undefined;
}

/**
 * Translation of a linear address for an access, from the TLB or by a walk that fills it; or the #PF. Throws an EPT-violation ExitAbort.
 */
export function tryTranslate(
  cpu: Processor,
  linear: Linear,
  access: number,
): Translation | GuestFault {
  const page = pageOf(linear);
  const cached = cpu.tlb.lookup(page);
  if (cached && suffices(cpu, cached, access)) return cached;
  // Processors walk anew before they fault, and a page fault invalidates the page. SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches".
  const walk = theWalk;
  walk.begin(cpu, linear, access);
  if (!cpu.paging) walk.gpaFrame = page;
  else if (!walkTables(walk)) {
    if (cached) cpu.invalidatePage(linear);
    return walk.fault!;
  }
  walk.finish();
  return cpu.tlb.insert(page, walk);
}

/** The same; throws the #PF, too. */
export function translate(cpu: Processor, linear: Linear, access: number): Translation {
  const entry = tryTranslate(cpu, linear, access);
  if ("frame" in entry) return entry;
  throw entry;
}

/** Whether an entry lets accesses of a class through, for filling the interpreter's table. */
export function permits(cpu: Processor, entry: Translation, access: number): boolean {
  return suffices(cpu, entry, access);
}

/** Loads the PDPTE registers from the table at CR3; undefined entries by reserved bits give false. SDM Vol. 3A, "PDPTE Registers". */
export function loadPdptes(cpu: Processor, cr3: number): boolean {
  const base = (cr3 & 0xffffffe0) >>> 0;
  const values: bigint[] = [];
  for (let i = 0; i < 4; i++) {
    const value = cpu.ram.read64(tableHpa(cpu, base + 8 * i, false, 0));
    const reserved = 0x1e6n | ~((1n << BigInt(cpu.model.physicalAddressBits)) - 1n);
    if (value & 1n && BigInt.asUintN(64, value & reserved) !== 0n) return false;
    values.push(value);
  }
  cpu.system.pdptes = values as [bigint, bigint, bigint, bigint];
  return true;
}
