import type { Processor } from "../cpu/processor";
import type { DeliveredEvent } from "../cpu/event";
import type { ObservedEvent } from "../cpu/observation";
import type { VmExit } from "../cpu/vmx/vmExit";

/** One named step of a handler. Steps change the machine only through the processor, host memory and the supervisor's own plain state. */
export interface VmmStep {
  /** Stable, shown as a line of the VMM's source: "Read the exit qualification". */
  readonly name: string;
  /** One line of explanation, in the field's terms. */
  readonly text: string;
}

export interface VmmHandler {
  /** Exit key ("CR_ACCESS") or trap key. */
  readonly key: string;
  readonly title: string;
  readonly steps: readonly VmmStep[];
}

/** What the supervisor is doing while the processor is in its hands. */
export interface VmmPosition {
  readonly handler: VmmHandler;
  /** Index of the step that runs next. */
  readonly step: number;
  readonly exit: VmExit | undefined;
}

/** A fatal problem of the guest or of the VMM's rules: the machine stops with it; nothing is skipped silently. */
export interface SupervisorStop {
  readonly reason: "error" | "shutdown" | "halt";
  readonly code: string;
  readonly text: string;
}

export interface ExitCounter {
  readonly key: string;
  readonly number: number;
  readonly title: string;
  count: number;
  cycles: number;
}

/** What brought a deprivileged guest into the VMM. */
export interface TrapReport {
  /** A row of isa/traps.ts. */
  readonly key: string;
  readonly number: number;
  /** One sentence, and the linear address of the guest's instruction; made only for those who ask. */
  readonly describe: () => { readonly text: string; readonly rip: bigint };
}

/**
 * The software that owns the most privileged level of the simulated processor. The machine gives it control at power-on and whenever the processor is
 * in its hands (VMX root operation), one step at a time.
 */
export interface Supervisor {
  readonly handlers: readonly VmmHandler[];
  /** undefined while the guest runs. */
  readonly position: VmmPosition | undefined;
  /** Set once the guest cannot go on. */
  readonly stopped: SupervisorStop | undefined;
  /** Power-on: builds host tables, VMCS, guest memory and state; ends with `position` at the first step of the launch handler. */
  start(): void;
  /** The processor has just left the guest: chooses the handler. The machine calls it right after a VM exit. */
  exited(exit: VmExit): void;
  /** Deprivileging techniques: the processor has delivered an event through the VMM's IDT. */
  trapped?(event: DeliveredEvent): TrapReport;
  /** Tick at which the host's timer interrupts the VMM; Infinity when off. Without it the VMM has a timer of its own. */
  readonly timerDue?: number;
  acknowledgeTimer?(): void;
  /** Deprivileging techniques: the processor as the guest believes it. Looking changes nothing. */
  guestProcessor?(): Processor;
  /** The guest starts an instruction again that has begun before: a breakpoint there has been seen. */
  readonly restartsInstruction?: boolean;
  /** Deprivileging techniques: lets a debugger change the guest's processor. */
  changeGuest?(change: (vcpu: Processor) => void): void;
  /** Runs the step at `position`. The last step enters the guest and leaves `position` undefined. */
  runStep(): void;
  readonly counters: readonly ExitCounter[];
  readonly cycles: number;
  /** HPA of a guest-physical address in guest RAM, or undefined. */
  guestToHost(gpa: number): number | undefined;
  /** Root (HPA) of the tables that hardware walks for the guest: EPT PML4 or shadow root. */
  readonly hardwareRoot: { readonly kind: "nested" | "shadow"; readonly hpa: number };
  /** Entry format of the shadow tables; 4-level if not said. */
  shadowFormat?(): "4-level" | "pae" | "32-bit";
  /** Control-register values that the guest believes (shadows applied); registers not listed are the processor's or the VMCS's. */
  guestControlRegisters(): {
    readonly cr0: bigint;
    readonly cr3: bigint;
    readonly cr4: bigint;
    readonly cr8?: bigint;
  };
  /** The guest's general registers by number while they lie in the VCPU record; undefined while the processor holds them. RSP is in the VMCS. */
  guestRegisters?(): readonly bigint[] | undefined;
  /** The virtual local APIC has an NMI for the guest. */
  raiseNmi?(): void;
  /** Plain data for snapshots. */
  save(): unknown;
  load(state: unknown): void;
}

/** What a supervisor is given. */
export interface SupervisorContext {
  readonly cpu: Processor;
  /** First HPA and size of the memory reserved for the VMM. */
  readonly reserved: { readonly hpa: number; readonly bytes: number };
  /** Guest-physical memory in bytes. */
  readonly guestMemoryBytes: number;
  /** Told what the guest goes through where the processor does not tell it by itself. */
  readonly observe: (event: ObservedEvent) => void;
}
