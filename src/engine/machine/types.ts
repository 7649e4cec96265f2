/** Plain data that crosses the engine's door: configuration, stops, events, and what the views show. */
import type { Bits } from "../isa/types";
import { KERNEL_RINGS, type KernelRing } from "../vmm/deprivileged/rings";
import type { DebugInformation } from "./debugInformation";

export const VMM_KINDS = [
  "none",
  "trap-and-emulate",
  "binary-translation",
  "paravirtual",
  "hardware-assisted",
] as const;
export type VmmKind = (typeof VMM_KINDS)[number];

export const MMU_KINDS = ["nested", "shadow-lazy", "shadow-write-protect", "direct"] as const;
export type MmuKind = (typeof MMU_KINDS)[number];

export { KERNEL_RINGS };
export type { KernelRing };

export const ENTRY_KINDS = ["real16", "protected32", "long64"] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** A loaded program. */
export interface GuestImage {
  /** Name for messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** GPA of the first byte. */
  readonly loadAddress: number;
  readonly entry: EntryKind;
  /** GVA of the first instruction. */
  readonly entryPoint: number;
  /** `real16`: the disk that the BIOS boots from and reads by INT 13h; without it, the image. */
  readonly disk?: Uint8Array;
  /** `real16`: the BIOS's number of that disk, in DL; 80h without it. */
  readonly bootDrive?: number;
  /** `protected32` and `long64`: arguments for the kernel, behind its name on the multiboot command line. */
  readonly append?: string;
  /** Lines and symbols: from the assembler, or from an ELF file. */
  readonly debugInformation?: DebugInformation;
}

export interface MachineConfig {
  readonly image: GuestImage;
  readonly vmm: VmmKind;
  readonly mmu: MmuKind;
  /** Ring of the hardware for the kernel of a guest under trap-and-emulate; 1 without it. */
  readonly kernelRing?: KernelRing;
  /** Name of a row of CPU_MODELS; the current one without it. */
  readonly cpu?: string;
  /** Guest-physical memory in bytes, a multiple of 2 MiB. */
  readonly memoryBytes: number;
  /** Keep checkpoints so that time can run backwards. */
  readonly recording: boolean;
  /** Name of a row of vmm/costs.ts; the default profile without it. */
  readonly costProfile?: string;
  /** Executions after which a block gets a region (tier 1); "never" keeps to the interpreter. The default is what pays; results are the same. */
  readonly hotAfter?: number | "never";
}

/**
 * Where the processor is. "guest": running the guest (under a VMM, or in VMX non-root). "vmm": between two steps of our VMM's handler.
 * "bare": no VMM and not in VMX operation. "root": VMX root operation of a hypervisor that the user wrote.
 */
export type World = "bare" | "guest" | "root" | "vmm";

export type CpuMode =
  "real16" | "virtual8086" | "protected16" | "protected32" | "compatibility" | "long64";

/** Names are lower-case architecture names: rax .. r15, rip, rflags, cr0, cr2, cr3, cr4, cr8, efer, dr0 .. dr7, and segments. */
export interface SegmentView {
  readonly selector: number;
  readonly base: bigint;
  readonly limit: number;
  /** Access rights in VMCS format (bit 16 = unusable). SDM Vol. 3C, "Guest Register State". */
  readonly accessRights: number;
}

/** The architectural state of one view of a processor (the VCPU's or the CPU's). */
export interface ProcessorView {
  readonly mode: CpuMode;
  readonly cpl: number;
  readonly bits: Bits;
  /** rax..r15, rip, rflags, cr0, cr2, cr3, cr4, cr8, efer, dr0-3, dr6, dr7. */
  readonly registers: Readonly<Record<string, bigint>>;
  readonly segments: Readonly<
    Record<"es" | "cs" | "ss" | "ds" | "fs" | "gs" | "ldtr" | "tr", SegmentView>
  >;
  readonly gdtr: { readonly base: bigint; readonly limit: number };
  readonly idtr: { readonly base: bigint; readonly limit: number };
  readonly halted: boolean;
  /** "sti" / "mov-ss" while an interrupt shadow is on. */
  readonly interruptShadow: "none" | "sti" | "mov-ss";
}

