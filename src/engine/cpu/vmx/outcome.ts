/** How VMX instructions report. SDM Vol. 3C, "VMX Instruction Reference", "Conventions". */
import { RFLAGS } from "../systemState";
import type { Processor } from "../processor";
import { writeVmcs } from "./vmcs";

const STATUS = RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF | RFLAGS.SF | RFLAGS.OF;

function setStatus(cpu: Processor, flags: number): void {
  cpu.rflags = (cpu.rflags & ~STATUS) | flags;
}

export function vmSucceed(cpu: Processor): void {
  setStatus(cpu, 0);
}

export function vmFailInvalid(cpu: Processor): void {
  setStatus(cpu, RFLAGS.CF);
}

export function vmFailValid(cpu: Processor, error: number): void {
  setStatus(cpu, RFLAGS.ZF);
  writeVmcs(cpu, "VM_INSTRUCTION_ERROR", error);
}

/** VMfail: valid if there is a current VMCS to hold the error number. */
export function vmFail(cpu: Processor, error: number): void {
  if (cpu.system.vmx.current < 0) vmFailInvalid(cpu);
  else vmFailValid(cpu, error);
}
