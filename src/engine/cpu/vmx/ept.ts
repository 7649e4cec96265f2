/** Extended page tables. SDM Vol. 3C, "The Extended Page Table Mechanism (EPT)". */
import { EXIT } from "../../isa/vmx/exitReasons";
import { linearToBigInt, type Linear } from "../linear";
import { ACCESS } from "../access";
import type { Processor } from "../processor";
import { nmiUnblockingBit } from "./nmiUnblocking";
import { checkLogSpace, logModifiedPage } from "./pageModificationLog";
import { throwExit } from "./throwExit";
import type { VmExit } from "./vmExit";
import { controlBit, hasControl, readVmcs } from "./vmcs";

const ENABLE_EPT = controlBit("secondary", "enableEpt");

export const EPT = { R: 1, W: 2, X: 4, LARGE: 0x80, A: 0x100, D: 0x200 } as const;

export interface EptPage {
  /** HPA page number. */
  readonly frame: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
}

/** On whose behalf a guest-physical access is made. */
export interface EptCause {
  readonly linear: Linear;
  /** True for an access to a guest paging-structure entry. */
  readonly tableWalk: boolean;
}

/** True in VMX non-root operation with EPT enabled. */
export function usesEpt(cpu: Processor): boolean {
  return cpu.system.vmx.nonRoot && hasControl(cpu, ENABLE_EPT);
}

/** What a violation says: exit qualification, bits 2:0 from `wanted`. SDM Vol. 3C, "Exit Qualification for EPT Violations". */
function violation(
  cpu: Processor,
  gpa: number,
  wanted: number,
  rights: number,
  cause: EptCause | undefined,
): VmExit {
  const linear = cause === undefined ? 0 : cause.tableWalk ? 0x80 : 0x180;
  return {
    reason: EXIT.EPT_VIOLATION,
    qualification: BigInt(wanted | (rights << 3) | linear) | nmiUnblockingBit(cpu),
    guestPhysicalAddress: gpa,
    ...(cause === undefined ? {} : { guestLinearAddress: linearToBigInt(cause.linear) }),
  };
}

function misconfiguration(gpa: number): VmExit {
  return { reason: EXIT.EPT_MISCONFIGURATION, qualification: 0n, guestPhysicalAddress: gpa };
}

/** SDM Vol. 3C, "EPT Misconfigurations". `level` 3 is the PML4. */
export function isMisconfigured(
  low: number,
  high: number,
  level: number,
  physicalAddressBits: number,
): boolean {
  const rights = low & 7;
  if (rights === EPT.W || rights === (EPT.W | EPT.X)) return true;
  const leaf = level === 0 || (low & EPT.LARGE) !== 0;
  if (high & 0xfffff & ~(2 ** (physicalAddressBits - 32) - 1)) return true;
  if (level === 3) return (low & 0xf8) !== 0;
  if (!leaf) return (low & 0x78) !== 0;
  const memoryType = (low >>> 3) & 7;
  if (memoryType === 2 || memoryType === 3 || memoryType === 7) return true;
  return level > 0 && ((low >>> 0) & (2 ** (12 + 9 * level) - 1) & ~0xfff) !== 0;
}

/** An entry that a translation used. */
interface UsedEntry {
  readonly hpa: number;
  readonly low: number;
  /** Accessed, and for a write on the last level dirty. */
  readonly flags: number;
}

/** Sets the flags that are missing, once the access is known to be allowed. SDM Vol. 3C, "Accessed and Dirty Flags for EPT". */
function setAccessedDirty(cpu: Processor, gpa: number, used: readonly UsedEntry[]): void {
  const missing = used.filter(({ low, flags }) => (low & flags) !== flags);
  if (missing.length === 0) return;
  checkLogSpace(cpu);
  for (const { hpa, low, flags } of missing) {
    cpu.ram.write32(hpa, (low | flags) >>> 0);
    if (flags & ~low & EPT.D) logModifiedPage(cpu, gpa);
  }
}

/**
 * Translates a GPA for an access; sets A and D where EPTP bit 6 asks for them. Throws a VM exit for violations and misconfigurations.
 */
export function translateGuestPhysical(
  cpu: Processor,
  gpa: number,
  access: number,
  cause: EptCause | undefined,
): EptPage {
  const pointer = readVmcs(cpu, "EPT_POINTER");
  const accessedDirty = (pointer & 0x40n) !== 0n;
  // With A/D flags, accesses to guest paging structures count as writes. SDM Vol. 3C, "Accessed and Dirty Flags for EPT".
  const isCountedAsWrite = accessedDirty && cause?.tableWalk === true;
  const effective = isCountedAsWrite ? ACCESS.write : access;
  // An access counted as a write is reported as a read and a write.
  const reported = isCountedAsWrite ? 3 : access & ACCESS.write ? 2 : access & ACCESS.fetch ? 4 : 1;
  const wanted = effective & ACCESS.write ? EPT.W : effective & ACCESS.fetch ? EPT.X : EPT.R;
  const used: UsedEntry[] = [];
  let table = Number(pointer & 0xffffffffff000n);
  let rights = 7;
  for (let level = 3; ; level--) {
    const hpa = table + (Math.floor(gpa / 2 ** (12 + 9 * level)) & 0x1ff) * 8;
    const low = cpu.ram.read32(hpa);
    const high = cpu.ram.read32(hpa + 4);
    rights &= low & 7;
    if ((low & 7) === 0) throwExit(violation(cpu, gpa, reported, 0, cause));
    if (isMisconfigured(low, high, level, cpu.model.physicalAddressBits))
      throwExit(misconfiguration(gpa));
    const leaf = level === 0 || (low & EPT.LARGE) !== 0;
    const flags = EPT.A | (leaf && effective & ACCESS.write ? EPT.D : 0);
    if (accessedDirty) used.push({ hpa, low, flags });
    const frame = (high & 0xfffff) * 2 ** 20 + (low >>> 12);
    if (!leaf) {
      table = frame * 4096;
      continue;
    }
    if (!(rights & wanted)) throwExit(violation(cpu, gpa, reported, rights, cause));
    setAccessedDirty(cpu, gpa, used);
    const pages = 512 ** level;
    return {
      frame: frame - (frame % pages) + (Math.floor(gpa / 4096) % pages),
      read: (rights & EPT.R) !== 0,
      // Without D set, a write must walk again to set it.
      write:
        (rights & EPT.W) !== 0 &&
        (!accessedDirty || (low & EPT.D) !== 0 || (effective & ACCESS.write) !== 0),
      execute: (rights & EPT.X) !== 0,
    };
  }
}
