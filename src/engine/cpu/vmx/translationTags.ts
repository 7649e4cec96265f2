/** Cached translations and VMX: VPIDs, EPTPs, and what invalidates them. SDM Vol. 3C, "Caching Translation Information". */
import { pageOf, type Linear } from "../linear";
import type { Processor } from "../processor";
import { controlBit, currentVpid, hasControl, readVmcs } from "./vmcs";

const ENABLE_VPID = controlBit("secondary", "enableVpid");
const ENABLE_EPT = controlBit("secondary", "enableEpt");

const PCIDS = 4096;
const PAGE = 4096n;

const vpidOf = (tag: number): number => Math.floor(tag / PCIDS);

/** Without "enable VPID" every VMX transition flushes the mappings of VPID 0, the host's own. SDM Vol. 3C, "Operations that Invalidate Cached Mappings". */
export function flushOnTransition(cpu: Processor): void {
  if (!hasControl(cpu, ENABLE_VPID)) flushVpid(cpu, 0);
}

export function flushVpid(cpu: Processor, vpid: number): void {
  cpu.tlb.flushTags((tag) => vpidOf(tag) === vpid);
}

/** All VPIDs but the host's. */
export function flushGuests(cpu: Processor): void {
  cpu.tlb.flushTags((tag) => vpidOf(tag) !== 0);
}

export function flushVpidButGlobals(cpu: Processor, vpid: number): void {
  cpu.tlb.flushWhere((tag, entry) => vpidOf(tag) === vpid && !entry.global);
}

/** One page in every PCID of a VPID. */
export function flushVpidPage(cpu: Processor, vpid: number, linear: Linear): void {
  for (const tag of cpu.tlb.tags())
    if (vpidOf(tag) === vpid) cpu.tlb.flushPage(pageOf(linear), tag);
}

function eptPage(eptp: bigint): number {
  return Number(BigInt.asUintN(52, eptp) / PAGE);
}

/**
 * Combined mappings belong to one EPTP. Here a VPID holds those of one EPTP at a time: a guest that arrives with another one (or without EPT) starts
 * empty, which a processor may always do.
 */
export function adoptEpt(cpu: Processor): void {
  const { vmx } = cpu.system;
  const vpid = currentVpid(cpu);
  if (vpid === 0) return;
  const page = hasControl(cpu, ENABLE_EPT) ? eptPage(readVmcs(cpu, "EPT_POINTER")) : 0;
  const known = vmx.eptOfVpid[vpid];
  if (known !== undefined && known !== page) flushVpid(cpu, vpid);
  vmx.eptOfVpid[vpid] = page;
}

/** INVEPT: mappings made through an EPTP, or through any. */
export function flushEpt(cpu: Processor, eptp: bigint | "all"): void {
  const { eptOfVpid } = cpu.system.vmx;
  const page = eptp === "all" ? undefined : eptPage(eptp);
  const matches = (vpid: number): boolean => {
    const used = eptOfVpid[vpid] ?? 0;
    return used !== 0 && (page === undefined || used === page);
  };
  cpu.tlb.flushTags((tag) => matches(vpidOf(tag)));
}
