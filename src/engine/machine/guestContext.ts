/** The guest's paging state, wherever it is held now: in the processor while the guest runs, in the VMCS while the VMM does. */
import type { LocalApicPort } from "../cpu/localApicPort";
import type { PhysicalMemory } from "../cpu/physicalMemory";
import type { Processor } from "../cpu/processor";
import { CR0, CR4, EFER, type SegmentRegister } from "../cpu/systemState";
import { readVmcs, readVmcs32, secondaryControl } from "../cpu/vmx/vmcs";
import type { VmcsFieldName } from "../isa/vmx/vmcsFields";
import type { Supervisor } from "../vmm/supervisor";

/** What views need of a machine. */
export interface ViewedMachine {
  readonly cpu: Processor;
  readonly ram: PhysicalMemory;
  readonly supervisor: Supervisor | undefined;
  readonly world: "bare" | "guest" | "root" | "vmm";
  /** The local APIC that the guest sees: the processor's, or the virtual one. */
  readonly guestLocalApic: LocalApicPort;
  guestToHost(gpa: number): number | undefined;
}

export interface PagingContext {
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
  readonly pdptes: readonly bigint[];
  /** HPA of the EPT root in force for these addresses, or undefined. */
  readonly eptRoot: number | undefined;
}

/** True while the guest's state lies in the current VMCS and not in a processor. */
export function guestIsInVmcs({ world, supervisor }: ViewedMachine): boolean {
  return world === "vmm" && supervisor?.guestProcessor === undefined;
}

/** The processor that holds what the guest believes, outside the VMCS: the hardware, or the VCPU of a deprivileging technique. */
export function guestsProcessor({ cpu, supervisor }: ViewedMachine): Processor {
  return supervisor?.guestProcessor?.() ?? cpu;
}

function pagingOfProcessor({ system }: Processor): Omit<PagingContext, "eptRoot"> {
  const { cr0, cr3, cr4, efer, pdptes } = system;
  return { cr0, cr3, cr4, efer, pdptes };
}

/** The paging that the guest itself set up. */
export function guestPaging(machine: ViewedMachine): PagingContext {
  const { cpu, supervisor } = machine;
  const { system } = cpu;
  const eptRoot = currentEptRoot(machine);
  if (supervisor?.guestProcessor)
    return { ...pagingOfProcessor(guestsProcessor(machine)), eptRoot };
  const inVmcs = guestIsInVmcs(machine);
  const hardware = inVmcs
    ? {
        cr0: readVmcs32(cpu, "GUEST_CR0"),
        cr3: Number(readVmcs(cpu, "GUEST_CR3")),
        cr4: readVmcs32(cpu, "GUEST_CR4"),
        efer: Number(readVmcs(cpu, "GUEST_IA32_EFER")),
      }
    : { cr0: system.cr0, cr3: system.cr3, cr4: system.cr4, efer: system.efer };
  const believed = supervisor?.guestControlRegisters();
  const pdptes = inVmcs
    ? ([0, 1, 2, 3] as const).map((i) => readVmcs(cpu, `GUEST_PDPTE${i}` as VmcsFieldName))
    : system.pdptes;
  if (!believed) return { ...hardware, pdptes, eptRoot };
  return {
    cr0: Number(believed.cr0),
    cr3: Number(believed.cr3),
    cr4: Number(believed.cr4),
    efer: hardware.efer,
    pdptes,
    eptRoot,
  };
}

/** The EPT root of the current VMCS, while its guest is the subject of the views. */
export function currentEptRoot({ cpu, world }: ViewedMachine): number | undefined {
  if (world !== "vmm" && world !== "guest") return undefined;
  if (cpu.system.vmx.current < 0 || !secondaryControl(cpu, "enableEpt")) return undefined;
  return Number(readVmcs(cpu, "EPT_POINTER") & 0xffffffffff000n);
}

export function pagingOn({ cr0 }: PagingContext): boolean {
  return (cr0 & CR0.PG) !== 0;
}

/** "4-level", "pae" or "32-bit" paging. */
export function pagingKind({ cr4, efer }: PagingContext): "4-level" | "pae" | "32-bit" {
  if (efer & EFER.LMA) return "4-level";
  return cr4 & CR4.PAE ? "pae" : "32-bit";
}

const SEGMENT_NAMES = ["ES", "CS", "SS", "DS", "FS", "GS"] as const;

/** A segment register as it lies in the VMCS's guest area. */
function vmcsSegment(cpu: Processor, name: string): SegmentRegister {
  const field = (part: string): VmcsFieldName => `GUEST_${name}_${part}` as VmcsFieldName;
  return {
    selector: Number(readVmcs(cpu, field("SELECTOR"))),
    base: readVmcs(cpu, field("BASE")),
    limit: readVmcs32(cpu, field("LIMIT")),
    ar: readVmcs32(cpu, field("ACCESS_RIGHTS")),
  };
}

/** es cs ss ds fs gs, ldtr, tr of the guest. */
export function guestSegments(machine: ViewedMachine): {
  readonly segments: readonly SegmentRegister[];
  readonly ldtr: SegmentRegister;
  readonly tr: SegmentRegister;
} {
  const { cpu } = machine;
  if (!guestIsInVmcs(machine)) return guestsProcessor(machine).system;
  return {
    segments: SEGMENT_NAMES.map((name) => vmcsSegment(cpu, name)),
    ldtr: vmcsSegment(cpu, "LDTR"),
    tr: vmcsSegment(cpu, "TR"),
  };
}
