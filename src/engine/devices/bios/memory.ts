/** Guest-physical memory as the firmware reaches it: byte by byte, little-endian, in physical addresses. */

/** What the firmware is given: reads of nothing are ones, writes to nothing vanish. */
export interface FirmwareMemory {
  read8(address: number): number;
  write8(address: number, value: number): void;
  writeBytes(address: number, bytes: Uint8Array): void;
}

/** A computer without memory, as a device on a bench sees it. */
export const NO_MEMORY: FirmwareMemory = {
  read8: () => 0xff,
  write8: () => undefined,
  writeBytes: () => undefined,
};

/** Physical address of a real-mode pointer. */
export function linear(segment: number, offset: number): number {
  return segment * 16 + (offset & 0xffff);
}

/** Wider accesses on `FirmwareMemory`. */
export class MemoryBus {
  constructor(private readonly memory: FirmwareMemory) {}

  read8(address: number): number {
    return this.memory.read8(address);
  }

  read16(address: number): number {
    return this.memory.read8(address) | (this.memory.read8(address + 1) << 8);
  }

  read32(address: number): number {
    return (this.read16(address) | (this.read16(address + 2) << 16)) >>> 0;
  }

  read(address: number, length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, index) => this.memory.read8(address + index));
  }

  write8(address: number, value: number): void {
    this.memory.write8(address, value & 0xff);
  }

  write16(address: number, value: number): void {
    this.write8(address, value);
    this.write8(address + 1, value >>> 8);
  }

  write32(address: number, value: number): void {
    this.write16(address, value);
    this.write16(address + 2, value >>> 16);
  }

  write64(address: number, value: number): void {
    this.write32(address, value % 2 ** 32);
    this.write32(address + 4, Math.floor(value / 2 ** 32));
  }

  write(address: number, bytes: Uint8Array): void {
    this.memory.writeBytes(address, bytes);
  }
}
