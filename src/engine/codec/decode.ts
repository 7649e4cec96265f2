/** Machine code to instructions, driven by the instruction table. */
import type { Bits } from "../isa/types";
import type { SegmentIndex, VectorFile } from "../isa/registers";
import { CS, DS, ES, FS, GS, RBP, RBX, RDI, RSI, RSP, SS } from "../isa/registers";
import type { Decode, DecodedOperand, DecodeFailure, Instruction, MemoryOperand } from "./types";
import {
  effectiveAddressSize,
  FIRST_XOP_MAP,
  KEY_66,
  KEY_67,
  KEY_B,
  KEY_F2,
  KEY_F3,
  KEY_L,
  KEY_W,
  LAST_XOP_MAP,
  nodesFor,
  rowOperandSize,
  rowWithSuffix,
  select,
  Slot,
  VEX_NODES,
  XOP_NODES,
} from "./rowTables";
import type { NodeTable, OpcodeNode, OperandPlan, RowPlan } from "./rowTables";

/** An instruction longer than this raises #GP(0): SDM Vol. 2A, "Instruction Prefixes". */
export const MAX_INSTRUCTION_LENGTH = 15;

const TABLES: Partial<Record<Bits, NodeTable>> = {};

const LEGACY_PREFIX = new Uint8Array(256);
for (const byte of [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3])
  LEGACY_PREFIX[byte] = 1;

/** Bases and indexes of the 16-bit addressing forms by ModRM.rm: SDM Vol. 2A, "16-Bit Addressing Forms". */
const BASE16 = [RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX] as const;
const INDEX16 = [RSI, RDI, RSI, RDI, -1, -1, -1, -1] as const;

const SCALES = [1, 2, 4, 8] as const;

// The decoder's registers while it works on one instruction: module variables, so that nothing is allocated for prefixes.
// Decoding never re-enters, and every call sets all of them before it reads them.
let code: Uint8Array = new Uint8Array(0);
/** Where the next byte is read. */
let at = 0;
/** First byte that must not be read. */
let limit = 0;
/** Set when a read went over `limit`. */
let overrun = false;
let rex = 0;
let modrm = 0;
let opcode = 0;
let mode: Bits = 32;
let addressSize: 16 | 32 | 64 = 32;
/** Segment override in effect, or -1. */
let override = -1;
/** VEX.vvvv, a register number, and whether the field says "none". */
let vvvv = 0;
let vvvvIsUnused = true;
/** What the VEX prefix adds to the prefix key. */
let vexKey = 0;

function byteAt(): number {
  if (at >= limit) {
    overrun = true;
    return 0;
  }
  return code[at++]!;
}

function wordAt(): number {
  const low = byteAt();
  return low | (byteAt() << 8);
}

function dwordAt(): number {
  const low = wordAt();
  return low | (wordAt() << 16);
}

const signedByteAt = (): number => (byteAt() << 24) >> 24;
const signedWordAt = (): number => (wordAt() << 16) >> 16;

function memory(
  size: number,
  base: number,
  index: number,
  scale: 1 | 2 | 4 | 8,
  displacement: number,
  displacementBytes: number,
  ripRelative = false,
): MemoryOperand {
  const stack = base === RSP || base === RBP;
  return {
    kind: "mem",
    size,
    segment: (override >= 0 ? override : stack ? SS : DS) as SegmentIndex,
    segmentOverride: override >= 0,
    base,
    index,
    scale,
    displacement,
    displacementHigh: displacement < 0 ? -1 : 0,
    displacementBytes,
    addressSize,
    ripRelative,
  };
}

function memory16(size: number): MemoryOperand {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  if (mod === 0 && rm === 6) return memory(size, -1, -1, 1, signedWordAt(), 2);
  const displacement = mod === 0 ? 0 : mod === 1 ? signedByteAt() : signedWordAt();
  return memory(size, BASE16[rm]!, INDEX16[rm]!, 1, displacement, mod);
}

