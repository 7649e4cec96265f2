/**
 * Segment descriptors, system descriptors, gates, selectors and access rights: decode, encode and text.
 *
 *  high dword  31      24 23 22  21  20 19    16 15 14 13 12 11   8 7       0
 *              base 31:24 G  D/B L   AVL limit    P  DPL   S  type   base 23:16
 *  low dword   31                    16 15                               0
 *              base 15:0                limit 15:0
 */
import { bit, bits, layout, type BitLayout } from "./bitFields";

// SDM Vol. 3A, "Segment Selectors".
export const SELECTOR_LAYOUT = layout("segment selector", 16, [
  bits(1, 0, "RPL", "Requested Privilege Level"),
  bit(2, "TI", "table", { 0: "GDT", 1: "LDT" }),
  bits(15, 3, "INDEX", "descriptor index"),
]);

// SDM Vol. 3C, "Guest Register State", "Format of Access Rights".
export const ACCESS_RIGHTS_LAYOUT = layout("access rights", 32, [
  bits(3, 0, "TYPE", "segment type"),
  bit(4, "S", "descriptor type", { 0: "system", 1: "code or data" }),
  bits(6, 5, "DPL", "Descriptor Privilege Level"),
  bit(7, "P", "present"),
  bit(12, "AVL", "available for use by system software"),
  bit(13, "L", "64-bit code segment"),
  bit(14, "D/B", "default operation size", { 0: "16-bit", 1: "32-bit" }),
  bit(15, "G", "granularity", { 0: "bytes", 1: "4 KiB" }),
  bit(16, "UNUSABLE", "segment unusable"),
]) satisfies BitLayout;

/** Access-rights bits (VMX format; bits 15:0 are bits 23:8 of a descriptor's high dword, without the limit). */
export const AR = {
  TYPE: 0xf,
  S: 0x10,
  DPL: 0x60,
  P: 0x80,
  AVL: 0x1000,
  L: 0x2000,
  DB: 0x4000,
  G: 0x8000,
  UNUSABLE: 0x10000,
} as const;

// SDM Vol. 3A, "Code- and Data-Segment Descriptor Types". Bit 3 code, 2 expand-down/conforming, 1 writable/readable, 0 accessed.
const SEGMENT_TYPES = [
  "data read-only",
  "data read-only, accessed",
  "data read/write",
  "data read/write, accessed",
  "data read-only, expand-down",
  "data read-only, expand-down, accessed",
  "data read/write, expand-down",
  "data read/write, expand-down, accessed",
  "code execute-only",
  "code execute-only, accessed",
  "code execute/read",
  "code execute/read, accessed",
  "code execute-only, conforming",
  "code execute-only, conforming, accessed",
  "code execute/read, conforming",
  "code execute/read, conforming, accessed",
] as const;

export type SystemKind =
  | "reserved"
  | "tss16-available"
  | "ldt"
  | "tss16-busy"
  | "call-gate16"
  | "task-gate"
  | "interrupt-gate16"
  | "trap-gate16"
  | "tss-available"
  | "tss-busy"
  | "call-gate"
  | "interrupt-gate"
  | "trap-gate";

// SDM Vol. 3A, "System Descriptor Types". In IA-32e mode only ldt, tss, call, interrupt and trap remain.
// prettier-ignore
const SYSTEM_KINDS: readonly SystemKind[] = [
  "reserved", "tss16-available", "ldt", "tss16-busy", "call-gate16", "task-gate", "interrupt-gate16", "trap-gate16",
  "reserved", "tss-available", "reserved", "tss-busy", "call-gate", "reserved", "interrupt-gate", "trap-gate",
];
const IA32E_SYSTEM_KINDS: ReadonlySet<SystemKind> = new Set<SystemKind>([
  "ldt",
  "tss-available",
  "tss-busy",
  "call-gate",
  "interrupt-gate",
  "trap-gate",
]);

/** Kind of a system descriptor (S = 0) by its type field; in IA-32e mode the 16-bit kinds and the task gate are reserved. */
export function systemKind(type: number, ia32e: boolean): SystemKind {
  const kind = SYSTEM_KINDS[type & 15] ?? "reserved";
  return ia32e && !IA32E_SYSTEM_KINDS.has(kind) ? "reserved" : kind;
}

export interface Selector {
  readonly value: number;
  readonly index: number;
  readonly table: "GDT" | "LDT";
  readonly rpl: number;
  /** Index 0 of the GDT. */
  readonly isNull: boolean;
}

