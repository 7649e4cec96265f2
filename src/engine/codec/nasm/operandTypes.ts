/**
 * Operand types as NASM's matcher sees them: a set of class bits and a set of size bits. A template's operand takes an
 * operand that has all of the template's class bits. (NASM's language, "instruction matching"; the words are those of its manual.)
 */
import { InvariantError } from "../../base/errors";
import type { AsmOperand, AsmRegister } from "../types";
import type { Bits } from "../../isa/types";

export const REGISTER = 1;
export const IMMEDIATE = 1 << 1;
/** May stand in ModRM.rm. */
export const REGMEM = 1 << 2;
export const MEMORY = 1 << 3;
/** A colon follows: the segment of a far address. */
export const COLON = 1 << 4;
export const STRICT = 1 << 5;
export const GPR = 1 << 6;
export const SREG = 1 << 7;
export const CREG = 1 << 8;
export const DREG = 1 << 9;
export const TREG = 1 << 10;
export const FPUREG = 1 << 11;
export const MMXREG = 1 << 12;
export const XMMREG = 1 << 13;
/** Not the accumulator. */
export const NOTACC = 1 << 14;
/** The immediate is 1. */
export const UNITY = 1 << 15;
/** A sign-extended byte of a word, of a dword. */
export const SBYTEWORD = 1 << 16;
export const SBYTEDWORD = 1 << 17;
/** Fits a signed, an unsigned dword. */
export const SDWORD = 1 << 18;
export const UDWORD = 1 << 19;
/** A plain offset, and one that is to be RIP-relative. */
export const MEM_OFFS = 1 << 20;
export const IP_REL = 1 << 21;
export const YMMREG = 1 << 22;
/** `to` stands before the register. */
export const TO = 1 << 23;
/** Memory indexed by an XMM, by a YMM register. */
export const XMM_INDEXED = 1 << 24;
export const YMM_INDEXED = 1 << 25;

export const SIZE8 = 1;
export const SIZE16 = 1 << 1;
export const SIZE32 = 1 << 2;
export const SIZE64 = 1 << 3;
export const SIZE80 = 1 << 4;
export const SIZE128 = 1 << 5;
export const SIZE256 = 1 << 6;
export const SIZE512 = 1 << 7;
/** The distances are sizes too: that is why `jmp near x` does not match the template of a bare `jmp x`. */
export const FAR = 1 << 8;
export const NEAR = 1 << 9;
export const SHORT = 1 << 10;
export const ANY_SIZE = (1 << 11) - 1;

const SIZE_BITS: Readonly<Record<number, number>> = {
  0: 0,
  8: SIZE8,
  16: SIZE16,
  32: SIZE32,
  64: SIZE64,
  80: SIZE80,
  128: SIZE128,
  256: SIZE256,
  512: SIZE512,
};

/** The size bit of a width in bits, 0 for one that NASM has no word for. */
export function sizeBit(bits: number): number {
  return SIZE_BITS[bits] ?? 0;
}

/** An operand ready for matching. `size` may be changed by the matcher where it deduces one. */
export interface TypedOperand {
  readonly types: number;
  /** Size bits. Those of registers are never changed. */
  size: number;
  readonly source: AsmOperand;
  /** Register number, or -1. */
  readonly register: number;
  /** AH, CH, DH, BH. */
  readonly high: boolean;
  /** Immediate value or displacement. */
  readonly value: bigint;
  readonly known: boolean;
  /** The value is an address, so it does not take part in the choice by value. */
  readonly isAddress: boolean;
  /** The address lies in another section than the instruction. */
  readonly elsewhere: boolean;
}

const REGISTER_TYPES = {
  gpr: REGISTER | REGMEM | GPR,
  sreg: REGISTER | SREG,
  cr: REGISTER | CREG,
  dr: REGISTER | DREG,
  tr: REGISTER | TREG,
  st: REGISTER | FPUREG,
  mm: REGISTER | REGMEM | MMXREG,
  xmm: REGISTER | REGMEM | XMMREG,
  ymm: REGISTER | REGMEM | YMMREG,
} as const;

const REGISTER_SIZES = {
  sreg: SIZE16,
  cr: SIZE32,
  dr: SIZE32,
  tr: SIZE32,
  st: 0,
  mm: 0,
  xmm: 0,
  ymm: 0,
} as const;

/** Register operands never change, so there is one of each. */
const registerOperands = new Map<AsmRegister["class"], TypedOperand[]>();

function makeRegisterOperand(source: AsmOperand, register: AsmRegister): TypedOperand {
  const gpr = register.class === "gpr";
  const high = gpr && register.high;
  const types: number = REGISTER_TYPES[register.class];
  const accumulator = gpr && register.number === 0 && !high;
  return {
    types: gpr && !accumulator ? types | NOTACC : types,
    size: gpr ? sizeBit(register.size) : REGISTER_SIZES[register.class],
    source,
    register: high ? register.number + 4 : register.number,
    high,
    value: 0n,
    known: true,
    isAddress: false,
    elsewhere: false,
  };
}