function memory32(size: number): MemoryOperand {
  const mod = modrm >> 6;
  let base = modrm & 7;
  let index = -1;
  let scale: 1 | 2 | 4 | 8 = 1;
  let ripRelative = false;
  if (base === 4) {
    const sib = byteAt();
    scale = SCALES[sib >> 6]!;
    index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index === 4) {
      index = -1;
      scale = 1;
    }
    base = sib & 7;
  } else if (base === 5 && mod === 0) ripRelative = mode === 64;
  if (mod === 0 && base === 5) return memory(size, -1, index, scale, dwordAt(), 4, ripRelative);
  const displacement = mod === 0 ? 0 : mod === 1 ? signedByteAt() : dwordAt();
  return memory(size, base | ((rex & 1) << 3), index, scale, displacement, mod === 2 ? 4 : mod);
}

/** Without REX the byte registers 4 to 7 are AH, CH, DH, BH. */
function register(size: number, number: number): DecodedOperand {
  const high = size === 8 && rex === 0 && number >= 4;
  return {
    kind: "reg",
    size: size as 8 | 16 | 32 | 64,
    register: high ? number - 4 : number,
    high,
  };
}

function immediate(size: number, value: number): DecodedOperand {
  return { kind: "imm", size: size as 8 | 16 | 32 | 64, value, high: value < 0 ? -1 : 0 };
}

/** An immediate of its full width: not extended, so bits above it are zero. */
function plainImmediate(size: number): DecodedOperand {
  if (size === 8) return immediate(8, byteAt());
  if (size === 16) return immediate(16, wordAt());
  const value = dwordAt();
  return { kind: "imm", size: size as 32 | 64, value, high: size === 64 ? dwordAt() : 0 };
}

function relative(size: number): DecodedOperand {
  const displacement = size === 8 ? signedByteAt() : size === 16 ? signedWordAt() : dwordAt();
  return { kind: "rel", size: size as 8 | 16 | 32, displacement };
}

/** A MOFFS field is as wide as the address. */
function absoluteOffset(size: number): MemoryOperand {
  if (addressSize === 16) return memory(size, -1, -1, 1, signedWordAt(), 2);
  const low = dwordAt();
  if (addressSize === 32) return memory(size, -1, -1, 1, low, 4);
  const high = dwordAt();
  return { ...memory(size, -1, -1, 1, low, 8), displacement: low >>> 0, displacementHigh: high };
}

function farPointer(size: number): DecodedOperand {
  const offset = size === 16 ? wordAt() : dwordAt() >>> 0;
  return { kind: "far", selector: wordAt(), offset, size: size as 16 | 32 };
}

/** The register number of a segment, control or debug register field that is not one of ours. */
const INVALID_OPERAND: DecodedOperand = { kind: "imm", size: 8, value: 0, high: 0 };

/** CR0, 2, 3, 4 and 8 exist, the others raise #UD: SDM Vol. 2B, "MOV—Move to/from Control Registers". */
const CONTROL_REGISTERS = 0b1_0001_1101;

function systemRegister(kind: "cr" | "dr"): DecodedOperand {
  const number = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const exists = kind === "cr" ? ((CONTROL_REGISTERS >> number) & 1) !== 0 : number < 8;
  return exists ? { kind, register: number } : INVALID_OPERAND;
}

function segmentRegister(form: RowPlan["form"]): DecodedOperand {
  const number = (modrm >> 3) & 7;
  const loadsCode = number === CS && form.operands[0]?.kind === "sreg";
  return number > GS || loadsCode
    ? INVALID_OPERAND
    : { kind: "sreg", register: number as SegmentIndex };
}

function modrmOperand(plan: OperandPlan, row: RowPlan): DecodedOperand {
  if (modrm >= 0xc0 || row.form.encoding.mod === "reg")
    return register(plan.size, (modrm & 7) | ((rex & 1) << 3));
  return addressSize === 16 ? memory16(plan.size) : memory32(plan.size);
}

