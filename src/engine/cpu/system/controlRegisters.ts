/** MOV CR, MOV DR, LMSW, SMSW, CLTS, INVLPG, INVPCID, cache control. SDM Vol. 3A, "Control Registers"; Vol. 3B, "Debug Registers". */
import { DR6_FIXED_ONES } from "../../isa/controlRegisters";
import type { Instruction } from "../../codec/types";
import { debugException, gp, ud } from "../abort";
import { readMemory } from "../dataAccess";
import { DEBUG_CAUSE } from "../debugRegisters";
import { canonicalLinear, pageOf } from "../linear";
import { loadPdptes, refreshTlbTag } from "../paging";
import type { Processor } from "../processor";
import { CR0, CR4, EFER } from "../systemState";
import { AR } from "../../isa/descriptors";
import { RAX, RCX, RDX } from "../../isa/registers";
import { tlbTag } from "../tlb";
import { intercept, maskedCr0Write, maskedCr4Write, readCr0, readCr4 } from "../vmx/intercepts";
import { currentVpid } from "../vmx/vmcs";
import { checkCr0Fixed, checkCr4Fixed } from "../vmx/fixedBits";
import {
  effectiveAddress,
  memoryOperand,
  operand,
  readOperand,
  writeOperand,
  type SystemEvent,
} from "./systemEvent";
import { checkUmip } from "./segments";

const CR4_SUPPORTED: readonly (readonly [number, string])[] = [
  [CR4.VME, "vme"],
  [CR4.PVI, "vme"],
  [CR4.DE, "de"],
  [CR4.PSE, "pse"],
  [CR4.TSD, "tsc"],
  [CR4.PAE, "pae"],
  [CR4.MCE, "mce"],
  [CR4.PGE, "pge"],
  [CR4.PCE, "msr"],
  [CR4.OSFXSR, "msr"],
  [CR4.OSXMMEXCPT, "msr"],
  [CR4.UMIP, "umip"],
  [CR4.VMXE, "vmx"],
  [CR4.FSGSBASE, "fsgsbase"],
  [CR4.PCIDE, "pcid"],
  [CR4.SMEP, "smep"],
  [CR4.SMAP, "smap"],
];

/** Reserved CR4 bits of this model. PCE and the SSE bits may be set as on any PC with MSRs; they do nothing here. */
function reservedCr4(cpu: Processor): number {
  let allowed = 0;
  for (const [mask, feature] of CR4_SUPPORTED) {
    if (cpu.model.features.has(feature)) allowed |= mask;
  }
  return ~allowed;
}

/** Every CR0 change: the rules, then LMA, PDPTEs, TLB. Throws #GP(0). */
export function writeCr0(cpu: Processor, wanted: number): void {
  const { system } = cpu;
  const value = (wanted | CR0.ET) >>> 0;
  const old = system.cr0;
  if (value & CR0.PG && !(value & CR0.PE)) throw gp(0, "CR0.PG needs CR0.PE");
  if (value & CR0.NW && !(value & CR0.CD)) throw gp(0, "CR0.NW needs CR0.CD");
  checkCr0Fixed(cpu, value);
  const pagingOn = (value & CR0.PG) !== 0 && (old & CR0.PG) === 0;
  const pagingOff = (value & CR0.PG) === 0 && (old & CR0.PG) !== 0;
  if (pagingOn) enablePaging(cpu);
  if (pagingOff && system.cr4 & CR4.PCIDE)
    throw gp(0, "CR0.PG cannot be cleared while CR4.PCIDE is set");
  if (pagingOff && cpu.is64) throw gp(0, "CR0.PG cannot be cleared in 64-bit mode");
  system.cr0 =
    value &
    (CR0.PE |
      CR0.MP |
      CR0.EM |
      CR0.TS |
      CR0.ET |
      CR0.NE |
      CR0.WP |
      CR0.AM |
      CR0.NW |
      CR0.CD |
      CR0.PG);
  if (pagingOff) system.efer &= ~EFER.LMA;
  if ((old ^ value) & (CR0.PG | CR0.PE | CR0.WP)) {
    cpu.tlb.flushAll();
    cpu.refresh();
    cpu.translationChanged();
  }
  cpu.refresh();
}

function enablePaging(cpu: Processor): void {
  const { system } = cpu;
  if (system.efer & EFER.LME) {
    if (!(system.cr4 & CR4.PAE)) throw gp(0, "IA-32e paging needs CR4.PAE");
    if (cpu.cs.ar & AR.L)
      throw gp(0, "CS.L must be clear while paging is switched on with EFER.LME");
    system.efer |= EFER.LMA;
    return;
  }
  if (system.cr4 & CR4.PAE && !loadPdptes(cpu, system.cr3)) {
    throw gp(0, "a PDPTE has a reserved bit set");
  }
}