export function decodeSelector(value: number): Selector {
  return {
    value: value & 0xffff,
    index: (value & 0xffff) >>> 3,
    table: value & 4 ? "LDT" : "GDT",
    rpl: value & 3,
    isNull: (value & 0xfffc) === 0,
  };
}

export function encodeSelector(index: number, table: "GDT" | "LDT", rpl: number): number {
  return ((index & 0x1fff) << 3) | (table === "LDT" ? 4 : 0) | (rpl & 3);
}

/** "0x08 (GDT entry 1, RPL 0)", "0x00 (null)". */
export function selectorText(value: number): string {
  const selector = decodeSelector(value);
  const digits = `0x${selector.value.toString(16).padStart(2, "0")}`;
  if (selector.isNull) return `${digits} (null)`;
  return `${digits} (${selector.table} entry ${selector.index}, RPL ${selector.rpl})`;
}

/** The parts of a segment register's hidden half. */
export interface SegmentCache {
  readonly base: bigint;
  /** In bytes: with G = 1 already scaled (low 12 bits set). */
  readonly limit: number;
  /** VMX access-rights format. */
  readonly accessRights: number;
}

/** Hidden half of a segment register from an 8-byte descriptor (little-endian dwords). */
export function segmentCacheOf(low: number, high: number): SegmentCache {
  const base = ((high & 0xff000000) | ((high & 0xff) << 16) | (low >>> 16)) >>> 0;
  const raw = (high & 0xf0000) | (low & 0xffff);
  const limit = high & 0x800000 ? ((raw << 12) | 0xfff) >>> 0 : raw;
  return { base: BigInt(base), limit, accessRights: (high >>> 8) & 0xf0ff };
}

export interface SegmentFields {
  readonly base: bigint;
  /** In bytes; with G = 1 its low 12 bits are ignored. */
  readonly limit: number;
  /** VMX access-rights format (bits 15:0). */
  readonly accessRights: number;
}

