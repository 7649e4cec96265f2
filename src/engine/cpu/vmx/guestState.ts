/** The register part of the guest-state area: one table that VM exits save from and VM entries load from. SDM Vol. 3C, "Guest Register State". */
import { AR } from "../../isa/descriptors";
import { RSP, SS } from "../../isa/registers";
import type { VmcsFieldName } from "../../isa/vmx/vmcsFields";
import type { Processor } from "../processor";
import { CR0, EFER, type DescriptorTable, type SegmentRegister } from "../systemState";
import { loadedCr0 } from "./fixedBits";
import {
  controlBit,
  hasControl,
  offsetOf,
  readOffset,
  readOffset32,
  writeOffset,
  writeOffset32,
} from "./vmcs";

const SAVE_DEBUG_CONTROLS = controlBit("exit", "saveDebugControls");
const LOAD_DEBUG_CONTROLS = controlBit("entry", "loadDebugControls");
const SAVE_PAT = controlBit("exit", "savePat");
const LOAD_PAT = controlBit("entry", "loadPat");
const SAVE_EFER = controlBit("exit", "saveEfer");
const LOAD_EFER = controlBit("entry", "loadEfer");
const IA32E_MODE_GUEST = controlBit("entry", "ia32eModeGuest");

interface GuestRegister {
  readonly field: VmcsFieldName;
  readonly read: (cpu: Processor) => bigint;
  readonly write: (cpu: Processor, value: bigint) => void;
  /** Absent: always. */
  readonly isSaved?: (cpu: Processor) => boolean;
  readonly isLoaded?: (cpu: Processor) => boolean;
}

/** DR7 bits that cannot be set; bit 10 always is. SDM Vol. 3B, "Debug Control Register (DR7)". */
const DR7_CLEAR = 0xd000;

export function validDr7(value: bigint): number {
  return ((Number(BigInt.asUintN(32, value)) & ~DR7_CLEAR) | 0x400) >>> 0;
}

const REGISTERS: readonly GuestRegister[] = [
  {
    field: "GUEST_CR0",
    read: ({ system }) => BigInt(system.cr0 >>> 0),
    write: ({ system }, value) => {
      system.cr0 = loadedCr0(system.cr0, value);
    },
  },
  {
    field: "GUEST_CR3",
    read: ({ system }) => BigInt(system.cr3),
    write: ({ system }, value) => {
      system.cr3 = Number(value);
    },
  },
  {
    field: "GUEST_CR4",
    read: ({ system }) => BigInt(system.cr4 >>> 0),
    write: ({ system }, value) => {
      system.cr4 = Number(BigInt.asUintN(32, value));
    },
  },
  {
    field: "GUEST_DR7",
    read: ({ system }) => BigInt(system.dr7 >>> 0),
    write: ({ system }, value) => {
      system.dr7 = validDr7(value);
    },
    isSaved: (cpu) => hasControl(cpu, SAVE_DEBUG_CONTROLS),
    isLoaded: (cpu) => hasControl(cpu, LOAD_DEBUG_CONTROLS),
  },
  {
    field: "GUEST_IA32_DEBUGCTL",
    read: ({ system }) => system.msrs.debugctl,
    write: ({ system }, value) => {
      system.msrs.debugctl = value;
    },
    isSaved: (cpu) => hasControl(cpu, SAVE_DEBUG_CONTROLS),
    isLoaded: (cpu) => hasControl(cpu, LOAD_DEBUG_CONTROLS),
  },
  {
    field: "GUEST_IA32_SYSENTER_CS",
    // A field of 32 bits.
    read: ({ system }) => BigInt.asUintN(32, system.msrs.sysenterCs),
    write: ({ system }, value) => {
      system.msrs.sysenterCs = value;
    },
  },
  {
    field: "GUEST_IA32_SYSENTER_ESP",
    read: ({ system }) => system.msrs.sysenterEsp,
    write: ({ system }, value) => {
      system.msrs.sysenterEsp = value;
    },
  },
  {
    field: "GUEST_IA32_SYSENTER_EIP",
    read: ({ system }) => system.msrs.sysenterEip,
    write: ({ system }, value) => {
      system.msrs.sysenterEip = value;
    },
  },
  {
    field: "GUEST_IA32_PAT",
    read: ({ system }) => system.msrs.pat,
    write: ({ system }, value) => {
      system.msrs.pat = value;
    },
    isSaved: (cpu) => hasControl(cpu, SAVE_PAT),
    isLoaded: (cpu) => hasControl(cpu, LOAD_PAT),
  },
  {
    field: "GUEST_IA32_EFER",
    read: ({ system }) => BigInt(system.efer >>> 0),
    write: ({ system }, value) => {
      system.efer = Number(BigInt.asUintN(32, value));
    },
    isSaved: (cpu) => hasControl(cpu, SAVE_EFER),
    isLoaded: (cpu) => hasControl(cpu, LOAD_EFER),
  },
  {
    field: "GUEST_RSP",
    read: (cpu) => cpu.gpr(RSP),
    write: (cpu, value) => {
      cpu.setGpr(RSP, value);
    },
  },
  {
    field: "GUEST_RIP",
    read: (cpu) => cpu.rip,
    write: (cpu, value) => {
      cpu.rip = value;
    },
  },
  {
    field: "GUEST_RFLAGS",
    read: (cpu) => BigInt(cpu.rflags >>> 0),
    write: (cpu, value) => {
      cpu.rflags = Number(BigInt.asUintN(32, value));
    },
  },
];

