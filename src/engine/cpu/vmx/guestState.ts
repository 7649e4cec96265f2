/** The register part of the guest-state area: one table that VM exits save from and VM entries load from. SDM Vol. 3C, "Guest Register State". */
import { AR } from "../../isa/descriptors";
import { RSP } from "../../isa/registers";
import type { VmcsFieldName } from "../../isa/vmx/vmcsFields";
import type { Processor } from "../processor";
import { CR0, EFER, type SegmentRegister } from "../systemState";
import { loadedCr0 } from "./fixedBits";
import { control, readVmcs, readVmcs32, writeVmcs, writeVmcs32 } from "./vmcs";

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
    isSaved: (cpu) => control(cpu, "exit", "saveDebugControls"),
    isLoaded: (cpu) => control(cpu, "entry", "loadDebugControls"),
  },
  {
    field: "GUEST_IA32_DEBUGCTL",
    read: ({ system }) => system.msrs.debugctl,
    write: ({ system }, value) => {
      system.msrs.debugctl = value;
    },
    isSaved: (cpu) => control(cpu, "exit", "saveDebugControls"),
    isLoaded: (cpu) => control(cpu, "entry", "loadDebugControls"),
  },
  {
    field: "GUEST_IA32_SYSENTER_CS",
    read: ({ system }) => system.msrs.sysenterCs,
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
    isSaved: (cpu) => control(cpu, "exit", "savePat"),
    isLoaded: (cpu) => control(cpu, "entry", "loadPat"),
  },
  {
    field: "GUEST_IA32_EFER",
    read: ({ system }) => BigInt(system.efer >>> 0),
    write: ({ system }, value) => {
      system.efer = Number(BigInt.asUintN(32, value));
    },
    isSaved: (cpu) => control(cpu, "exit", "saveEfer"),
    isLoaded: (cpu) => control(cpu, "entry", "loadEfer"),
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

const SEGMENT_NAMES = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"] as const;
type GuestSegment = (typeof SEGMENT_NAMES)[number];

/** Names put together once: doing it at every exit and entry takes longer than the accesses. */
const SEGMENT_FIELDS = Object.fromEntries(
  SEGMENT_NAMES.map((name) => [
    name,
    {
      selector: `GUEST_${name}_SELECTOR`,
      base: `GUEST_${name}_BASE`,
      limit: `GUEST_${name}_LIMIT`,
      rights: `GUEST_${name}_ACCESS_RIGHTS`,
    },
  ]),
) as Readonly<
  Record<GuestSegment, Readonly<Record<"selector" | "base" | "limit" | "rights", VmcsFieldName>>>
>;

function segmentOf(cpu: Processor, name: GuestSegment): SegmentRegister {
  if (name === "LDTR") return cpu.system.ldtr;
  if (name === "TR") return cpu.system.tr;
  return cpu.system.segments[SEGMENT_NAMES.indexOf(name)]!;
}

/** The CPL is SS.DPL in the VMCS. SDM Vol. 3C, "Guest Register State", note on SS. */
function savedRights(cpu: Processor, name: GuestSegment, ar: number): number {
  return name === "SS" ? (ar & ~AR.DPL) | (cpu.cpl << 5) : ar;
}

function saveSegment(cpu: Processor, name: GuestSegment): void {
  const { selector, base, limit, ar } = segmentOf(cpu, name);
  const fields = SEGMENT_FIELDS[name];
  writeVmcs32(cpu, fields.selector, selector);
  writeVmcs(cpu, fields.base, base);
  writeVmcs32(cpu, fields.limit, limit);
  writeVmcs32(cpu, fields.rights, savedRights(cpu, name, ar));
}

function loadedSegment(cpu: Processor, name: GuestSegment): SegmentRegister {
  const fields = SEGMENT_FIELDS[name];
  return {
    selector: readVmcs32(cpu, fields.selector),
    base: readVmcs(cpu, fields.base),
    limit: readVmcs32(cpu, fields.limit),
    ar: readVmcs32(cpu, fields.rights),
  };
}

export function saveGuestRegisters(cpu: Processor): void {
  for (const { field, read, isSaved } of REGISTERS) {
    if (isSaved?.(cpu) ?? true) writeVmcs(cpu, field, read(cpu));
  }
  for (const name of SEGMENT_NAMES) saveSegment(cpu, name);
  for (const [name, table] of [
    ["GDTR", cpu.system.gdtr],
    ["IDTR", cpu.system.idtr],
  ] as const) {
    writeVmcs(cpu, `GUEST_${name}_BASE`, table.base);
    writeVmcs(cpu, `GUEST_${name}_LIMIT`, table.limit);
  }
}

/** Without "load IA32_EFER" the mode of the guest decides LMA and, with paging, LME. SDM Vol. 3C, "Loading Guest Control Registers, Debug Registers, and MSRs". */
function setGuestMode(cpu: Processor): void {
  if (control(cpu, "entry", "loadEfer")) return;
  const { system } = cpu;
  const ia32e = control(cpu, "entry", "ia32eModeGuest");
  const followed = EFER.LMA | (system.cr0 & CR0.PG ? EFER.LME : 0);
  system.efer = ia32e ? system.efer | followed : system.efer & ~followed;
}

export function loadGuestRegisters(cpu: Processor): void {
  for (const { field, write, isLoaded } of REGISTERS) {
    if (isLoaded?.(cpu) ?? true) write(cpu, readVmcs(cpu, field));
  }
  setGuestMode(cpu);
  const { system } = cpu;
  const [es, cs, ss, ds, fs, gs, ldtr, tr] = SEGMENT_NAMES.map((name) => loadedSegment(cpu, name));
  system.segments = [es!, cs!, ss!, ds!, fs!, gs!];
  system.ldtr = ldtr!;
  system.tr = tr!;
  system.cpl = (ss!.ar & AR.DPL) >> 5;
  for (const name of ["GDTR", "IDTR"] as const) {
    system[name === "GDTR" ? "gdtr" : "idtr"] = {
      base: readVmcs(cpu, `GUEST_${name}_BASE`),
      limit: readVmcs32(cpu, `GUEST_${name}_LIMIT`),
    };
  }
}