/** ST and MM registers are eight: REX says nothing about them. */
function vectorRegister(file: VectorFile, number: number): DecodedOperand {
  return { kind: file, register: file === "st" || file === "mm" ? number & 7 : number };
}

function vectorInRm(plan: OperandPlan): DecodedOperand {
  if (modrm >= 0xc0) return vectorRegister(plan.file!, (modrm & 7) | ((rex & 1) << 3));
  return addressSize === 16 ? memory16(plan.size) : memory32(plan.size);
}

/** Memory indexed by a vector needs a SIB byte, whose index may be register 4: SDM Vol. 2A, "VSIB Memory Addressing". */
function vectorMemory(plan: OperandPlan): DecodedOperand {
  if ((modrm & 7) !== 4 || addressSize === 16) return INVALID_OPERAND;
  const sib = at < limit ? code[at]! : 0;
  const plain = memory32(plan.size);
  const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
  return { ...plain, index, scale: SCALES[sib >> 6]!, vectorIndex: plan.file as "xmm" };
}

/** A register in the upper half of a byte; there are eight of them outside of 64-bit mode. */
function registerInByte(plan: OperandPlan): DecodedOperand {
  const number = byteAt() >> 4;
  return vectorRegister(plan.file!, mode === 64 ? number : number & 7);
}

function stringDestination(size: number): MemoryOperand {
  return { ...memory(size, RDI, -1, 1, 0, 0), segment: ES, segmentOverride: false };
}

function operand(plan: OperandPlan, row: RowPlan, operandSize: number): DecodedOperand {
  switch (plan.slot) {
    case Slot.ModrmReg:
      return register(plan.size, ((modrm >> 3) & 7) | ((rex & 4) << 1));
    case Slot.ModrmRm:
      return modrmOperand(plan, row);
    case Slot.OpcodeReg:
      return register(plan.size, (opcode & 7) | ((rex & 1) << 3));
    case Slot.Fixed:
      return register(plan.size, plan.fixed);
    case Slot.SegmentFixed:
      return { kind: "sreg", register: plan.fixed as SegmentIndex };
    case Slot.SegmentReg:
      return segmentRegister(row.form);
    case Slot.ControlReg:
      return systemRegister("cr");
    case Slot.DebugReg:
      return systemRegister("dr");
    case Slot.One:
      return immediate(8, 1);
    case Slot.Immediate:
      return plainImmediate(plan.size);
    case Slot.SignedByte:
      return immediate(operandSize, signedByteAt());
    case Slot.SignedDword:
      return immediate(64, dwordAt());
    case Slot.Relative:
      return relative(plan.size);
    case Slot.Offset:
      return absoluteOffset(plan.size);
    case Slot.FarPointer:
      return farPointer(plan.size);
    case Slot.StringSource:
      return memory(plan.size, RSI, -1, 1, 0, 0);
    case Slot.StringDestination:
      return stringDestination(plan.size);
    case Slot.Table:
      return memory(8, RBX, -1, 1, 0, 0);
    case Slot.VectorReg:
      return vectorRegister(plan.file!, ((modrm >> 3) & 7) | ((rex & 4) << 1));
    case Slot.VectorRm:
      return vectorInRm(plan);
    case Slot.VectorFixed:
      return vectorRegister(plan.file!, 0);
    case Slot.VectorVvvv:
      return vectorRegister(plan.file!, vvvv);
    case Slot.VectorIs4:
      return registerInByte(plan);
    case Slot.VectorMemory:
      return vectorMemory(plan);
    case Slot.GeneralVvvv:
      return register(plan.size, vvvv);
  }
}

const NO_OPERANDS: readonly DecodedOperand[] = [];

/** Reads the operands of a row, or undefined if one names a register that does not exist. */
function operandsOf(row: RowPlan, operandSize: number): readonly DecodedOperand[] | undefined {
  const plans = row.operands;
  if (plans.length === 0) return NO_OPERANDS;
  const result: DecodedOperand[] = [];
  // No row has an immediate before its ModRM operand, so reading in operand order is reading in byte order.
  for (const plan of plans) {
    const decoded = operand(plan, row, operandSize);
    if (decoded === INVALID_OPERAND) return undefined;
    result.push(decoded);
  }
  return result;
}

