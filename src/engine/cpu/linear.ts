/**
 * Linear addresses in TypeScript are numbers in canonical signed form: 0 to 2^47-1 and -2^47 to -1, which a double holds exactly. Addresses from
 * outside 64-bit mode are 0 to 2^32-1. Non-canonical addresses never take this form: they fault before.
 */
export type Linear = number;

/** The canonical signed form, or undefined if not canonical (48 bits). */
export function canonicalLinear(address: bigint): Linear | undefined {
  const signed = BigInt.asIntN(48, address);
  return BigInt.asUintN(64, signed) === BigInt.asUintN(64, address) ? Number(signed) : undefined;
}

export function linearToBigInt(linear: Linear): bigint {
  return BigInt.asUintN(64, BigInt(linear));
}

/** Number of the 4 KiB page: 36 bits, unsigned. */
export function pageOf(linear: Linear): number {
  const page = Math.floor(linear / 4096);
  return page < 0 ? page + 2 ** 36 : page;
}

/** Nine index bits of a paging level; shift is 12, 21, 30 or 39. */
export function tableIndex(linear: Linear, shift: number): number {
  return Math.floor(pageOf(linear) / 2 ** (shift - 12)) & 0x1ff;
}
