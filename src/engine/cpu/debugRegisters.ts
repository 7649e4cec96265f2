/** Debug registers and data watching. SDM Vol. 3B, "Debug Registers". */
import { linearToBigInt, type Linear } from "./linear";
import type { Processor } from "./processor";

const LENGTHS = [1, 2, 8, 4] as const;

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
  const { dr7 } = cpu.system;
  if ((dr7 & 0xff) === 0) return;
  const address = linearToBigInt(linear);
  for (let i = 0; i < 4; i++) {
    if (!((dr7 >>> (2 * i)) & 3)) continue;
    const type = (dr7 >>> (16 + 4 * i)) & 3;
    const matches = type === 3 || (type === 1 && write);
    if (!matches) continue;
    const length = BigInt(LENGTHS[(dr7 >>> (18 + 4 * i)) & 3]!);
    const start = cpu.system.dr[i]! & ~(length - 1n);
    if (address < start + length && start < address + BigInt(bytes))
      cpu.system.pendingDebug |= 1 << i;
  }
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
