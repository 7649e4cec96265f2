/** Debug registers and data watching. SDM Vol. 3B, "Debug Registers". */
import { linearToBigInt, type Linear } from "./linear";
import type { Processor } from "./processor";
import { CR4 } from "./systemState";

const LENGTHS = [1, 2, 8, 4] as const;

/** The bits of DR6 beside the four breakpoint conditions. */
export const DEBUG_CAUSE = {
  generalDetect: 0x2000,
  singleStep: 0x4000,
  taskSwitch: 0x8000,
} as const;

/** Entry into a #DB handler: B0-B3 are those of this exception, other causes accumulate; DR7.GD is off, so that the handler may use the registers. */
export function enterDebugException(cpu: Processor, debugBits: number): void {
  const { system } = cpu;
  system.dr6 = ((system.dr6 & ~0xf) | debugBits) >>> 0;
  system.dr7 &= ~DEBUG_CAUSE.generalDetect;
}

/** Enabled breakpoints of one R/W type, with their lengths. */
function matches(cpu: Processor, types: readonly number[], address: bigint, bytes: number): number {
  const { dr7, dr } = cpu.system;
  let hit = 0;
  for (let i = 0; i < 4; i++) {
    if (!((dr7 >>> (2 * i)) & 3) || !types.includes((dr7 >>> (16 + 4 * i)) & 3)) continue;
    const length = BigInt(LENGTHS[(dr7 >>> (18 + 4 * i)) & 3]!);
    const start = dr[i]! & ~(length - 1n);
    if (address < start + length && start < address + BigInt(bytes)) hit |= 1 << i;
  }
  return hit;
}

/** Called for each port access: I/O breakpoints, which need CR4.DE. */
export function notePortAccess(cpu: Processor, port: number, bytes: number): void {
  if ((cpu.system.dr7 & 0xff) === 0 || !(cpu.system.cr4 & CR4.DE)) return;
  cpu.system.pendingDebug |= matches(cpu, [2], BigInt(port), bytes);
}

/** Called for each data access outside the fast path: watchpoints, then DR0-DR3. */
export function noteDataAccess(
  cpu: Processor,
  linear: Linear,
  bytes: number,
  write: boolean,
  hpa?: number,
  value?: bigint,
): void {
  cpu.dataWatcher?.access(linear, hpa, bytes, write, value);
  if ((cpu.system.dr7 & 0xff) === 0) return;
  const types = write ? [1, 3] : [3];
  cpu.system.pendingDebug |= matches(cpu, types, linearToBigInt(linear), bytes);
}

/** DR6 bits of instruction breakpoints at the current linear RIP. */
export function instructionBreakpoints(cpu: Processor): number {
  const { dr7, dr } = cpu.system;
  if ((dr7 & 0xff) === 0) return 0;
  const address = BigInt.asUintN(
    64,
    cpu.is64 ? cpu.rip : BigInt.asUintN(32, cpu.cs.base + cpu.rip),
  );
  let hit = 0;
  for (let i = 0; i < 4; i++) {
    const enabled = (dr7 >>> (2 * i)) & 3;
    if (enabled && ((dr7 >>> (16 + 4 * i)) & 3) === 0 && dr[i] === address) hit |= 1 << i;
  }
  return hit;
}
