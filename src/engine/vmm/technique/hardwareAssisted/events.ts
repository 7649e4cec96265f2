/** Events for the guest: exceptions that a handler raises, interrupted deliveries, and interrupts of the emulated devices. */
import { RFLAGS } from "../../../cpu/systemState";
import { combineExceptions, pushesErrorCode } from "../../../isa/exceptions";
import { vmxCapabilities } from "../../../isa/vmx/capabilities";
import { EVENT_TYPES, INTERRUPTIBILITY } from "../../../isa/vmx/fieldLayouts";
import type { Vm } from "./vm";

const VALID = 0x80000000;
const HAS_ERROR_CODE = 0x800;
const NMI = 2;
const DOUBLE_FAULT = 8;
/** IDT-vectoring bit 12 is undefined; everything else goes back as it came. */
const REINJECTED = VALID | 0xfff;
const TICKS_PER_COUNT = 2 ** vmxCapabilities().preemptionTimerShift;
const LONGEST_COUNT = 0xffffffff;

/** What an event becomes if an exception arises while it is delivered. SDM Vol. 3A, "Interrupt 8—Double Fault Exception (#DF)". */
function combine(vectoring: number, vector: number): ReturnType<typeof combineExceptions> {
  const first = vectoring & 0xff;
  const isException = ((vectoring >>> 8) & 7) === EVENT_TYPES.hardwareException;
  if (vectoring >>> 31 === 0 || !isException) return "serially";
  return combineExceptions(first, vector);
}

/** Raises an exception of the instruction at hand: injected by the next VM entry. `address` goes to CR2. */
export function raise(vm: Vm, vector: number, errorCode?: number, address?: bigint): void {
  const combined = combine(vm.exit.vectoring, vector);
  if (combined === "triple-fault") {
    vm.stop("shutdown", "triple-fault", "A fault during the delivery of a double fault: triple fault."); // prettier-ignore
    return;
  }
  const isDouble = combined === "double-fault";
  if (address !== undefined && !isDouble) vm.cpu.system.cr2 = address;
  vm.state.exception = isDouble
    ? { vector: DOUBLE_FAULT, errorCode: 0 }
    : { vector, errorCode: pushesErrorCode(vector) ? (errorCode ?? 0) : undefined };
  // The saved RFLAGS of a fault has RF set. SDM Vol. 3B, "Instruction-Breakpoint Exception Condition".
  if (vm.protectedMode) vm.write("GUEST_RFLAGS", vm.read("GUEST_RFLAGS") | BigInt(RFLAGS.RF));
}

/** The guest goes on with the exception that a handler raised. */
function injectException(vm: Vm): boolean {
  const { exception } = vm.state;
  if (!exception) return false;
  vm.state.exception = undefined;
  const { vector, errorCode } = exception;
  // Real-address mode pushes no error codes.
  const hasCode = errorCode !== undefined && vm.protectedMode;
  const type = EVENT_TYPES.hardwareException << 8;
  vm.write(
    "VM_ENTRY_INTERRUPTION_INFORMATION",
    (VALID | type | vector | (hasCode ? HAS_ERROR_CODE : 0)) >>> 0,
  );
  if (hasCode) vm.write("VM_ENTRY_EXCEPTION_ERROR_CODE", errorCode);
  return true;
}

/** The exit came while the processor delivered an event: it must be delivered again, or it is lost. SDM Vol. 3C, "Information for VM Exits During Event Delivery". */
function reinject(vm: Vm): boolean {
  const { vectoring, vectoringErrorCode, instructionLength } = vm.exit;
  if (vectoring >>> 31 === 0) return false;
  const type = (vectoring >>> 8) & 7;
  if (type === EVENT_TYPES.nmi) setInterruptibility(vm, INTERRUPTIBILITY.NMI, false);
  vm.write("VM_ENTRY_INTERRUPTION_INFORMATION", (vectoring & REINJECTED) >>> 0);
  if (vectoring & HAS_ERROR_CODE) vm.write("VM_ENTRY_EXCEPTION_ERROR_CODE", vectoringErrorCode);
  if (type >= EVENT_TYPES.softwareInterrupt && type <= EVENT_TYPES.softwareException)
    vm.write("VM_ENTRY_INSTRUCTION_LENGTH", instructionLength);
  return true;
}

