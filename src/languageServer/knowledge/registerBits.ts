/**
 * Single bits of general registers, as far as straight-line code shows them: `mov eax, cr4` … `or eax, 1 << 5` leaves bit 5 set and says nothing of
 * the others. Rules about control registers and MSRs ask this; whole constants are the case in which every bit is known.
 */
import type { AsmOperand, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { gprOf, immediateOf, wholeRegister, writesRegister } from "./registerFlow";

/** Bits known to be 1 and bits known to be 0; all others are unknown. */
export interface RegisterBits {
  readonly ones: bigint;
  readonly zeros: bigint;
  /** Where the bits that are not known came from: "cr0", "msr" (RDMSR); undefined for any other place. */
  readonly from: string | undefined;
}

const WHOLE = (1n << 64n) - 1n;
const NOTHING: RegisterBits = { ones: 0n, zeros: 0n, from: undefined };
/** Statements that are looked back over, and moves between registers that are followed. */
const FARTHEST = 24;
const DEEPEST = 3;

function constant(value: bigint): RegisterBits {
  const bits = BigInt.asUintN(64, value);
  return { ones: bits, zeros: WHOLE & ~bits, from: undefined };
}

/** The value of the low `size` bits, where all of them are known. */
export function knownValue({ ones, zeros }: RegisterBits, size: number): bigint | undefined {
  const mask = (1n << BigInt(size)) - 1n;
  return ((ones | zeros) & mask) === mask ? ones & mask : undefined;
}

/** Bits 15:8, which AH, CH, DH and BH name. */
export function secondByte({ ones, zeros, from }: RegisterBits): RegisterBits {
  return { ones: ones >> 8n, zeros: zeros >> 8n, from };
}

interface Part {
  readonly size: number;
  readonly shift: bigint;
}

function partOf(operand: AsmOperand | undefined): Part | undefined {
  const register = gprOf(operand);
  return register && { size: register.size, shift: register.high ? 8n : 0n };
}

function isKnown({ ones, zeros }: RegisterBits): boolean {
  return ((ones | zeros) & 0xffffffffn) === 0xffffffffn;
}

/** Puts new bits into a part of a register. A 32-bit write clears the upper half. */
function withPart(before: RegisterBits, part: Part, bits: RegisterBits): RegisterBits {
  const isAll = part.size >= 32;
  const low = (1n << BigInt(part.size)) - 1n;
  const field = part.size === 32 ? WHOLE : low << part.shift;
  const cleared = part.size === 32 ? WHOLE & ~low : 0n;
  return {
    ones: (before.ones & ~field) | ((bits.ones & low) << part.shift),
    zeros: (before.zeros & ~field) | ((bits.zeros & low) << part.shift) | cleared,
    from: isAll ? bits.from : before.from,
  };
}

/** With a constant the other bits stay where they came from. */
function mixed(a: RegisterBits, b: RegisterBits): string | undefined {
  return isKnown(b) ? a.from : isKnown(a) ? b.from : undefined;
}

type Binary = (a: RegisterBits, b: RegisterBits, size: number) => RegisterBits;

function arithmetic(compute: (a: bigint, b: bigint) => bigint): Binary {
  return (a, b, size) => {
    const left = knownValue(a, size);
    const right = knownValue(b, size);
    return left === undefined || right === undefined ? NOTHING : constant(compute(left, right));
  };
}

const BINARY: Readonly<Record<string, Binary>> = {
  mov: (_, b) => b,
  or: (a, b) => ({ ones: a.ones | b.ones, zeros: a.zeros & b.zeros, from: mixed(a, b) }),
  and: (a, b) => ({ ones: a.ones & b.ones, zeros: a.zeros | b.zeros, from: mixed(a, b) }),
  xor: (a, b) => ({
    ones: (a.ones & b.zeros) | (a.zeros & b.ones),
    zeros: (a.ones & b.ones) | (a.zeros & b.zeros),
    from: mixed(a, b),
  }),
  add: arithmetic((a, b) => a + b),
  sub: arithmetic((a, b) => a - b),
  shl: arithmetic((a, b) => a << (b & 63n)),
  shr: arithmetic((a, b) => a >> (b & 63n)),
  bts: (a, b, size) => withBit(a, b, size, true),
  btr: (a, b, size) => withBit(a, b, size, false),
};
const CLEARS_ITSELF: ReadonlySet<string> = new Set(["xor", "sub"]);

function withBit(
  a: RegisterBits,
  position: RegisterBits,
  size: number,
  set: boolean,
): RegisterBits {
  const at = knownValue(position, 8);
  if (at === undefined) return NOTHING;
  const bit = 1n << (at & BigInt(size - 1));
  return set
    ? { ones: a.ones | bit, zeros: a.zeros & ~bit, from: a.from }
    : { ones: a.ones & ~bit, zeros: a.zeros | bit, from: a.from };
}

/** A constant address, of a memory operand without registers. */
export function addressOf(operand: AsmOperand | undefined): bigint | undefined {
  if (operand?.kind !== "mem" || operand.base !== undefined || operand.index !== undefined)
    return undefined;
  return operand.displacementKnown ? operand.displacement : undefined;
}

function isSamePart(a: AsmOperand | undefined, b: AsmOperand | undefined): boolean {
  const [one, other] = [gprOf(a), gprOf(b)];
  if (one === undefined || other === undefined) return false;
  return one.number === other.number && one.size === other.size && one.high === other.high;
}

/** Whether the register is written as the first operand and in no other way (XCHG, IMUL without a target). */
function writesOnlyFirst({ form, operands }: Statement, register: number): boolean {
  const written = operands.filter(({ value }, i) => {
    const access = form?.operands[i]?.access;
    return (access === "w" || access === "rw") && wholeRegister(value) === register;
  });
  return written.length === 1 && written[0] === operands[0];
}

class Walk {
  constructor(private readonly analysis: Analysis) {}

  /** The first statement of the straight-line run that a statement belongs to, not too far away. */
  private startOf(at: number): number {
    const { statements } = this.analysis.model;
    let start = at;
    while (start > 0 && at - start < FARTHEST) {
      const { label, kind } = statements[start]!;
      if (label !== undefined && kind !== "equ") break;
      start -= 1;
    }
    return start;
  }

  before(at: number, register: number, depth: number): RegisterBits {
    const { statements } = this.analysis.model;
    let bits = NOTHING;
    for (let i = this.startOf(at); i < at; i++) {
      const statement = statements[i]!;
      const writes = writesRegister(statement, register);
      if (writes === "barrier") bits = NOTHING;
      else if (writes) bits = this.after(statement, i, bits, register, depth);
    }
    return bits;
  }

  private after(
    statement: Statement,
    at: number,
    before: RegisterBits,
    register: number,
    depth: number,
  ): RegisterBits {
    const { form, operands } = statement;
    const [target, source] = operands;
    const part = partOf(target?.value);
    if (form?.mnemonic === "rdmsr") return { ...NOTHING, from: "msr" };
    if (form === undefined || part === undefined || !writesOnlyFirst(statement, register))
      return NOTHING;
    const { mnemonic } = form;
    if (mnemonic === "smsw") return { ...NOTHING, from: "cr0" };
    const address = mnemonic === "lea" ? addressOf(source?.value) : undefined;
    if (address !== undefined) return withPart(before, part, constant(address));
    const now: RegisterBits = {
      ones: before.ones >> part.shift,
      zeros: before.zeros >> part.shift,
      from: before.from,
    };
    if (mnemonic === "inc" || mnemonic === "dec") {
      const step = BINARY[mnemonic === "inc" ? "add" : "sub"]!;
      return withPart(before, part, step(now, constant(1n), part.size));
    }
    const combine = BINARY[mnemonic];
    if (combine === undefined || operands.length !== 2) return withPart(before, part, NOTHING);
    if (CLEARS_ITSELF.has(mnemonic) && isSamePart(target?.value, source?.value))
      return withPart(before, part, constant(0n));
    return withPart(before, part, combine(now, this.valueOf(source?.value, at, depth), part.size));
  }

  private valueOf(operand: AsmOperand | undefined, at: number, depth: number): RegisterBits {
    const immediate = immediateOf(operand);
    if (immediate !== undefined) return constant(immediate);
    if (operand?.kind === "reg" && operand.register.class === "cr")
      return { ...NOTHING, from: `cr${operand.register.number}` };
    const register = gprOf(operand);
    if (register === undefined || register.high || depth >= DEEPEST) return NOTHING;
    return this.before(at, register.number, depth + 1);
  }
}

/** What is known of a register when a statement begins. */
export function bitsBefore(analysis: Analysis, at: number, register: number): RegisterBits {
  return new Walk(analysis).before(at, register, 0);
}

/** What is known of an operand's value when a statement begins: an immediate, or a register. */
export function operandBits(
  analysis: Analysis,
  at: number,
  operand: AsmOperand | undefined,
): RegisterBits {
  const immediate = immediateOf(operand);
  if (immediate !== undefined) return constant(immediate);
  const register = gprOf(operand);
  return register === undefined || register.high
    ? NOTHING
    : bitsBefore(analysis, at, register.number);
}
