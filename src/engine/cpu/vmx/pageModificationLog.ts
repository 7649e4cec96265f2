/** Page-modification logging: which guest pages were written, as a list that the processor keeps. SDM Vol. 3C, "Page-Modification Logging". */
import { EXIT } from "../../isa/vmx/exitReasons";
import type { Processor } from "../processor";
import { nmiUnblockingBit } from "./nmiUnblocking";
import { throwExit } from "./throwExit";
import { readVmcs, secondaryControl, writeVmcs } from "./vmcs";

const ENTRIES = 512;
const PAGE = 4096;

/** Before an EPT accessed or dirty flag is set: an index beyond the log is a VM exit, and neither the flag nor the access happens. */
export function checkLogSpace(cpu: Processor): void {
  if (!secondaryControl(cpu, "enablePml") || readVmcs(cpu, "GUEST_PML_INDEX") < ENTRIES) return;
  throwExit({ reason: EXIT.PML_FULL, qualification: nmiUnblockingBit(cpu) });
}

/** After a dirty flag went from 0 to 1. The index counts down, and from 0 to 0xffff. */
export function logModifiedPage(cpu: Processor, gpa: number): void {
  if (!secondaryControl(cpu, "enablePml")) return;
  const index = Number(readVmcs(cpu, "GUEST_PML_INDEX"));
  const at = Number(readVmcs(cpu, "PML_ADDRESS")) + index * 8;
  cpu.ram.write64(at, BigInt(gpa - (gpa % PAGE)));
  writeVmcs(cpu, "GUEST_PML_INDEX", (index - 1) & 0xffff);
}
