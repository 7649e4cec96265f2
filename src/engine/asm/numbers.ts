/** Integer constants in all of NASM's spellings (NASM manual, "Numeric Constants"). */

/** Bits of the radix by its letter; 10 is marked as 10. */
const RADIX: Readonly<Record<string, 2 | 8 | 10 | 16>> = {
  b: 2, y: 2, o: 8, q: 8, h: 16, x: 16, d: 10, t: 10,
}; // prettier-ignore

export type NumberResult = { readonly value: bigint; readonly overflow: boolean } | undefined;

const LIMIT = 1n << 64n;

/** The value wrapped to 64 bits, as a signed number; undefined if it is malformed. */
export function readNumber(text: string): NumberResult {
  const negative = text.startsWith("-");
  const spelled = negative ? text.slice(1) : text;
  if (/^(0|[1-9]\d{0,8})$/.test(spelled)) {
    const value = BigInt(spelled);
    return { value: negative ? -value : value, overflow: false };
  }
  const { digits, radix } = splitRadix(spelled);
  const plain = digits.replaceAll("_", "").toLowerCase();
  if (!DIGITS[radix].test(plain)) return undefined;
  const raw = plain === "" ? 0n : BigInt(PREFIX[radix] + plain);
  const value = BigInt.asIntN(64, negative ? -raw : raw);
  return { value, overflow: raw >= LIMIT };
}

const DIGITS = { 2: /^[01]*$/, 8: /^[0-7]*$/, 10: /^\d*$/, 16: /^[\da-f]*$/ } as const;
const PREFIX = { 2: "0b", 8: "0o", 10: "", 16: "0x" } as const;

/** Where prefix and suffix both look like a radix, the larger radix wins: `0b1h` is hexadecimal, `0x1b` too. */
function splitRadix(spelled: string): { readonly digits: string; readonly radix: 2 | 8 | 10 | 16 } {
  let prefix = 0;
  let prefixLength = 0;
  if (spelled.length > 2 && spelled.startsWith("0")) {
    prefix = RADIX[spelled.charAt(1).toLowerCase()] ?? 0;
    prefixLength = prefix === 0 ? 0 : 2;
  }
  if (prefix === 0 && spelled.length > 1 && spelled.startsWith("$")) {
    prefix = 16;
    prefixLength = 1;
  }
  const suffix = spelled.length > 1 ? (RADIX[spelled.slice(-1).toLowerCase()] ?? 0) : 0;
  if (prefix > suffix) return { digits: spelled.slice(prefixLength), radix: prefix as 2 };
  if (suffix > prefix) return { digits: spelled.slice(0, -1), radix: suffix as 2 };
  return { digits: spelled, radix: 10 };
}
