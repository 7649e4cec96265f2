/** A number in all the ways that one may want to read it. */

function grouped(digits: string, size: number): string {
  const start = digits.length % size;
  const groups = start > 0 ? [digits.slice(0, start)] : [];
  for (let at = start; at < digits.length; at += size) groups.push(digits.slice(at, at + size));
  return groups.join("_");
}

/** Little-endian, as NASM packs strings into numbers. */
function characters(value: bigint): string | undefined {
  let text = "";
  for (let rest = value; rest > 0n; rest >>= 8n) {
    const code = Number(rest & 0xffn);
    if (code < 0x20 || code > 0x7e) return undefined;
    text += String.fromCharCode(code);
  }
  return text.length > 0 && text.length <= 8 ? text : undefined;
}

export function hexText(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** The smallest of the usual widths that holds a negative number. */
function widthFor(value: bigint): number {
  return [8, 16, 32].find((bits) => value >= -(1n << BigInt(bits - 1))) ?? 64;
}

/** "0x681e · 26654 · 0b110_1000_0001_1110 · '…'". */
export function numberText(value: bigint): string {
  const parts = [hexText(value), String(value)];
  if (value < 0n) parts.push(hexText(BigInt.asUintN(widthFor(value), value)));
  else if (value < 1n << 32n) parts.push(`0b${grouped(value.toString(2), 4)}`);
  const text = value >= 0x20n ? characters(value) : undefined;
  if (text !== undefined) parts.push(`'${text}'`);
  return parts.map((part) => `\`${part}\``).join(" · ");
}
