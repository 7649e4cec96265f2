/** Which MSRs the guest reaches without a VM exit: those that VM entry and exit switch, and those that the VMM itself never uses. */
import { MSR } from "../../../isa/msrs";
import type { PhysicalMemory } from "../../../cpu/physicalMemory";

const SWITCHED_BY_VMX = [
  MSR.SYSENTER_CS,
  MSR.SYSENTER_ESP,
  MSR.SYSENTER_EIP,
  MSR.FS_BASE,
  MSR.GS_BASE,
  MSR.PAT,
  MSR.DEBUGCTL,
] as const;

/** The VMM executes neither SYSCALL nor SWAPGS nor RDTSCP, and nothing raises a machine check, so these may keep the guest's values in root operation. */
const UNUSED_BY_VMM = [
  MSR.STAR,
  MSR.LSTAR,
  MSR.CSTAR,
  MSR.FMASK,
  MSR.KERNEL_GS_BASE,
  MSR.TSC_AUX,
  MSR.MCG_STATUS,
] as const;

const PASSED = [...SWITCHED_BY_VMX, ...UNUSED_BY_VMM];

/** The four 1 KiB parts: reads of low and high MSRs, writes of low and high ones. SDM Vol. 3C, "MSR-Bitmap Address". */
function clearBit(ram: PhysicalMemory, bitmap: number, number: number, isWrite: boolean): void {
  const isHigh = number >= 0xc0000000;
  const index = isHigh ? number - 0xc0000000 : number;
  const at = bitmap + (isWrite ? 2048 : 0) + (isHigh ? 1024 : 0) + (index >> 3);
  ram.write8(at, ram.read8(at) & ~(1 << (index & 7)));
}

/** `readable`: further MSRs that may be read. */
export function buildMsrBitmap(
  ram: PhysicalMemory,
  bitmap: number,
  readable: readonly number[],
): void {
  ram.writeBytes(bitmap, new Uint8Array(4096).fill(0xff));
  for (const number of PASSED) {
    clearBit(ram, bitmap, number, false);
    clearBit(ram, bitmap, number, true);
  }
  for (const number of readable) clearBit(ram, bitmap, number, false);
}
