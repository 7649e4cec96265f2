import { RAM_BASE } from "./layout";

/** Device windows in physical memory; everything that is neither RAM nor a window reads as ones and swallows writes. */
export interface PhysicalWindows {
  /** Whether a device answers here. */
  has(hpa: number): boolean;
  read(hpa: number, size: 1 | 2 | 4): number | undefined;
  /** False if no window is there. */
  write(hpa: number, size: 1 | 2 | 4, value: number): boolean;
  /** A byte of a device's registers, read without effect, for debuggers; undefined where none can be. */
  peek(hpa: number): number | undefined;
}

export const NO_WINDOWS: PhysicalWindows = {
  has: () => false,
  read: () => undefined,
  write: () => false,
  peek: () => undefined,
};

/** Why a page must not be written behind the processor's back. */
export const PAGE = {
  /** Not written since the last checkpoint: the next write marks it dirty. */
  clean: 1,
  /** Holds instructions that have been decoded. */
  code: 2,
  /** A watchpoint lies in it. */
  watched: 4,
} as const;

/**
 * Host-physical memory (HPA). RAM lies inside the WebAssembly memory at RAM_BASE, so the interpreter reaches it without a call. Each page has
 * guard bits; the interpreter's TLB gets no write tag for a page with any of them, so every guarded write comes here.
 */
export class PhysicalMemory {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  /** PAGE bits by page number. */
  readonly guards: Uint8Array;
  /** Pages written since `takeDirty`. */
  private dirty = new Set<number>();
  windows: PhysicalWindows = NO_WINDOWS;
  /** Number of a page of RAM that a device window hides; -1 without one. */
  coveredPage = -1;
  /** Called after a write into a page with PAGE.code. */
  onCodeWrite: (hpa: number, length: number) => void = () => undefined;

  constructor(
    buffer: ArrayBuffer,
    /** Bytes of RAM from HPA 0. */
    readonly size: number,
  ) {
    this.bytes = new Uint8Array(buffer, RAM_BASE, size);
    this.view = new DataView(buffer, RAM_BASE, size);
    this.guards = new Uint8Array(Math.ceil(size / 4096)).fill(PAGE.clean);
  }

  isRam(hpa: number): boolean {
    return hpa >= 0 && hpa < this.size && hpa >>> 12 !== this.coveredPage;
  }

  /** What a debugger can read: RAM, and devices that let themselves be looked at. */
  isVisible(hpa: number): boolean {
    return this.isRam(hpa) || this.windows.peek(hpa) !== undefined;
  }

  /** A copy of visible bytes of one page. */
  peekBytes(hpa: number, length: number): Uint8Array {
    if (this.isRam(hpa)) return this.readBytes(hpa, length);
    return Uint8Array.from({ length }, (_, i) => this.windows.peek(hpa + i) ?? 0);
  }

  /** True if an access that stays within one page reaches RAM. */
  private isPlain(hpa: number, bytes: number): boolean {
    return hpa + bytes <= this.size && hpa >>> 12 !== this.coveredPage;
  }

  /** Address of a RAM byte in the WebAssembly memory. */
  static hostAddress(hpa: number): number {
    return RAM_BASE + hpa;
  }

  read8(hpa: number): number {
    if (this.isPlain(hpa, 1)) return this.bytes[hpa]!;
    return this.windows.read(hpa, 1) ?? 0xff;
  }

  read16(hpa: number): number {
    if (this.isPlain(hpa, 2)) return this.view.getUint16(hpa, true);
    return this.windows.read(hpa, 2) ?? 0xffff;
  }

  read32(hpa: number): number {
    if (this.isPlain(hpa, 4)) return this.view.getUint32(hpa, true);
    return this.windows.read(hpa, 4) ?? 0xffffffff;
  }

  read64(hpa: number): bigint {
    if (this.isPlain(hpa, 8)) return this.view.getBigUint64(hpa, true);
    return (BigInt(this.read32(hpa + 4)) << 32n) | BigInt(this.read32(hpa));
  }

  write8(hpa: number, value: number): void {
    if (this.isPlain(hpa, 1)) {
      this.bytes[hpa] = value;
      this.wrote(hpa, 1);
    } else this.windows.write(hpa, 1, value & 0xff);
  }

  write16(hpa: number, value: number): void {
    if (this.isPlain(hpa, 2)) {
      this.view.setUint16(hpa, value, true);
      this.wrote(hpa, 2);
    } else this.windows.write(hpa, 2, value & 0xffff);
  }

  write32(hpa: number, value: number): void {
    if (this.isPlain(hpa, 4)) {
      this.view.setUint32(hpa, value, true);
      this.wrote(hpa, 4);
    } else this.windows.write(hpa, 4, value >>> 0);
  }

  write64(hpa: number, value: bigint): void {
    if (this.isPlain(hpa, 8)) {
      this.view.setBigUint64(hpa, BigInt.asUintN(64, value), true);
      this.wrote(hpa, 8);
      return;
    }
    this.write32(hpa, Number(value & 0xffffffffn));
    this.write32(hpa + 4, Number((value >> 32n) & 0xffffffffn));
  }

  /** Copies `bytes` into RAM; returns how many fitted. */
  writeBytes(hpa: number, bytes: Uint8Array): number {
    const count = Math.max(0, Math.min(bytes.length, this.size - hpa));
    this.bytes.set(bytes.subarray(0, count), hpa);
    for (let at = hpa; at < hpa + count; at = (Math.floor(at / 4096) + 1) * 4096) {
      this.wrote(at, Math.min(hpa + count - at, 4096 - (at % 4096)));
    }
    return count;
  }

  /** A copy of RAM bytes; shorter at the end of RAM. */
  readBytes(hpa: number, length: number): Uint8Array {
    return this.bytes.slice(Math.min(hpa, this.size), Math.min(hpa + length, this.size));
  }

  /** Bookkeeping after a write that stays within one page. */
  wrote(hpa: number, length: number): void {
    const page = hpa >>> 12;
    const guard = this.guards[page]!;
    if (guard === 0) return;
    if (guard & PAGE.clean) {
      this.guards[page] = guard & ~PAGE.clean;
      this.dirty.add(page);
    }
    if (guard & PAGE.code) this.onCodeWrite(hpa, length);
  }

  /** Pages written since the last call, all clean again. The caller must drop write tags from the TLB. */
  takeDirty(): Set<number> {
    const taken = this.dirty;
    this.dirty = new Set();
    for (const page of taken) this.guards[page] = this.guards[page]! | PAGE.clean;
    return taken;
  }
}
