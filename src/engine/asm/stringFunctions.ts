/** `__?utf16?__` and its kin: a UTF-8 string as UTF-16 or UTF-32 bytes. */

/** Code points of UTF-8 bytes; undefined if they are malformed. */
function codePoints(bytes: readonly number[]): number[] | undefined {
  const points: number[] = [];
  for (let i = 0; i < bytes.length;) {
    const lead = bytes[i]!;
    const count =
      lead < 0x80 ? 0 : lead < 0xc0 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf8 ? 3 : -1;
    if (count < 0 || i + count >= bytes.length + (count === 0 ? 1 : 0)) return undefined;
    let value = count === 0 ? lead : lead & (0x3f >> count);
    for (let k = 1; k <= count; k++) {
      const next = bytes[i + k];
      if (next === undefined || (next & 0xc0) !== 0x80) return undefined;
      value = value * 64 + (next & 0x3f);
    }
    const least = [0, 0x80, 0x800, 0x10000][count]!;
    if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return undefined;
    points.push(value);
    i += 1 + count;
  }
  return points;
}

/** `word` in lower case; undefined if the string is not UTF-8. */
export function transformString(bytes: readonly number[], word: string): number[] | undefined {
  const points = codePoints(bytes);
  if (points === undefined) return undefined;
  const wide = word.includes("32");
  const bigEndian = word.includes("be");
  const units = wide
    ? points
    : points.flatMap((point) => {
        const pair = utf16Units(point);
        // NASM writes the halves of a big-endian pair in this order.
        return bigEndian ? pair.reverse() : pair;
      });
  const result: number[] = [];
  for (const unit of units) {
    const parts = wide
      ? [unit & 255, (unit >> 8) & 255, (unit >> 16) & 255, unit >>> 24]
      : [unit & 255, unit >> 8];
    result.push(...(bigEndian ? parts.reverse() : parts));
  }
  return result;
}

function utf16Units(point: number): number[] {
  if (point < 0x10000) return [point];
  const rest = point - 0x10000;
  return [0xd800 | (rest >> 10), 0xdc00 | (rest & 0x3ff)];
}