/** An address in one of the three spaces. gva: linear address through the current paging. */
export type AddressSpace = "gva" | "gpa" | "hpa";

/** One page-table entry on a walk. */
export interface WalkStep {
  /** "guest": the guest's own tables; "nested": EPT; "shadow": the shadow tables that hardware uses. */
  readonly stage: "guest" | "nested" | "shadow";
  /** "PML4E", "PDPTE", "PDE", "PTE", "EPT PML4E" ... */
  readonly level: string;
  /** Where the entry is: GPA for guest tables, HPA for the others. */
  readonly entryAddress: bigint;
  readonly entryHpa: bigint | undefined;
  readonly value: bigint;
  /** "P", "W", "U", "A", "D", "PS", "G", "NX" or "R", "W", "X" ... those that are set. */
  readonly flags: readonly string[];
  /** Address that the entry points to (next table or page frame). */
  readonly target: bigint;
  /** Set on the entry that refused, with the reason. */
  readonly refused?: string;
}

/** GVA -> GPA -> HPA with every entry on the way. */
export interface Translation {
  readonly gva?: bigint;
  readonly gpa?: bigint;
  readonly hpa?: bigint;
  readonly steps: readonly WalkStep[];
  readonly pageSize?: number;
  /** Effective rights over all levels: "rwx", with "u" or "s" for user/supervisor. */
  readonly rights?: string;
  /** Why there is no result. */
  readonly failure?: string;
}

/** One row of a page-table tree: children are fetched by `tableHpa`. */
export interface PageTableRow {
  readonly level: string;
  readonly index: number;
  /** First address that it maps: GVA for guest and shadow tables, GPA for nested ones. */
  readonly from: bigint;
  /** Bytes that it covers. */
  readonly size: bigint;
  readonly entryAddress: bigint;
  readonly value: bigint;
  readonly flags: readonly string[];
  readonly target: bigint;
  readonly leaf: boolean;
}

export interface PageTableQuery {
  readonly which: "guest" | "nested" | "shadow";
  /** Path of indexes from the root; empty for the root table. */
  readonly path: readonly number[];
}

/** Something that happened in the machine; every kind is a possible place to stop. */
export type MachineEvent =
  | {
      readonly kind: "vm-exit";
      /** SDM basic exit reason in upper snake case, or TRAP_..., HYPERCALL ... of a deprivileging technique. */
      readonly key: string;
      readonly number: number;
      readonly qualification: bigint;
      /** For EPT violations and misconfigurations. */
      readonly gpa?: bigint;
      /** One sentence, decoded from the fields ("IN AL from port 0x60"). */
      readonly text: string;
      /** Guest RIP (linear address of the instruction). */
      readonly rip: bigint;
    }
  | { readonly kind: "vm-entry"; readonly rip: bigint; readonly text: string }
  | {
      readonly kind: "vm-entry-failure";
      readonly text: string;
      readonly violations: readonly EntryViolation[];
    }
  | { readonly kind: "interrupt"; readonly vector: number; readonly text: string }
  | {
      readonly kind: "exception";
      readonly vector: number;
      readonly errorCode?: number;
      readonly text: string;
      readonly rip: bigint;
      readonly address?: bigint;
    }
  | {
      readonly kind: "ring-change";
      readonly from: number;
      readonly to: number;
      readonly text: string;
    }
  | {
      readonly kind: "mode-change";
      readonly from: CpuMode;
      readonly to: CpuMode;
      readonly text: string;
    }
  | { readonly kind: "cr3-load"; readonly value: bigint; readonly text: string }
  | { readonly kind: "triple-fault"; readonly text: string }
  /** A sensitive instruction of a deprivileged guest did not trap and told or did something else than on the guest's own processor. */
  | {
      readonly kind: "fidelity-lost";
      /** Family of the instruction, as in the instruction table: "popf". */
      readonly instruction: string;
      readonly text: string;
      readonly rip: bigint;
    }
  /** The firmware has something to tell: a program asked the BIOS for a service that is not there. */
  | { readonly kind: "firmware"; readonly text: string };