/** CR3 with the rules of PCID and PAE. `keep`: bit 63, do not flush. */
export function writeCr3(cpu: Processor, wanted: bigint): void {
  const { system } = cpu;
  const keep = (system.cr4 & CR4.PCIDE) !== 0 && wanted >> 63n === 1n;
  const value = system.cr4 & CR4.PCIDE ? wanted & ~(1n << 63n) : wanted;
  if (cpu.longMode && value >> BigInt(cpu.model.physicalAddressBits)) {
    throw gp(0, "CR3 has bits above the physical-address width");
  }
  const cr3 = cpu.longMode ? Number(value) : Number(BigInt.asUintN(32, value));
  if (cpu.paging && system.cr4 & CR4.PAE && !cpu.longMode && !loadPdptes(cpu, cr3)) {
    throw gp(0, "a PDPTE has a reserved bit set");
  }
  system.cr3 = cr3;
  refreshTlbTag(cpu);
  if (!keep) cpu.tlb.flushNonGlobal();
  cpu.translationChanged();
  cpu.observe({ kind: "cr3-load", value: cr3 });
}

export function writeCr4(cpu: Processor, wanted: number): void {
  const { system } = cpu;
  const old = system.cr4;
  if (wanted & reservedCr4(cpu))
    throw gp(
      0,
      `CR4 bits 0x${((wanted & reservedCr4(cpu)) >>> 0).toString(16)} are reserved on this processor`,
    );
  checkCr4Fixed(cpu, wanted);
  if (cpu.longMode && !(wanted & CR4.PAE)) throw gp(0, "CR4.PAE cannot be cleared in IA-32e mode");
  if (wanted & CR4.PCIDE && !(old & CR4.PCIDE)) {
    if (!cpu.longMode) throw gp(0, "CR4.PCIDE needs IA-32e mode");
    if (system.cr3 & 0xfff) throw gp(0, "CR4.PCIDE needs CR3[11:0] = 0");
  }
  system.cr4 = wanted >>> 0;
  const paging = CR4.PSE | CR4.PAE | CR4.PGE | CR4.PCIDE | CR4.SMEP | CR4.SMAP;
  if ((old ^ wanted) & paging) {
    if (cpu.paging && wanted & CR4.PAE && !cpu.longMode && !loadPdptes(cpu, system.cr3)) {
      system.cr4 = old;
      throw gp(0, "a PDPTE has a reserved bit set");
    }
    refreshTlbTag(cpu);
    cpu.tlb.flushAll();
    cpu.translationChanged();
  }
  cpu.refresh();
}

function controlRegister(instruction: Instruction, i: number): number {
  const op = operand(instruction, i);
  if (op.kind !== "cr" && op.kind !== "dr") throw ud("not a control or debug register");
  return op.register;
}

const movToCr: SystemEvent = (cpu, instruction) => {
  const register = controlRegister(instruction, 0);
  const value = readOperand(cpu, instruction, 1);
  if (![0, 2, 3, 4, 8].includes(register)) throw ud(`CR${register} does not exist`);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  switch (register) {
    case 0:
      if (value >> 32n) throw gp(0, "CR0 bits 63-32 are reserved");
      writeCr0(cpu, maskedCr0Write(cpu, Number(value)));
      break;
    case 2:
      cpu.system.cr2 = value;
      break;
    case 3:
      writeCr3(cpu, value);
      break;
    case 4:
      if (value >> 32n) throw gp(0, "CR4 bits 63-32 are reserved");
      writeCr4(cpu, maskedCr4Write(cpu, Number(value)));
      break;
    default:
      if (value > 15n) throw gp(0, "CR8 bits 63-4 are reserved");
      cpu.localApic.taskPriority = Number(value) << 4;
  }
  return "next";
};

const movFromCr: SystemEvent = (cpu, instruction) => {
  const register = controlRegister(instruction, 1);
  if (![0, 2, 3, 4, 8].includes(register)) throw ud(`CR${register} does not exist`);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const { system } = cpu;
  const value =
    register === 0
      ? BigInt(readCr0(cpu) >>> 0)
      : register === 2
        ? system.cr2
        : register === 3
          ? BigInt(system.cr3)
          : register === 4
            ? BigInt(readCr4(cpu) >>> 0)
            : BigInt(cpu.localApic.taskPriority >> 4);
  writeOperand(cpu, instruction, 0, value);
  return "next";
};

/** Which register DR4 and DR5 mean, and the general-detect trap. */
function debugRegister(cpu: Processor, instruction: Instruction, i: number): number {
  let register = controlRegister(instruction, i);
  if (register === 4 || register === 5) {
    if (cpu.system.cr4 & CR4.DE) throw ud("DR4 and DR5 do not exist with CR4.DE");
    register += 2;
  }
  if (register > 7) throw ud(`DR${register} does not exist`);
  return register;
}

function generalDetect(cpu: Processor): void {
  if (!(cpu.system.dr7 & DEBUG_CAUSE.generalDetect)) return;
  throw debugException(DEBUG_CAUSE.generalDetect, "DR7.GD guards the debug registers");
}

const movToDr: SystemEvent = (cpu, instruction) => {
  const register = debugRegister(cpu, instruction, 0);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  generalDetect(cpu);
  const value = readOperand(cpu, instruction, 1);
  const { system } = cpu;
  if (register >= 6 && value >> 32n) throw gp(0, `DR${register} bits 63-32 are reserved`);
  if (register < 4) system.dr[register] = value;
  else if (register === 6) system.dr6 = ((Number(value) & 0xe00f) | DR6_FIXED_ONES) >>> 0;
  else system.dr7 = ((Number(value) & ~0xd800) | 0x400) >>> 0;
  cpu.refresh();
  return "next";
};

