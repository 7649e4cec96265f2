/** Values of expressions. Arithmetic is NASM's: 64 bits, wrapping; comparisons are unsigned because addresses are. */
import { hex } from "../../engine/index";
import type { AddressSpace } from "../../engine/index";
import { ExpressionError } from "./lexer";
import type { Expression } from "./parser";

/** A value and where it lives. */
export interface Value {
  readonly value: bigint;
  /** Bits. */
  readonly width: number;
  /** Set for `[…]`: the place that was read. */
  readonly memory?: {
    readonly space: AddressSpace;
    readonly address: bigint;
    readonly size: number;
  };
  /** Set for a bare register name. */
  readonly register?: string;
  /** Set for labels and `gpa:…`: the value is an address in this space. */
  readonly addressSpace?: AddressSpace;
}

/** What names and memory mean. */
export interface Scope {
  /** A register, label, event variable …, or undefined. */
  lookup(name: string, escaped: boolean): Value | undefined;
  /** Base of a segment register, for `[ds:bx]`. */
  segmentBase(name: string): bigint;
  /** Bytes that can be read there. */
  read(space: AddressSpace, address: bigint, length: number): Uint8Array;
  /** Bytes that `[…]` reads without a size word. */
  readonly defaultSize: number;
}

export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case "number":
      return { value: expression.value, width: 64 };
    case "name": {
      const found = scope.lookup(expression.name, expression.escaped);
      if (!found) throw new ExpressionError(`"${expression.name}" is not a register or a label`);
      return found;
    }
    case "address": {
      const { value } = evaluate(expression.operand, scope);
      return { value, width: 64, addressSpace: expression.space };
    }
    case "unary":
      return number(unary(expression.operator, evaluate(expression.operand, scope).value));
    case "binary":
      return binary(expression, scope);
    case "memory":
      return readMemory(expression, scope);
  }
}

function number(value: bigint): Value {
  return { value: BigInt.asUintN(64, value), width: 64 };
}

function unary(operator: string, value: bigint): bigint {
  if (operator === "-") return -value;
  if (operator === "~") return ~value;
  if (operator === "!") return value === 0n ? 1n : 0n;
  return value;
}

function binary(expression: Expression & { kind: "binary" }, scope: Scope): Value {
  const { operator } = expression;
  const left = evaluate(expression.left, scope);
  if (operator === "&&" && left.value === 0n) return number(0n);
  if (operator === "||" && left.value !== 0n) return number(1n);
  const right = evaluate(expression.right, scope);
  const result = BigInt.asUintN(64, compute(operator, left.value, right.value));
  // label + 4 is still an address.
  const space = operator === "+" || operator === "-" ? left.addressSpace ?? right.addressSpace : undefined; // prettier-ignore
  return space ? { value: result, width: 64, addressSpace: space } : { value: result, width: 64 };
}

const truth = (condition: boolean): bigint => (condition ? 1n : 0n);
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

type Compute = (left: bigint, right: bigint) => bigint;

/** Shifts by 64 and more leave nothing. */
const shiftLeft: Compute = (left, right) => (right > 63n ? 0n : left << right);

const OPERATORS: Readonly<Record<string, Compute>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / divisor(right),
  "%": (left, right) => left % divisor(right),
  "//": (left, right) => signed(left) / signed(divisor(right)),
  "%%": (left, right) => signed(left) % signed(divisor(right)),
  "<<": shiftLeft,
  "<<<": shiftLeft,
  ">>": (left, right) => (right > 63n ? 0n : left >> right),
  ">>>": (left, right) => signed(left) >> (right > 63n ? 63n : right),
  "&": (left, right) => left & right,
  "|": (left, right) => left | right,
  "^": (left, right) => left ^ right,
  "&&": (left, right) => truth(left !== 0n && right !== 0n),
  "||": (left, right) => truth(left !== 0n || right !== 0n),
  "^^": (left, right) => truth((left !== 0n) !== (right !== 0n)),
  "=": (left, right) => truth(left === right),
  "==": (left, right) => truth(left === right),
  "!=": (left, right) => truth(left !== right),
  "<>": (left, right) => truth(left !== right),
  "<": (left, right) => truth(left < right),
  ">": (left, right) => truth(left > right),
  "<=": (left, right) => truth(left <= right),
  ">=": (left, right) => truth(left >= right),
};

function compute(operator: string, left: bigint, right: bigint): bigint {
  const apply = OPERATORS[operator];
  if (!apply) throw new ExpressionError(`Unknown operator ${operator}`);
  return apply(left, right);
}

function divisor(value: bigint): bigint {
  if (value === 0n) throw new ExpressionError("Division by zero");
  return value;
}

function readMemory(expression: Expression & { kind: "memory" }, scope: Scope): Value {
  const place = evaluate(expression.operand, scope);
  const space = place.addressSpace ?? "gva";
  const base = expression.segment === undefined ? 0n : scope.segmentBase(expression.segment);
  const address = BigInt.asUintN(64, place.value + base);
  const size = expression.size ?? scope.defaultSize;
  const bytes = scope.read(space, address, size);
  if (bytes.length < size) {
    throw new ExpressionError(`Cannot read ${size} bytes at ${space}:${hex(address)}`);
  }
  return { value: littleEndian(bytes), width: size * 8, memory: { space, address, size } };
}

export function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index--) {
    value = (value << 8n) | BigInt(bytes[index] ?? 0);
  }
  return value;
}

export function toLittleEndian(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let rest = BigInt.asUintN(length * 8, value);
  for (let index = 0; index < length; index++) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}