/** The 8 bytes of a descriptor as a little-endian number. Bits 63:32 of a system descriptor's base are encodeSystemDescriptorHigh's. */
export function encodeDescriptor({ base, limit, accessRights }: SegmentFields): bigint {
  const scaled = accessRights & AR.G ? limit >>> 12 : limit & 0xfffff;
  const base32 = Number(BigInt.asUintN(32, base));
  const low = ((base32 << 16) | (scaled & 0xffff)) >>> 0;
  const high =
    ((base32 & 0xff000000) |
      ((base32 >>> 16) & 0xff) |
      (scaled & 0xf0000) |
      ((accessRights & 0xf0ff) << 8)) >>>
    0;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Second 8 bytes of a TSS or LDT descriptor in IA-32e mode: base 63:32. */
export function encodeSystemDescriptorHigh(base: bigint): bigint {
  return BigInt.asUintN(64, base) >> 32n;
}

export interface Gate {
  readonly selector: number;
  readonly offset: bigint;
  /** 4-bit system type: 0x4, 0x5, 0x6, 0x7, 0xc, 0xe or 0xf. */
  readonly type: number;
  readonly dpl: number;
  readonly present: boolean;
  /** Call gates outside IA-32e mode: parameter count. */
  readonly parameterCount: number;
  /** IA-32e interrupt and trap gates: interrupt-stack-table index. */
  readonly ist: number;
}

/** A gate from its low and high dwords; `offsetHigh` is the third dword in IA-32e mode. */
export function decodeGate(low: number, high: number, offsetHigh?: number): Gate {
  const type = (high >>> 8) & 15;
  const is16 = (type & 8) === 0;
  const offset32 = is16 ? low & 0xffff : ((high & 0xffff0000) | (low & 0xffff)) >>> 0;
  return {
    selector: low >>> 16,
    offset:
      offsetHigh === undefined
        ? BigInt(offset32)
        : (BigInt(offsetHigh >>> 0) << 32n) | BigInt(offset32),
    type,
    dpl: (high >>> 13) & 3,
    present: (high & 0x8000) !== 0,
    parameterCount: offsetHigh === undefined ? high & 31 : 0,
    ist: offsetHigh === undefined ? 0 : high & 7,
  };
}

/** Bytes of a gate as little-endian 64-bit numbers: one, or two in IA-32e mode. */
export function encodeGate(gate: Gate, ia32e: boolean): bigint[] {
  const offset = BigInt.asUintN(64, gate.offset);
  const low = ((gate.selector & 0xffff) << 16) | Number(offset & 0xffffn);
  const third = ia32e ? gate.ist & 7 : gate.parameterCount & 31;
  const access = (gate.present ? 0x8000 : 0) | ((gate.dpl & 3) << 13) | ((gate.type & 15) << 8);
  const middle = gate.type & 8 ? Number((offset >> 16n) & 0xffffn) : 0;
  const high = (((middle << 16) >>> 0) | access | third) >>> 0;
  const first = (BigInt(high) << 32n) | BigInt(low >>> 0);
  return ia32e ? [first, offset >> 32n] : [first];
}

export type Descriptor =
  | { readonly kind: "null"; readonly text: string }
  | { readonly kind: "code" | "data"; readonly segment: SegmentCache; readonly text: string }
  | {
      readonly kind: "system";
      readonly system: SystemKind;
      readonly segment: SegmentCache;
      readonly text: string;
    }
  | {
      readonly kind: "gate";
      readonly system: SystemKind;
      readonly gate: Gate;
      readonly text: string;
    };

/**
 * Decodes one descriptor-table entry. In IA-32e mode system descriptors and gates take 16 bytes: pass the upper 8 as `upper`.
 */
export function decodeDescriptor(raw: bigint, ia32e = false, upper = 0n): Descriptor {
  const low = Number(BigInt.asUintN(32, raw));
  const high = Number(BigInt.asUintN(32, raw >> 32n));
  if (low === 0 && high === 0) return { kind: "null", text: "null descriptor" };
  const cache = segmentCacheOf(low, high);
  const type = cache.accessRights & AR.TYPE;
  if (cache.accessRights & AR.S) {
    const kind = type & 8 ? "code" : "data";
    return { kind, segment: cache, text: segmentText(cache) };
  }
  const system = systemKind(type, ia32e);
  if (system.includes("gate")) {
    const gate = decodeGate(low, high, ia32e ? Number(BigInt.asUintN(32, upper)) : undefined);
    return { kind: "gate", system, gate, text: gateText(system, gate) };
  }
  const base = ia32e ? (BigInt.asUintN(32, upper) << 32n) | cache.base : cache.base;
  const segment = { ...cache, base };
  return { kind: "system", system, segment, text: segmentText(segment) };
}

/** "code execute/read, accessed, DPL 0, 64-bit, present". */
export function accessRightsText(accessRights: number): string {
  if (accessRights & AR.UNUSABLE) return "unusable";
  const type = accessRights & AR.TYPE;
  const isSegment = (accessRights & AR.S) !== 0;
  const parts = [isSegment ? (SEGMENT_TYPES[type] ?? "") : systemTypeText(type)];
  parts.push(`DPL ${(accessRights & AR.DPL) >>> 5}`);
  if (isSegment) parts.push(sizeText(accessRights));
  parts.push(accessRights & AR.P ? "present" : "not present");
  return parts.join(", ");
}

function sizeText(accessRights: number): string {
  if (accessRights & AR.L && accessRights & 8) return "64-bit";
  return accessRights & AR.DB ? "32-bit" : "16-bit";
}

/** A segment type without S: "32/64-bit TSS (busy)". */
export function systemTypeText(type: number): string {
  const names: Record<SystemKind, string> = {
    reserved: "reserved system type",
    "tss16-available": "16-bit TSS (available)",
    ldt: "LDT",
    "tss16-busy": "16-bit TSS (busy)",
    "call-gate16": "16-bit call gate",
    "task-gate": "task gate",
    "interrupt-gate16": "16-bit interrupt gate",
    "trap-gate16": "16-bit trap gate",
    "tss-available": "32/64-bit TSS (available)",
    "tss-busy": "32/64-bit TSS (busy)",
    "call-gate": "32/64-bit call gate",
    "interrupt-gate": "32/64-bit interrupt gate",
    "trap-gate": "32/64-bit trap gate",
  };
  return names[systemKind(type, false)];
}

function segmentText(cache: SegmentCache): string {
  const range = `base 0x${cache.base.toString(16)}, limit 0x${cache.limit.toString(16)}`;
  return `${accessRightsText(cache.accessRights)}, ${range}`;
}

function gateText(system: SystemKind, gate: Gate): string {
  const type = systemTypeText(gate.type);
  const state = `DPL ${gate.dpl}, ${gate.present ? "present" : "not present"}`;
  if (system === "task-gate") return `${type} to TSS ${selectorText(gate.selector)}, ${state}`;
  const ist = gate.ist === 0 ? "" : `, IST ${gate.ist}`;
  const target = `0x${gate.selector.toString(16)}:0x${gate.offset.toString(16)}`;
  return `${type} to ${target}, ${state}${ist}`;
}
