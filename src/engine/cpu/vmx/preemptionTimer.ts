/** The VMX-preemption timer: it counts down each time a given bit of the time-stamp counter changes. SDM Vol. 3C, "VMX-Preemption Timer". */
import type { Processor } from "../processor";
import { CAPABILITIES } from "./processorCapabilities";
import { controlBit, hasControl, readVmcs32 } from "./vmcs";

const ACTIVATE_PREEMPTION_TIMER = controlBit("pin", "activatePreemptionTimer");

const TICKS_PER_COUNT = 2 ** CAPABILITIES.preemptionTimerShift;

/** Ticks since the bit changed last. */
function phase(cpu: Processor): number {
  return Number(cpu.tsc % BigInt(TICKS_PER_COUNT));
}

export function startTimer(cpu: Processor): void {
  const { vmx } = cpu.system;
  if (!hasControl(cpu, ACTIVATE_PREEMPTION_TIMER)) {
    vmx.preemptionDue = Infinity;
    return;
  }
  const count = readVmcs32(cpu, "VMX_PREEMPTION_TIMER_VALUE");
  vmx.preemptionDue = cpu.ticks - phase(cpu) + count * TICKS_PER_COUNT;
}

/** What is left of the count. */
export function remainingTimer(cpu: Processor): number {
  const { preemptionDue } = cpu.system.vmx;
  if (preemptionDue === Infinity) return 0;
  return Math.max(0, Math.floor((preemptionDue - cpu.ticks + phase(cpu)) / TICKS_PER_COUNT));
}
