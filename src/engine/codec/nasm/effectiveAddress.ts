/** ModRM, SIB and displacement of a memory operand as NASM chooses them: its manual, "Effective Addresses". */
import type { AsmOperand, AsmRegister } from "../types";
import type { Bits } from "../../isa/types";
import { RBP, RBX, RDI, RSI, RSP } from "../../isa/registers";

export interface AddressBytes {
  /** ModRM without the reg field. */
  readonly modrm: number;
  /** SIB byte or -1. */
  readonly sib: number;
  readonly displacementBytes: 0 | 1 | 2 | 4;
  readonly ripRelative: boolean;
  readonly rexB: boolean;
  readonly rexX: boolean;
}

export type Memory = Extract<AsmOperand, { kind: "mem" }>;

/** The parts of an address while its registers are put in order. */
interface Parts {
  readonly base: number;
  readonly index: number;
  readonly scale: number;
}

interface Displacement {
  /** Low bits, signed. */
  readonly value: number;
  /** Whether the value may be used to shorten the field. */
  readonly plain: boolean;
  readonly forcedByte: boolean;
  readonly forcedWord: boolean;
}

function displacementOf(operand: Memory, width: 16 | 32): Displacement {
  return {
    value: Number(BigInt.asIntN(width, operand.displacement)),
    plain: operand.displacementKnown && !operand.displacementIsAddress,
    forcedByte: operand.displacementSize === 8,
    forcedWord: operand.displacementSize !== undefined && operand.displacementSize !== 8,
  };
}

/** 0: no displacement, 1: a byte, 2: the full width. `needsOne`: BP and EBP bases have no form without. */
function modOf(displacement: Displacement, needsOne: boolean): 0 | 1 | 2 {
  const { value, plain, forcedByte, forcedWord } = displacement;
  if (!needsOne && value === 0 && plain && !forcedByte && !forcedWord) return 0;
  if (forcedWord) return 2;
  if (forcedByte) return 1;
  return value >= -128 && value <= 127 && plain ? 1 : 2;
}

const SCALE_BITS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 };

function isGpr(register: AsmRegister | undefined, size: number): boolean {
  return register?.class === "gpr" && register.size === size && !register.high;
}

/** Numbers of the 16-bit pairs as in the table "16-Bit Addressing Forms with the ModR/M Byte" (SDM Vol. 2A). */
const RM16: Readonly<Record<string, number>> = {
  [`${RBX},${RSI}`]: 0,
  [`${RBX},${RDI}`]: 1,
  [`${RBP},${RSI}`]: 2,
  [`${RBP},${RDI}`]: 3,
  [`${RSI},-1`]: 4,
  [`${RDI},-1`]: 5,
  [`${RBP},-1`]: 6,
  [`${RBX},-1`]: 7,
};

function address16(operand: Memory): AddressBytes | undefined {
  const { base, index, displacementSize } = operand;
  if (displacementSize === 32 || displacementSize === 64) return undefined;
  if (index !== undefined && operand.scale !== 1 && operand.scale !== 0) return undefined;
  const used = operand.scale === 0 ? [base] : [base, index];
  const registers = used.filter((register) => register !== undefined);
  if (registers.some((register) => !isGpr(register, 16))) return undefined;
  let [first = -1, second = -1] = registers.map((register) => register.number);
  if ((first === RSI || first === RDI) && second >= 0) [first, second] = [second, first];
  const rm = RM16[`${first},${second}`];
  if (rm === undefined) return undefined;
  const mod = modOf(displacementOf(operand, 16), rm === 6);
  return {
    modrm: (mod << 6) | rm,
    sib: -1,
    displacementBytes: mod,
    ripRelative: false,
    rexB: false,
    rexX: false,
  };
}

const sameRegister = (a: AsmRegister | undefined, b: AsmRegister | undefined): boolean =>
  a?.class === "gpr" && b?.class === "gpr" && a.number === b.number && a.size === b.size;

/** `eax+eax` and `eax*2` as base and index, `*3 *5 *9` as base and `*2 *4 *8`. */
function splits(parts: Parts, operand: Memory): boolean {
  const { base, index, scale } = parts;
  if (base >= 0) return false;
  if (scale === 3 || scale === 5 || scale === 9) return true;
  return scale === 2 && index !== RSP && (!operand.noSplit || operand.hint?.kind === "summed");
}

/** Whether the hints ask for base and index to change places. */
function swaps(parts: Parts, operand: Memory): boolean {
  const { base, index, scale } = parts;
  const { hint } = operand;
  if (hint === undefined || scale !== 1 || base === index || base < 0 || index < 0) return false;
  const hinted = hint.kind === "notBase" ? operand.base : operand.index;
  return hint.kind !== "summed" && sameRegister(hint.register, hinted);
}

const swapped = ({ base, index, scale }: Parts): Parts => ({ base: index, index: base, scale });

