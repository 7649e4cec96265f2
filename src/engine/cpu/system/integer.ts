/** Rare integer instructions that need no speed: BCD, BOUND, ENTER, PUSHA, CMPXCHG8B/16B, 64-bit division, CRC32. SDM Vol. 2. */
import { DS, RAX, RBP, RBX, RCX, RDX, RSP, SS, type SegmentIndex } from "../../isa/registers";
import { BR, DE, exception, gp, ud } from "../abort";
import { readForUpdate, readMemory, writeLinear, dataAccess } from "../dataAccess";
import type { Processor } from "../processor";
import { StackFrame } from "../stack";
import { RFLAGS } from "../systemState";
import { intercept } from "../vmx/intercepts";
import {
  effectiveAddress,
  memoryOperand,
  readOperand,
  setArithmeticFlags,
  setZeroFlag,
  writeOperand,
  type SystemEvent,
} from "./systemEvent";

const { CF, PF, AF, ZF, SF, OF } = RFLAGS;

function parityFlag(value: number): number {
  let bits = value & 0xff;
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return bits & 1 ? 0 : PF;
}

/** SF, ZF, PF of a byte. */
function byteFlags(value: number): number {
  return parityFlag(value) | ((value & 0xff) === 0 ? ZF : 0) | (value & 0x80 ? SF : 0);
}

function setAl(cpu: Processor, al: number): void {
  cpu.setGpr(RAX, BigInt(al & 0xff), 8);
}

/** DAA and DAS; OF, undefined, is cleared. */
function decimalAdjust(subtract: boolean): SystemEvent {
  return (cpu) => {
    const old = Number(cpu.gpr(RAX, 8));
    const flags = cpu.rflags;
    let al = old;
    let carry = 0;
    let auxiliary = 0;
    const sign = subtract ? -1 : 1;
    if ((old & 0xf) > 9 || flags & AF) {
      al += 6 * sign;
      carry = flags & CF || (subtract ? old < 6 : old > 0xf9) ? CF : 0;
      auxiliary = AF;
    }
    if (old > 0x99 || flags & CF) {
      al += 0x60 * sign;
      carry = CF;
    } else if (!subtract) carry = 0;
    setAl(cpu, al);
    setArithmeticFlags(cpu, CF | PF | AF | ZF | SF | OF, carry | auxiliary | byteFlags(al));
    return "next";
  };
}

/** AAA and AAS. */
function asciiAdjust(subtract: boolean): SystemEvent {
  return (cpu) => {
    const ax = Number(cpu.gpr(RAX, 16));
    const adjust = (ax & 0xf) > 9 || (cpu.rflags & AF) !== 0;
    const next = adjust ? (subtract ? ax - 0x106 : ax + 0x106) : ax;
    cpu.setGpr(RAX, BigInt(next & 0xff0f), 16);
    setArithmeticFlags(
      cpu,
      CF | PF | AF | ZF | SF | OF,
      (adjust ? CF | AF : 0) | byteFlags(next & 0xf),
    );
    return "next";
  };
}

const aam: SystemEvent = (cpu, instruction) => {
  const base = instruction.operands.length > 0 ? Number(readOperand(cpu, instruction, 0)) : 10;
  if (base === 0) throw exception(DE, "AAM by zero");
  const al = Number(cpu.gpr(RAX, 8));
  cpu.setGpr(RAX, BigInt((Math.floor(al / base) << 8) | (al % base)), 16);
  setArithmeticFlags(cpu, CF | PF | AF | ZF | SF | OF, byteFlags(al % base));
  return "next";
};

const aad: SystemEvent = (cpu, instruction) => {
  const base = instruction.operands.length > 0 ? Number(readOperand(cpu, instruction, 0)) : 10;
  const ax = Number(cpu.gpr(RAX, 16));
  const al = ((ax >> 8) * base + ax) & 0xff;
  cpu.setGpr(RAX, BigInt(al), 16);
  setArithmeticFlags(cpu, CF | PF | AF | ZF | SF | OF, byteFlags(al));
  return "next";
};

