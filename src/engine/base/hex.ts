/** `0x` and lower-case digits, zero-padded to `digits`. */
export function hex(value: number | bigint, digits = 0): string {
  const raw =
    typeof value === "bigint" ? BigInt.asUintN(64, value) : value < 0 ? value >>> 0 : value;
  return `0x${raw.toString(16).padStart(digits, "0")}`;
}

/** Bytes as lower-case hex pairs, separated by `separator`. */
export function hexBytes(bytes: Iterable<number>, separator = ""): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(separator);
}
