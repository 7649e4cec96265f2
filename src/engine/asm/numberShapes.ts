/**
 * Lines that differ in one plain number only. Which form an instruction takes depends on the range that the number is in; within it only the bytes
 * of the number's field differ.
 */
import { encodeInstruction } from "../codec/encode";
import type { AsmOperand, Target } from "../codec/types";
import type { Bits } from "../isa/types";

/** A line cut around its number. */
export interface NumberLine {
  /** Equal for lines that differ in nothing but the number within its range. */
  readonly key: string;
  readonly number: number;
}

/** Where the number stands in the bytes of a shape. */
export interface NumberField {
  readonly operand: number;
  readonly at: number;
  readonly size: 1 | 2;
}

/** The number is a whole operand, or the last term of a sum of registers in brackets; nothing but a comment follows. */
const LINE =
  /^(\s*\w+\s+(?:[^;'"`%$]*,\s*)?(?:[^;'"`%$,]*\[[\w+*]*\+)?)(\d{1,5})(\s*\]?)\s*(?:;[^\\]*)?$/;

/** The pattern looks at some characters again and again: not at those of long lists. */
const MOST_LENGTH = 120;

/** First numbers of the ranges; a number from the last one on is not taken: it can mean a negative one. */
const RANGES = [2, 128, 256, 32768] as const;

export function numberLine(text: string): NumberLine | undefined {
  if (text.length > MOST_LENGTH) return undefined;
  const match = LINE.exec(text);
  if (match === null) return undefined;
  const number = Number(match[2]);
  const range = rangeOf(number);
  return range < 0 ? undefined : { key: `${match[1]!}\n${range}${match[3]!}`, number };
}

function rangeOf(number: number): number {
  for (let i = RANGES.length - 1; i > 0; i--) {
    if (number >= RANGES[i]!) return i === RANGES.length - 1 ? -1 : i;
  }
  return number >= RANGES[0] ? 0 : -1;
}

/** Another number of the same range, with no byte in common. */
function otherNumber(number: number): number {
  const [, byte, word] = RANGES;
  if (number < byte) return number === 2 ? 3 : 2;
  if (number < word) return number === byte ? byte + 1 : byte;
  return (number >> 8 === 1 ? 0x200 : 0x100) | ((number & 0xff) ^ 0x55);
}

function valueOf(operand: AsmOperand): bigint | undefined {
  if (operand.kind === "imm") return operand.value;
  return operand.kind === "mem" ? operand.displacement : undefined;
}

/** The operands with another number in one of them. */
export function withNumber(
  operands: readonly AsmOperand[],
  index: number,
  number: number,
): readonly AsmOperand[] {
  return operands.map((operand, i) => {
    if (i !== index) return operand;
    if (operand.kind === "imm") return { ...operand, value: BigInt(number) };
    return operand.kind === "mem" ? { ...operand, displacement: BigInt(number) } : operand;
  });
}

export function withField(
  bytes: Uint8Array,
  { at, size }: NumberField,
  number: number,
): Uint8Array {
  const copy = bytes.slice();
  copy[at] = number;
  if (size === 2) copy[at + 1] = number >> 8;
  return copy;
}

/** Finds the number's field by encoding another number of its range; undefined where that does not show it. */
export function numberField(
  mnemonic: string,
  { bits, target }: { readonly bits: Bits; readonly target: Target | undefined },
  operands: readonly AsmOperand[],
  bytes: Uint8Array,
  number: number,
): NumberField | undefined {
  const holders = operands.flatMap((operand, i) =>
    valueOf(operand) === BigInt(number) ? [i] : [],
  );
  const [operand] = holders;
  if (operand === undefined || holders.length > 1) return undefined;
  const other = otherNumber(number);
  const changed = withNumber(operands, operand, other);
  const result = encodeInstruction({
    mnemonic,
    bits,
    target,
    operands: changed,
    prefixes: [],
    address: 0n,
  });
  if (!result.ok || result.warnings.length > 0 || result.bytes.length !== bytes.length)
    return undefined;
  const at = bytes.findIndex((byte, i) => byte !== result.bytes[i]);
  const field: NumberField = { operand, at, size: number < RANGES[2] ? 1 : 2 };
  const isField = at >= 0 && isSame(withField(bytes, field, other), result.bytes);
  return isField && bytes[at] === (number & 0xff) ? field : undefined;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
