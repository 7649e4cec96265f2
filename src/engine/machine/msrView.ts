import { readMsr } from "../cpu/system/msrs";
import { isCpuAbort } from "../cpu/abort";
import { MSR, MSRS } from "../isa/msrs";
import { guestIsInVmcs, guestsProcessor, type ViewedMachine } from "./guestContext";
import { readVmcs } from "../cpu/vmx/vmcs";
import type { VmcsFieldName } from "../isa/vmx/vmcsFields";

/** MSRs that a VMCS holds for its guest. */
const IN_VMCS: Readonly<Record<string, VmcsFieldName>> = {
  IA32_EFER: "GUEST_IA32_EFER",
  IA32_PAT: "GUEST_IA32_PAT",
  IA32_SYSENTER_CS: "GUEST_IA32_SYSENTER_CS",
  IA32_SYSENTER_ESP: "GUEST_IA32_SYSENTER_ESP",
  IA32_SYSENTER_EIP: "GUEST_IA32_SYSENTER_EIP",
  IA32_FS_BASE: "GUEST_FS_BASE",
  IA32_GS_BASE: "GUEST_GS_BASE",
  IA32_DEBUGCTL: "GUEST_IA32_DEBUGCTL",
};

/** MSRs of the local APIC, which under a VMM is a virtual one. */
function inLocalApic({ guestLocalApic }: ViewedMachine, number: number): bigint | undefined {
  const { base, tscDeadline } = guestLocalApic;
  if (base === undefined) return undefined;
  if (number === MSR.APIC_BASE) return BigInt(base);
  return number === MSR.TSC_DEADLINE ? tscDeadline : undefined;
}

/** The guest's MSRs, wherever they lie. */
export function msrView(machine: ViewedMachine): { name: string; number: number; value: bigint }[] {
  const { cpu } = machine;
  const guest = guestsProcessor(machine);
  return MSRS.flatMap(({ name, number }) => {
    const field = IN_VMCS[name];
    if (field && guestIsInVmcs(machine)) return [{ name, number, value: readVmcs(cpu, field) }];
    const held = inLocalApic(machine, number);
    if (held !== undefined) return [{ name, number, value: held }];
    try {
      return [{ name, number, value: readMsr(guest, number) }];
    } catch (problem) {
      if (!isCpuAbort(problem)) throw problem;
      return [];
    }
  });
}