/** Puts base and index in order: hints, sums split, ESP never an index. Undefined: there is no such address. */
function arrange(operand: Memory): Parts | undefined {
  const { hint } = operand;
  const notBase = (register: AsmRegister | undefined): boolean =>
    hint?.kind === "notBase" && sameRegister(hint.register, register);
  let parts: Parts = {
    base: operand.base?.number ?? -1,
    index: operand.scale === 0 ? -1 : (operand.index?.number ?? -1),
    scale: operand.scale,
  };
  if (swaps(parts, operand)) parts = swapped(parts);
  if (parts.base < 0 && parts.scale === 1 && !notBase(operand.index)) parts = swapped(parts);
  if (splits(parts, operand)) parts = { ...parts, base: parts.index, scale: parts.scale - 1 };
  const lone = parts.index < 0 && (parts.base & 7) !== RSP;
  if (lone && operand.noSplit && notBase(operand.base)) parts = { ...swapped(parts), scale: 1 };
  if (parts.scale === 1 && parts.index === RSP) parts = swapped(parts);
  if (parts.index === RSP) return undefined;
  if (parts.index >= 0 && SCALE_BITS[parts.scale] === undefined) return undefined;
  return parts;
}

function address32(operand: Memory, addressSize: 32 | 64): AddressBytes | undefined {
  const { displacementSize } = operand;
  if (displacementSize === 16 || displacementSize === 64) return undefined;
  for (const register of [operand.base, operand.scale === 0 ? undefined : operand.index])
    if (register !== undefined && !isGpr(register, addressSize)) return undefined;
  const parts = arrange(operand);
  if (parts === undefined) return undefined;
  const { base, index, scale } = parts;
  const mod = base < 0 ? 0 : modOf(displacementOf(operand, 32), (base & 7) === RBP);
  const displacementBytes = base < 0 || mod === 2 ? 4 : mod;
  const rex = { rexB: base >= 8, rexX: index >= 8, ripRelative: false };
  if (index < 0 && (base & 7) !== RSP)
    return { modrm: (mod << 6) | (base < 0 ? 5 : base & 7), sib: -1, displacementBytes, ...rex };
  const sib =
    (index < 0 ? 4 << 3 : (SCALE_BITS[scale]! << 6) | ((index & 7) << 3)) |
    (base < 0 ? 5 : base & 7);
  return { modrm: (mod << 6) | 4, sib, displacementBytes, ...rex };
}

/** The vector register is the index, a general one the base. */
function vectorAddress(operand: Memory, addressSize: 16 | 32 | 64): AddressBytes | undefined {
  const { base, index, displacementSize } = operand;
  if (addressSize === 16 || displacementSize === 16 || displacementSize === 64) return undefined;
  if (base !== undefined && !isGpr(base, addressSize)) return undefined;
  const scale = SCALE_BITS[operand.scale];
  if (index === undefined || scale === undefined) return undefined;
  const number = base?.number ?? -1;
  const mod = number < 0 ? 0 : modOf(displacementOf(operand, 32), (number & 7) === RBP);
  return {
    modrm: (mod << 6) | 4,
    sib: (scale << 6) | ((index.number & 7) << 3) | (number < 0 ? 5 : number & 7),
    displacementBytes: number < 0 || mod === 2 ? 4 : mod,
    ripRelative: false,
    rexB: number >= 8,
    rexX: index.number >= 8,
  };
}

function plainOffset(bits: Bits, addressSize: number, ripRelative: boolean): AddressBytes {
  const rex = { rexB: false, rexX: false };
  if (bits === 64 && !ripRelative)
    return { modrm: 4, sib: 0x25, displacementBytes: 4, ripRelative: false, ...rex };
  return {
    modrm: addressSize === 16 ? 6 : 5,
    sib: -1,
    displacementBytes: addressSize === 16 ? 2 : 4,
    ripRelative,
    ...rex,
  };
}

export function isVectorIndex(register: AsmRegister | undefined): boolean {
  return register?.class === "xmm" || register?.class === "ymm";
}

/** Whether the operand is an offset without registers. */
export function isPlainOffset(operand: Memory): boolean {
  return operand.base === undefined && (operand.index === undefined || operand.scale === 0);
}

/** The bytes of a memory operand, or undefined for "invalid effective address". */
export function effectiveAddress(
  operand: Memory,
  bits: Bits,
  addressSize: 16 | 32 | 64,
  ripRelative: boolean,
): AddressBytes | undefined {
  if (isPlainOffset(operand)) return plainOffset(bits, addressSize, ripRelative);
  if (isVectorIndex(operand.index)) return vectorAddress(operand, addressSize);
  const wide = [operand.base, operand.index].some(
    (register) => register?.class === "gpr" && register.size >= 32,
  );
  if (!wide) return addressSize === 64 ? undefined : address16(operand);
  return addressSize === 16 ? undefined : address32(operand, addressSize);
}
