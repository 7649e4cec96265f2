/** RDMSR, WRMSR, CPUID, time-stamp counter, random numbers. SDM Vol. 4, "Model-Specific Registers"; Vol. 2. */
import { supportedMask } from "../../isa/bitFields";
import {
  DEBUGCTL_SUPPORTED,
  isPossibleApicBase,
  isValidPat,
  MCG_STATUS_LAYOUT,
  MSR,
  msrText,
} from "../../isa/msrs";
import { capabilityMsrs, vmxCapabilities } from "../../isa/vmx/capabilities";
import { FS, GS, RAX, RBX, RCX, RDX } from "../../isa/registers";
import { gp } from "../abort";
import { cpuid } from "../cpuModel";
import { canonicalLinear } from "../linear";
import type { Processor } from "../processor";
import { CR4, EFER, RFLAGS, type SystemState } from "../systemState";
import { guestTsc, intercept } from "../vmx/intercepts";
import { setArithmeticFlags, writeOperand, type SystemEvent } from "./systemEvent";

type MsrName = keyof SystemState["msrs"];

/** An MSR that is a plain register: where it lives and which values it takes. */
interface PlainMsr {
  readonly name: MsrName;
  readonly check: (value: bigint) => boolean;
}

const canonical = (value: bigint): boolean => canonicalLinear(value) !== undefined;
const any = (): boolean => true;

const PLAIN: ReadonlyMap<number, PlainMsr> = new Map<number, PlainMsr>([
  [MSR.SYSENTER_CS, { name: "sysenterCs", check: any }],
  [MSR.SYSENTER_ESP, { name: "sysenterEsp", check: canonical }],
  [MSR.SYSENTER_EIP, { name: "sysenterEip", check: canonical }],
  [MSR.PAT, { name: "pat", check: isValidPat }],
  [MSR.STAR, { name: "star", check: any }],
  [MSR.LSTAR, { name: "lstar", check: canonical }],
  [MSR.CSTAR, { name: "cstar", check: canonical }],
  [MSR.FMASK, { name: "fmask", check: (value) => value >> 32n === 0n }],
  [MSR.KERNEL_GS_BASE, { name: "kernelGsBase", check: canonical }],
  [MSR.TSC_AUX, { name: "tscAux", check: (value) => value >> 32n === 0n }],
  [MSR.MISC_ENABLE, { name: "miscEnable", check: any }],
  [
    MSR.MCG_STATUS,
    {
      name: "mcgStatus",
      check: (value: bigint) => (value & ~supportedMask(MCG_STATUS_LAYOUT)) === 0n,
    },
  ],
  [
    MSR.DEBUGCTL,
    { name: "debugctl", check: (value: bigint) => (value & ~DEBUGCTL_SUPPORTED) === 0n },
  ],
]);

/** MSRs that came with a feature: without it they do not exist. Those of VMX are `capabilities`. */
const FEATURE_OF_MSR: ReadonlyMap<number, string> = new Map([
  [MSR.SYSENTER_CS, "sep"],
  [MSR.SYSENTER_ESP, "sep"],
  [MSR.SYSENTER_EIP, "sep"],
  [MSR.PAT, "pat"],
  [MSR.EFER, "syscall"],
  [MSR.STAR, "syscall"],
  [MSR.LSTAR, "syscall"],
  [MSR.CSTAR, "syscall"],
  [MSR.FMASK, "syscall"],
  [MSR.FS_BASE, "lm"],
  [MSR.GS_BASE, "lm"],
  [MSR.KERNEL_GS_BASE, "lm"],
  [MSR.TSC_AUX, "rdtscp"],
  [MSR.FEATURE_CONTROL, "vmx"],
  [MSR.MCG_CAP, "mca"],
  [MSR.MCG_STATUS, "mca"],
  [MSR.APIC_BASE, "apic"],
  [MSR.TSC_DEADLINE, "tscdeadline"],
]);

const capabilities = capabilityMsrs(vmxCapabilities());

const unknown = (number: number): never => {
  throw gp(0, `MSR ${msrText(number)} does not exist on this processor`);
};

function checkExists(cpu: Processor, number: number): void {
  const feature = capabilities.has(number) ? "vmx" : FEATURE_OF_MSR.get(number);
  if (feature !== undefined && !cpu.model.features.has(feature)) unknown(number);
}

/** Value of an MSR; throws #GP(0) for an unknown one. */
export function readMsr(cpu: Processor, number: number): bigint {
  checkExists(cpu, number);
  const plain = PLAIN.get(number);
  if (plain) return cpu.system.msrs[plain.name];
  switch (number) {
    case MSR.TIME_STAMP_COUNTER:
      return guestTsc(cpu);
    case MSR.EFER:
      return BigInt(cpu.system.efer >>> 0);
    case MSR.FS_BASE:
      return cpu.segment(FS).base;
    case MSR.GS_BASE:
      return cpu.segment(GS).base;
    case MSR.FEATURE_CONTROL:
      return cpu.system.msrs.featureControl;
    case MSR.APIC_BASE:
      return BigInt(cpu.localApic.base ?? unknown(number));
    case MSR.TSC_DEADLINE:
      return cpu.localApic.tscDeadline;
    case MSR.MTRRCAP:
    case MSR.MTRR_DEF_TYPE:
    case MSR.MCG_CAP:
      return 0n;
  }
  return capabilities.get(number) ?? unknown(number);
}

