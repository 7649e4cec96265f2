/** Windows of chips on an 8-bit bus: a wider access becomes byte accesses, lowest address first. */
import type { Window } from "./types";

/** The two cycles an 8-bit chip knows. */
export interface ByteAccess {
  read(offset: number): number;
  write(offset: number, value: number): void;
}

export function byteWindow(access: ByteAccess): Window {
  return {
    read(offset, size) {
      let value = 0;
      for (let index = 0; index < size; index++)
        value |= (access.read(offset + index) & 0xff) << (8 * index);
      return value >>> 0;
    },
    write(offset, size, value) {
      for (let index = 0; index < size; index++)
        access.write(offset + index, (value >>> (8 * index)) & 0xff);
    },
  };
}
