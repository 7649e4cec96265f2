/**
 * Entries of paging structures, bit by bit: 32-bit, PAE and 4-level paging, and EPT.
 * SDM Vol. 3A, "32-Bit Paging", "PAE Paging", "4-Level Paging"; SDM Vol. 3C, "The Extended Page Table Mechanism (EPT)".
 */
import { bit, bits, fieldMask, layout, setBits, type BitField, type BitLayout } from "./bitFields";

export type PagingFormat = "32-bit" | "pae" | "4-level" | "ept";
/** 4 PML4, 3 page-directory-pointer table, 2 page directory, 1 page table. */
export type PagingLevel = 1 | 2 | 3 | 4;

export interface PagingOptions {
  readonly physicalAddressBits: number;
  /** IA32_EFER.NXE: bit 63 is execute-disable instead of reserved. */
  readonly executeDisable?: boolean;
  /** CR4.PSE: 4 MiB pages with 32-bit paging. */
  readonly pageSizeExtensions?: boolean;
  /** 1 GiB pages exist (4-level paging and EPT). */
  readonly pages1G?: boolean;
  /** EPT entries may allow fetches without reads. */
  readonly executeOnly?: boolean;
}

export interface DecodedEntry {
  readonly present: boolean;
  /** Maps a page (true) or points to the next structure. */
  readonly leaf: boolean;
  /** Bytes the entry maps, where it is a leaf. */
  readonly pageSize: number | undefined;
  /** Physical address of the page or of the next structure. */
  readonly frame: bigint;
  /** Names of the set flags, in the manual's letters: "P", "W", "U", "A", "D", "PS", "G", "XD"; EPT: "R", "W", "X". */
  readonly flags: readonly string[];
  readonly readable: boolean;
  readonly writable: boolean;
  readonly user: boolean;
  readonly executable: boolean;
  /** Reserved bits that are set: #PF with RSVD, or EPT misconfiguration. */
  readonly reservedSet: bigint;
  /** Why the entry is malformed, or undefined. A present malformed entry ends the walk. */
  readonly malformed: string | undefined;
  /** Memory type of an EPT leaf. */
  readonly memoryType: number | undefined;
  readonly text: string;
}

const LEVEL_NAMES: Readonly<Record<PagingFormat, Readonly<Partial<Record<PagingLevel, string>>>>> =
  {
    "32-bit": { 2: "PDE", 1: "PTE" },
    pae: { 3: "PDPTE", 2: "PDE", 1: "PTE" },
    "4-level": { 4: "PML4E", 3: "PDPTE", 2: "PDE", 1: "PTE" },
    ept: { 4: "EPT PML4E", 3: "EPT PDPTE", 2: "EPT PDE", 1: "EPT PTE" },
  };

/** "PML4E", "EPT PDE"; undefined where the format has no such level. */
export function entryName(format: PagingFormat, level: PagingLevel): string | undefined {
  return LEVEL_NAMES[format][level];
}

/** The level a walk starts at. */
export function topLevel(format: PagingFormat): PagingLevel {
  return ({ "32-bit": 2, pae: 3, "4-level": 4, ept: 4 } as const)[format];
}

/** Bytes of one entry. */
export function entrySize(format: PagingFormat): 4 | 8 {
  return format === "32-bit" ? 4 : 8;
}

/** Lowest address bit that this level selects. */
export function levelShift(format: PagingFormat, level: PagingLevel): number {
  return 12 + (format === "32-bit" ? 10 : 9) * (level - 1);
}

/** Which entry of the structure at `level` translates `address`. */
export function entryIndex(format: PagingFormat, level: PagingLevel, address: bigint): number {
  const width = format === "32-bit" ? 10 : format === "pae" && level === 3 ? 2 : 9;
  return Number((address >> BigInt(levelShift(format, level))) & ((1n << BigInt(width)) - 1n));
}

const P = bit(0, "P", "present");
const W = bit(1, "W", "writable");
const U = bit(2, "U", "user-accessible");
const PWT = bit(3, "PWT", "page-level write-through");
const PCD = bit(4, "PCD", "page-level cache disable");
const A = bit(5, "A", "accessed");
const D = bit(6, "D", "dirty");
const PS = bit(7, "PS", "maps a page");
const G = bit(8, "G", "global");
const XD = bit(63, "XD", "execute-disable");
const PAT_LARGE = bit(12, "PAT", "page attribute table index, high bit");
const PAT_SMALL = bit(7, "PAT", "page attribute table index, high bit");
const EPT_R = bit(0, "R", "readable");
const EPT_W = bit(1, "W", "writable");
const EPT_X = bit(2, "X", "executable");
const EPT_MEMORY_TYPE = bits(5, 3, "MT", "memory type", {
  0: "UC",
  1: "WC",
  4: "WT",
  5: "WP",
  6: "WB",
});
const EPT_IGNORE_PAT = bit(6, "IPAT", "the guest's PAT is ignored");
const EPT_A = bit(8, "A", "accessed");
const EPT_D = bit(9, "D", "dirty");
const address = (low: number): BitField => bits(51, low, "ADDRESS", "physical address");

