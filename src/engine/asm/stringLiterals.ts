/** Strings: from their spelling to bytes and back (NASM manual, "Character Strings"). */
import { textOfCodes } from "../base/longLists";

/** UTF-8 bytes of a text. */
export function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= LOST_BYTE + 0x80 && code <= LOST_BYTE + 0xff) bytes.push(code - LOST_BYTE);
    else pushUtf8(bytes, code);
  }
  return bytes;
}

/** Also takes values beyond Unicode, as `\U` can write them. */
function pushUtf8(bytes: number[], value: number): void {
  if (value < 0x80) {
    bytes.push(value);
    return;
  }
  const tail: number[] = [];
  let rest = value;
  let room = 0x20;
  let mark = 0xc0;
  do {
    tail.unshift(0x80 | (rest & 0x3f));
    rest = Math.floor(rest / 64);
    if (rest < room) break;
    mark = (mark | room) & 0xff;
    room >>= 1;
  } while (room > 1);
  bytes.push((mark | rest) & 0xff, ...tail);
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7, b: 8, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11,
}; // prettier-ignore

/** Bytes of a quoted string. Only back-quoted ones have escapes; nothing doubles a quote. */
export function unquote(spelled: string): number[] {
  const quote = spelled.charAt(0);
  const closed = spelled.length > 1 && spelled.endsWith(quote);
  const inner = spelled.slice(1, closed ? -1 : undefined);
  return quote === "`" ? unescape(inner) : utf8(inner);
}

function unescape(text: string): number[] {
  const bytes: number[] = [];
  let i = 0;
  while (i < text.length) {
    if (text.charAt(i) !== "\\") {
      const character = String.fromCodePoint(text.codePointAt(i)!);
      pushUtf8(bytes, character.codePointAt(0)!);
      i += character.length;
      continue;
    }
    i = readEscape(text, i + 1, bytes);
  }
  return bytes;
}

/** `start` is past the backslash; returns where the text goes on. */
function readEscape(text: string, start: number, bytes: number[]): number {
  const letter = text.charAt(start);
  if (letter === "") {
    bytes.push(92);
    return start;
  }
  const simple = SIMPLE_ESCAPES[letter];
  if (simple !== undefined) {
    bytes.push(simple);
    return start + 1;
  }
  const run = (pattern: RegExp, most: number): string => {
    let end = start + 1;
    while (end < start + 1 + most && pattern.test(text.charAt(end))) end++;
    return text.slice(start + 1, end);
  };
  if (/[0-7]/.test(letter)) {
    const digits = letter + run(/[0-7]/, 2);
    bytes.push(parseInt(digits, 8) & 0xff);
    return start + digits.length;
  }
  const most = { x: 2, X: 2, u: 4, U: 8 }[letter];
  if (most !== undefined) {
    const digits = run(/[\da-fA-F]/, most);
    if (digits === "") bytes.push(letter.charCodeAt(0));
    else if (most === 2) bytes.push(parseInt(digits, 16));
    else pushUtf8(bytes, parseInt(digits, 16));
    return start + 1 + digits.length;
  }
  const character = String.fromCodePoint(text.codePointAt(start)!);
  pushUtf8(bytes, character.codePointAt(0)!);
  return start + character.length;
}

/** A spelling of the bytes, with the plainest quotes that can hold them. */
export function quoteBytes(bytes: readonly number[]): string {
  const printable = bytes.every((b) => b >= 32 && b <= 126);
  if (printable) {
    const text = textOfCodes(bytes);
    if (!text.includes("'")) return `'${text}'`;
    if (!text.includes('"')) return `"${text}"`;
  }
  const names = Object.entries(SIMPLE_ESCAPES);
  let text = "";
  bytes.forEach((byte, i) => {
    const simple = names.find(([, value]) => value === byte);
    if (byte === 96 || byte === 92) text += `\\${String.fromCharCode(byte)}`;
    else if (simple) text += `\\${simple[0]}`;
    else if (byte >= 32 && byte <= 126) text += String.fromCharCode(byte);
    else {
      const next = bytes[i + 1] ?? 0;
      const digits = byte.toString(8);
      text += `\\${next >= 48 && next <= 55 ? digits.padStart(3, "0") : digits}`;
    }
  });
  return `\`${text}\``;
}

export function quoteText(text: string): string {
  return quoteBytes(utf8(text));
}

/** Whether a character is written with as few bytes as it needs, and is one. */
function isShortest(value: number, tailBytes: number): boolean {
  const least = [0x80, 0x800, 0x10000][tailBytes - 1]!;
  return value >= least && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
}

/** A byte that is no UTF-8 becomes a lone surrogate from here on, so that old code pages in strings come through unchanged. */
const LOST_BYTE = 0xdc00;

/** Bytes as text, where they are UTF-8; `utf8` gives the same bytes back. */
export function bytesText(bytes: readonly number[]): string {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const lead = bytes[i]!;
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      i++;
      continue;
    }
    const count = lead < 0xc0 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    const tail = bytes.slice(i + 1, i + 1 + Math.max(count, 0));
    const value = tail.reduce((sum, b) => sum * 64 + (b & 0x3f), lead & (0x3f >> count));
    const isWhole = tail.length === count && tail.every((b) => (b & 0xc0) === 0x80);
    if (isWhole && isShortest(value, count)) {
      text += String.fromCodePoint(value);
      i += 1 + count;
    } else {
      text += String.fromCharCode(LOST_BYTE + lead);
      i++;
    }
  }
  return text;
}

/** A string as a number: the first character is the lowest byte. Longer ones lose what does not fit (`tooLong`). */
export function stringNumber(
  bytes: readonly number[],
  bits: 16 | 32 | 64,
): { readonly value: bigint; readonly tooLong: boolean } {
  const most = bits === 64 ? 8 : 4;
  let value = 0n;
  for (let i = Math.min(most, bytes.length) - 1; i >= 0; i--)
    value = (value << 8n) | BigInt(bytes[i]!);
  return { value: BigInt.asIntN(64, value), tooLong: bytes.slice(most).some((b) => b !== 0) };
}
