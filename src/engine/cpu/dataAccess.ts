/** Reads and writes of guest memory from TypeScript: segmented or linear, with all checks. */
import { AR } from "../isa/descriptors";
import { FS, GS, SS, type SegmentIndex } from "../isa/registers";
import { exception, gp, ss, AC, RUN_ALONE, type GuestFault } from "./abort";
import { ACCESS } from "./access";
import { STATE, TLB_NONE, TLB_SUPERVISOR, TLB_USER } from "./layout";
import { noteDataAccess } from "./debugRegisters";
import { canonicalLinear, isCanonical, linear32, pageOf, type Linear } from "./linear";
import { permits, translate, tryTranslate } from "./paging";
import { PAGE } from "./physicalMemory";
import type { Processor } from "./processor";
import { CR4 } from "./systemState";
import type { Translation } from "./tlb";

const SEGMENT_NAMES = ["ES", "CS", "SS", "DS", "FS", "GS"] as const;

function segmentFault(segment: SegmentIndex, why: string): GuestFault {
  return segment === SS ? ss(0, why) : gp(0, why);
}

/** Offset arithmetic of a limit check. SDM Vol. 3A, "Limit Checking". */
function withinLimit(ar: number, limit: number, offset: number, bytes: number): boolean {
  const last = offset + bytes - 1;
  const expandDown = (ar & 0xc) === 4;
  if (!expandDown) return last <= limit;
  return offset > limit && last <= (ar & AR.DB ? 0xffffffff : 0xffff);
}

/** Checks an access of `bytes` at segment:offset and gives its linear address; throws #GP or #SS. */
export function segmentLinear(
  cpu: Processor,
  segment: SegmentIndex,
  offset: bigint,
  bytes: number,
  write: boolean,
): Linear {
  if (cpu.is64) {
    const { base } = cpu.segment(segment);
    const address = segment === FS || segment === GS ? base + offset : offset;
    const linear = canonicalLinear(address);
    const last = canonicalLinear(address + BigInt(bytes - 1));
    if (linear === undefined || last === undefined) {
      throw segmentFault(
        segment,
        `linear address 0x${BigInt.asUintN(64, address).toString(16)} is not canonical`,
      );
    }
    return linear;
  }
  return linearAt(cpu, segment, Number(BigInt.asUintN(32, offset)), bytes, write);
}

/** The same outside 64-bit mode, for an offset below 2^32. */
export function linearAt(
  cpu: Processor,
  segment: SegmentIndex,
  at: number,
  bytes: number,
  write: boolean,
): Linear {
  const { base, limit, ar } = cpu.segment(segment);
  const name = SEGMENT_NAMES[segment];
  if (ar & AR.UNUSABLE) throw segmentFault(segment, `${name} holds a null selector`);
  if (!cpu.realOrVirtual8086) {
    if (!(ar & AR.P)) throw segmentFault(segment, `the segment in ${name} is not present`);
    const isCode = (ar & 8) !== 0;
    if (write && (isCode || !(ar & 2)))
      throw segmentFault(segment, `the segment in ${name} is not writable`);
    if (!write && isCode && !(ar & 2))
      throw segmentFault(segment, `the code segment in ${name} is execute-only`);
  }
  if (!withinLimit(cpu.realOrVirtual8086 ? ar & ~0xc : ar, limit, at, bytes)) {
    throw segmentFault(
      segment,
      `offset 0x${at.toString(16)} is outside the limit 0x${limit.toString(16)} of ${name}`,
    );
  }
  return linear32(base, at);
}

function checkAlignment(cpu: Processor, linear: Linear, bytes: number): void {
  if (bytes > 1 && cpu.alignmentChecking && linear % bytes !== 0) {
    throw exception(AC, `address is not aligned to ${bytes} bytes`);
  }
}

/**
 * The table of the interpreter that holds for an access; TLB_NONE if none does. The supervisor's depends on RFLAGS.AC under SMAP, which is not the
 * handler's yet while ring 3 is being left, and does not count for implicit accesses.
 */