function registerOperand(source: AsmOperand, register: AsmRegister): TypedOperand {
  let known = registerOperands.get(register.class);
  if (known === undefined) registerOperands.set(register.class, (known = []));
  const index =
    register.class === "gpr"
      ? register.size * 32 + register.number * 2 + (register.high ? 1 : 0)
      : register.number;
  return (known[index] ??= makeRegisterOperand(source, register));
}

const DISTANCES = { short: SHORT, near: NEAR, far: FAR } as const;
const ANY_VALUE = UNITY | SBYTEWORD | SBYTEDWORD | SDWORD | UDWORD;

/** The classes that a constant belongs to by its value, which NASM takes modulo the width in question. */
function valueTypes(value: bigint): number {
  // Most constants are small: numbers are much faster than bigints.
  const near = value >= -0x80000000n && value <= 0xffffffffn;
  const low = near ? Number(value) >>> 0 : Number(BigInt.asUintN(32, value));
  let types = value === 1n ? UNITY : 0;
  if ((low + 128) >>> 0 <= 255) types |= SBYTEDWORD;
  if (((low + 128) & 0xffff) <= 255) types |= SBYTEWORD;
  if (near) {
    if (value >= 0n) types |= UDWORD;
    if (value <= 0x7fffffffn) types |= SDWORD;
    return types;
  }
  const unsigned = BigInt.asUintN(64, value);
  if (unsigned === 1n) types |= UNITY;
  if (unsigned <= 0xffffffffn) types |= UDWORD;
  if (BigInt.asUintN(64, unsigned + 0x80000000n) <= 0xffffffffn) types |= SDWORD;
  return types;
}

function immediateOperand(source: Extract<AsmOperand, { kind: "imm" }>): TypedOperand {
  let types = IMMEDIATE | (source.strict ? STRICT : 0);
  if (!source.known) types |= source.strict ? 0 : ANY_VALUE;
  else if (!source.isAddress) {
    const chosen = valueTypes(source.value);
    types |= source.strict ? chosen & UNITY : chosen;
  }
  return {
    source,
    types,
    size:
      (source.size === undefined ? 0 : sizeBit(source.size)) |
      (source.distance === undefined ? 0 : DISTANCES[source.distance]),
    register: -1,
    high: false,
    value: source.value,
    known: source.known,
    isAddress: source.isAddress,
    elsewhere: source.otherSection ?? false,
  };
}

function farOperands(source: Extract<AsmOperand, { kind: "far" }>): TypedOperand[] {
  const base = {
    source,
    register: -1,
    high: false,
    known: source.known,
    isAddress: false,
    elsewhere: false,
  };
  return [
    {
      ...base,
      types: IMMEDIATE | COLON,
      size: source.size === undefined ? 0 : sizeBit(source.size),
      value: source.selector,
    },
    { ...base, types: IMMEDIATE, size: 0, value: source.offset },
  ];
}

const ANY_MEMORY = MEMORY | REGMEM | GPR | MMXREG | XMMREG | YMMREG;

function indexTypes(index: AsmRegister | undefined): number {
  if (index?.class === "xmm") return XMM_INDEXED;
  return index?.class === "ymm" ? YMM_INDEXED : 0;
}

function memoryOperand(source: Extract<AsmOperand, { kind: "mem" }>, bits: Bits): TypedOperand {
  const plain = source.base === undefined && (source.index === undefined || source.scale === 0);
  const relative = bits === 64 && source.relative === "rel";
  return {
    source,
    types: ANY_MEMORY | (plain ? (relative ? IP_REL : MEM_OFFS) : indexTypes(source.index)),
    size: sizeBit(source.size ?? 0) | (source.far ? FAR : 0),
    register: -1,
    high: false,
    value: source.displacement,
    known: source.displacementKnown,
    isAddress: source.displacementIsAddress,
    elsewhere: false,
  };
}

/** The operands of a request; a far address counts as two. */
export function typedOperands(operands: readonly AsmOperand[], bits: Bits): TypedOperand[] {
  const result: TypedOperand[] = [];
  for (const operand of operands) {
    if (operand.kind === "reg") {
      const register = registerOperand(operand, operand.register);
      result.push(operand.to === true ? { ...register, types: register.types | TO } : register);
    } else if (operand.kind === "imm") result.push(immediateOperand(operand));
    else if (operand.kind === "mem") result.push(memoryOperand(operand, bits));
    else result.push(...farOperands(operand));
  }
  return result;
}

/** One operand of a template. */
export interface Pattern {
  readonly types: number;
  readonly size: number;
  /** The only register that fits, or -1. */
  readonly register: number;
}

const GPR_TYPES = REGISTER | REGMEM | GPR;

