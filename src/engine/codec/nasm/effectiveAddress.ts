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
  base: number;
  index: number;
  scale: number;
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

/** Puts base and index in order: hints, `[eax*2]` as `[eax+eax]`, `*3 *5 *9` split, ESP never an index. */
function arrange(operand: Memory): Parts | undefined {
  const { hint } = operand;
  const hinted = (register: AsmRegister | undefined): boolean =>
    hint !== undefined && sameRegister(hint.register, register);
  let base = operand.base?.number ?? -1;
  let index = operand.scale === 0 ? -1 : (operand.index?.number ?? -1);
  let { scale } = operand;
  const hintsIndex = index >= 0 && hinted(operand.index);
  const hintsBase = base >= 0 && hinted(operand.base);
  const notBase = hint?.kind === "notBase";
  if (scale === 1 && base !== index && base >= 0 && index >= 0)
    if ((hintsBase && notBase) || (hintsIndex && hint?.kind === "makeBase"))
      [base, index] = [index, base];
  if (base < 0 && scale === 1 && !(hintsIndex && notBase)) {
    base = index;
    index = -1;
  }
  const doubled = scale === 2 && index !== RSP && (!operand.noSplit || hint?.kind === "summed");
  if (base < 0 && (doubled || scale === 3 || scale === 5 || scale === 9)) {
    base = index;
    scale--;
  }
  if (index < 0 && (base & 7) !== RSP && operand.noSplit && hintsBase && notBase) {
    index = base;
    base = -1;
    scale = 1;
  }
  if (scale === 1 && index === RSP) [base, index] = [index, base];
  if (index === RSP) return undefined;
  if (index >= 0 && SCALE_BITS[scale] === undefined) return undefined;
  return { base, index, scale };
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
  const wide = [operand.base, operand.index].some(
    (register) => register?.class === "gpr" && register.size >= 32,
  );
  if (!wide) return addressSize === 64 ? undefined : address16(operand);
  return addressSize === 16 ? undefined : address32(operand, addressSize);
}
