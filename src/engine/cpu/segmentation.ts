/** Loading segment registers. SDM Vol. 3A, "Protected-Mode Memory Management" and "Protection". */
import { AR } from "../isa/descriptors";
import { CS, SS, type SegmentIndex } from "../isa/registers";
import { gp, np, ss as stackFault, type GuestFault } from "./abort";
import type { FetchedDescriptor } from "./decodedTables";
import { readImplicit32, tableLinear, writeImplicit } from "./implicitAccess";
import { canonicalLinear } from "./linear";
import type { Processor } from "./processor";
import type { SegmentRegister } from "./systemState";

export type FaultMaker = (errorCode: number, why: string) => GuestFault;

export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;
export const dplOf = (ar: number): number => (ar & AR.DPL) >> 5;
export const isCode = (ar: number): boolean => (ar & (AR.S | 8)) === (AR.S | 8);
export const isConforming = (ar: number): boolean => (ar & 4) !== 0;
export const isWritableData = (ar: number): boolean => (ar & (AR.S | 8 | 2)) === (AR.S | 2);

const named = (selector: number): string => `selector 0x${selector.toString(16)}`;

/** Reads the descriptor of a non-null selector; `fault` makes the exception if it lies outside its table. */
export function fetchDescriptor(
  cpu: Processor,
  selector: number,
  fault: FaultMaker = gp,
): FetchedDescriptor {
  const found = tryFetchDescriptor(cpu, selector);
  if (found) return found;
  throw fault(selector & 0xfffc, `${named(selector)} is outside its descriptor table`);
}

/** The same, undefined outside the table (LAR, LSL, VERR, VERW answer with ZF). */
export function tryFetchDescriptor(
  cpu: Processor,
  selector: number,
): FetchedDescriptor | undefined {
  const local = (selector & 4) !== 0;
  const table = local ? cpu.system.ldtr : cpu.system.gdtr;
  const offset = selector & 0xfff8;
  if ((local && cpu.system.ldtr.ar & AR.UNUSABLE) || offset + 7 > table.limit) return undefined;
  const address = tableLinear(cpu, table, offset);
  const low = readImplicit32(cpu, address, 4);
  const high = readImplicit32(cpu, address + 4, 4);
  return cpu.decoded.descriptor(selector, address, low, high);
}

/** Type field of the third word of a 16-byte descriptor: it must be 0, so that the upper half is not taken for a descriptor. */
const UPPER_TYPE = 0x1f00;

/** Base of an LDT or TSS descriptor, which in IA-32e mode has 16 bytes. SDM Vol. 2A, "LLDT" and "LTR". */
export function systemBase(cpu: Processor, descriptor: FetchedDescriptor): bigint {
  if (!cpu.longMode) return descriptor.base;
  const { selector, address } = descriptor;
  const code = selector & 0xfffc;
  if ((selector & 0xfff8) + 15 > cpu.system.gdtr.limit)
    throw gp(code, `the 16 bytes of ${named(selector)} lie beyond the limit of the GDT`);
  const base = descriptor.base | (BigInt(readImplicit32(cpu, address + 8, 4)) << 32n);
  if (readImplicit32(cpu, address + 12, 4) & UPPER_TYPE)
    throw gp(code, `the upper half of ${named(selector)} has a type`);
  if (canonicalLinear(base) === undefined)
    throw gp(code, `the base in ${named(selector)} is not canonical`);
  return base;
}

/** Sets the accessed bit in memory and gives the segment register's new contents. `rpl` is that of the selector it will hold. */
export function cacheOf(
  cpu: Processor,
  descriptor: FetchedDescriptor,
  rpl = descriptor.selector & 3,
): SegmentRegister {
  if (!(descriptor.ar & 1)) setTypeByte(cpu, descriptor, descriptor.ar | 1);
  return descriptor.segment(rpl);
}

/** Writes the byte of a descriptor that holds type, S, DPL and P. */
export function setTypeByte(cpu: Processor, { address }: FetchedDescriptor, ar: number): void {
  writeImplicit(cpu, address + 5, 1, BigInt(ar & 0xff));
}

/** Real-address and virtual-8086 mode: base is selector x 16; limit and rights stay (real) or are fixed (v8086). */
function loadRealMode(cpu: Processor, index: SegmentIndex, selector: number): void {
  const old = cpu.segment(index);
  const fixed = cpu.virtual8086
    ? { limit: 0xffff, ar: 0xf3 }
    : // The limit survives a return from protected mode ("unreal mode"); rights become those of a data segment.
      {
        limit: old.limit,
        ar: old.ar & AR.UNUSABLE ? 0x93 : (old.ar & ~(AR.UNUSABLE | 0x6f)) | 0x93,
      };
  cpu.system.segments[index] = { selector, base: BigInt(selector << 4), ...fixed };
}

function nullSegment(selector: number): SegmentRegister {
  return { selector, base: 0n, limit: 0, ar: AR.UNUSABLE };
}

