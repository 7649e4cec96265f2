/** Segment registers, descriptor tables, and the instructions that look at descriptors. SDM Vol. 2 and Vol. 3A, "Protection". */
import { AR, systemKind } from "../../isa/descriptors";
import { CS, FS, GS, SS, type SegmentIndex } from "../../isa/registers";
import type { Instruction } from "../../codec/types";
import { gp, np, ud } from "../abort";
import { readMemory, writeMemory } from "../dataAccess";
import type { FetchedDescriptor } from "../decodedTables";
import { canonicalLinear } from "../linear";
import type { Processor } from "../processor";
import {
  dplOf,
  fetchDescriptor,
  isCode,
  isConforming,
  isNull,
  loadSegment,
  systemBase,
  tryFetchDescriptor,
  setTypeByte,
} from "../segmentation";
import { StackFrame } from "../stack";
import { CR4 } from "../systemState";
import { intercept } from "../vmx/intercepts";
import {
  effectiveAddress,
  memoryOperand,
  operand,
  readOperand,
  setZeroFlag,
  writeOperand,
  type SystemEvent,
} from "./systemEvent";

function segmentOperand(instruction: Instruction, i: number): SegmentIndex {
  const op = operand(instruction, i);
  if (op.kind !== "sreg") throw ud("not a segment register");
  return op.register;
}

const movFromSreg: SystemEvent = (cpu, instruction) => {
  const selector = BigInt(cpu.segment(segmentOperand(instruction, 1)).selector);
  writeOperand(cpu, instruction, 0, selector, 2);
  return "next";
};

/** Loading SS holds off interrupts and debug traps for one instruction. */
function loadChecked(cpu: Processor, index: SegmentIndex, selector: number): void {
  if (index === CS) throw ud("CS cannot be loaded by MOV");
  loadSegment(cpu, index, selector);
  if (index === SS) cpu.system.shadow = "mov-ss";
}

const movToSreg: SystemEvent = (cpu, instruction) => {
  const index = segmentOperand(instruction, 0);
  if (index === CS) throw ud("CS cannot be loaded by MOV");
  loadChecked(cpu, index, Number(readOperand(cpu, instruction, 1, 2) & 0xffffn));
  return "next";
};

const pushSreg: SystemEvent = (cpu, instruction) => {
  const bytes = (instruction.operandSize / 8) as 2 | 4 | 8;
  const stack = StackFrame.current(cpu);
  stack.push32(bytes, cpu.segment(segmentOperand(instruction, 0)).selector);
  stack.commit();
  return "next";
};

const popSreg: SystemEvent = (cpu, instruction) => {
  const index = segmentOperand(instruction, 0);
  const stack = StackFrame.current(cpu);
  const selector = stack.pop32((instruction.operandSize / 8) as 2 | 4 | 8) & 0xffff;
  loadChecked(cpu, index, selector);
  stack.commit();
  return "next";
};

const LXS_SEGMENT: Readonly<Record<string, SegmentIndex>> = {
  les: 0,
  lss: 2,
  lds: 3,
  lfs: 4,
  lgs: 5,
};

const lxs: SystemEvent = (cpu, instruction) => {
  const memory = memoryOperand(instruction, 1);
  const bytes = instruction.operandSize / 8;
  const ea = effectiveAddress(cpu, instruction, memory);
  const offset = readMemory(cpu, memory.segment, ea, bytes);
  const selectorAt = BigInt.asUintN(memory.addressSize, ea + BigInt(bytes));
  const selector = Number(readMemory(cpu, memory.segment, selectorAt, 2));
  loadChecked(cpu, LXS_SEGMENT[instruction.form.mnemonic]!, selector);
  writeOperand(cpu, instruction, 0, offset);
  return "next";
};

/** UMIP: SGDT, SIDT, SLDT, SMSW, STR fault above ring 0. SDM Vol. 3A, "Control Registers", CR4.UMIP. */
export function checkUmip(cpu: Processor): void {
  if (cpu.cpl > 0 && cpu.system.cr4 & CR4.UMIP)
    throw gp(0, "CR4.UMIP forbids this instruction above ring 0");
}

