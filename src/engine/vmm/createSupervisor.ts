import { NESTED_PAGING } from "./memory/nested/nestedPaging";
import { SHADOW_PAGING } from "./memory/shadowLazy/shadowPaging";
import type { Supervisor } from "./supervisor";
import {
  HardwareAssistedSupervisor,
  type HardwareAssistedContext,
} from "./technique/hardwareAssisted/hardwareAssistedSupervisor";
import {
  TrapAndEmulateSupervisor,
  type TrapAndEmulateContext,
} from "./technique/trapAndEmulate/trapAndEmulateSupervisor";

export interface SupervisorOptions extends HardwareAssistedContext, TrapAndEmulateContext {
  readonly vmm: "hardware-assisted" | "trap-and-emulate";
  readonly mmu: "nested" | "shadow-lazy";
}

/** The hypervisor for a technique and a way of virtualizing memory. Throws a UserError if the guest cannot start under them. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  if (options.vmm === "trap-and-emulate") return new TrapAndEmulateSupervisor(options);
  const memory = options.mmu === "nested" ? NESTED_PAGING : SHADOW_PAGING;
  return new HardwareAssistedSupervisor(options, memory);
}
