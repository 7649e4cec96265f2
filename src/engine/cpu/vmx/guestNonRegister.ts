/** The rest of the guest-state area: activity, blocking, pending debug exceptions, PDPTEs, preemption timer. SDM Vol. 3C, "Guest Non-Register State". */
import { EXIT } from "../../isa/vmx/exitReasons";
import { EVENT_TYPES, INTERRUPTIBILITY, PENDING_DEBUG } from "../../isa/vmx/fieldLayouts";
import { DB } from "../abort";
import { loadPdptes } from "../paging";
import type { Processor } from "../processor";
import { ACTIVITY, CR4 } from "../systemState";
import { remainingTimer, startTimer } from "./preemptionTimer";
import type { VmExit } from "./vmExit";
import { controlBit, hasControl, readVmcs, readVmcs32, writeVmcs, writeVmcs32 } from "./vmcs";

const SAVE_PREEMPTION_TIMER = controlBit("exit", "savePreemptionTimer");
const ENABLE_EPT = controlBit("secondary", "enableEpt");

const PDPTE_FIELDS = ["GUEST_PDPTE0", "GUEST_PDPTE1", "GUEST_PDPTE2", "GUEST_PDPTE3"] as const;
const BREAKPOINTS = 0xf;
const SINGLE_STEP = Number(PENDING_DEBUG.BS);
const ENABLED_BREAKPOINT = Number(PENDING_DEBUG.ENABLED_BREAKPOINT);

/** PAE paging: the only mode whose PDPTEs are processor state. */
function usesPae(cpu: Processor): boolean {
  return cpu.paging && !cpu.longMode && (cpu.system.cr4 & CR4.PAE) !== 0;
}

function isDebugException(exit: VmExit): boolean {
  return exit.reason === EXIT.EXCEPTION_NMI && ((exit.interruptionInformation ?? 0) & 0xff) === DB;
}

/** Kept only by MTF exits and where MOV SS holds debug exceptions back. SDM Vol. 3C, "Saving Non-Register State". */
function pendingDebug(cpu: Processor, exit: VmExit): bigint {
  const { shadow, pendingDebug: pending } = cpu.system;
  const kept =
    exit.reason === EXIT.MONITOR_TRAP_FLAG || (shadow === "mov-ss" && !isDebugException(exit));
  if (!kept || pending === 0) return 0n;
  const breakpoints = pending & BREAKPOINTS;
  const enabled = breakpoints === 0 ? 0 : ENABLED_BREAKPOINT;
  return BigInt(breakpoints | enabled | (pending & SINGLE_STEP));
}

function interruptibility(cpu: Processor): number {
  const { shadow, nmiBlocked } = cpu.system;
  const blocking =
    shadow === "sti" ? INTERRUPTIBILITY.STI : shadow === "mov-ss" ? INTERRUPTIBILITY.MOV_SS : 0;
  return blocking | (nmiBlocked ? INTERRUPTIBILITY.NMI : 0);
}

/** An event that exits indirectly has made the processor active before. SDM Vol. 3C, "Architectural State Before a VM Exit". */
function activity(cpu: Processor, exit: VmExit): number {
  const { vmx, activity: current } = cpu.system;
  return vmx.vectoring !== 0 || exit.reason === EXIT.TRIPLE_FAULT ? ACTIVITY.active : current;
}

export function saveNonRegisterState(cpu: Processor, exit: VmExit): void {
  writeVmcs32(cpu, "GUEST_ACTIVITY_STATE", activity(cpu, exit));
  writeVmcs32(cpu, "GUEST_INTERRUPTIBILITY_STATE", interruptibility(cpu));
  writeVmcs(cpu, "GUEST_PENDING_DEBUG_EXCEPTIONS", pendingDebug(cpu, exit));
  if (hasControl(cpu, SAVE_PREEMPTION_TIMER))
    writeVmcs(cpu, "VMX_PREEMPTION_TIMER_VALUE", remainingTimer(cpu));
  if (usesPae(cpu) && hasControl(cpu, ENABLE_EPT))
    PDPTE_FIELDS.forEach((field, i) => {
      writeVmcs(cpu, field, cpu.system.pdptes[i]!);
    });
}

/** Without EPT they come from memory at CR3, where the VM-entry checks have seen them. SDM Vol. 3C, "Loading Page-Directory-Pointer-Table Entries". */
function loadGuestPdptes(cpu: Processor): void {
  if (!usesPae(cpu)) return;
  if (!hasControl(cpu, ENABLE_EPT)) {
    loadPdptes(cpu, cpu.system.cr3);
    return;
  }
  const [first, second, third, fourth] = PDPTE_FIELDS.map((field) => readVmcs(cpu, field));
  cpu.system.pdptes = [first!, second!, third!, fourth!];
}

/** Whether pending debug exceptions survive the entry. SDM Vol. 3C, "Delivery of Pending Debug Exceptions after VM Entry". */
function keepsPendingDebug(cpu: Processor, injected: number | undefined): boolean {
  const { shadow, activity: state } = cpu.system;
  if (injected === undefined || injected === EVENT_TYPES.otherEvent)
    return state === ACTIVITY.active || state === ACTIVITY.hlt;
  return (
    shadow === "mov-ss" &&
    (injected === EVENT_TYPES.softwareInterrupt ||
      injected === EVENT_TYPES.privilegedSoftwareException)
  );
}

/** `injected`: type of the event that VM entry injects. */
export function loadNonRegisterState(cpu: Processor, injected: number | undefined): void {
  const { system } = cpu;
  const blocking = readVmcs32(cpu, "GUEST_INTERRUPTIBILITY_STATE");
  system.shadow =
    blocking & INTERRUPTIBILITY.STI
      ? "sti"
      : blocking & INTERRUPTIBILITY.MOV_SS
        ? "mov-ss"
        : "none";
  system.nmiBlocked = (blocking & INTERRUPTIBILITY.NMI) !== 0;
  system.activity = readVmcs32(cpu, "GUEST_ACTIVITY_STATE");
  const pending = readVmcs32(cpu, "GUEST_PENDING_DEBUG_EXCEPTIONS");
  const isPending = (pending & (ENABLED_BREAKPOINT | SINGLE_STEP)) !== 0;
  system.pendingDebug =
    isPending && keepsPendingDebug(cpu, injected) ? pending & (BREAKPOINTS | SINGLE_STEP) : 0;
  loadGuestPdptes(cpu);
  startTimer(cpu);
}
