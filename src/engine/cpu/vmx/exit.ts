/** VM exits. SDM Vol. 3C, "VM Exits": the processor's own sequence, as a list of named steps. */
import { EXIT } from "../../isa/vmx/exitReasons";
import { ENTRY_FAILURE_BIT, EVENT_TYPES } from "../../isa/vmx/fieldLayouts";
import { AR } from "../../isa/descriptors";
import { RCX, RDI, RSI } from "../../isa/registers";
import { DB } from "../abort";
import type { Processor } from "../processor";
import { RFLAGS } from "../systemState";
import { saveNonRegisterState } from "./guestNonRegister";
import { saveGuestRegisters } from "./guestState";
import { loadHostState, saveGuestMode } from "./hostState";
import { EXIT_LOAD_AREA, EXIT_STORE_AREA, loadMsrArea, storeMsrArea } from "./msrAreas";
import type { VmExit } from "./vmExit";
import { controlBit, hasControl, readVmcs, readVmcs32, writeVmcs, writeVmcs32 } from "./vmcs";
import { abortVmx, type VmxAbort } from "./vmxAbort";

const VIRTUAL_NMIS = controlBit("pin", "virtualNmis");
const ACKNOWLEDGE_INTERRUPT_ON_EXIT = controlBit("exit", "acknowledgeInterruptOnExit");
const IA32E_MODE_GUEST = controlBit("entry", "ia32eModeGuest");

const VALID = 0x80000000;

interface ExitStep {
  readonly name: string;
  readonly run: (cpu: Processor, exit: VmExit) => VmxAbort | undefined;
}

const typeOf = (information: number): number => (information >>> 8) & 7;

function isNmi(exit: VmExit): boolean {
  const information = exit.interruptionInformation ?? 0;
  return exit.reason === EXIT.EXCEPTION_NMI && typeOf(information) === EVENT_TYPES.nmi;
}

/** The event whose delivery the exit interrupted. SDM Vol. 3C, "Information for VM Exits During Event Delivery". */
function recordVectoring(cpu: Processor): void {
  const { vectoring, vectoringErrorCode, vectoringLength } = cpu.system.vmx;
  writeVmcs32(cpu, "IDT_VECTORING_INFORMATION", vectoring);
  if (vectoring & 0x800) writeVmcs32(cpu, "IDT_VECTORING_ERROR_CODE", vectoringErrorCode);
  const isSoftware =
    typeOf(vectoring) >= EVENT_TYPES.softwareInterrupt &&
    typeOf(vectoring) <= EVENT_TYPES.softwareException;
  if (vectoring !== 0 && isSoftware)
    writeVmcs32(cpu, "VM_EXIT_INSTRUCTION_LENGTH", vectoringLength);
}

/** SDM Vol. 3C, "Recording VM-Exit Information and Updating VM-Entry Control Fields". */
function recordExit(cpu: Processor, exit: VmExit): undefined {
  writeVmcs32(cpu, "EXIT_REASON", exit.reason);
  writeVmcs(cpu, "EXIT_QUALIFICATION", exit.qualification);
  writeVmcs32(cpu, "VM_EXIT_INTERRUPTION_INFORMATION", exit.interruptionInformation ?? 0);
  if (exit.interruptionErrorCode !== undefined)
    writeVmcs32(cpu, "VM_EXIT_INTERRUPTION_ERROR_CODE", exit.interruptionErrorCode);
  if (exit.instructionLength !== undefined)
    writeVmcs32(cpu, "VM_EXIT_INSTRUCTION_LENGTH", exit.instructionLength);
  if (exit.instructionInformation !== undefined)
    writeVmcs32(cpu, "VM_EXIT_INSTRUCTION_INFORMATION", exit.instructionInformation >>> 0);
  if (exit.guestLinearAddress !== undefined)
    writeVmcs(cpu, "GUEST_LINEAR_ADDRESS", exit.guestLinearAddress);
  if (exit.guestPhysicalAddress !== undefined)
    writeVmcs(cpu, "GUEST_PHYSICAL_ADDRESS", exit.guestPhysicalAddress);
  if (exit.isIo) recordIoRegisters(cpu);
  recordVectoring(cpu);
  const injection = readVmcs32(cpu, "VM_ENTRY_INTERRUPTION_INFORMATION");
  writeVmcs32(cpu, "VM_ENTRY_INTERRUPTION_INFORMATION", injection & 0x7fffffff);
  return undefined;
}

function recordIoRegisters(cpu: Processor): void {
  writeVmcs(cpu, "IO_RCX", cpu.gpr(RCX));
  writeVmcs(cpu, "IO_RSI", cpu.gpr(RSI));
  writeVmcs(cpu, "IO_RDI", cpu.gpr(RDI));
  writeVmcs(cpu, "IO_RIP", cpu.rip);
}

const RESUMES_WITH_RF: readonly number[] = [
  EXIT.EPT_VIOLATION,
  EXIT.EPT_MISCONFIGURATION,
  EXIT.PML_FULL,
];

