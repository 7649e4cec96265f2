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

/** The signed form of an address in two 32-bit halves; it need not be canonical. */
export function linearOfHalves(low: number, high: number): number {
  return (high | 0) * 2 ** 32 + (low >>> 0);
}

/** True for a signed number that is a canonical address. */
export function isCanonical(address: number): boolean {
  return address >= -(2 ** 47) && address < 2 ** 47;
}

/** Base of a segment plus an offset below 2^32, outside 64-bit mode: wraps at 4 GiB. */
export function linear32(base: bigint, offset: number): Linear {
  return base === 0n ? offset : (Number(BigInt.asUintN(32, base)) + offset) % 2 ** 32;
}

export function linearToBigInt(linear: Linear): bigint {
  return BigInt.asUintN(64, BigInt(linear));
}

/** Number of the 4 KiB page: 36 bits, unsigned. */
export function pageOf(linear: Linear): number {
  const page = Math.floor(linear / 4096);
  return page < 0 ? page + 2 ** 36 : page;
}

/** Pages below one entry, by paging level from 0. */
const PAGES_OF_ENTRY = [1, 2 ** 9, 2 ** 18, 2 ** 27] as const;

/** Nine index bits of a paging level; 0 is the lowest. */
export function tableIndex(linear: Linear, level: number): number {
  return Math.floor(pageOf(linear) / PAGES_OF_ENTRY[level]!) & 0x1ff;
}