function tableFor(cpu: Processor, access: number): number {
  const inForce = cpu.view.getUint32(STATE.tlbBase, true);
  if (inForce === TLB_NONE || access & ACCESS.fetch) return TLB_NONE;
  if (access & ACCESS.user) return inForce === TLB_USER ? TLB_USER : TLB_NONE;
  const isOwn = inForce === TLB_SUPERVISOR && !(access & ACCESS.implicit);
  return isOwn || !(cpu.system.cr4 & CR4.SMAP) ? TLB_SUPERVISOR : TLB_NONE;
}

function throwRunAlone(): never {
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- aborts are plain data without a stack trace, see abort.ts
  throw RUN_ALONE;
}

/** HPA of a byte, through the interpreter's table or into it. */
export function hpaFor(cpu: Processor, linear: Linear, access: number): number {
  const table = tableFor(cpu, access);
  const direct = cpu.tlb.directHpa(table, linear, (access & ACCESS.write) !== 0);
  if (direct >= 0) return direct;
  const entry = translate(cpu, linear, access);
  if (table !== TLB_NONE) fillTable(cpu, linear, access, entry);
  const hpa = entry.frame * 4096 + (linear & 0xfff);
  if (cpu.isAhead && !cpu.ram.isRam(hpa) && cpu.ram.windows.has(hpa)) throwRunAlone();
  return hpa;
}

/**
 * HPA of an access of the instruction that runs, whose page the interpreter's table does not hold, if the table holds it then; -1 if the access needs
 * more than a translation; or the #PF. Throws an EPT-violation ExitAbort.
 */
export function hpaOfMiss(
  cpu: Processor,
  linear: Linear,
  bytes: number,
  write: boolean,
): number | GuestFault {
  if (crossesPage(linear, bytes) || !isCanonical(linear)) return -1;
  const access = dataAccess(cpu, write);
  const table = tableFor(cpu, access);
  if (table === TLB_NONE) return -1;
  const entry = tryTranslate(cpu, linear, access);
  if (!("frame" in entry)) return entry;
  fillTable(cpu, linear, access, entry);
  const hpa = cpu.tlb.directHpa(table, linear, write);
  if (write && hpa >= 0) cpu.ram.wrote(hpa, bytes);
  return hpa;
}

/** Lets the interpreter reach a page by itself, if it is RAM, as far as the access tells that it may. */
function fillTable(cpu: Processor, linear: Linear, access: number, entry: Translation): void {
  if (!cpu.ram.isRam(entry.frame * 4096)) return;
  const user = access & ACCESS.user;
  const guards = cpu.ram.guards[entry.frame]!;
  const watched = (guards & PAGE.watched) !== 0;
  // After a write the clean bit is gone; code and watched pages keep sending writes here.
  const free = (guards & ~(access & ACCESS.write ? PAGE.clean : 0)) === 0;
  cpu.tlb.fillL0(
    pageOf(linear),
    entry.frame,
    user !== 0,
    !watched && permits(cpu, entry, user),
    free && permits(cpu, entry, user | ACCESS.write),
  );
}

/** ACCESS.user for CPL 3. */
export function dataAccess(cpu: Processor, write: boolean): number {
  return (write ? ACCESS.write : ACCESS.read) | (cpu.cpl === 3 ? ACCESS.user : 0);
}

function crossesPage(linear: Linear, bytes: number): boolean {
  return bytes > 1 && (linear & 0xfff) + bytes > 4096;
}

function nextByte(cpu: Processor, linear: Linear, i: number): Linear {
  // Outside 64-bit mode linear addresses wrap at 4 GiB.
  return cpu.is64 ? linear + i : (linear + i) % 2 ** 32;
}

/** Reads 1, 2, 4 or 8 bytes at a linear address. */
export function readLinear(cpu: Processor, linear: Linear, bytes: number, access: number): bigint {
  if (crossesPage(linear, bytes)) {
    let value = 0n;
    for (let i = 0; i < bytes; i++) {
      const hpa = hpaFor(cpu, nextByte(cpu, linear, i), access);
      value |= BigInt(cpu.ram.read8(hpa)) << BigInt(8 * i);
    }
    noteDataAccess(cpu, linear, bytes, false);
    return value;
  }
  const hpa = hpaFor(cpu, linear, access);
  noteDataAccess(cpu, linear, bytes, false, hpa);
  return readPhysical(cpu, hpa, bytes);
}