/** What RFLAGS.RF is saved as. SDM Vol. 3C, "Saving RIP, RSP, RFLAGS, and SSP". */
function savedResumeFlag(cpu: Processor, exit: VmExit): boolean {
  const current = (cpu.flagSystem & RFLAGS.RF) !== 0;
  if (exit.reason === EXIT.EXCEPTION_NMI) {
    const information = exit.interruptionInformation ?? 0;
    const isFault =
      typeOf(information) === EVENT_TYPES.hardwareException && (information & 0xff) !== DB;
    return isFault || current;
  }
  if (RESUMES_WITH_RF.includes(exit.reason)) return cpu.system.vmx.vectoring === 0 || current;
  if (exit.instructionLength !== undefined) return false;
  return current;
}

function saveGuest(cpu: Processor, exit: VmExit): undefined {
  const resume = savedResumeFlag(cpu, exit);
  cpu.flagSystem = resume ? cpu.flagSystem | RFLAGS.RF : cpu.flagSystem & ~RFLAGS.RF;
  saveGuestRegisters(cpu);
  saveNonRegisterState(cpu, exit);
  saveGuestMode(cpu);
  return undefined;
}

/** An NMI that exits is taken, and blocks further ones; with "virtual NMIs" the guest's blocking was not physical. SDM Vol. 3C, "Updating Non-Register State". */
function loadHost(cpu: Processor, exit: VmExit): VmxAbort | undefined {
  const { system } = cpu;
  if (isNmi(exit)) {
    system.nmiPending = false;
    system.nmiBlocked = true;
  } else if (hasControl(cpu, VIRTUAL_NMIS)) system.nmiBlocked = false;
  return loadHostState(cpu);
}

function storeMsrs(cpu: Processor): VmxAbort | undefined {
  const failure = storeMsrArea(cpu, EXIT_STORE_AREA);
  return failure && { indicator: 1, why: failure.why };
}

function loadMsrs(cpu: Processor): VmxAbort | undefined {
  const failure = loadMsrArea(cpu, EXIT_LOAD_AREA);
  return failure && { indicator: 4, why: failure.why };
}

export const VM_EXIT_STEPS: readonly ExitStep[] = [
  { name: "record why in the VM-exit information fields", run: recordExit },
  { name: "save the guest state in the VMCS", run: saveGuest },
  { name: "store MSRs of the VM-exit MSR-store area", run: storeMsrs },
  { name: "load the host state from the VMCS", run: loadHost },
  { name: "load MSRs of the VM-exit MSR-load area", run: loadMsrs },
];

/** "Acknowledge interrupt on exit": the vector comes with the exit. */
function acknowledged(cpu: Processor, exit: VmExit): VmExit {
  const asks =
    exit.reason === EXIT.EXTERNAL_INTERRUPT && hasControl(cpu, ACKNOWLEDGE_INTERRUPT_ON_EXIT);
  if (!asks) return exit;
  return { ...exit, interruptionInformation: (VALID | cpu.interrupts.acknowledge()) >>> 0 };
}

/** Linear address of the instruction pointer. */
export function linearRip(cpu: Processor): bigint {
  return cpu.is64 ? cpu.rip : BigInt.asUintN(32, cpu.cs.base + cpu.rip);
}

/** The interpreter's view of the new state. The instruction that ended here leaves no trap behind, as with the delivery of an event. */
export function settle(cpu: Processor): void {
  cpu.deliveries++;
  cpu.refresh();
  cpu.translationChanged();
}

/** Carries out a VM exit. */
export function performVmExit(cpu: Processor, cause: VmExit): void {
  const exit = acknowledged(cpu, cause);
  const rip = linearRip(cpu);
  for (const step of VM_EXIT_STEPS) {
    const abort = step.run(cpu, exit);
    if (abort) {
      settle(cpu);
      abortVmx(cpu, abort);
      return;
    }
  }
  settle(cpu);
  cpu.observe({ kind: "vm-exit", exit, rip });
}

function guestRip(cpu: Processor): bigint {
  const rip = readVmcs(cpu, "GUEST_RIP");
  const is64 =
    hasControl(cpu, IA32E_MODE_GUEST) &&
    (Number(readVmcs(cpu, "GUEST_CS_ACCESS_RIGHTS")) & AR.L) !== 0;
  return is64 ? rip : BigInt.asUintN(32, readVmcs(cpu, "GUEST_CS_BASE") + rip);
}

/**
 * A VM entry that fails after the host state was checked: like a VM exit, but the guest state is not saved and only reason and qualification are
 * recorded. SDM Vol. 3C, "VM-Entry Failures During or After Loading Guest State".
 */
export function performEntryFailure(cpu: Processor, reason: number, qualification: bigint): void {
  const rip = guestRip(cpu);
  writeVmcs(cpu, "EXIT_REASON", (reason | ENTRY_FAILURE_BIT) >>> 0);
  writeVmcs(cpu, "EXIT_QUALIFICATION", qualification);
  const abort = loadHostState(cpu) ?? loadMsrs(cpu);
  settle(cpu);
  if (abort) abortVmx(cpu, abort);
  else cpu.observe({ kind: "vm-exit", exit: { reason, qualification }, rip });
}
