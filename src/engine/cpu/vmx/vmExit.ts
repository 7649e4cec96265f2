/** A VM exit before it is carried out: what goes into the exit-information fields. SDM Vol. 3C, "VM-Exit Information Fields". */
export interface VmExit {
  /** Basic exit reason. */
  readonly reason: number;
  readonly qualification: bigint;
  /** Bytes of the instruction, where the exit is due to executing one; undefined leaves the field as it is. */
  readonly instructionLength?: number;
  readonly instructionInformation?: number;
  readonly guestLinearAddress?: bigint;
  readonly guestPhysicalAddress?: number;
  /** VM-exit interruption information and error code, for reasons 0 and 1. */
  readonly interruptionInformation?: number;
  readonly interruptionErrorCode?: number;
  /** I/O RCX, RSI, RDI, RIP are taken from the registers. */
  readonly isIo?: boolean;
  /** The exit comes after its instruction completed (MTF, preemption timer, interrupt window ...): RIP is that of the next one. */
  readonly trapLike?: boolean;
}
