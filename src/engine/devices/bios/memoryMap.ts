/** Which guest-physical addresses are memory, as INT 15h E820h tells (ACPI specification, "Address Range Types"). */
import { EBDA } from "./dataArea";

export interface MemoryRange {
  readonly base: number;
  readonly length: number;
  /** 1: usable; 2: reserved. */
  readonly type: 1 | 2;
}

const ROM = { base: 0xf0000, end: 0x100000 } as const;

export function memoryMap(memorySizeBytes: number): readonly MemoryRange[] {
  return [
    { base: 0, length: EBDA.base, type: 1 },
    { base: EBDA.base, length: EBDA.bytes, type: 2 },
    { base: ROM.base, length: ROM.end - ROM.base, type: 2 },
    { base: ROM.end, length: memorySizeBytes - ROM.end, type: 1 },
  ];
}