export function readPhysical(cpu: Processor, hpa: number, bytes: number): bigint {
  switch (bytes) {
    case 1:
      return BigInt(cpu.ram.read8(hpa));
    case 2:
      return BigInt(cpu.ram.read16(hpa));
    case 4:
      return BigInt(cpu.ram.read32(hpa));
    default:
      return cpu.ram.read64(hpa);
  }
}

export function writePhysical(cpu: Processor, hpa: number, bytes: number, value: bigint): void {
  switch (bytes) {
    case 1:
      cpu.ram.write8(hpa, Number(value & 0xffn));
      break;
    case 2:
      cpu.ram.write16(hpa, Number(value & 0xffffn));
      break;
    case 4:
      cpu.ram.write32(hpa, Number(value & 0xffffffffn));
      break;
    default:
      cpu.ram.write64(hpa, value);
  }
}

/** Writes 1, 2, 4 or 8 bytes at a linear address; nothing is written if any byte faults. */
export function writeLinear(
  cpu: Processor,
  linear: Linear,
  bytes: number,
  value: bigint,
  access: number,
): void {
  if (crossesPage(linear, bytes)) {
    const places = Array.from({ length: bytes }, (_, i) =>
      hpaFor(cpu, nextByte(cpu, linear, i), access),
    );
    places.forEach((hpa, i) => {
      cpu.ram.write8(hpa, Number((value >> BigInt(8 * i)) & 0xffn));
    });
    noteDataAccess(cpu, linear, bytes, true);
    return;
  }
  const hpa = hpaFor(cpu, linear, access);
  noteDataAccess(cpu, linear, bytes, true, hpa, value);
  writePhysical(cpu, hpa, bytes, value);
}

/** The low 32 bits of `bytes` at a linear address: a number costs less than a bigint. */
export function readLinear32(
  cpu: Processor,
  linear: Linear,
  bytes: number,
  access: number,
): number {
  if (crossesPage(linear, bytes))
    return Number(BigInt.asUintN(32, readLinear(cpu, linear, bytes, access)));
  const hpa = hpaFor(cpu, linear, access);
  noteDataAccess(cpu, linear, bytes, false, hpa);
  if (bytes >= 4) return cpu.ram.read32(hpa);
  return bytes === 2 ? cpu.ram.read16(hpa) : cpu.ram.read8(hpa);
}

/** Writes an unsigned number of 32 bits, cut or zero-extended to `bytes`; nothing is written if any byte faults. */
export function writeLinear32(
  cpu: Processor,
  linear: Linear,
  bytes: number,
  value: number,
  access: number,
): void {
  if (crossesPage(linear, bytes) || cpu.dataWatcher || cpu.system.dr7 & 0xff) {
    writeLinear(cpu, linear, bytes, BigInt.asUintN(8 * bytes, BigInt(value)), access);
    return;
  }
  const hpa = hpaFor(cpu, linear, access);
  if (bytes === 1) cpu.ram.write8(hpa, value);
  else if (bytes === 2) cpu.ram.write16(hpa, value);
  else cpu.ram.write32(hpa, value);
  if (bytes === 8) cpu.ram.write32(hpa + 4, 0);
}

/** Reads through a segment register, as an instruction's operand. */
export function readMemory(
  cpu: Processor,
  segment: SegmentIndex,
  offset: bigint,
  bytes: number,
): bigint {
  const linear = segmentLinear(cpu, segment, offset, bytes, false);
  checkAlignment(cpu, linear, bytes);
  return readLinear(cpu, linear, bytes, dataAccess(cpu, false));
}

export function writeMemory(
  cpu: Processor,
  segment: SegmentIndex,
  offset: bigint,
  bytes: number,
  value: bigint,
): void {
  const linear = segmentLinear(cpu, segment, offset, bytes, true);
  checkAlignment(cpu, linear, bytes);
  writeLinear(cpu, linear, bytes, value, dataAccess(cpu, true));
}

/** Reads for update: faults as a write would. Gives the linear address for the write that follows. */
export function readForUpdate(
  cpu: Processor,
  segment: SegmentIndex,
  offset: bigint,
  bytes: number,
): { linear: Linear; value: bigint } {
  const linear = segmentLinear(cpu, segment, offset, bytes, true);
  checkAlignment(cpu, linear, bytes);
  return { linear, value: readLinear(cpu, linear, bytes, dataAccess(cpu, true)) };
}
