import type { Processor } from "../processor";
import type { VmExit } from "./vmExit";

/** Carries out a VM exit. SDM Vol. 3C, "VM Exits". */
export function performVmExit(_cpu: Processor, _exit: VmExit): void {
  throw new Error("being written");
}