const PATTERNS: Readonly<Record<string, Pattern>> = Object.fromEntries(
  (
    [
      ["mem", MEMORY | REGMEM, 0],
      ["reg8", GPR_TYPES, SIZE8],
      ["reg16", GPR_TYPES, SIZE16],
      ["reg32", GPR_TYPES, SIZE32],
      ["reg64", GPR_TYPES, SIZE64],
      ["reg32na", GPR_TYPES | NOTACC, SIZE32],
      ["rm8", REGMEM | GPR, SIZE8],
      ["rm16", REGMEM | GPR, SIZE16],
      ["rm32", REGMEM | GPR, SIZE32],
      ["rm64", REGMEM | GPR, SIZE64],
      ["imm", IMMEDIATE, 0],
      ["imm8", IMMEDIATE, SIZE8],
      ["imm16", IMMEDIATE, SIZE16],
      ["imm32", IMMEDIATE, SIZE32],
      ["imm64", IMMEDIATE, SIZE64],
      ["unity", IMMEDIATE | UNITY, 0],
      ["sbyteword", IMMEDIATE | SBYTEWORD, 0],
      ["sbytedword", IMMEDIATE | SBYTEDWORD, 0],
      ["sbyteword16", IMMEDIATE | SBYTEWORD, SIZE16],
      ["sbytedword32", IMMEDIATE | SBYTEDWORD, SIZE32],
      ["sbytedword64", IMMEDIATE | SBYTEDWORD, SIZE64],
      ["sdword", IMMEDIATE | SDWORD, 0],
      ["udword", IMMEDIATE | UDWORD, 0],
      ["mem_offs", MEMORY | REGMEM | MEM_OFFS, 0],
      ["mmxreg", REGISTER | REGMEM | MMXREG, 0],
      ["mmxrm", REGMEM | MMXREG, 0],
      ["mmxrm64", REGMEM | MMXREG, SIZE64],
      ["xmmreg", REGISTER | REGMEM | XMMREG, 0],
      ["xmmrm", REGMEM | XMMREG, 0],
      ["xmmrm8", REGMEM | XMMREG, SIZE8],
      ["xmmrm16", REGMEM | XMMREG, SIZE16],
      ["xmmrm32", REGMEM | XMMREG, SIZE32],
      ["xmmrm64", REGMEM | XMMREG, SIZE64],
      ["xmmrm128", REGMEM | XMMREG, SIZE128],
      ["ymmreg", REGISTER | REGMEM | YMMREG, 0],
      ["ymmrm256", REGMEM | YMMREG, SIZE256],
      ["xmem32", MEMORY | XMM_INDEXED, SIZE32],
      ["xmem64", MEMORY | XMM_INDEXED, SIZE64],
      ["ymem32", MEMORY | YMM_INDEXED, SIZE32],
      ["ymem64", MEMORY | YMM_INDEXED, SIZE64],
      ["fpureg", REGISTER | FPUREG, 0],
      ["sreg", REGISTER | SREG, SIZE16],
      ["creg", REGISTER | CREG, SIZE32],
      ["dreg", REGISTER | DREG, SIZE32],
      ["treg", REGISTER | TREG, SIZE32],
    ] as const
  ).map(([name, types, size]) => [name, { types, size, register: -1 }]),
);

const FIXED: Readonly<Record<string, readonly [number, number]>> = {
  al: [SIZE8, 0],
  ax: [SIZE16, 0],
  eax: [SIZE32, 0],
  rax: [SIZE64, 0],
  cl: [SIZE8, 1],
  cx: [SIZE16, 1],
  ecx: [SIZE32, 1],
  rcx: [SIZE64, 1],
  dx: [SIZE16, 2],
  edx: [SIZE32, 2],
};

const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"];

/** `rm16`, `imm|near`, `mem128`, `imm:` ... */
export function parsePattern(text: string): Pattern {
  const [plain = "", distance] = text.split("|");
  if (distance === "to") return { types: REGISTER | FPUREG | TO, size: 0, register: -1 };
  const colon = plain.endsWith(":");
  const name = colon ? plain.slice(0, -1) : plain;
  const extra = distance === undefined ? 0 : DISTANCES[distance as "near"];
  if (name === "fpu0") return { types: REGISTER | FPUREG, size: 0, register: 0 };
  if (name === "xmm0") return { types: REGISTER | REGMEM | XMMREG, size: 0, register: 0 };
  const fixed = FIXED[name];
  if (fixed !== undefined) return { types: GPR_TYPES, size: fixed[0], register: fixed[1] };
  const segment = SEGMENT_NAMES.indexOf(name);
  if (segment >= 0) return { types: REGISTER | SREG, size: SIZE16, register: segment };
  const memory = /^mem(\d+)$/.exec(name);
  if (memory !== null)
    return { types: MEMORY | REGMEM, size: sizeBit(Number(memory[1])) | extra, register: -1 };
  const known = PATTERNS[name];
  if (known === undefined) throw new InvariantError(`unknown operand pattern ${text}`);
  return { ...known, types: known.types | (colon ? COLON : 0), size: known.size | extra };
}
