/** How an image starts: the state that a boot sector, a multiboot kernel, or a 64-bit kernel finds. */
import { DEFAULT_BOOT_DRIVE } from "../devices/bios/device";
import { AR } from "../isa/descriptors";
import { CS, RAX, RBX, RDI, RDX, RSP } from "../isa/registers";
import { RFLAGS } from "../cpu/systemState";
import type { GuestStart, StartSegment } from "../vmm/guestStart";
import { biosMemory } from "./bios/rom";
import { commandLine, MULTIBOOT_MAGIC, multibootInformation } from "./multiboot";
import type { GuestImage } from "./types";

/** Fixed places in low memory, chosen below what kernels load at. GPA. */
export const LOW_MEMORY = {
  /** Multiboot information and memory map. */
  multiboot: 0x9000,
  /** Page tables of `long64`: PML4, PDPT, four page directories. */
  pageTables: 0x70000,
  gdt: 0x76000,
  stackTop: 0x70000,
} as const;

const CODE = 0xb;
const DATA = 3;
/** Bit 1 of RFLAGS is always 1. */
const FIXED = 2;

function flat(selector: number, type: number, mode: number): StartSegment {
  return { selector, base: 0n, limit: 0xffffffff, ar: AR.P | AR.S | type | AR.G | mode };
}

function sixSegments(code: StartSegment, data: StartSegment): StartSegment[] {
  return [0, 1, 2, 3, 4, 5].map((index) => (index === CS ? code : data));
}

function words(values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function information(image: GuestImage, memoryBytes: number): Uint8Array {
  return multibootInformation({
    address: LOW_MEMORY.multiboot,
    memoryBytes,
    commandLine: commandLine(image.name, image.append),
  });
}

/** GDT with a 64-bit code segment at 8 and data at 16. */
function longModeGdt(): Uint8Array {
  return words([0, 0, 0x0000ffff, 0x00af9b00, 0x0000ffff, 0x00cf9300]);
}

/** Identity map of the first 4 GiB by 2 MiB pages. */
function identityTables(): Uint8Array {
  const bytes = new Uint8Array(6 * 4096);
  const view = new DataView(bytes.buffer);
  const { pageTables } = LOW_MEMORY;
  view.setUint32(0, (pageTables + 0x1000) | 3, true);
  for (let i = 0; i < 4; i++)
    view.setUint32(0x1000 + 8 * i, (pageTables + 0x2000 + i * 0x1000) | 3, true);
  for (let i = 0; i < 2048; i++) view.setUint32(0x2000 + 8 * i, (i * 0x200000 + 0x83) >>> 0, true);
  return bytes;
}

function real16(image: GuestImage): GuestStart {
  const data: StartSegment = { selector: 0, base: 0n, limit: 0xffff, ar: AR.P | AR.S | DATA };
  return {
    entry: "real16",
    entryPoint: image.entryPoint,
    memory: [...biosMemory(), { gpa: image.loadAddress, bytes: image.bytes }],
    registers: [
      [RDX, BigInt(image.bootDrive ?? DEFAULT_BOOT_DRIVE)],
      [RSP, 0x7c00n],
    ],
    rflags: FIXED | RFLAGS.IF,
    cr0: 0x10,
    cr3: 0,
    cr4: 0,
    efer: 0,
    segments: sixSegments(data, data),
    gdtr: { base: 0n, limit: 0xffff },
    idtr: { base: 0n, limit: 0x3ff },
  };
}

function protected32(image: GuestImage, memoryBytes: number): GuestStart {
  const gdt = words([0, 0, 0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300]);
  return {
    entry: "protected32",
    entryPoint: image.entryPoint,
    memory: [
      { gpa: LOW_MEMORY.multiboot, bytes: information(image, memoryBytes) },
      { gpa: LOW_MEMORY.gdt, bytes: gdt },
      { gpa: image.loadAddress, bytes: image.bytes },
    ],
    registers: [
      [RAX, MULTIBOOT_MAGIC],
      [RBX, BigInt(LOW_MEMORY.multiboot)],
      [RSP, BigInt(LOW_MEMORY.stackTop)],
    ],
    cr0: 0x11,
    cr3: 0,
    cr4: 0,
    efer: 0,
    segments: sixSegments(flat(8, CODE, AR.DB), flat(16, DATA, AR.DB)),
    gdtr: { base: BigInt(LOW_MEMORY.gdt), limit: gdt.length - 1 },
    idtr: { base: 0n, limit: 0 },
  };
}

function long64(image: GuestImage, memoryBytes: number): GuestStart {
  const gdt = longModeGdt();
  return {
    entry: "long64",
    entryPoint: image.entryPoint,
    memory: [
      { gpa: LOW_MEMORY.multiboot, bytes: information(image, memoryBytes) },
      { gpa: LOW_MEMORY.pageTables, bytes: identityTables() },
      { gpa: LOW_MEMORY.gdt, bytes: gdt },
      { gpa: image.loadAddress, bytes: image.bytes },
    ],
    registers: [
      [RDI, BigInt(LOW_MEMORY.multiboot)],
      [RSP, BigInt(LOW_MEMORY.stackTop)],
    ],
    cr0: 0x80000011,
    cr3: LOW_MEMORY.pageTables,
    cr4: 0x20,
    efer: 0x500,
    segments: sixSegments(flat(8, CODE, AR.L), flat(16, DATA, AR.DB)),
    gdtr: { base: BigInt(LOW_MEMORY.gdt), limit: gdt.length - 1 },
    idtr: { base: 0n, limit: 0 },
  };
}

/** The start state for an image. DESIGN: real16 at 0000:7c00 with DL = 0x80; protected32 as multiboot 1; long64 identity-mapped. */
export function guestStart(image: GuestImage, memoryBytes: number): GuestStart {
  switch (image.entry) {
    case "real16":
      return real16(image);
    case "protected32":
      return protected32(image, memoryBytes);
    case "long64":
      return long64(image, memoryBytes);
  }
}
