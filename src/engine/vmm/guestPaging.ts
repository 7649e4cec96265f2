/** The guest's own page tables, walked in software as its processor would: what shadow paging and the emulation of string I/O need. */
import type { GuestMemory } from "./guestMemory";
import { CR0, CR4, EFER } from "../cpu/systemState";
import {
  decodeEntry,
  entryIndex,
  entryName,
  entrySize,
  topLevel,
  type DecodedEntry,
  type PagingFormat,
  type PagingLevel,
  type PagingOptions,
} from "../isa/pageTables";

/** The registers that decide how linear addresses are translated, as the guest believes them. */
export interface GuestPagingState {
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
  /** PDPTEs that PAE paging loaded at the last MOV CR3. */
  readonly pdptes: readonly bigint[];
  /** RFLAGS.AC, which lifts SMAP. */
  readonly alignmentCheck: boolean;
  readonly physicalAddressBits: number;
}

export interface GuestAccess {
  readonly write: boolean;
  readonly fetch: boolean;
  readonly user: boolean;
  /** A supervisor access that the processor makes by itself at CPL 3: RFLAGS.AC does not lift SMAP. */
  readonly implicit: boolean;
}

export interface MappedPage {
  readonly kind: "mapped";
  readonly gpa: number;
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
  /** The leaf entry's D flag after this access. */
  readonly dirty: boolean;
  readonly pageSize: number;
}

export interface GuestPageFault {
  readonly kind: "fault";
  readonly errorCode: number;
  readonly why: string;
}

export type GuestWalk = MappedPage | GuestPageFault;

const ERROR = { present: 1, write: 2, user: 4, reserved: 8, fetch: 16 } as const;
const ACCESSED = 0x20;
const DIRTY = 0x40;

export function pagingFormat({ cr4, efer }: GuestPagingState): Exclude<PagingFormat, "ept"> {
  if (efer & EFER.LMA) return "4-level";
  return cr4 & CR4.PAE ? "pae" : "32-bit";
}

function pagingOptions(state: GuestPagingState): PagingOptions {
  return {
    physicalAddressBits: state.physicalAddressBits,
    executeDisable: (state.efer & EFER.NXE) !== 0,
    pageSizeExtensions: (state.cr4 & CR4.PSE) !== 0,
    pages1G: true,
  };
}

/** SDM Vol. 3A, "Interrupt 14—Page-Fault Exception (#PF)": fetches are told apart only where something can forbid them. */
function faultOf(
  { efer, cr4 }: GuestPagingState,
  access: GuestAccess,
  cause: number,
  why: string,
): GuestPageFault {
  const tellsFetch = access.fetch && (efer & EFER.NXE || cr4 & CR4.SMEP);
  const errorCode =
    cause |
    (access.write ? ERROR.write : 0) |
    (access.user ? ERROR.user : 0) |
    (tellsFetch ? ERROR.fetch : 0);
  return { kind: "fault", errorCode, why };
}

interface Visited {
  readonly gpa: number;
  readonly low: number;
}

interface Path {
  readonly leaf: DecodedEntry;
  readonly visited: readonly Visited[];
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
}

/** Where the walk starts. PAE paging starts at a PDPTE that the processor holds. */
function start(
  state: GuestPagingState,
  format: PagingFormat,
  address: bigint,
): { readonly table: number; readonly level: PagingLevel } | undefined {
  if (format !== "pae") return { table: Math.floor(state.cr3 / 4096) * 4096, level: topLevel(format) }; // prettier-ignore
  const pdpte = state.pdptes[entryIndex("pae", 3, address)] ?? 0n;
  return pdpte & 1n ? { table: Number(pdpte & 0xffffff000n), level: 2 } : undefined;
}

/** Down to the leaf, or the fault of the first entry that is not present or malformed. */
function descend(
  memory: GuestMemory,
  state: GuestPagingState,
  address: bigint,
  access: GuestAccess,
): Path | GuestPageFault {
  const format = pagingFormat(state);
  const options = pagingOptions(state);
  const first = start(state, format, address);
  if (!first) return faultOf(state, access, 0, "the PDPTE is not present");
  let { table, level } = first;
  const visited: Visited[] = [];
  const rights = { writable: true, user: true, executable: true };
  for (;;) {
    const gpa = table + entryIndex(format, level, address) * entrySize(format);
    const raw = format === "32-bit" ? BigInt(memory.read32(gpa)) : memory.read64(gpa);
    const entry = decodeEntry(raw, format, level, options);
    const name = entryName(format, level) ?? "entry";
    if (!entry.present) return faultOf(state, access, 0, `the ${name} is not present`);
    if (entry.malformed !== undefined)
      return faultOf(state, access, ERROR.present | ERROR.reserved, `${name}: ${entry.malformed}`);
    rights.writable &&= entry.writable;
    rights.user &&= entry.user;
    rights.executable &&= entry.executable;
    visited.push({ gpa, low: Number(raw & 0xffffffffn) });
    if (entry.leaf) return { leaf: entry, visited, ...rights };
    table = Number(entry.frame);
    level = (level - 1) as PagingLevel;
  }
}

