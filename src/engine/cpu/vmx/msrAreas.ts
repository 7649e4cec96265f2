/** The MSR areas of VM entries and VM exits: lists of 16-byte entries in memory. SDM Vol. 3C, "VM-Exit Controls for MSRs", "Loading MSRs". */
import { MSR, msrText } from "../../isa/msrs";
import type { VmcsFieldName } from "../../isa/vmx/vmcsFields";
import { isCpuAbort } from "../abort";
import type { Processor } from "../processor";
import { readMsr, writeMsr } from "../system/msrs";
import { readVmcs, readVmcs32 } from "./vmcs";

interface MsrArea {
  readonly address: VmcsFieldName;
  readonly count: VmcsFieldName;
}

export const ENTRY_LOAD_AREA: MsrArea = {
  address: "VM_ENTRY_MSR_LOAD_ADDRESS",
  count: "VM_ENTRY_MSR_LOAD_COUNT",
};
export const EXIT_STORE_AREA: MsrArea = {
  address: "VM_EXIT_MSR_STORE_ADDRESS",
  count: "VM_EXIT_MSR_STORE_COUNT",
};
export const EXIT_LOAD_AREA: MsrArea = {
  address: "VM_EXIT_MSR_LOAD_ADDRESS",
  count: "VM_EXIT_MSR_LOAD_COUNT",
};

/** An entry that could not be processed. */
export interface MsrAreaFailure {
  /** From 1. */
  readonly entry: number;
  readonly why: string;
}

const ENTRY_BYTES = 16;
/** Only the segment fields of the VMCS load these. */
const NEVER_LOADED: readonly number[] = [MSR.FS_BASE, MSR.GS_BASE];
const isX2apic = (number: number): boolean => number >= 0x800 && number <= 0x8ff;

/** `process` gives the reason if it refuses, or faults as RDMSR and WRMSR would. */
function forEachEntry(
  cpu: Processor,
  area: MsrArea,
  process: (number: number, at: number) => string | undefined,
): MsrAreaFailure | undefined {
  const count = readVmcs32(cpu, area.count);
  const start = Number(readVmcs(cpu, area.address));
  for (let i = 0; i < count; i++) {
    const why = processEntry(cpu, start + i * ENTRY_BYTES, process);
    if (why !== undefined) return { entry: i + 1, why: `MSR-area entry ${i + 1}: ${why}` };
  }
  return undefined;
}

function processEntry(
  cpu: Processor,
  at: number,
  process: (number: number, at: number) => string | undefined,
): string | undefined {
  const number = cpu.ram.read32(at);
  if (cpu.ram.read32(at + 4) !== 0) return "bits 63:32 must be 0";
  if (isX2apic(number)) return `${msrText(number)} cannot be in an MSR area`;
  try {
    return process(number, at + 8);
  } catch (problem) {
    if (!isCpuAbort(problem) || problem.abort !== "fault") throw problem;
    return problem.why;
  }
}

export function loadMsrArea(cpu: Processor, area: MsrArea): MsrAreaFailure | undefined {
  return forEachEntry(cpu, area, (number, at) => {
    if (NEVER_LOADED.includes(number)) return `${msrText(number)} belongs to its segment's fields`;
    writeMsr(cpu, number, cpu.ram.read64(at));
    return undefined;
  });
}

/** The TSC offset is for the guest's RDTSC and RDMSR alone. SDM Vol. 3C, "Time-Stamp Counter Offset". */
function storedValue(cpu: Processor, number: number): bigint {
  return number === MSR.TIME_STAMP_COUNTER ? cpu.tsc : readMsr(cpu, number);
}

export function storeMsrArea(cpu: Processor, area: MsrArea): MsrAreaFailure | undefined {
  return forEachEntry(cpu, area, (number, at) => {
    cpu.ram.write64(at, storedValue(cpu, number));
    return undefined;
  });
}
