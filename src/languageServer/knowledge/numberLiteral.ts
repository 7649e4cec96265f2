/** Integers as NASM writes them. NASM manual, "Numeric Constants". */

const FORMS: readonly (readonly [RegExp, string])[] = [
  [/^(?:0x|0h|\$)([0-9a-f]+)$/, "0x"],
  [/^([0-9][0-9a-f]*)[hx]$/, "0x"],
  [/^(?:0b|0y)([01]+)$/, "0b"],
  [/^([01]+)[by]$/, "0b"],
  [/^(?:0o|0q)([0-7]+)$/, "0o"],
  [/^([0-7]+)[oq]$/, "0o"],
  [/^(?:0d|0t)?([0-9]+)$/, ""],
  [/^([0-9]+)[dt]$/, ""],
];

/** The value of a literal; undefined for a floating-point one. */
export function literalValue(written: string): bigint | undefined {
  const text = written.toLowerCase().replaceAll("_", "");
  for (const [pattern, prefix] of FORMS) {
    const digits = pattern.exec(text)?.[1];
    if (digits !== undefined) return BigInt(prefix + digits);
  }
  return undefined;
}

export interface Spelling {
  readonly base: "hexadecimal" | "decimal" | "binary" | "characters";
  readonly text: string;
}

function grouped(digits: string): string {
  return digits.length <= 8 ? digits : digits.replace(/\B(?=(?:.{4})+$)/g, "_");
}

/** The first character is the lowest byte. */
function characters(value: bigint): string | undefined {
  let text = "";
  for (let rest = value; rest > 0n; rest >>= 8n) text += String.fromCharCode(Number(rest & 0xffn));
  const isPlain = /^[\x20-\x7e]{1,8}$/.test(text) && !text.includes("'");
  return isPlain ? `'${text}'` : undefined;
}

/** The ways to write a number that is not negative. */
export function spellings(value: bigint): Spelling[] {
  const text = characters(value);
  return [
    { base: "hexadecimal", text: `0x${value.toString(16)}` },
    { base: "decimal", text: value.toString() },
    { base: "binary", text: `0b${grouped(value.toString(2))}` },
    ...(text === undefined ? [] : [{ base: "characters" as const, text }]),
  ];
}