const SEGMENT_OF_PREFIX: Readonly<Record<number, SegmentIndex>> = {
  0x26: ES,
  0x2e: CS,
  0x36: SS,
  0x3e: DS,
  0x64: FS,
  0x65: GS,
};

/** Opcode 63 and the like are one byte long; 0F, 0F 38 and 0F 3A open the other maps. Leaves `opcode` set. */
function opcodeMap(first: number): number {
  opcode = first;
  vexKey = 0;
  if (first !== 0x0f) return 0;
  opcode = byteAt();
  if (opcode !== 0x38 && opcode !== 0x3a) return 256;
  const map = opcode === 0x38 ? 512 : 768;
  opcode = byteAt();
  return map;
}

/** Prefix keys of VEX.pp. */
const VEX_PREFIXES = [0, KEY_66, KEY_F3, KEY_F2] as const;

/**
 * C5 and C4 are LDS and LES where a ModRM byte for memory follows them outside of 64-bit mode; 8F is POP where its extension is 0, so
 * AMD's XOP maps begin with 8 (APM Vol. 3, "XOP Prefix").
 */
function isVex(first: number): boolean {
  if (first === 0x8f) return at < limit && (code[at]! & 31) >= FIRST_XOP_MAP;
  if (first !== 0xc4 && first !== 0xc5) return false;
  return mode === 64 || (at < limit && code[at]! >= 0xc0);
}

/** Where there are no nodes. */
const NO_MAP = -4096;

function nodesOfMap(first: number, map: number): number {
  if (first === 0xc5) return VEX_NODES + 256;
  if (first === 0xc4) return map <= 3 ? VEX_NODES + map * 256 : NO_MAP;
  return map <= LAST_XOP_MAP ? XOP_NODES + (map - FIRST_XOP_MAP) * 256 : NO_MAP;
}

/**
 * Reads a VEX prefix and the opcode: SDM Vol. 2A, "The VEX Prefix". Returns where the map's nodes start. REX, 66, F2 and F3 before it are
 * invalid.
 */
function vexMap(first: number, prefixes: number): number {
  const isSpoilt = rex !== 0 || (prefixes & (KEY_66 | KEY_F2 | KEY_F3)) !== 0;
  const second = byteAt();
  const last = first === 0xc5 ? second : byteAt();
  rex = 0x40 | (first === 0xc5 ? (~second >> 5) & 4 : ((~second >> 5) & 7) | ((last >> 4) & 8));
  if (mode !== 64) rex &= ~7;
  const field = (~last >> 3) & 15;
  vvvvIsUnused = field === 0;
  vvvv = mode === 64 ? field : field & 7;
  vexKey = VEX_PREFIXES[last & 3]! | ((last & 4) === 0 ? 0 : KEY_L);
  opcode = byteAt();
  return isSpoilt ? NO_MAP : nodesOfMap(first, second & 31);
}

function failure(kind: DecodeFailure["failure"], length: number): DecodeFailure {
  return { failure: kind, length };
}

/** The bytes ran out: either the caller's buffer or the architectural limit. */
function outOfBytes(offset: number): DecodeFailure {
  return at - offset >= MAX_INSTRUCTION_LENGTH
    ? failure("too-long", MAX_INSTRUCTION_LENGTH)
    : failure("truncated", at - offset);
}

/** LOCK needs a row that takes it and a memory destination, else #UD: SDM Vol. 2A, "LOCK". */
function lockAllowed(row: RowPlan, operands: readonly DecodedOperand[]): boolean {
  return row.form.lock && operands[0]?.kind === "mem";
}

/** Rows that do not name VEX.vvvv want it to say so: SDM Vol. 2A, "VEX.vvvv". */
function vvvvAllowed(row: RowPlan): boolean {
  if (row.form.encoding.vex === undefined || vvvvIsUnused) return true;
  return row.operands.some(({ slot }) => slot === Slot.VectorVvvv || slot === Slot.GeneralVvvv);
}

