/** What the guest believes of its control registers, wherever they are: in the processor while the guest runs, in the VMCS while the VMM does. Looking costs no cycles. */
import type { Processor } from "../../../cpu/processor";
import { readCr0, readCr4 } from "../../../cpu/vmx/controlRegisterAccess";
import { readVmcs, readVmcs32 } from "../../../cpu/vmx/vmcs";
import type { Vm } from "./vm";

function shadowed(cpu: Processor, register: "CR0" | "CR4"): number {
  const mask = readVmcs32(cpu, `${register}_GUEST_HOST_MASK`);
  const real = readVmcs32(cpu, `GUEST_${register}`);
  return ((real & ~mask) | (readVmcs32(cpu, `${register}_READ_SHADOW`) & mask)) >>> 0;
}

export function believedControlRegisters({ cpu, memory, parts, state }: Vm): {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly cr8: bigint;
  readonly efer: bigint;
} {
  const runs = cpu.system.vmx.nonRoot;
  const cr0 = runs ? readCr0(cpu) : shadowed(cpu, "CR0");
  const cr4 = runs ? readCr4(cpu) : shadowed(cpu, "CR4");
  const nestedCr3 = runs ? BigInt(cpu.system.cr3) : readVmcs(cpu, "GUEST_CR3");
  const nestedEfer = runs ? BigInt(cpu.system.efer >>> 0) : readVmcs(cpu, "GUEST_IA32_EFER");
  const isShadow = memory.kind === "shadow";
  return {
    cr0: BigInt(cr0),
    cr4: BigInt(cr4),
    cr8: BigInt((parts.devices.localApic?.taskPriority ?? 0) >> 4),
    cr3: isShadow ? BigInt(state.vcpu.cr3) : nestedCr3,
    efer: isShadow ? BigInt(state.vcpu.efer) : nestedEfer,
  };
}