const movFromDr: SystemEvent = (cpu, instruction) => {
  const register = debugRegister(cpu, instruction, 1);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  generalDetect(cpu);
  const { dr, dr6, dr7 } = cpu.system;
  writeOperand(
    cpu,
    instruction,
    0,
    register < 4 ? dr[register]! : BigInt(register === 6 ? dr6 : dr7),
  );
  return "next";
};

const smsw: SystemEvent = (cpu, instruction) => {
  checkUmip(cpu);
  const memory = operand(instruction, 0).kind === "mem";
  const value = BigInt(readCr0(cpu) >>> 0);
  writeOperand(cpu, instruction, 0, memory ? value & 0xffffn : value, memory ? 2 : undefined);
  return "next";
};

const lmsw: SystemEvent = (cpu, instruction) => {
  const source = Number(readOperand(cpu, instruction, 0, 2)) & 0xf;
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  // PE can be set but not cleared.
  const old = cpu.system.cr0;
  const low = source | (old & CR0.PE);
  writeCr0(cpu, maskedCr0Write(cpu, (readCr0(cpu) & ~0xf) | low));
  return "next";
};

const clts: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  cpu.system.cr0 = maskedCr0Write(cpu, readCr0(cpu) & ~CR0.TS);
  return "next";
};

const invlpg: SystemEvent = (cpu, instruction) => {
  const memory = memoryOperand(instruction, 0);
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const ea = effectiveAddress(cpu, instruction, memory);
  const base = cpu.is64 && memory.segment < 4 ? 0n : cpu.segment(memory.segment).base;
  const linear = cpu.is64 ? canonicalLinear(base + ea) : Number(BigInt.asUintN(32, base + ea));
  // A non-canonical address makes INVLPG a no-operation.
  if (linear !== undefined) cpu.invalidatePage(linear);
  return "next";
};

const invpcid: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const type = readOperand(cpu, instruction, 0);
  const memory = memoryOperand(instruction, 1);
  const ea = effectiveAddress(cpu, instruction, memory);
  const low = readMemory(cpu, memory.segment, ea, 8);
  const linear = canonicalLinear(readMemory(cpu, memory.segment, ea + 8n, 8));
  const pcid = Number(low & 0xfffn);
  if (type > 3n) throw gp(0, "INVPCID type above 3");
  if (low >> 12n) throw gp(0, "INVPCID descriptor bits 63-12 are reserved");
  if (pcid !== 0 && type < 2n && !(cpu.system.cr4 & CR4.PCIDE))
    throw gp(0, "INVPCID of a PCID needs CR4.PCIDE");
  const tag = tlbTag(currentVpid(cpu), pcid);
  if (type === 0n) {
    if (linear === undefined) throw gp(0, "INVPCID address is not canonical");
    cpu.tlb.flushPage(pageOf(linear), tag);
  } else if (type === 1n) cpu.tlb.flushNonGlobal(tag);
  else {
    const vpid = currentVpid(cpu);
    cpu.tlb.flushWhere(
      (other, entry) => Math.floor(other / 4096) === vpid && (type === 2n || !entry.global),
    );
  }
  cpu.translationChanged();
  return "next";
};

/** Caches are not modelled: INVD and WBINVD only have their privilege checks and exits. */
const cacheControl: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  return "next";
};

/** The number of the extended control register: there is only XCR0. */
function extendedControlRegister(cpu: Processor): void {
  if (!(cpu.system.cr4 & CR4.OSXSAVE)) throw ud("CR4.OSXSAVE is clear");
  if (cpu.gpr32(RCX) !== 0) throw gp(0, `XCR${cpu.gpr32(RCX)} does not exist`);
}

const xgetbv: SystemEvent = (cpu) => {
  extendedControlRegister(cpu);
  cpu.setGpr(RAX, BigInt(cpu.system.xcr0), 32);
  cpu.setGpr(RDX, 0n, 32);
  return "next";
};

/** x87 state is the only component, and cannot be switched off. */
const xsetbv: SystemEvent = (cpu, instruction) => {
  if (!(cpu.system.cr4 & CR4.OSXSAVE)) throw ud("CR4.OSXSAVE is clear");
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  extendedControlRegister(cpu);
  if (cpu.gpr(RDX, 32) !== 0n || cpu.gpr32(RAX) !== 1) throw gp(0, "XCR0 must be 1");
  return "next";
};

export const CONTROL_EVENTS: Readonly<Record<string, SystemEvent>> = {
  mov_to_cr: movToCr,
  mov_from_cr: movFromCr,
  mov_to_dr: movToDr,
  mov_from_dr: movFromDr,
  smsw,
  lmsw,
  clts,
  invlpg,
  invpcid,
  invd: cacheControl,
  wbinvd: cacheControl,
  xgetbv,
  xsetbv,
};
