import { UserError } from "../base/errors";
import { createSupervisor } from "../vmm/createSupervisor";
import type { GuestStart } from "../vmm/guestStart";
import type { Supervisor } from "../vmm/supervisor";
import type { VirtualClock } from "../bus/virtualClock";
import type { ObservedEvent } from "../cpu/observation";
import type { Processor } from "../cpu/processor";
import type { StandardPc } from "../devices/standardPc";
import { makeInterpreter } from "./virtualInterpreter";
import { KERNEL_RINGS } from "./types";
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
  if (vmm !== "hardware-assisted" && vmm !== "trap-and-emulate") {
    throw new UserError(
      "technique-not-available",
      `The technique ${vmm} is not available yet.`,
      "Use hardware-assisted, trap-and-emulate or none.",
    );
  }
  if (vmm === "trap-and-emulate") checkDeprivileged(vmm, mmu, entry);
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

/** What moving the guest's kernel out of ring 0 needs. */
function checkDeprivileged(vmm: VmmKind, mmu: MmuKind, entry: EntryKind): void {
  if (entry === "real16")
    throw new UserError(
      "real-mode-not-deprivileged",
      `A guest that starts in real-address mode cannot run under ${vmm}: real mode has no rings, so its kernel cannot be moved out of ring 0; virtual-8086 mode is for its users only.`,
      "Use hardware-assisted or none.",
    );
  if (mmu === "nested")
    throw new UserError(
      "nested-needs-vmx",
      "nested paging (EPT) belongs to VMX non-root operation.",
      `Use shadow-lazy with ${vmm}.`,
    );
}

/** What the machine gives its supervisor. */
export interface HostedMachine {
  readonly config: MachineConfig;
  readonly cpu: Processor;
  readonly pc: StandardPc;
  readonly clock: VirtualClock;
  /** Level of the emulated interrupt controller's INTR output. */
  readonly interruptRequested: () => boolean;
  /** Events that the supervisor tells of, instead of the processor. */
  readonly guestEvent: (event: ObservedEvent) => void;
}

/** Memory that the VMM keeps for itself, at HPA 0. */
export const VMM_BYTES = 16 << 20;

/** The supervisor that a machine's configuration asks for. */
export function createMachineSupervisor(machine: HostedMachine, start: GuestStart): Supervisor {
  const { config, cpu, pc, clock, interruptRequested, guestEvent } = machine;
  return createSupervisor({
    vmm: config.vmm === "trap-and-emulate" ? "trap-and-emulate" : "hardware-assisted",
    cpu,
    pc,
    clock,
    interruptRequested,
    observe: guestEvent,
    makeInterpreter,
    kernelRing: config.kernelRing ?? KERNEL_RINGS[0],
    start,
    mmu: config.mmu === "shadow-lazy" ? "shadow-lazy" : "nested",
    reserved: { hpa: 0, bytes: VMM_BYTES },
    guestMemoryBytes: config.memoryBytes,
    ...(config.costProfile === undefined ? {} : { costProfile: config.costProfile }),
  });
}