function storeTable(table: "gdtr" | "idtr"): SystemEvent {
  return (cpu, instruction) => {
    const memory = memoryOperand(instruction, 0);
    checkUmip(cpu);
    const exit = intercept(cpu, instruction);
    if (exit) return exit;
    const { base, limit } = cpu.system[table];
    const ea = effectiveAddress(cpu, instruction, memory);
    const at = BigInt.asUintN(memory.addressSize, ea + 2n);
    const bytes = instruction.bits === 64 ? 8 : 4;
    writeMemory(cpu, memory.segment, ea, 2, BigInt(limit));
    writeMemory(cpu, memory.segment, at, bytes, BigInt.asUintN(8 * bytes, base));
    return "next";
  };
}

function loadTable(table: "gdtr" | "idtr"): SystemEvent {
  return (cpu, instruction) => {
    const memory = memoryOperand(instruction, 0);
    const exit = intercept(cpu, instruction);
    if (exit) return exit;
    const ea = effectiveAddress(cpu, instruction, memory);
    const limit = Number(readMemory(cpu, memory.segment, ea, 2));
    const at = BigInt.asUintN(memory.addressSize, ea + 2n);
    const bytes = instruction.bits === 64 ? 8 : 4;
    let base = readMemory(cpu, memory.segment, at, bytes);
    // A 16-bit operand size loads 24 bits of base.
    if (instruction.bits !== 64 && instruction.operandSize === 16) base &= 0xffffffn;
    if (bytes === 8 && canonicalLinear(base) === undefined)
      throw gp(0, "the table's base is not canonical");
    cpu.system[table] = { base, limit };
    return "next";
  };
}

function storeSelector(register: "ldtr" | "tr"): SystemEvent {
  return (cpu, instruction) => {
    checkUmip(cpu);
    const exit = intercept(cpu, instruction);
    if (exit) return exit;
    writeOperand(cpu, instruction, 0, BigInt(cpu.system[register].selector), 2);
    return "next";
  };
}

function loadSystemSegment(cpu: Processor, selector: number, kind: string): FetchedDescriptor {
  const code = selector & 0xfffc;
  if (selector & 4) throw gp(code, "the selector must be in the GDT");
  const descriptor = fetchDescriptor(cpu, selector);
  const { ar } = descriptor;
  const found = ar & AR.S ? "segment" : systemKind(ar & AR.TYPE, cpu.longMode);
  if (!matchesKind(ar, kind, cpu.longMode))
    throw gp(code, `the descriptor is not ${kind} (it is ${found})`);
  if (!(ar & AR.P)) throw np(code, "the descriptor is not present");
  return descriptor;
}

function matchesKind(ar: number, kind: string, longMode: boolean): boolean {
  if (ar & AR.S) return false;
  const type = ar & AR.TYPE;
  if (kind === "an LDT") return type === 2;
  return type === 9 || (!longMode && type === 1);
}

const lldt: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const selector = Number(readOperand(cpu, instruction, 0, 2) & 0xffffn);
  if (isNull(selector)) {
    cpu.system.ldtr = { selector, base: 0n, limit: 0, ar: AR.UNUSABLE };
    return "next";
  }
  const descriptor = loadSystemSegment(cpu, selector, "an LDT");
  const base = systemBase(cpu, descriptor);
  cpu.system.ldtr = { selector, base, limit: descriptor.limit, ar: descriptor.ar };
  return "next";
};

const ltr: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const selector = Number(readOperand(cpu, instruction, 0, 2) & 0xffffn);
  if (isNull(selector)) throw gp(0, "LTR with a null selector");
  const descriptor = loadSystemSegment(cpu, selector, "an available TSS");
  const base = systemBase(cpu, descriptor);
  const busy = descriptor.ar | 2;
  setTypeByte(cpu, descriptor, busy);
  cpu.system.tr = { selector, base, limit: descriptor.limit, ar: busy };
  return "next";
};

/** The descriptor that LAR, LSL, VERR and VERW may see at this CPL, or undefined: they answer ZF = 0 without a fault. */
function visible(cpu: Processor, selector: number): FetchedDescriptor | undefined {
  if (isNull(selector)) return undefined;
  const descriptor = tryFetchDescriptor(cpu, selector);
  if (!descriptor) return undefined;
  const { ar } = descriptor;
  const dpl = dplOf(ar);
  const hidden = dpl < cpu.cpl || dpl < (selector & 3);
  return isCode(ar) && isConforming(ar) ? descriptor : hidden ? undefined : descriptor;
}