/** By number. */
const SEGMENT_NAMES = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"] as const;

const REGISTER_OFFSETS = REGISTERS.map(({ field }) => offsetOf(field));

/** Where the parts of a segment register are. */
interface SegmentOffsets {
  readonly selector: number;
  readonly base: number;
  readonly limit: number;
  readonly rights: number;
}

const SEGMENT_OFFSETS: readonly SegmentOffsets[] = SEGMENT_NAMES.map((name) => ({
  selector: offsetOf(`GUEST_${name}_SELECTOR`),
  base: offsetOf(`GUEST_${name}_BASE`),
  limit: offsetOf(`GUEST_${name}_LIMIT`),
  rights: offsetOf(`GUEST_${name}_ACCESS_RIGHTS`),
}));

const GDTR = { base: offsetOf("GUEST_GDTR_BASE"), limit: offsetOf("GUEST_GDTR_LIMIT") };
const IDTR = { base: offsetOf("GUEST_IDTR_BASE"), limit: offsetOf("GUEST_IDTR_LIMIT") };

/** Numbers of the segment registers that are not in `system.segments`. */
const [LDTR, TR] = [6, 7];

function segmentOf(cpu: Processor, number: number): SegmentRegister {
  if (number === LDTR) return cpu.system.ldtr;
  if (number === TR) return cpu.system.tr;
  return cpu.system.segments[number]!;
}

/** The CPL is SS.DPL in the VMCS. SDM Vol. 3C, "Guest Register State", note on SS. */
function savedRights(cpu: Processor, number: number, ar: number): number {
  return number === SS ? (ar & ~AR.DPL) | (cpu.cpl << 5) : ar;
}

function saveSegment(cpu: Processor, number: number): void {
  const { selector, base, limit, ar } = segmentOf(cpu, number);
  const offsets = SEGMENT_OFFSETS[number]!;
  writeOffset32(cpu, offsets.selector, selector);
  writeOffset(cpu, offsets.base, base);
  writeOffset32(cpu, offsets.limit, limit);
  writeOffset32(cpu, offsets.rights, savedRights(cpu, number, ar));
}

function loadedSegment(cpu: Processor, number: number): SegmentRegister {
  const offsets = SEGMENT_OFFSETS[number]!;
  return cpu.decoded.segment(
    number,
    readOffset32(cpu, offsets.selector),
    readOffset32(cpu, offsets.base),
    readOffset32(cpu, offsets.base + 4),
    readOffset32(cpu, offsets.limit),
    readOffset32(cpu, offsets.rights),
  );
}

function saveTable(cpu: Processor, offsets: typeof GDTR, { base, limit }: DescriptorTable): void {
  writeOffset(cpu, offsets.base, base);
  writeOffset32(cpu, offsets.limit, limit);
}

function loadedTable(cpu: Processor, offsets: typeof GDTR): DescriptorTable {
  return { base: readOffset(cpu, offsets.base), limit: readOffset32(cpu, offsets.limit) };
}

export function saveGuestRegisters(cpu: Processor): void {
  for (let i = 0; i < REGISTERS.length; i++) {
    const { read, isSaved } = REGISTERS[i]!;
    if (isSaved?.(cpu) ?? true) writeOffset(cpu, REGISTER_OFFSETS[i]!, read(cpu));
  }
  for (let number = 0; number < SEGMENT_NAMES.length; number++) saveSegment(cpu, number);
  saveTable(cpu, GDTR, cpu.system.gdtr);
  saveTable(cpu, IDTR, cpu.system.idtr);
}

/** Without "load IA32_EFER" the mode of the guest decides LMA and, with paging, LME. SDM Vol. 3C, "Loading Guest Control Registers, Debug Registers, and MSRs". */
function setGuestMode(cpu: Processor): void {
  if (hasControl(cpu, LOAD_EFER)) return;
  const { system } = cpu;
  const ia32e = hasControl(cpu, IA32E_MODE_GUEST);
  const followed = EFER.LMA | (system.cr0 & CR0.PG ? EFER.LME : 0);
  system.efer = ia32e ? system.efer | followed : system.efer & ~followed;
}

export function loadGuestRegisters(cpu: Processor): void {
  for (let i = 0; i < REGISTERS.length; i++) {
    const { write, isLoaded } = REGISTERS[i]!;
    if (isLoaded?.(cpu) ?? true) write(cpu, readOffset(cpu, REGISTER_OFFSETS[i]!));
  }
  setGuestMode(cpu);
  const { system } = cpu;
  const segments: SegmentRegister[] = [];
  for (let number = 0; number < LDTR; number++) segments.push(loadedSegment(cpu, number));
  system.segments = segments;
  system.ldtr = loadedSegment(cpu, LDTR);
  system.tr = loadedSegment(cpu, TR);
  system.cpl = (segments[SS]!.ar & AR.DPL) >> 5;
  system.gdtr = loadedTable(cpu, GDTR);
  system.idtr = loadedTable(cpu, IDTR);
}
