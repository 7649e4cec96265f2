/** Values as text: hexadecimal of fixed width by default, or as the suffix says. */
import { hex } from "../../engine/index";
import type { Program } from "../sources/program";
import { symbolText } from "../sources/program";
import type { Scope, Value } from "./evaluator";
import type { FormatSuffix } from "./parser";

/** "0x00100012". */
export function hexOf(value: bigint, width: number): string {
  return hex(BigInt.asUintN(width, value), Math.max(1, Math.ceil(width / 4)));
}

/** " <kmain+0x12>" when the value is an address in the program, else "". */
export function symbolNote(program: Program, value: bigint): string {
  if (!program.covers(value)) return "";
  const text = symbolText(program.symbolAt(value));
  return text === undefined ? "" : ` <${text}>`;
}

const MAX_STRING = 256;

/** Text of a value under a format suffix. */
export function formatValue(
  value: Value,
  suffix: FormatSuffix | undefined,
  scope: Scope,
  program: Program,
): string {
  switch (suffix) {
    case "d":
      return BigInt.asIntN(value.width, value.value).toString();
    case "b":
      return binaryText(value);
    case "o":
      return `0o${BigInt.asUintN(value.width, value.value).toString(8)}`;
    case "c":
      return characterText(value);
    case "s":
      return stringText(value, scope);
    case "x":
      return hexOf(value.value, value.width);
    case undefined:
      return defaultText(value, program);
  }
}

function defaultText(value: Value, program: Program): string {
  if (value.addressSpace && value.addressSpace !== "gva") {
    return `${value.addressSpace}:${hex(value.value)}`;
  }
  return hexOf(value.value, value.width) + symbolNote(program, value.value);
}

/** "0b1010_0101": groups of four, shortened to the value's width. */
function binaryText(value: Value): string {
  const digits = BigInt.asUintN(value.width, value.value).toString(2).padStart(value.width, "0");
  const shown = value.width === 64 ? digits.replace(/^0+(?=.)/, "") : digits;
  const padded = shown.padStart(Math.ceil(shown.length / 4) * 4, "0");
  return `0b${(padded.match(/.{4}/g) ?? [padded]).join("_")}`;
}

function characterText(value: Value): string {
  let text = "";
  let rest = BigInt.asUintN(value.width, value.value);
  do {
    text += printable(Number(rest & 0xffn));
    rest >>= 8n;
  } while (rest > 0n);
  return `'${text}'`;
}

/** The zero-terminated string at the address: the value itself, or the place of `[…]`. */
function stringText(value: Value, scope: Scope): string {
  const space = value.memory?.space ?? value.addressSpace ?? "gva";
  const address = value.memory?.address ?? value.value;
  const bytes = scope.read(space, address, MAX_STRING);
  if (bytes.length === 0) return `(cannot read ${space}:${hex(address)})`;
  const end = bytes.indexOf(0);
  const text = Array.from(end < 0 ? bytes : bytes.subarray(0, end), printable).join("");
  return end < 0 ? `"${text}"…` : `"${text}"`;
}

const ESCAPES: Readonly<Record<number, string>> = { 0: "\\0", 9: "\\t", 10: "\\n", 13: "\\r" };

export function printable(byte: number): string {
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return ESCAPES[byte] ?? `\\x${byte.toString(16).padStart(2, "0")}`;
}
