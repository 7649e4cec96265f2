/** The local APIC as the processor core sees it: some of its state is reached by MSRs and CR8. SDM Vol. 3A, "Local APIC". */

export interface LocalApicPort {
  /** IA32_APIC_BASE; undefined on a processor without a local APIC. */
  base: number | undefined;
  /** IA32_APIC_BASE.EN. CPUID.1:EDX.APIC follows it. */
  readonly isEnabled: boolean;
  /** TPR, bits 7:0; CR8 is its upper half. */
  taskPriority: number;
  /** IA32_TSC_DEADLINE. */
  tscDeadline: bigint;
  /** The time-stamp counter was set. */
  tscChanged(): void;
}

/** A processor without a local APIC. CR8 holds what is written to it, without effect. */
export class NoLocalApic implements LocalApicPort {
  readonly base = undefined;
  readonly isEnabled = false;
  readonly tscDeadline = 0n;

  constructor(private readonly cpu: { readonly system: { cr8: number } }) {}

  get taskPriority(): number {
    return this.cpu.system.cr8 << 4;
  }

  set taskPriority(value: number) {
    this.cpu.system.cr8 = value >> 4;
  }

  tscChanged(): void {
    // Nothing watches the time-stamp counter.
  }
}
