/** Tokens of the debugger's expression language: NASM's numbers, names and operators. NASM manual, "Constants" and "Expressions". */

export type Token =
  | { readonly kind: "number"; readonly value: bigint; readonly at: number }
  | { readonly kind: "name"; readonly text: string; readonly at: number; readonly escaped: boolean }
  | { readonly kind: "operator"; readonly text: string; readonly at: number }
  | { readonly kind: "end"; readonly at: number };

/** An expression that cannot be read or has no value. Shown as it is. */
export class ExpressionError extends Error {}

const OPERATORS = [
  "<<<", ">>>", "<<", ">>", "<=", ">=", "==", "!=", "<>", "&&", "||", "^^", "//", "%%",
  "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "=", "(", ")", "[", "]", ":", ",", "?",
]; // prettier-ignore

const NAME = /^[A-Za-z_.@?][\w.@#$?]*/;
const NUMBER = /^[0-9][0-9A-Za-z_]*/;
const DOLLAR_NUMBER = /^\$[0-9][0-9A-Fa-f_]*/;

/** Splits `text`; throws ExpressionError where it cannot. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const space = /^\s+/.exec(text.slice(at));
    if (space) {
      at += space[0].length;
      continue;
    }
    const [token, length] = readToken(text, at);
    tokens.push(token);
    at += length;
  }
  tokens.push({ kind: "end", at });
  return tokens;
}

function readToken(text: string, at: number): readonly [Token, number] {
  const rest = text.slice(at);
  const quote = rest[0];
  if (quote === "'" || quote === '"' || quote === "`") return readCharacters(rest, quote, at);
  const dollar = DOLLAR_NUMBER.exec(rest)?.[0];
  if (dollar !== undefined) return [number(parseDigits(dollar.slice(1), 16), dollar, at), dollar.length]; // prettier-ignore
  const digits = NUMBER.exec(rest)?.[0];
  if (digits !== undefined) return [number(parseNumber(digits), digits, at), digits.length];
  if (rest.startsWith("$")) return readDollar(rest, at);
  const name = NAME.exec(rest)?.[0];
  if (name !== undefined && name !== "?") {
    return [{ kind: "name", text: name, at, escaped: false }, name.length];
  }
  const operator = OPERATORS.find((candidate) => rest.startsWith(candidate));
  if (operator === undefined) throw new ExpressionError(`Unexpected character ${rest[0] ?? ""}`);
  return [{ kind: "operator", text: operator, at }, operator.length];
}

/** `$` alone is the address of the current instruction; `$name` is a label that looks like something else. */
function readDollar(rest: string, at: number): readonly [Token, number] {
  const name = NAME.exec(rest.slice(1))?.[0];
  if (name === undefined) return [{ kind: "name", text: "$", at, escaped: false }, 1];
  return [{ kind: "name", text: name, at, escaped: true }, name.length + 1];
}

function number(value: bigint | undefined, text: string, at: number): Token {
  if (value === undefined) throw new ExpressionError(`"${text}" is not a number`);
  return { kind: "number", value: BigInt.asUintN(64, value), at };
}

/** NASM packs characters little-endian: 'ab' is 0x6261. */
function readCharacters(rest: string, quote: string, at: number): readonly [Token, number] {
  const end = rest.indexOf(quote, 1);
  if (end < 0) throw new ExpressionError("Missing closing quote");
  let value = 0n;
  const codes = Array.from(rest.slice(1, end), (character) => character.charCodeAt(0) & 0xff);
  for (const code of codes.slice(0, 8).reverse()) value = (value << 8n) | BigInt(code);
  return [{ kind: "number", value, at }, end + 1];
}

const PREFIX_RADIX: Readonly<Record<string, number>> = {
  "0x": 16, "0h": 16, "0d": 10, "0t": 10, "0o": 8, "0q": 8, "0b": 2, "0y": 2,
}; // prettier-ignore
const SUFFIX_RADIX: Readonly<Record<string, number>> = {
  h: 16, x: 16, d: 10, t: 10, o: 8, q: 8, b: 2, y: 2,
}; // prettier-ignore

/** NASM's forms: 0x1f, 1fh, 0b101, 101b, 17o, 17q, 0d9, 1_000. Undefined if it is none of them. */
export function parseNumber(text: string): bigint | undefined {
  const lower = text.toLowerCase();
  const prefix = PREFIX_RADIX[lower.slice(0, 2)];
  if (prefix !== undefined && lower.length > 2) {
    const value = parseDigits(lower.slice(2), prefix);
    if (value !== undefined) return value;
  }
  const suffix = SUFFIX_RADIX[lower.slice(-1)];
  if (suffix !== undefined) {
    const value = parseDigits(lower.slice(0, -1), suffix);
    if (value !== undefined) return value;
  }
  return parseDigits(lower, 10);
}

function parseDigits(text: string, radix: number): bigint | undefined {
  let value = 0n;
  let any = false;
  for (const character of text.toLowerCase()) {
    if (character === "_") continue;
    const digit = "0123456789abcdef".indexOf(character);
    if (digit < 0 || digit >= radix) return undefined;
    value = value * BigInt(radix) + BigInt(digit);
    any = true;
  }
  return any ? value : undefined;
}
