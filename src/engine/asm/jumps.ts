/**
 * Jumps and calls to labels. They are a fourth of most programs and change from pass to pass, so their bytes are made from a pattern: NASM's own
 * choice for a near and a far target of the same instruction, with the distance filled in.
 */
import { encodeInstruction } from "../codec/encode";
import type { Target } from "../codec/types";
import type { Bits } from "../isa/types";
import { targetKey } from "./cpuDirective";
import type { Expression } from "./expressionTree";
import type { JumpTarget, StatementTree } from "./statementTree";

/** The forms of one jump in one code size. */
export interface JumpForms {
  /** Opcode bytes of the form with one byte of distance; undefined where there is none, as for CALL. */
  readonly short: Uint8Array | undefined;
  readonly near: Uint8Array;
  /** Bytes of the near form's distance. */
  readonly nearSize: 2 | 4;
  /** The short form for each distance, from -128. */
  readonly shortBytes: (Uint8Array | undefined)[];
}

/** Conditional jumps start with a J; the others that do always have one byte of distance. */
const MNEMONIC = /^(?:call|j(?!.*cxz).*)$/;
const J = 106;
const C = 99;
const FAR_AWAY = 0x4000n;

/** By code size and processor, then by mnemonic. */
const known = new Map<number, Map<string, JumpForms | undefined>>();

function bytesTo(
  value: bigint,
  mnemonic: string,
  bits: Bits,
  target: Target | undefined,
): Uint8Array | undefined {
  const operand = { kind: "imm", value, known: true, isAddress: true, strict: false } as const;
  const request = { mnemonic, bits, target, prefixes: [], address: 0n, operands: [operand] };
  const result = encodeInstruction(request);
  return result.ok && result.isRelative ? result.bytes : undefined;
}

function makeForms(
  mnemonic: string,
  bits: Bits,
  target: Target | undefined,
): JumpForms | undefined {
  const near = bytesTo(FAR_AWAY, mnemonic, bits, target);
  const short = bytesTo(0n, mnemonic, bits, target);
  if (near === undefined || short === undefined) return undefined;
  const nearSize = bits === 16 ? 2 : 4;
  return {
    short: short.length === near.length ? undefined : short.subarray(0, short.length - 1),
    near: near.subarray(0, near.length - nearSize),
    nearSize,
    shortBytes: [],
  };
}

/** Undefined: there are no such forms. */
export function jumpForms(
  mnemonic: string,
  bits: Bits,
  target: Target | undefined,
): JumpForms | undefined {
  const key = bits + 128 * targetKey(target);
  let forms = known.get(key);
  if (forms === undefined) known.set(key, (forms = new Map<string, JumpForms | undefined>()));
  const found = forms.get(mnemonic);
  if (found !== undefined || forms.has(mnemonic)) return found;
  const made = makeForms(mnemonic, bits, target);
  forms.set(mnemonic, made);
  return made;
}

/** The target of a jump or call that leaves the choice of form to the assembler. */
export function jumpTarget({ body, prefixes }: StatementTree): JumpTarget | undefined {
  if (body.kind !== "instruction" || prefixes.length > 0) return undefined;
  const first = body.mnemonic.charCodeAt(0);
  if ((first !== J && first !== C) || !MNEMONIC.test(body.mnemonic)) return undefined;
  const [only, second] = body.operands;
  if (only?.kind !== "plain" || second !== undefined) return undefined;
  if (only.size !== undefined || only.distance !== undefined || only.strict || only.to)
    return undefined;
  return targetOf(only.expression);
}

function targetOf(expression: Expression): JumpTarget | undefined {
  switch (expression.op) {
    case "symbol":
      return { symbol: expression.symbol, addend: 0, gap: NaN };
    case "here":
      return { symbol: undefined, addend: 0, gap: NaN };
    case "binary": {
      const { operator, left, right } = expression;
      if (right.op !== "constant" || (operator !== "+" && operator !== "-")) return undefined;
      const target = targetOf(left);
      const number = Number(right.value);
      if (!target || !Number.isSafeInteger(number)) return undefined;
      const addend = target.addend + (operator === "+" ? number : -number);
      return { symbol: target.symbol, addend, gap: NaN };
    }
    default:
      return undefined;
  }
}

/** Bytes of the form that reaches: `gap` is from the first byte of the jump to the target. */
export function jumpLength({ short, near, nearSize }: JumpForms, gap: number): number {
  return isShort(short, gap) ? short!.length + 1 : near.length + nearSize;
}

function isShort(short: Uint8Array | undefined, gap: number): boolean {
  if (short === undefined) return false;
  const distance = gap - short.length - 1;
  return distance >= -128 && distance <= 127;
}

/** The bytes; undefined where the distance is so great that there is something to say. */
export function jumpBytes(forms: JumpForms, gap: number): Uint8Array | undefined {
  const { short, near, nearSize } = forms;
  if (isShort(short, gap)) return shortJump(forms, gap - short!.length - 1);
  const length = near.length + nearSize;
  const distance = gap - length;
  const limit = nearSize === 2 ? 0x8000 : 0x8000_0000;
  if (distance < -limit || distance >= limit) return undefined;
  return withDistance(near, distance, nearSize);
}

/** To a label that is not known yet: the form that NASM's first pass takes. */
export function jumpToUnknown(forms: JumpForms): Uint8Array {
  return forms.short ? shortJump(forms, 0) : withDistance(forms.near, 0, forms.nearSize);
}

function shortJump({ short, shortBytes }: JumpForms, distance: number): Uint8Array {
  return (shortBytes[distance + 128] ??= withDistance(short!, distance, 1));
}

function withDistance(opcode: Uint8Array, distance: number, size: number): Uint8Array {
  const bytes = new Uint8Array(opcode.length + size);
  bytes.set(opcode);
  for (let i = 0; i < size; i++) bytes[opcode.length + i] = distance >> (8 * i);
  return bytes;
}