function selectorOperand(cpu: Processor, instruction: Instruction, i: number): number {
  return Number(readOperand(cpu, instruction, i, 2) & 0xffffn);
}

/** System descriptor types that LAR and LSL accept. SDM Vol. 2A, "LAR" and "LSL", tables of valid types. */
const LAR_TYPES = { legacy: [1, 2, 3, 4, 5, 9, 0xb, 0xc], long: [2, 9, 0xb, 0xc] };
const LSL_TYPES = { legacy: [1, 2, 3, 9, 0xb], long: [2, 9, 0xb] };

function look(
  types: typeof LAR_TYPES,
  value: (descriptor: FetchedDescriptor) => bigint,
): SystemEvent {
  return (cpu, instruction) => {
    const descriptor = visible(cpu, selectorOperand(cpu, instruction, 1));
    const allowed = cpu.longMode ? types.long : types.legacy;
    const ok = descriptor && (descriptor.ar & AR.S || allowed.includes(descriptor.ar & AR.TYPE));
    if (ok) writeOperand(cpu, instruction, 0, value(descriptor));
    setZeroFlag(cpu, Boolean(ok));
    return "next";
  };
}

function verify(write: boolean): SystemEvent {
  return (cpu, instruction) => {
    const descriptor = visible(cpu, selectorOperand(cpu, instruction, 0));
    let ok = descriptor !== undefined && (descriptor.ar & AR.S) !== 0;
    if (ok && descriptor) {
      const code = isCode(descriptor.ar);
      ok = write ? !code && (descriptor.ar & 2) !== 0 : !code || (descriptor.ar & 2) !== 0;
    }
    setZeroFlag(cpu, ok);
    return "next";
  };
}

const arpl: SystemEvent = (cpu, instruction) => {
  const destination = Number(readOperand(cpu, instruction, 0, 2));
  const rpl = Number(readOperand(cpu, instruction, 1, 2)) & 3;
  const lower = (destination & 3) < rpl;
  if (lower) writeOperand(cpu, instruction, 0, BigInt((destination & 0xfffc) | rpl), 2);
  setZeroFlag(cpu, lower);
  return "next";
};

const swapgs: SystemEvent = (cpu) => {
  const gs = cpu.segment(GS);
  const other = cpu.system.msrs.kernelGsBase;
  cpu.system.msrs.kernelGsBase = gs.base;
  cpu.system.segments[GS] = { ...gs, base: other };
  cpu.refresh();
  return "next";
};

function baseRegister(index: SegmentIndex, write: boolean): SystemEvent {
  return (cpu, instruction) => {
    if (!(cpu.system.cr4 & CR4.FSGSBASE)) throw ud("CR4.FSGSBASE is clear");
    if (!write) {
      writeOperand(cpu, instruction, 0, cpu.segment(index).base);
      return "next";
    }
    const base = readOperand(cpu, instruction, 0);
    if (canonicalLinear(base) === undefined) throw gp(0, "the base is not canonical");
    cpu.system.segments[index] = { ...cpu.segment(index), base };
    cpu.refresh();
    return "next";
  };
}

export const SEGMENT_EVENTS: Readonly<Record<string, SystemEvent>> = {
  mov_from_sreg: movFromSreg,
  mov_to_sreg: movToSreg,
  push_sreg: pushSreg,
  pop_sreg: popSreg,
  lxs,
  sgdt: storeTable("gdtr"),
  sidt: storeTable("idtr"),
  lgdt: loadTable("gdtr"),
  lidt: loadTable("idtr"),
  sldt: storeSelector("ldtr"),
  str: storeSelector("tr"),
  lldt,
  ltr,
  lar: look(LAR_TYPES, ({ high }) => BigInt(high & 0x00f0ff00)),
  lsl: look(LSL_TYPES, ({ limit }) => BigInt(limit)),
  verr: verify(false),
  verw: verify(true),
  arpl,
  swapgs,
  rdfsbase: baseRegister(FS, false),
  rdgsbase: baseRegister(GS, false),
  wrfsbase: baseRegister(FS, true),
  wrgsbase: baseRegister(GS, true),
};
