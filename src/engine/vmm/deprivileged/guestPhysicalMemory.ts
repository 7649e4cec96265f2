/** Guest-physical memory as the virtual processor's RAM: each access goes to the host memory behind it. */
import { PhysicalMemory } from "../../cpu/physicalMemory";
import type { GuestMemory } from "../guestMemory";

const NOBODY = 0xffffffff;

/** Accesses stay within a page, as those of a processor do. Where there is no RAM, reads give ones and writes vanish. */
export class GuestPhysicalMemory extends PhysicalMemory {
  /** Called with the GPA of each write. */
  onWrite: (gpa: number) => void = () => undefined;

  constructor(
    buffer: ArrayBuffer,
    private readonly host: PhysicalMemory,
    private readonly guest: GuestMemory,
  ) {
    super(buffer, guest.bytes);
  }

  /** Nothing of it lies in the processor's own buffer: an interpreter must come here for every access. */
  override isRam(): boolean {
    return false;
  }

  override read8(gpa: number): number {
    const hpa = this.guest.toHost(gpa);
    return hpa === undefined ? NOBODY & 0xff : this.host.read8(hpa);
  }

  override read16(gpa: number): number {
    const hpa = this.guest.toHost(gpa);
    return hpa === undefined ? NOBODY & 0xffff : this.host.read16(hpa);
  }

  override read32(gpa: number): number {
    const hpa = this.guest.toHost(gpa);
    return hpa === undefined ? NOBODY : this.host.read32(hpa);
  }

  override read64(gpa: number): bigint {
    const hpa = this.guest.toHost(gpa);
    return hpa === undefined ? 0xffffffffffffffffn : this.host.read64(hpa);
  }

  override write8(gpa: number, value: number): void {
    this.to(gpa, (hpa) => {
      this.host.write8(hpa, value);
    });
  }

  override write16(gpa: number, value: number): void {
    this.to(gpa, (hpa) => {
      this.host.write16(hpa, value);
    });
  }

  override write32(gpa: number, value: number): void {
    this.to(gpa, (hpa) => {
      this.host.write32(hpa, value);
    });
  }

  override write64(gpa: number, value: bigint): void {
    this.to(gpa, (hpa) => {
      this.host.write64(hpa, value);
    });
  }

  private to(gpa: number, write: (hpa: number) => void): void {
    const hpa = this.guest.toHost(gpa);
    if (hpa === undefined) return;
    write(hpa);
    this.onWrite(gpa);
  }
}

/** The same for somebody who must not change anything: writes stay here, and are read back from here. */
export class PretendedMemory extends GuestPhysicalMemory {
  /** Bytes written, by GPA. */
  readonly written = new Map<number, number>();

  private isUntouched(gpa: number, bytes: number): boolean {
    if (this.written.size === 0) return true;
    for (let i = 0; i < bytes; i++) if (this.written.has(gpa + i)) return false;
    return true;
  }

  private gather(gpa: number, bytes: number): bigint {
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.read8(gpa + i));
    return value;
  }

  override read8(gpa: number): number {
    return this.written.get(gpa) ?? super.read8(gpa);
  }

  override read16(gpa: number): number {
    return this.isUntouched(gpa, 2) ? super.read16(gpa) : Number(this.gather(gpa, 2));
  }

  override read32(gpa: number): number {
    return this.isUntouched(gpa, 4) ? super.read32(gpa) : Number(this.gather(gpa, 4));
  }

  override read64(gpa: number): bigint {
    return this.isUntouched(gpa, 8) ? super.read64(gpa) : this.gather(gpa, 8);
  }

  private keep(gpa: number, bytes: number, value: bigint): void {
    for (let i = 0; i < bytes; i++)
      this.written.set(gpa + i, Number((value >> BigInt(8 * i)) & 0xffn));
  }

  override write8(gpa: number, value: number): void {
    this.keep(gpa, 1, BigInt(value));
  }

  override write16(gpa: number, value: number): void {
    this.keep(gpa, 2, BigInt(value));
  }

  override write32(gpa: number, value: number): void {
    this.keep(gpa, 4, BigInt(value >>> 0));
  }

  override write64(gpa: number, value: bigint): void {
    this.keep(gpa, 8, value);
  }
}
