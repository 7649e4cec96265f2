import { UserError } from "../base/errors";
import { createSupervisor } from "../vmm/createSupervisor";
import type { GuestStart } from "../vmm/guestStart";
import type { Supervisor } from "../vmm/supervisor";
import type { VirtualClock } from "../bus/virtualClock";
import type { Processor } from "../cpu/processor";
import type { StandardPc } from "../devices/standardPc";
import type { EntryKind, MachineConfig, MmuKind, VmmKind } from "./types";

/** Memory virtualization when none is named. */
export function defaultMmu(vmm: VmmKind): MmuKind {
  if (vmm === "hardware-assisted") return "nested";
  return vmm === "paravirtual" ? "direct" : "shadow-lazy";
}

/** Refuses combinations that cannot be; the message says why. */
export function checkTechnique(vmm: VmmKind, mmu: MmuKind, entry: EntryKind): void {
  if (vmm === "none") return;
  if (entry === "long64" && vmm !== "hardware-assisted") {
    throw new UserError(
      "technique-needs-32-bit",
      `A 64-bit guest cannot run under ${vmm}: 64-bit mode has no segment limits to protect the VMM and no rings 1 and 2 to run the kernel in.`,
      "Use hardware-assisted or none.",
    );
  }
  if (vmm !== "hardware-assisted") {
    throw new UserError(
      "technique-not-available",
      `The technique ${vmm} is not available yet.`,
      "Use hardware-assisted or none.",
    );
  }
  if (mmu !== "nested" && mmu !== "shadow-lazy") {
    throw new UserError(
      "mmu-not-available",
      mmu === "direct"
        ? "direct paging needs a paravirtual guest."
        : `${mmu} is not available yet.`,
      "Use nested or shadow-lazy.",
    );
  }
}

/** What the machine gives its supervisor. */
export interface HostedMachine {
  readonly config: MachineConfig;
  readonly cpu: Processor;
  readonly pc: StandardPc;
  readonly clock: VirtualClock;
  /** Level of the emulated interrupt controller's INTR output. */
  readonly interruptRequested: () => boolean;
}

/** Memory that the VMM keeps for itself, at HPA 0. */
export const VMM_BYTES = 16 << 20;

/** The supervisor that a machine's configuration asks for. */
export function createMachineSupervisor(machine: HostedMachine, start: GuestStart): Supervisor {
  const { config, cpu, pc, clock, interruptRequested } = machine;
  return createSupervisor({
    cpu,
    pc,
    clock,
    interruptRequested,
    start,
    mmu: config.mmu === "shadow-lazy" ? "shadow-lazy" : "nested",
    reserved: { hpa: 0, bytes: VMM_BYTES },
    guestMemoryBytes: config.memoryBytes,
    ...(config.costProfile === undefined ? {} : { costProfile: config.costProfile }),
  });
}