export function setInterruptibility(vm: Vm, mask: number, on: boolean): void {
  const old = vm.read32("GUEST_INTERRUPTIBILITY_STATE");
  const value = on ? old | mask : old & ~mask;
  if (value !== old) vm.write("GUEST_INTERRUPTIBILITY_STATE", value);
}

/** RFLAGS.IF = 1, no shadow of STI or MOV SS, and no debug trap that comes first. */
function isWindowOpen(vm: Vm): boolean {
  const blocking = vm.read32("GUEST_INTERRUPTIBILITY_STATE");
  return (
    (vm.read32("GUEST_RFLAGS") & RFLAGS.IF) !== 0 &&
    (blocking & (INTERRUPTIBILITY.STI | INTERRUPTIBILITY.MOV_SS)) === 0 &&
    vm.read("GUEST_PENDING_DEBUG_EXCEPTIONS") === 0n
  );
}

/** An NMI waits for IRET of the one before (virtual NMI blocking), shadows and debug traps; RFLAGS.IF does not matter. */
function injectNmi(vm: Vm): boolean {
  const { vcpu } = vm.state;
  const blocking = vm.read32("GUEST_INTERRUPTIBILITY_STATE");
  const isBlocked = (blocking & (INTERRUPTIBILITY.STI | INTERRUPTIBILITY.MOV_SS | INTERRUPTIBILITY.NMI)) !== 0; // prettier-ignore
  if (!vcpu.nmiPending || isBlocked || vm.read("GUEST_PENDING_DEBUG_EXCEPTIONS") !== 0n)
    return false;
  vcpu.nmiPending = false;
  vm.write("VM_ENTRY_INTERRUPTION_INFORMATION", (VALID | (EVENT_TYPES.nmi << 8) | NMI) >>> 0);
  return true;
}

function injectInterrupt(vm: Vm): boolean {
  if (!vm.parts.interruptRequested() || !isWindowOpen(vm)) return false;
  const vector = vm.parts.devices.acknowledgeInterrupt();
  vm.write("VM_ENTRY_INTERRUPTION_INFORMATION", (VALID | vector) >>> 0);
  return true;
}

/** At most one event an entry: the handler's exception, else what the exit interrupted, else an NMI, else a device's interrupt. */
export function chooseEvent(vm: Vm): void {
  // While an instruction runs under the monitor trap flag nothing may come between: interrupts wait for the MTF exit.
  const isStepping = vm.memory.hasOpenHoles(vm);
  const isTaken = injectException(vm) || (vm.state.isLaunched && reinject(vm));
  if (!isTaken && !isStepping && !injectNmi(vm)) injectInterrupt(vm);
  vm.setControl("primary", "nmiWindowExiting", !isStepping && vm.state.vcpu.nmiPending);
  vm.setControl("primary", "interruptWindowExiting", !isStepping && vm.parts.interruptRequested());
}

/**
 * The preemption timer brings control back when the next alarm of an emulated device is due. It counts once every 2^shift ticks of the time-stamp
 * counter, so it is late by less than one count.
 */
export function armTimer(vm: Vm): void {
  const due = vm.parts.clock.nextDue();
  vm.setControl("pin", "activatePreemptionTimer", due !== Infinity);
  if (due === Infinity) return;
  const { ticks, tsc } = vm.cpu;
  const phase = Number(tsc % BigInt(TICKS_PER_COUNT));
  const count = Math.ceil((due - ticks + phase) / TICKS_PER_COUNT);
  vm.write("VMX_PREEMPTION_TIMER_VALUE", Math.min(Math.max(count, 0), LONGEST_COUNT));
}
