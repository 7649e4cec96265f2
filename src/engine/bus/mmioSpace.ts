/**
 * Memory-mapped windows at physical addresses that are not RAM. Addresses are numbers up to 2^48,
 * which numbers hold exactly. Nothing answers: all ones, as on a bus with pull-ups.
 */
import { InvariantError } from "../base/errors";
import { hex } from "../base/hex";
import type { AccessSize, Window } from "./types";
import type { PlacedWindow } from "./portSpace";

/** An address inside a window. */
export interface FoundWindow {
  readonly window: Window;
  readonly offset: number;
  readonly name: string;
}

interface Mapping extends PlacedWindow {
  readonly window: Window;
}

const ADDRESS_LIMIT = 2 ** 48;

export class MmioSpace {
  /** By rising base; never overlapping. */
  private readonly mappings: Mapping[] = [];

  /** Places a window; an overlap is refused. */
  add(base: number, length: number, window: Window, name: string): void {
    if (!Number.isInteger(base) || base < 0 || length < 1 || base + length > ADDRESS_LIMIT)
      throw new InvariantError(`${name} at ${hex(base)}+${hex(length)} is outside physical memory`);
    const other = this.mappings.find(
      (mapping) => base < mapping.base + mapping.length && mapping.base < base + length,
    );
    if (other) throw new InvariantError(`${name} at ${hex(base)} overlaps ${other.name}`);
    this.mappings.push({ base, length, window, name });
    this.mappings.sort((a, b) => a.base - b.base);
  }

  /** The window that answers at the address. */
  find(address: number): FoundWindow | undefined {
    let low = 0;
    let high = this.mappings.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const mapping = this.mappings[middle]!;
      if (address < mapping.base) high = middle - 1;
      else if (address >= mapping.base + mapping.length) low = middle + 1;
      else return { window: mapping.window, offset: address - mapping.base, name: mapping.name };
    }
    return undefined;
  }

  /** Little-endian, zero-extended. Eight bytes do not fit a number: use `read64`. */
  read(address: number, size: Exclude<AccessSize, 8>): number {
    const found = this.findWhole(address, size);
    if (found) return found.window.read(found.offset, size) >>> 0;
    let value = 0;
    for (let index = 0; index < size; index++)
      value |= this.readByte(address + index) << (8 * index);
    return value >>> 0;
  }

  write(address: number, size: Exclude<AccessSize, 8>, value: number): void {
    const found = this.findWhole(address, size);
    if (found) {
      const masked = size === 4 ? value >>> 0 : value & (size === 1 ? 0xff : 0xffff);
      found.window.write(found.offset, size, masked);
      return;
    }
    for (let index = 0; index < size; index++) {
      const byte = this.find(address + index);
      byte?.window.write(byte.offset, 1, (value >>> (8 * index)) & 0xff);
    }
  }

  /** Two four-byte accesses, low half first. */
  read64(address: number): bigint {
    const low = this.read(address, 4);
    return (BigInt(this.read(address + 4, 4)) << 32n) | BigInt(low);
  }

  write64(address: number, value: bigint): void {
    this.write(address, 4, Number(value & 0xffff_ffffn));
    this.write(address + 4, 4, Number((value >> 32n) & 0xffff_ffffn));
  }

  /** Every window, by rising base. */
  list(): PlacedWindow[] {
    return this.mappings.map(({ base, length, name }) => ({ base, length, name }));
  }

  private findWhole(address: number, size: number): FoundWindow | undefined {
    const first = this.find(address);
    if (!first || size === 1) return first;
    return this.find(address + size - 1)?.window === first.window ? first : undefined;
  }

  private readByte(address: number): number {
    const found = this.find(address);
    return found ? found.window.read(found.offset, 1) & 0xff : 0xff;
  }
}
