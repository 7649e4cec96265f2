/** Where guest-physical memory lies in host memory: 2 MiB chunks in an order of their own, so that GPA and HPA visibly differ. */
import type { PhysicalMemory } from "../cpu/physicalMemory";

export const CHUNK_BYTES = 0x200000;

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** A stride near the golden section that visits every chunk. */
function strideFor(chunks: number): number {
  let stride = Math.max(1, Math.floor(chunks * 0.618));
  while (greatestCommonDivisor(stride, chunks) !== 1) stride++;
  return stride;
}

/** Accesses to guest-physical memory from the VMM. Where there is no RAM, reads give ones and writes vanish, as on a PC's bus. */
export class GuestMemory {
  /** HPA of each chunk. */
  private readonly chunks: readonly number[];

  constructor(
    private readonly ram: PhysicalMemory,
    /** HPA where guest memory starts. */
    first: number,
    readonly bytes: number,
  ) {
    const count = Math.ceil(bytes / CHUNK_BYTES);
    const stride = strideFor(count);
    this.chunks = Array.from(
      { length: count },
      (_, i) => first + (((i + 1) * stride) % count) * CHUNK_BYTES,
    );
  }

  /** HPA of a guest-physical address in RAM. */
  toHost(gpa: number): number | undefined {
    if (gpa < 0 || gpa >= this.bytes) return undefined;
    return this.chunks[Math.floor(gpa / CHUNK_BYTES)]! + (gpa % CHUNK_BYTES);
  }

  read8(gpa: number): number {
    const hpa = this.toHost(gpa);
    return hpa === undefined ? 0xff : this.ram.read8(hpa);
  }

  write8(gpa: number, value: number): void {
    const hpa = this.toHost(gpa);
    if (hpa !== undefined) this.ram.write8(hpa, value);
  }

  /** Naturally aligned. */
  read32(gpa: number): number {
    const hpa = this.toHost(gpa);
    return hpa === undefined ? 0xffffffff : this.ram.read32(hpa);
  }

  write32(gpa: number, value: number): void {
    const hpa = this.toHost(gpa);
    if (hpa !== undefined) this.ram.write32(hpa, value >>> 0);
  }

  /** Naturally aligned. */
  read64(gpa: number): bigint {
    const hpa = this.toHost(gpa);
    return hpa === undefined ? 0xffffffffffffffffn : this.ram.read64(hpa);
  }

  /** Any length, across chunks; what falls outside RAM vanishes. */
  writeBytes(gpa: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = gpa + done;
      const length = Math.min(bytes.length - done, CHUNK_BYTES - (at % CHUNK_BYTES));
      const hpa = this.toHost(at);
      if (hpa !== undefined) this.ram.writeBytes(hpa, bytes.subarray(done, done + length));
      done += length;
    }
  }
}
