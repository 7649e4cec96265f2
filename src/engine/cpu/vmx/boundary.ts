/**
 * VM exits between instructions, in the order of their priority. SDM Vol. 3C, "Other Causes of VM Exits", and the sections on MTF, the preemption
 * timer and the two windows in "VMX Non-Root Operation".
 */
import { EXIT } from "../../isa/vmx/exitReasons";
import type { Processor } from "../processor";
import { ACTIVITY, RFLAGS } from "../systemState";
import type { VmExit } from "./vmExit";
import { controlBit, hasControl } from "./vmcs";

const MONITOR_TRAP_FLAG = controlBit("primary", "monitorTrapFlag");
const NMI_WINDOW_EXITING = controlBit("primary", "nmiWindowExiting");
const NMI_EXITING = controlBit("pin", "nmiExiting");
const VIRTUAL_NMIS = controlBit("pin", "virtualNmis");
const INTERRUPT_WINDOW_EXITING = controlBit("primary", "interruptWindowExiting");
const EXTERNAL_INTERRUPT_EXITING = controlBit("pin", "externalInterruptExiting");

/** VM-exit interruption information of an NMI: valid, type NMI, vector 2. */
const NMI_INFORMATION = 0x80000202;

const exitOf = (reason: number, more: Partial<VmExit> = {}): VmExit => ({
  reason,
  qualification: 0n,
  trapLike: true,
  ...more,
});

/** True after an instruction (or the delivery of an event) since VM entry. The first boundary is right after the entry itself. */
function isPastFirstBoundary(cpu: Processor): boolean {
  const { vmx } = cpu.system;
  if (vmx.firstBoundary < 0) vmx.firstBoundary = cpu.ticks;
  return cpu.ticks > vmx.firstBoundary;
}

function monitorTrap(cpu: Processor): boolean {
  const { vmx, activity } = cpu.system;
  const passed = isPastFirstBoundary(cpu);
  if (activity === ACTIVITY.shutdown || activity === ACTIVITY.waitForSipi) return false;
  return vmx.mtf || (passed && hasControl(cpu, MONITOR_TRAP_FLAG));
}

/** Debug traps come before all that follows; the processor delivers them first. */
function debugTrapPending(cpu: Processor): boolean {
  return cpu.system.pendingDebug !== 0 && cpu.system.shadow !== "mov-ss";
}

function nmiWindow(cpu: Processor): boolean {
  const { shadow, nmiBlocked } = cpu.system;
  return hasControl(cpu, NMI_WINDOW_EXITING) && !nmiBlocked && shadow === "none";
}

/** With "virtual NMIs" the guest's NMI blocking does not hold back physical NMIs. */
function nmi(cpu: Processor): boolean {
  const { nmiPending, nmiBlocked, shadow } = cpu.system;
  if (!nmiPending || shadow === "mov-ss" || !hasControl(cpu, NMI_EXITING)) return false;
  return !nmiBlocked || hasControl(cpu, VIRTUAL_NMIS);
}

function interruptWindow(cpu: Processor): boolean {
  if (cpu.system.activity === ACTIVITY.shutdown) return false;
  const open = (cpu.flagSystem & RFLAGS.IF) !== 0 && cpu.system.shadow === "none";
  return open && hasControl(cpu, INTERRUPT_WINDOW_EXITING);
}

/** RFLAGS.IF does not matter to interrupts that exit; STI and MOV SS do. */
function externalInterrupt(cpu: Processor): boolean {
  const { shadow, activity } = cpu.system;
  if (!cpu.interrupts.pending || shadow !== "none" || activity === ACTIVITY.shutdown) return false;
  return hasControl(cpu, EXTERNAL_INTERRUPT_EXITING);
}

/**
 * The VM exit due before the next instruction, or undefined. MTF exits come before debug traps (which this leaves to the caller by reporting nothing
 * of lower priority while one is pending), all others after them.
 */
export function boundaryExit(cpu: Processor): VmExit | undefined {
  const { vmx } = cpu.system;
  if (!vmx.nonRoot || cpu.system.activity === ACTIVITY.waitForSipi) return undefined;
  if (monitorTrap(cpu)) return exitOf(EXIT.MONITOR_TRAP_FLAG);
  if (debugTrapPending(cpu)) return undefined;
  if (cpu.ticks >= vmx.preemptionDue) return exitOf(EXIT.PREEMPTION_TIMER);
  if (nmiWindow(cpu)) return exitOf(EXIT.NMI_WINDOW);
  if (nmi(cpu)) return exitOf(EXIT.EXCEPTION_NMI, { interruptionInformation: NMI_INFORMATION });
  if (interruptWindow(cpu)) return exitOf(EXIT.INTERRUPT_WINDOW);
  if (externalInterrupt(cpu)) return exitOf(EXIT.EXTERNAL_INTERRUPT);
  return undefined;
}

/** While true, `boundaryExit` must be asked after every instruction. */
export function needsSingleStep(cpu: Processor): boolean {
  const { vmx } = cpu.system;
  return vmx.nonRoot && (vmx.mtf || hasControl(cpu, MONITOR_TRAP_FLAG));
}

/** Tick by which `boundaryExit` must be asked: when the preemption timer reaches 0. */
export function nextVmxDeadline(cpu: Processor): number {
  const { vmx } = cpu.system;
  return vmx.nonRoot ? vmx.preemptionDue : Infinity;
}