/** Why the rights forbid the access, or undefined. SDM Vol. 3A, "Access Rights". */
function refusal(state: GuestPagingState, access: GuestAccess, path: Path): string | undefined {
  if (access.fetch) {
    if (!path.executable) return "the page is not executable";
    if (access.user) return path.user ? undefined : "the page belongs to the supervisor";
    return state.cr4 & CR4.SMEP && path.user ? "SMEP forbids the fetch" : undefined;
  }
  if (access.user) {
    if (!path.user) return "the page belongs to the supervisor";
    return access.write && !path.writable ? "the page is read-only" : undefined;
  }
  const smap = (state.cr4 & CR4.SMAP) !== 0 && (access.implicit || !state.alignmentCheck);
  if (smap && path.user) return "SMAP forbids the access";
  if (access.write && !path.writable && state.cr0 & CR0.WP) return "the page is read-only";
  return undefined;
}

/** Sets A on the way and D on the leaf, as the guest's processor would have. SDM Vol. 3A, "Accessed and Dirty Flags". */
function setAccessedDirty(memory: GuestMemory, path: Path, write: boolean): void {
  path.visited.forEach(({ gpa, low }, i) => {
    const isLeaf = i === path.visited.length - 1;
    const wanted = ACCESSED | (isLeaf && write ? DIRTY : 0);
    if ((low & wanted) !== wanted) memory.write32(gpa, low | wanted);
  });
}

/** Translates a linear address (zero-extended to 64 bits) for an access, with its effect on the guest's A and D flags. */
export function walkGuest(
  memory: GuestMemory,
  state: GuestPagingState,
  address: bigint,
  access: GuestAccess,
): GuestWalk {
  const walk = allowedPath(memory, state, address, access);
  if (walk.kind !== "path") return walk;
  setAccessedDirty(memory, walk.path, access.write);
  return mapped(walk.path, address, access);
}

/** The same without any effect: for who only looks. */
export function probeGuest(
  memory: GuestMemory,
  state: GuestPagingState,
  address: bigint,
  access: GuestAccess,
): GuestWalk {
  const walk = allowedPath(memory, state, address, access);
  return walk.kind === "path" ? mapped(walk.path, address, access) : walk;
}

function allowedPath(
  memory: GuestMemory,
  state: GuestPagingState,
  address: bigint,
  access: GuestAccess,
): GuestWalk | { readonly kind: "path"; readonly path: Path } {
  if (!(state.cr0 & CR0.PG)) return unpaged(address);
  const path = descend(memory, state, address, access);
  if ("kind" in path) return path;
  const why = refusal(state, access, path);
  return why === undefined ? { kind: "path", path } : faultOf(state, access, ERROR.present, why);
}

function mapped(path: Path, address: bigint, access: GuestAccess): MappedPage {
  const pageSize = path.leaf.pageSize ?? 4096;
  const { writable, user, executable } = path;
  const leaf = path.visited[path.visited.length - 1]!;
  return {
    kind: "mapped",
    gpa: Number(path.leaf.frame) + Number(address & BigInt(pageSize - 1)),
    writable,
    user,
    executable,
    dirty: access.write || (leaf.low & DIRTY) !== 0,
    pageSize,
  };
}

/** CR0.PG = 0: linear addresses are physical ones. */
function unpaged(address: bigint): MappedPage {
  const gpa = Number(BigInt.asUintN(32, address));
  const rights = { writable: true, user: true, executable: true, dirty: true };
  return { kind: "mapped", gpa, ...rights, pageSize: 4096 };
}

/** The four PDPTEs at CR3, or undefined if a present one has reserved bits set. SDM Vol. 3A, "PDPTE Registers". */
export function readPdptes(
  memory: GuestMemory,
  cr3: number,
  physicalAddressBits: number,
): bigint[] | undefined {
  const base = (cr3 & 0xffffffe0) >>> 0;
  const entries = [0, 8, 16, 24].map((offset) => memory.read64(base + offset));
  const options = { physicalAddressBits };
  const bad = entries.some(
    (entry) => decodeEntry(entry, "pae", 3, options).malformed !== undefined,
  );
  return bad ? undefined : entries;
}