const salc: SystemEvent = (cpu) => {
  setAl(cpu, cpu.rflags & CF ? 0xff : 0);
  return "next";
};

const bound: SystemEvent = (cpu, instruction) => {
  const memory = memoryOperand(instruction, 1);
  const size = instruction.operandSize;
  const ea = effectiveAddress(cpu, instruction, memory);
  const at = BigInt.asUintN(memory.addressSize, ea + BigInt(size / 8));
  const signed = (value: bigint): bigint => BigInt.asIntN(size, value);
  const index = signed(readOperand(cpu, instruction, 0));
  const low = signed(readMemory(cpu, memory.segment, ea, size / 8));
  const high = signed(readMemory(cpu, memory.segment, at, size / 8));
  if (index < low || index > high) throw exception(BR, `index ${index} is outside ${low}..${high}`);
  return "next";
};

const pusha: SystemEvent = (cpu, instruction) => {
  const width = (instruction.operandSize / 8) as 2 | 4;
  const stack = StackFrame.current(cpu);
  for (let register = 0; register < 8; register++) stack.push(width, cpu.gpr(register));
  stack.commit();
  return "next";
};

const popa: SystemEvent = (cpu, instruction) => {
  const width = (instruction.operandSize / 8) as 2 | 4;
  const stack = StackFrame.current(cpu);
  const values = Array.from({ length: 8 }, () => stack.pop(width));
  stack.commit();
  values.forEach((value, i) => {
    if (7 - i !== RSP) cpu.setGpr(7 - i, value, width === 2 ? 16 : 32);
  });
  return "next";
};

/** ENTER size, level. */
const enter: SystemEvent = (cpu, instruction) => {
  const width = (instruction.operandSize / 8) as 2 | 4 | 8;
  const size = readOperand(cpu, instruction, 0) & 0xffffn;
  const level = Number(readOperand(cpu, instruction, 1)) & 31;
  const stack = StackFrame.current(cpu);
  const mask = cpu.is64 ? 0xffffffffffffffffn : cpu.ss.ar & 0x4000 ? 0xffffffffn : 0xffffn;
  stack.push(width, cpu.gpr(RBP));
  const frame = stack.top;
  for (let i = 1; i < level; i++) {
    const at = (cpu.gpr(RBP) - BigInt(i * width)) & mask;
    stack.push(width, readMemory(cpu, SS, at, width));
  }
  if (level > 0) stack.push(width, frame);
  // The new top must be writable: ENTER faults here rather than at the next push. SDM Vol. 2A, "ENTER".
  stack.skip(-Number(size));
  readForUpdate(cpu, SS, stack.top & mask, 1);
  stack.commit();
  cpu.setGpr(RBP, frame, width === 2 ? 16 : width === 4 ? 32 : 64);
  return "next";
};

const cmpxchg8b: SystemEvent = (cpu, instruction) => {
  const memory = memoryOperand(instruction, 0);
  const ea = effectiveAddress(cpu, instruction, memory);
  const { linear, value } = readForUpdate(cpu, memory.segment, ea, 8);
  const equal = value === ((cpu.gpr(RDX, 32) << 32n) | cpu.gpr(RAX, 32));
  const next = equal ? (cpu.gpr(RCX, 32) << 32n) | cpu.gpr(RBX, 32) : value;
  writeLinear(cpu, linear, 8, next, dataAccess(cpu, true));
  if (!equal) {
    cpu.setGpr(RAX, value & 0xffffffffn, 32);
    cpu.setGpr(RDX, value >> 32n, 32);
  }
  setZeroFlag(cpu, equal);
  return "next";
};