/** A gather needs three different vector registers: destination, index and mask. */
function areDistinct(row: RowPlan, operands: readonly DecodedOperand[]): boolean {
  if (row.operands[1]?.slot !== Slot.VectorMemory) return true;
  const numbers = operands.map((one) =>
    one.kind === "mem" ? one.index : one.kind === "xmm" || one.kind === "ymm" ? one.register : -1,
  );
  return new Set(numbers).size === numbers.length;
}

/** The row, by the byte behind its operands where that tells, if it allows LOCK and VEX.vvvv as they are. */
function checkedRow(
  node: OpcodeNode,
  row: RowPlan,
  operands: readonly DecodedOperand[] | undefined,
  lock: boolean,
): RowPlan | undefined {
  if (operands === undefined) return undefined;
  if (!vvvvAllowed(row) || !areDistinct(row, operands)) return undefined;
  if (lock && !lockAllowed(row, operands)) return undefined;
  return row.form.encoding.suffix === undefined ? row : rowWithSuffix(node, byteAt());
}

export const decode: Decode = (bytes, offset, bits): Instruction | DecodeFailure => {
  code = bytes;
  at = offset;
  limit = Math.min(bytes.length, offset + MAX_INSTRUCTION_LENGTH);
  overrun = false;
  mode = bits;
  rex = 0;
  let key = 0;
  let lock = false;
  let repeat: 0 | 0xf2 | 0xf3 = 0;
  let segmentPrefix = -1;

  let first = byteAt();
  for (; !overrun; first = byteAt()) {
    if (LEGACY_PREFIX[first] === 0) {
      if (bits !== 64 || (first & 0xf0) !== 0x40) break;
      // A REX that another prefix follows is ignored: SDM Vol. 2A, "REX Prefixes".
      rex = first;
      continue;
    }
    rex = 0;
    if (first === 0x66) key |= KEY_66;
    else if (first === 0x67) key |= KEY_67;
    else if (first === 0xf0) lock = true;
    else if (first >= 0xf2) repeat = first as 0xf2 | 0xf3;
    else {
      const segment = SEGMENT_OF_PREFIX[first]!;
      // In 64-bit mode ES, CS, SS and DS mean nothing, so they do not displace FS and GS.
      if (bits !== 64 || segment >= FS || segmentPrefix < FS) segmentPrefix = segment;
    }
  }
  if (repeat !== 0) key |= repeat === 0xf3 ? KEY_F3 : KEY_F2;
  const map = isVex(first) ? vexMap(first, key) : opcodeMap(first);
  if (overrun) return outOfBytes(offset);

  if ((rex & 8) !== 0) key |= KEY_W;
  if ((rex & 1) !== 0) key |= KEY_B;
  key |= vexKey;
  const node = (TABLES[bits] ??= nodesFor(bits))[map + opcode];
  if (node === undefined) return failure("invalid", at - offset);
  modrm = 0;
  if (node.needsModrm) {
    modrm = byteAt();
    if (overrun) return outOfBytes(offset);
  }
  const row = select(node, key, modrm);
  if (row === null) return failure("invalid", at - offset);

  addressSize = effectiveAddressSize(bits, key);
  override = bits === 64 && segmentPrefix < FS ? -1 : segmentPrefix;
  const operandSize =
    row.operandSize !== 0 ? (row.operandSize as 16 | 32 | 64) : rowOperandSize(row.form, bits, key);
  const operands = operandsOf(row, operandSize);
  const whole = checkedRow(node, row, operands, lock);
  if (overrun) return outOfBytes(offset);
  if (operands === undefined || whole === undefined) return failure("invalid", at - offset);
  return {
    form: whole.form,
    length: at - offset,
    bits,
    operandSize,
    addressSize,
    operands,
    lock,
    repeat,
    segmentPrefix,
  };
};
