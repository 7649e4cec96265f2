/** VMX aborts: the VM exit cannot be completed, the processor shuts down. SDM Vol. 3C, "VMX Aborts". */
import { VMCS_HEADER } from "../../isa/vmx/vmcsFields";
import type { Processor } from "../processor";
import { ACTIVITY } from "../systemState";

export interface VmxAbort {
  /** What goes into the VMX-abort indicator of the VMCS region: 1 saving MSRs, 2 PDPTEs of the host, 4 loading MSRs. */
  readonly indicator: 1 | 2 | 4;
  readonly why: string;
}

export function abortVmx(cpu: Processor, { indicator, why }: VmxAbort): void {
  const { system } = cpu;
  cpu.ram.write32(system.vmx.current + VMCS_HEADER.abortIndicator, indicator);
  system.activity = ACTIVITY.shutdown;
  cpu.observe({ kind: "triple-fault", chain: [`VMX abort ${indicator}: ${why}`] });
}
