/** CR0 and CR4 bits that VMX operation fixes or keeps. SDM Vol. 3C, "Restrictions on VMX Operation". */
import { gp } from "../abort";
import type { Processor } from "../processor";
import { CR0 } from "../systemState";
import { CAPABILITIES } from "./processorCapabilities";
import { nonRootControl } from "./vmcs";

const CR0_FIXED = Number(CAPABILITIES.cr0Fixed0);
const CR4_FIXED = Number(CAPABILITIES.cr4Fixed0);
const MODES = CR0.PE | CR0.PG;

/** In VMX operation PE and PG stay on (unless "unrestricted guest") and NE too. Throws #GP(0). */
export function checkCr0Fixed(cpu: Processor, value: number): void {
  if (cpu.system.vmx.vmxon < 0) return;
  const unrestricted = nonRootControl(cpu, "secondary", "unrestrictedGuest");
  const required = CR0_FIXED & ~(unrestricted ? MODES : 0);
  if ((~value & required) !== 0) throw gp(0, "VMX operation fixes bits of CR0 to 1");
}

export function checkCr4Fixed(cpu: Processor, value: number): void {
  if (cpu.system.vmx.vmxon < 0) return;
  if ((~value & CR4_FIXED) !== 0) throw gp(0, "VMX operation fixes bits of CR4 to 1");
}

/** Whether CR0 and CR4 let VMXON start VMX operation. */
export function hasFixedBits(cpu: Processor): boolean {
  return (~cpu.system.cr0 & CR0_FIXED) === 0 && (~cpu.system.cr4 & CR4_FIXED) === 0;
}

/** What VM entries and VM exits load into CR0; ET, CD, NW and the reserved bits stay. SDM Vol. 3C, "Loading Host Control Registers, Debug Registers, MSRs". */
const CR0_LOADED = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.NE | CR0.WP | CR0.AM | CR0.PG;

export function loadedCr0(old: number, field: bigint): number {
  return ((Number(BigInt.asUintN(32, field)) & CR0_LOADED) | (old & ~CR0_LOADED)) >>> 0;
}