function writeEfer(cpu: Processor, value: bigint): void {
  const { features } = cpu.model;
  const longMode = features.has("lm") ? EFER.LME | EFER.LMA : 0;
  const allowed = BigInt(EFER.SCE | longMode | (features.has("nx") ? EFER.NXE : 0));
  if (value & ~allowed) throw gp(0, "EFER has a reserved bit set");
  const { system } = cpu;
  const wanted = (Number(value) & ~EFER.LMA) | (system.efer & EFER.LMA);
  if (cpu.paging && (wanted ^ system.efer) & EFER.LME)
    throw gp(0, "EFER.LME cannot change while paging is on");
  system.efer = wanted;
  cpu.tlb.flushAll();
  cpu.translationChanged();
}

/** SDM Vol. 3A, "Local APIC Status and Location". */
function writeApicBase({ localApic, model }: Processor, value: bigint): void {
  if (localApic.base === undefined) unknown(MSR.APIC_BASE);
  if (!isPossibleApicBase(value, model.physicalAddressBits))
    throw gp(0, "IA32_APIC_BASE has a reserved bit set");
  localApic.base = Number(value);
}

/** Writes an MSR; throws #GP(0) for unknown and read-only ones and impossible values. */
export function writeMsr(cpu: Processor, number: number, value: bigint): void {
  checkExists(cpu, number);
  const plain = PLAIN.get(number);
  if (plain) {
    if (!plain.check(value))
      throw gp(0, `value 0x${value.toString(16)} is not possible in MSR ${msrText(number)}`);
    cpu.system.msrs[plain.name] = value;
    return;
  }
  switch (number) {
    case MSR.TIME_STAMP_COUNTER:
      cpu.system.msrs.tscOffset = BigInt.asUintN(64, value - BigInt(cpu.ticks));
      cpu.localApic.tscChanged();
      return;
    case MSR.TSC_DEADLINE:
      cpu.localApic.tscDeadline = value;
      return;
    case MSR.APIC_BASE:
      writeApicBase(cpu, value);
      return;
    case MSR.EFER:
      writeEfer(cpu, value);
      return;
    case MSR.FS_BASE:
    case MSR.GS_BASE: {
      if (!canonical(value)) throw gp(0, "the base is not canonical");
      const index = number === MSR.FS_BASE ? FS : GS;
      cpu.system.segments[index] = { ...cpu.segment(index), base: value };
      cpu.refresh();
      return;
    }
    case MSR.MTRR_DEF_TYPE:
      return;
    case MSR.FEATURE_CONTROL:
      throw gp(0, "IA32_FEATURE_CONTROL is locked");
  }
  if (capabilities.has(number) || number === MSR.MCG_CAP)
    throw gp(0, `MSR ${msrText(number)} is read-only`);
  unknown(number);
}

const rdmsr: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const value = readMsr(cpu, cpu.gpr32(RCX));
  cpu.setGpr(RAX, value & 0xffffffffn);
  cpu.setGpr(RDX, value >> 32n);
  return "next";
};

const wrmsr: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  writeMsr(cpu, cpu.gpr32(RCX), (cpu.gpr(RDX, 32) << 32n) | cpu.gpr(RAX, 32));
  return "next";
};

const cpuidEvent: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const result = cpuid(cpu.model, cpu.gpr32(RAX), cpu.gpr32(RCX), cpu.localApic.isEnabled);
  cpu.setGpr(RAX, BigInt(result.eax));
  cpu.setGpr(RBX, BigInt(result.ebx));
  cpu.setGpr(RCX, BigInt(result.ecx));
  cpu.setGpr(RDX, BigInt(result.edx));
  return "next";
};

const rdtsc: SystemEvent = (cpu, instruction) => {
  if (cpu.system.cr4 & CR4.TSD && cpu.cpl > 0) throw gp(0, "CR4.TSD forbids RDTSC above ring 0");
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  const value = guestTsc(cpu);
  cpu.setGpr(RAX, value & 0xffffffffn);
  cpu.setGpr(RDX, value >> 32n);
  if (instruction.form.semantics === "rdtscp")
    cpu.setGpr(RCX, cpu.system.msrs.tscAux & 0xffffffffn);
  return "next";
};

const rdpmc: SystemEvent = (cpu, instruction) => {
  if (!(cpu.system.cr4 & CR4.PCE) && cpu.cpl > 0) throw gp(0, "CR4.PCE is clear");
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  throw gp(0, "this processor has no performance counters");
};

/** RDRAND and RDSEED: a deterministic sequence from the tick count, so that time travel replays it. */
const random: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  let x = BigInt(cpu.ticks) + 0x9e3779b97f4a7c15n;
  x = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
  x = BigInt.asUintN(64, (x ^ (x >> 27n)) * 0x94d049bb133111ebn);
  writeOperand(cpu, instruction, 0, x ^ (x >> 31n));
  const all = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF;
  setArithmeticFlags(cpu, all, RFLAGS.CF);
  return "next";
};

const rdpid: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  writeOperand(cpu, instruction, 0, cpu.system.msrs.tscAux & 0xffffffffn);
  return "next";
};

export const MSR_EVENTS: Readonly<Record<string, SystemEvent>> = {
  rdmsr,
  wrmsr,
  cpuid: cpuidEvent,
  rdtsc,
  rdtscp: rdtsc,
  rdpmc,
  rdrand: random,
  rdseed: random,
  rdpid,
};