const NULL_STACKS: SegmentRegister[] = [];

/** SS of IA-32e mode with a null selector: only its DPL counts. The same object each time. */
export function nullStack(selector: number, ring: number): SegmentRegister {
  return (NULL_STACKS[selector * 4 + ring] ??= {
    ...nullSegment(selector),
    ar: AR.UNUSABLE | (ring << 5),
  });
}

function loadStackSegment(cpu: Processor, selector: number): SegmentRegister {
  if (isNull(selector)) {
    if (cpu.is64 && cpu.cpl < 3 && (selector & 3) === cpu.cpl) {
      return nullStack(selector, cpu.cpl);
    }
    throw gp(0, "SS may not be loaded with a null selector here");
  }
  const descriptor = fetchDescriptor(cpu, selector);
  checkStackSegment(descriptor, selector, cpu.cpl, gp, stackFault);
  return cacheOf(cpu, descriptor);
}

/**
 * The rules for a stack segment at a privilege level. `fault` is #GP for MOV SS and returns, #TS for stack switches; `absent` is #SS, but #NP for IRET.
 */
export function checkStackSegment(
  { ar }: FetchedDescriptor,
  selector: number,
  cpl: number,
  fault: FaultMaker,
  absent: FaultMaker,
): void {
  if ((selector & 3) !== cpl)
    throw fault(selector & 0xfffc, `${named(selector)} for SS: RPL is not ${cpl}`);
  if (!isWritableData(ar))
    throw fault(selector & 0xfffc, `${named(selector)} for SS: not a writable data segment`);
  if (dplOf(ar) !== cpl)
    throw fault(selector & 0xfffc, `${named(selector)} for SS: DPL is not ${cpl}`);
  if (!(ar & AR.P))
    throw absent(selector & 0xfffc, `${named(selector)} for SS: the segment is not present`);
}

function loadDataSegment(cpu: Processor, selector: number): SegmentRegister {
  if (isNull(selector)) return nullSegment(selector);
  const descriptor = fetchDescriptor(cpu, selector);
  const { ar } = descriptor;
  const readable = (ar & AR.S) !== 0 && (!(ar & 8) || (ar & 2) !== 0);
  if (!readable) throw gp(selector & 0xfffc, `${named(selector)}: neither data nor readable code`);
  if (!(isCode(ar) && isConforming(ar)) && (dplOf(ar) < cpu.cpl || dplOf(ar) < (selector & 3))) {
    throw gp(
      selector & 0xfffc,
      `${named(selector)}: DPL ${dplOf(ar)} is more privileged than CPL or RPL`,
    );
  }
  if (!(ar & AR.P)) throw np(selector & 0xfffc, `${named(selector)}: the segment is not present`);
  return cacheOf(cpu, descriptor);
}

/** MOV, POP and LxS into DS, ES, FS, GS or SS. */
export function loadSegment(cpu: Processor, index: SegmentIndex, selector: number): void {
  if (cpu.realOrVirtual8086) loadRealMode(cpu, index, selector);
  else {
    const loaded = index === SS ? loadStackSegment(cpu, selector) : loadDataSegment(cpu, selector);
    // In IA-32e mode the base of a null FS or GS stays on Intel processors only until loaded: it becomes 0.
    cpu.system.segments[index] = loaded;
  }
  cpu.refresh();
}

/** CS in real-address and virtual-8086 mode. */
export function loadRealModeCs(cpu: Processor, selector: number): void {
  loadRealMode(cpu, CS, selector);
}

/** Sets CS and CPL together: far transfers. */
export function setCodeSegment(cpu: Processor, cs: SegmentRegister, cpl: number): void {
  const from = cpu.cpl;
  const hasCpl = (cs.selector & 3) === cpl;
  cpu.system.segments[CS] = hasCpl ? cs : { ...cs, selector: (cs.selector & 0xfffc) | cpl };
  cpu.system.cpl = cpl;
  cpu.refresh();
  if (from !== cpl) cpu.observe({ kind: "ring-change", from, to: cpl });
}

const DATA_SEGMENTS = [0, 3, 4, 5] as const;

/**
 * Data segments that the new, less privileged level may not keep become null. SDM Vol. 2, "RET" and "IRET". Their bases stay, as on processors: IA-32e mode
 * still uses those of FS and GS.
 */
export function dropInaccessibleSegments(cpu: Processor): void {
  let changed = false;
  for (const index of DATA_SEGMENTS) {
    const { ar, selector } = cpu.segment(index);
    if (ar & AR.UNUSABLE) continue;
    const conforming = isCode(ar) && isConforming(ar);
    const inaccessible = !conforming && dplOf(ar) < cpu.cpl;
    if (!inaccessible && !isNull(selector)) continue;
    const { base } = cpu.segment(index);
    cpu.system.segments[index] = { ...nullSegment(inaccessible ? 0 : selector), base };
    changed = true;
  }
  if (changed) cpu.refresh();
}