function canMapPage(format: PagingFormat, level: PagingLevel, options: PagingOptions): boolean {
  switch (level) {
    case 1:
    case 4:
      return level === 1;
    case 2:
      return format !== "32-bit" || options.pageSizeExtensions === true;
    case 3:
      return format !== "pae" && options.pages1G === true;
  }
}

/** Whether an entry with this bit 7 maps a page at this level. */
function isLeaf(
  entry: bigint,
  format: PagingFormat,
  level: PagingLevel,
  options: PagingOptions,
): boolean {
  if (level === 1) return true;
  return canMapPage(format, level, options) && (entry & 0x80n) !== 0n;
}

/** The fields of an entry of this kind; bits outside them are ignored or reserved (see reservedBits). */
export function entryLayout(format: PagingFormat, level: PagingLevel, leaf: boolean): BitLayout {
  const name = entryName(format, level) ?? `level ${level}`;
  const large = leaf && level > 1;
  const low = leaf ? levelShift(format, level) : 12;
  if (format === "ept") return layout(name, 64, eptFields(leaf, large, low));
  if (format === "pae" && level === 3) return layout(name, 64, [P, PWT, PCD, address(12)]);
  const tail = format === "32-bit" ? addresses32(large) : [address(low), XD];
  const head = [P, W, U, PWT, PCD, A];
  const leafFields = large ? [D, PS, G, PAT_LARGE] : leaf ? [D, PAT_SMALL, G] : [];
  return layout(name, format === "32-bit" ? 32 : 64, [...head, ...leafFields, ...tail]);
}

function eptFields(leaf: boolean, large: boolean, low: number): BitField[] {
  const fields: BitField[] = [EPT_R, EPT_W, EPT_X];
  if (leaf) fields.push(EPT_MEMORY_TYPE, EPT_IGNORE_PAT);
  if (large) fields.push(PS);
  fields.push(EPT_A);
  if (leaf) fields.push(EPT_D);
  fields.push(address(low));
  return fields;
}

/** With 4 MiB pages bits 20:13 hold bits 39:32 of the address (PSE-36). */
function addresses32(large: boolean): BitField[] {
  return large
    ? [
        bits(20, 13, "ADDRESS_HIGH", "physical address 39:32"),
        bits(31, 22, "ADDRESS", "physical address 31:22"),
      ]
    : [bits(31, 12, "ADDRESS", "physical address")];
}

function rangeMask(high: number, low: number): bigint {
  return high < low ? 0n : fieldMask({ name: "", title: "", high, low, supported: true });
}

/** Bits that must be 0 in a present entry of this kind. */
export function reservedBits(
  entry: bigint,
  format: PagingFormat,
  level: PagingLevel,
  options: PagingOptions,
): bigint {
  const leaf = isLeaf(entry, format, level, options);
  const width = options.physicalAddressBits;
  if (format === "32-bit") return reserved32(level === 2 && leaf, width);
  const aboveWidth = rangeMask(51, width);
  const alignment = leaf && level > 1 ? rangeMask(levelShift(format, level) - 1, 13) : 0n;
  if (format === "ept") {
    const noPageSize = level === 4 || (level === 3 && !leaf) ? 0x80n : 0n;
    const middle = leaf ? rangeMask(levelShift(format, level) - 1, 12) : rangeMask(6, 3);
    return aboveWidth | noPageSize | middle;
  }
  if (format === "pae") {
    if (level === 3) return rangeMask(63, width) | rangeMask(8, 5) | rangeMask(2, 1);
    const high = rangeMask(62, width) | (options.executeDisable === true ? 0n : 1n << 63n);
    return high | alignment;
  }
  const pageSize = level === 4 || (level === 3 && !leaf) ? 0x80n : 0n;
  const noExecute = options.executeDisable === true ? 0n : 1n << 63n;
  return aboveWidth | noExecute | pageSize | alignment;
}

