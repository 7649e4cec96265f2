/** How an event came about. Numbers are the VMX interruption types. SDM Vol. 3C, "VM-Entry Interruption-Information". */
export const EVENT = {
  external: 0,
  nmi: 2,
  hardware: 3,
  software: 4,
  privilegedSoftware: 5,
  softwareException: 6,
} as const;

/** Something to deliver through the IDT. */
export interface DeliveredEvent {
  readonly vector: number;
  readonly type: (typeof EVENT)[keyof typeof EVENT];
  readonly errorCode?: number | undefined;
  /** Return address that goes on the stack (RIP of the faulting instruction, or of the next one). */
  readonly returnRip: bigint;
  /** Injected by VM entry: no VM exit for the event itself. */
  readonly injected?: true;
  /** Instruction length for software events, for VMX. */
  readonly length?: number;
}
