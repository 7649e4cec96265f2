/** IRET and NMI blocking in a guest. SDM Vol. 3C, "Information About NMI Unblocking Due to IRET". */
import type { Processor } from "../processor";
import { controlBit, hasControl } from "./vmcs";

const NMI_EXITING = controlBit("pin", "nmiExiting");
const VIRTUAL_NMIS = controlBit("pin", "virtualNmis");

const NMI_UNBLOCKING = 0x1000;

/** What IRET does before anything of it can fail: NMIs (with "virtual NMIs": virtual ones) are no longer blocked. */
export function unblockNmis(cpu: Processor): void {
  const { system } = cpu;
  if (system.vmx.nonRoot && hasControl(cpu, NMI_EXITING)) {
    // Without virtual NMIs a guest whose NMIs exit has no say in their blocking.
    if (!hasControl(cpu, VIRTUAL_NMIS)) return;
  }
  system.vmx.nmiUnblocking = system.vmx.nonRoot && system.nmiBlocked;
  system.nmiBlocked = false;
}

/**
 * Bit 12 of the exit qualification (EPT violation, log full) or of the interruption information: the exit interrupted an IRET that unblocked NMIs,
 * and no delivery of an event.
 */
export function nmiUnblockingBit(cpu: Processor): bigint {
  const { nmiUnblocking, vectoring } = cpu.system.vmx;
  return nmiUnblocking && vectoring === 0 ? BigInt(NMI_UNBLOCKING) : 0n;
}