/** 4 MiB pages: bit 21, and address bits from the physical-address width up (at most 40). */
function reserved32(large: boolean, width: number): bigint {
  if (!large) return 0n;
  const usable = Math.max(0, Math.min(width, 40) - 32);
  return rangeMask(21, 13 + usable);
}

function frameOf(entry: bigint, format: PagingFormat, level: PagingLevel, leaf: boolean): bigint {
  if (format === "32-bit") {
    if (leaf && level === 2) return (entry & 0xffc00000n) | (((entry >> 13n) & 0xffn) << 32n);
    return entry & 0xfffff000n;
  }
  return entry & rangeMask(51, leaf ? levelShift(format, level) : 12);
}

/** Decodes one entry. `entry` is zero-extended for 32-bit paging. */
export function decodeEntry(
  entry: bigint,
  format: PagingFormat,
  level: PagingLevel,
  options: PagingOptions,
): DecodedEntry {
  const present = format === "ept" ? (entry & 7n) !== 0n : (entry & 1n) !== 0n;
  const leaf = isLeaf(entry, format, level, options);
  const form = entryLayout(format, level, leaf);
  const reservedSet = present ? entry & reservedBits(entry, format, level, options) : 0n;
  const noPermissionBits = format === "pae" && level === 3;
  const ept = format === "ept";
  const decoded = {
    present,
    leaf,
    pageSize: present && leaf ? 2 ** levelShift(format, level) : undefined,
    frame: frameOf(entry, format, level, leaf),
    flags: form.fields
      .filter((field) => field.high === field.low && (entry & fieldMask(field)) !== 0n)
      .map((field) => field.name),
    readable: ept ? (entry & 1n) !== 0n : present,
    writable: noPermissionBits ? present : (entry & 2n) !== 0n,
    user: ept || noPermissionBits ? present : (entry & 4n) !== 0n,
    executable: ept ? (entry & 4n) !== 0n : present && !executeDisabled(entry, format, options),
    reservedSet,
    memoryType: ept && leaf ? Number((entry >> 3n) & 7n) : undefined,
    malformed: undefined,
  };
  const malformed = present ? malformation(entry, format, decoded, options) : undefined;
  return { ...decoded, malformed, text: entryText(entry, format, level, decoded, malformed) };
}

function executeDisabled(entry: bigint, format: PagingFormat, options: PagingOptions): boolean {
  return format !== "32-bit" && options.executeDisable === true && entry >> 63n === 1n;
}

type Undescribed = Omit<DecodedEntry, "text" | "malformed">;

function malformation(
  entry: bigint,
  format: PagingFormat,
  decoded: Undescribed,
  options: PagingOptions,
): string | undefined {
  if (decoded.reservedSet !== 0n) {
    return `reserved bits are set: ${setBits(decoded.reservedSet).join(", ")}`;
  }
  if (format !== "ept") return undefined;
  // SDM Vol. 3C, "EPT Misconfigurations".
  if ((entry & 3n) === 2n) return "writable but not readable";
  if ((entry & 7n) === 4n && options.executeOnly !== true) {
    return "executable but not readable, and execute-only is not supported";
  }
  const type = decoded.memoryType;
  if (type !== undefined && EPT_MEMORY_TYPE.values?.[type] === undefined) {
    return `memory type ${type} is reserved`;
  }
  return undefined;
}

function entryText(
  entry: bigint,
  format: PagingFormat,
  level: PagingLevel,
  decoded: Undescribed,
  malformed: string | undefined,
): string {
  const name = entryName(format, level) ?? `level ${level}`;
  if (!decoded.present)
    return `${name} not present${entry === 0n ? "" : ` (0x${entry.toString(16)})`}`;
  const frame = `0x${decoded.frame.toString(16)}`;
  const target =
    decoded.pageSize === undefined
      ? `table ${frame}`
      : `${sizeText(decoded.pageSize)} page ${frame}`;
  const type = decoded.memoryType;
  const memory = type === undefined ? "" : `, ${EPT_MEMORY_TYPE.values?.[type] ?? `type ${type}`}`;
  const problem = malformed === undefined ? "" : `: malformed, ${malformed}`;
  return `${name} → ${target} [${decoded.flags.join(" ")}]${memory}${problem}`;
}

function sizeText(size: number): string {
  return (
    ({ 4096: "4 KiB", 2097152: "2 MiB", 4194304: "4 MiB", 1073741824: "1 GiB" } as const)[size] ??
    `${size}-byte`
  );
}