export type MachineEventKind = MachineEvent["kind"];

/** A VM-entry rule that does not hold. */
export interface EntryViolation {
  /** Rule id. */
  readonly rule: string;
  readonly sdm: string;
  readonly text: string;
  readonly fields: readonly { readonly name: string; readonly value: bigint }[];
  readonly hint: string;
}

/** Why the machine is not running. */
export type Stop =
  | { readonly reason: "step" }
  | { readonly reason: "breakpoint"; readonly address: bigint }
  | { readonly reason: "vmm-breakpoint"; readonly handler: string; readonly step: number }
  | {
      readonly reason: "data-breakpoint";
      readonly id: number;
      readonly access: "read" | "write";
      readonly address: bigint;
      readonly oldValue?: bigint;
      readonly newValue?: bigint;
    }
  | { readonly reason: "event"; readonly event: MachineEvent }
  /** Start of recorded time, when running backwards. */
  | { readonly reason: "history-start" }
  /** The guest wrote to the debug-exit port. */
  | { readonly reason: "debug-exit"; readonly code: number }
  /** HLT with interrupts off or nothing that could wake it. */
  /** `wakeable`: interrupts are on, so input (serial, keys) can still wake the guest; otherwise it is over. */
  | { readonly reason: "halt"; readonly text: string; readonly wakeable: boolean }
  | { readonly reason: "shutdown"; readonly text: string }
  | { readonly reason: "limit" }
  | { readonly reason: "error"; readonly code: string; readonly text: string };

/** Stops after which the program cannot go on (going back still works). */
export const FINAL_STOPS = ["debug-exit", "halt", "shutdown", "error"] as const;

export interface WatchPoint {
  readonly id: number;
  readonly space: AddressSpace;
  readonly address: bigint;
  readonly length: number;
  readonly access: "read" | "write" | "readWrite";
}

/** What may end a run. Callbacks are pure questions: they must not change the machine. */
export interface RunControl {
  /** Linear addresses to stop before. */
  readonly breakpoints: ReadonlySet<bigint>;
  /** Asked when a breakpoint is reached; false goes on. */
  readonly onBreakpoint?: (address: bigint) => boolean;
  /** `handler:step` keys of VMM steps to stop before. */
  readonly vmmBreakpoints?: ReadonlySet<string>;
  readonly watchPoints?: readonly WatchPoint[];
  readonly onWatch?: (stop: Stop & { reason: "data-breakpoint" }) => boolean;
  /** Asked after each event; true stops there. */
  readonly onEvent?: (event: MachineEvent) => boolean;
}

/** A step of a VMM handler as the debugger shows it. */
export interface VmmStepView {
  readonly name: string;
  readonly text: string;
}

/** The VMM's activity while `world` is "vmm". */
export interface VmmActivity {
  /** Stable key of the handler: "CR_ACCESS". */
  readonly handler: string;
  readonly title: string;
  readonly steps: readonly VmmStepView[];
  /** Index of the step that runs next. */
  readonly step: number;
  readonly event: MachineEvent;
}

export interface ExitCount {
  readonly key: string;
  readonly number: number;
  readonly title: string;
  readonly count: number;
  readonly cycles: number;
}

/** A line of the "what happened" axis. */
export interface TimelineEntry {
  readonly position: number;
  readonly event: MachineEvent;
}

export interface VmcsFieldView {
  readonly name: string;
  readonly title: string;
  readonly encoding: number;
  readonly area: "guest" | "host" | "control" | "exit-info";
  readonly group: string;
  readonly value: bigint;
  readonly width: number;
  readonly decoded: string;
}

export interface VmcsView {
  /** HPA of the region. */
  readonly address: bigint;
  readonly launchState: "clear" | "launched";
  readonly current: boolean;
  readonly fields: readonly VmcsFieldView[];
}