const cmpxchg16b: SystemEvent = (cpu, instruction) => {
  const memory = memoryOperand(instruction, 0);
  const ea = effectiveAddress(cpu, instruction, memory);
  const low = readForUpdate(cpu, memory.segment, ea, 8);
  if (low.linear % 16 !== 0) throw gp(0, "CMPXCHG16B needs 16-byte alignment");
  const high = readForUpdate(cpu, memory.segment, ea + 8n, 8);
  const equal = low.value === cpu.gpr(RAX) && high.value === cpu.gpr(RDX);
  writeLinear(cpu, low.linear, 8, equal ? cpu.gpr(RBX) : low.value, dataAccess(cpu, true));
  writeLinear(cpu, high.linear, 8, equal ? cpu.gpr(RCX) : high.value, dataAccess(cpu, true));
  if (!equal) {
    cpu.setGpr(RAX, low.value);
    cpu.setGpr(RDX, high.value);
  }
  setZeroFlag(cpu, equal);
  return "next";
};

const div64: SystemEvent = (cpu, instruction) => {
  const divisor = readOperand(cpu, instruction, 0);
  if (divisor === 0n) throw exception(DE, "division by zero");
  const dividend = (cpu.gpr(RDX) << 64n) | cpu.gpr(RAX);
  const quotient = dividend / divisor;
  if (quotient >> 64n) throw exception(DE, "the quotient does not fit");
  cpu.setGpr(RAX, quotient);
  cpu.setGpr(RDX, dividend % divisor);
  return "next";
};

const idiv64: SystemEvent = (cpu, instruction) => {
  const divisor = BigInt.asIntN(64, readOperand(cpu, instruction, 0));
  if (divisor === 0n) throw exception(DE, "division by zero");
  const dividend = BigInt.asIntN(128, (cpu.gpr(RDX) << 64n) | cpu.gpr(RAX));
  const quotient = dividend / divisor;
  if (BigInt.asIntN(64, quotient) !== quotient) throw exception(DE, "the quotient does not fit");
  cpu.setGpr(RAX, quotient);
  cpu.setGpr(RDX, dividend % divisor);
  return "next";
};

const CRC32C = 0x82f63b78;

const crc32: SystemEvent = (cpu, instruction) => {
  let crc = Number(readOperand(cpu, instruction, 0) & 0xffffffffn);
  const source = instruction.operands[1];
  const bytes = source && "size" in source ? source.size / 8 : 1;
  let data = readOperand(cpu, instruction, 1);
  for (let i = 0; i < bytes; i++) {
    crc ^= Number(data & 0xffn);
    data >>= 8n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CRC32C : crc >>> 1;
  }
  writeOperand(cpu, instruction, 0, BigInt(crc >>> 0));
  return "next";
};

const invalid: SystemEvent = () => {
  throw ud("an instruction that is undefined by definition");
};

const pause: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  return "next";
};

/** MONITOR arms an address; MWAIT may go on at once for any reason, and does. SDM Vol. 2B, "MWAIT". */
const monitor: SystemEvent = (cpu, instruction) => {
  if (cpu.gpr(RCX, 32) !== 0n) throw gp(0, "MONITOR has no extensions: ECX must be 0");
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const segment = instruction.segmentPrefix >= 0 ? instruction.segmentPrefix : DS;
  readMemory(cpu, segment as SegmentIndex, cpu.gpr(RAX, instruction.addressSize), 1);
  return "next";
};

const mwait: SystemEvent = (cpu, instruction) => {
  if (cpu.gpr(RCX, 32) > 1n) throw gp(0, "MWAIT has one extension: ECX must be 0 or 1");
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  return "next";
};

/** Fences and cache-line hints order nothing here: memory is strictly ordered. */
const nothing: SystemEvent = () => "next";

export const INTEGER_EVENTS: Readonly<Record<string, SystemEvent>> = {
  daa: decimalAdjust(false),
  das: decimalAdjust(true),
  aaa: asciiAdjust(false),
  aas: asciiAdjust(true),
  aam,
  aad,
  salc,
  bound,
  pusha,
  popa,
  enter,
  cmpxchg8b,
  cmpxchg16b,
  div: div64,
  idiv: idiv64,
  crc32,
  ud: invalid,
  rsm: invalid,
  pause,
  monitor,
  mwait,
  fence: nothing,
  clflush: nothing,
};
