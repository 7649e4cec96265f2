/** CR0 and CR4 bits that VMX operation fixes. SDM Vol. 3C, "Restrictions on VMX Operation". */
import { vmxCapabilities } from "../../isa/vmx/capabilities";
import { gp } from "../abort";
import type { Processor } from "../processor";
import { CR0 } from "../systemState";
import { nonRootControl } from "./vmcs";

/** In VMX operation PE and PG stay on (unless "unrestricted guest") and NE too. Throws #GP(0). */
export function checkCr0Fixed(cpu: Processor, value: number): void {
  if (cpu.system.vmx.vmxon < 0) return;
  const { cr0Fixed0 } = vmxCapabilities();
  const unrestricted = nonRootControl(cpu, "secondary", "unrestrictedGuest");
  const required = Number(cr0Fixed0) & ~(unrestricted ? CR0.PE | CR0.PG : 0);
  if ((value & required) >>> 0 !== required >>> 0)
    throw gp(0, "VMX operation fixes bits of CR0 to 1");
}

export function checkCr4Fixed(cpu: Processor, value: number): void {
  if (cpu.system.vmx.vmxon < 0) return;
  const { cr4Fixed0 } = vmxCapabilities();
  const required = Number(cr4Fixed0);
  if ((value & required) >>> 0 !== required >>> 0)
    throw gp(0, "VMX operation fixes bits of CR4 to 1");
}
