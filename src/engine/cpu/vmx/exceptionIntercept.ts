/** Exceptions in VMX non-root operation. SDM Vol. 3C, "Changes to Instruction Behavior": exception bitmap, #PF mask and match; IDT-vectoring information. */
import { EXIT } from "../../isa/vmx/exitReasons";
import { EVENT_TYPES } from "../../isa/vmx/fieldLayouts";
import { DB, DF, PF, type GuestFault } from "../abort";
import { EVENT, type DeliveredEvent } from "../event";
import type { Processor } from "../processor";
import { nmiUnblockingBit } from "./nmiUnblocking";
import { readVmcs32 } from "./vmcs";
import { throwExit } from "./throwExit";
import type { VmExit } from "./vmExit";

const VALID = 0x80000000;
const ERROR_CODE_VALID = 0x800;

/** IDT-vectoring (or exit interruption) information word of an event. */
function informationWord(vector: number, type: number, hasErrorCode: boolean): number {
  return (VALID | (type << 8) | vector | (hasErrorCode ? ERROR_CODE_VALID : 0)) >>> 0;
}

const isSoftwareException = ({ type }: DeliveredEvent): boolean =>
  type === EVENT.softwareException || type === EVENT.privilegedSoftware;

/** The VM exit of INT1, INT3 or INTO instead of any delivery. INT n never exits, nor does what VM entry injects. */
function softwareExceptionIntercept(cpu: Processor, event: DeliveredEvent): VmExit | undefined {
  if (event.injected || !isSoftwareException(event) || !isIntercepted(cpu, event.vector))
    return undefined;
  return {
    reason: EXIT.EXCEPTION_NMI,
    qualification: 0n,
    interruptionInformation: informationWord(event.vector, event.type, false),
    ...(event.length === undefined ? {} : { instructionLength: event.length }),
  };
}

/** Notes the event whose delivery begins, so that an exit in the middle records it as IDT-vectoring information. Throws the exit instead of the delivery. */
export function beginVectoring(cpu: Processor, event: DeliveredEvent): void {
  const { vmx } = cpu.system;
  if (!vmx.nonRoot) return;
  const exit = softwareExceptionIntercept(cpu, event);
  if (exit) throwExit(exit);
  vmx.vectoring = informationWord(event.vector, event.type, event.errorCode !== undefined);
  vmx.vectoringErrorCode = event.errorCode ?? 0;
  vmx.vectoringLength = event.length ?? 0;
}

export function endVectoring(cpu: Processor): void {
  cpu.system.vmx.vectoring = 0;
}

function pageFaultMatches(cpu: Processor, errorCode: number): boolean {
  const mask = readVmcs32(cpu, "PAGE_FAULT_ERROR_CODE_MASK");
  const match = readVmcs32(cpu, "PAGE_FAULT_ERROR_CODE_MATCH");
  return (errorCode & mask) >>> 0 === match;
}

const DEBUG_CONDITIONS = 0x600f;

/** #PF: the address; #DB: the conditions, in the form of DR6, which a VM exit leaves alone. */
function qualificationOf(cpu: Processor, fault: GuestFault): bigint {
  if (fault.vector === PF) return fault.address ?? 0n;
  if (fault.vector !== DB) return 0n;
  return BigInt((fault.debugBits ?? cpu.system.dr6) & DEBUG_CONDITIONS);
}

function isIntercepted(cpu: Processor, vector: number): boolean {
  return ((readVmcs32(cpu, "EXCEPTION_BITMAP") >>> vector) & 1) === 1;
}

/** The VM exit that a fault causes, or undefined if the guest's IDT gets it. `during` is the event whose delivery raised it. */
export function exceptionIntercept(
  cpu: Processor,
  fault: GuestFault,
  during: DeliveredEvent | undefined,
): VmExit | undefined {
  // An exit due to a double fault is not one during delivery. SDM Vol. 3C, "Information for VM Exits During Event Delivery".
  if (!during || fault.vector === DF) cpu.system.vmx.vectoring = 0;
  if (!cpu.system.vmx.nonRoot) return undefined;
  const selected = isIntercepted(cpu, fault.vector);
  const exits =
    fault.vector === PF && !pageFaultMatches(cpu, fault.errorCode ?? 0) ? !selected : selected;
  if (!exits) return undefined;
  const hasCode = fault.errorCode !== undefined && cpu.protectedMode;
  const information = informationWord(fault.vector, EVENT_TYPES.hardwareException, hasCode);
  const unblocking = fault.vector === DF ? 0 : Number(nmiUnblockingBit(cpu));
  return {
    reason: EXIT.EXCEPTION_NMI,
    qualification: qualificationOf(cpu, fault),
    interruptionInformation: (information | unblocking) >>> 0,
    ...(hasCode ? { interruptionErrorCode: fault.errorCode } : {}),
  };
}

/** The VM exit of a triple fault in a guest. */
export function tripleFaultIntercept(cpu: Processor): VmExit | undefined {
  cpu.system.vmx.vectoring = 0;
  return cpu.system.vmx.nonRoot ? { reason: EXIT.TRIPLE_FAULT, qualification: 0n } : undefined;
}
