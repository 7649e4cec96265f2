/** Exceptions in VMX non-root operation. SDM Vol. 3C, "Changes to Instruction Behavior": exception bitmap, #PF mask and match; IDT-vectoring information. */
import { EXIT } from "../../isa/vmx/exitReasons";
import { PF, type GuestFault } from "../abort";
import type { DeliveredEvent } from "../event";
import type { Processor } from "../processor";
import { readVmcs32 } from "./vmcs";
import type { VmExit } from "./vmExit";

const VALID = 0x80000000;
const ERROR_CODE_VALID = 0x800;

/** IDT-vectoring (or exit interruption) information word of an event. */
function informationWord(vector: number, type: number, hasErrorCode: boolean): number {
  return (VALID | (type << 8) | vector | (hasErrorCode ? ERROR_CODE_VALID : 0)) >>> 0;
}

/** Runs a delivery with its event noted, so that an exit in the middle records it as IDT-vectoring information. */
export function withVectoring(cpu: Processor, event: DeliveredEvent, run: () => void): void {
  const { vmx } = cpu.system;
  if (vmx.nonRoot) {
    vmx.vectoring = informationWord(event.vector, event.type, event.errorCode !== undefined);
    vmx.vectoringErrorCode = event.errorCode ?? 0;
    vmx.vectoringLength = event.length ?? 0;
  }
  run();
  vmx.vectoring = 0;
}

function pageFaultMatches(cpu: Processor, errorCode: number): boolean {
  const mask = readVmcs32(cpu, "PAGE_FAULT_ERROR_CODE_MASK");
  const match = readVmcs32(cpu, "PAGE_FAULT_ERROR_CODE_MATCH");
  return (errorCode & mask) >>> 0 === match;
}

/** The VM exit that a fault causes, or undefined if the guest's IDT gets it. `during` is the event whose delivery raised it. */
export function exceptionIntercept(
  cpu: Processor,
  fault: GuestFault,
  during: DeliveredEvent | undefined,
): VmExit | undefined {
  if (!during) cpu.system.vmx.vectoring = 0;
  if (!cpu.system.vmx.nonRoot) return undefined;
  const selected = (readVmcs32(cpu, "EXCEPTION_BITMAP") & (1 << fault.vector)) !== 0;
  const exits =
    fault.vector === PF && !pageFaultMatches(cpu, fault.errorCode ?? 0) ? !selected : selected;
  if (!exits) return undefined;
  const hasCode = fault.errorCode !== undefined && cpu.protectedMode;
  return {
    reason: EXIT.EXCEPTION_NMI,
    qualification: fault.vector === PF ? (fault.address ?? 0n) : 0n,
    interruptionInformation: informationWord(fault.vector, 3, hasCode),
    ...(hasCode ? { interruptionErrorCode: fault.errorCode } : {}),
  };
}

/** The VM exit of a triple fault in a guest. */
export function tripleFaultIntercept(cpu: Processor): VmExit | undefined {
  cpu.system.vmx.vectoring = 0;
  return cpu.system.vmx.nonRoot ? { reason: EXIT.TRIPLE_FAULT, qualification: 0n } : undefined;
}
