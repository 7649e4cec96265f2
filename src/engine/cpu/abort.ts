/**
 * What ends an instruction before it completes. Thrown as plain objects (no stack trace is wanted): a fault for the guest's IDT, or a VM exit.
 */
import type { VmExit } from "./vmx/vmExit";

/** An exception raised by the current instruction, which has not changed the state. */
export interface GuestFault {
  readonly abort: "fault";
  readonly vector: number;
  /** Present exactly for vectors that push one. */
  readonly errorCode?: number;
  /** Linear address for #PF: goes to CR2. */
  readonly address?: bigint;
  /** DR6 bits of a #DB: the conditions met. A VM exit reports them and leaves DR6 alone. */
  readonly debugBits?: number;
  /** One sentence for people: which rule refused. */
  readonly why: string;
}

/** A VM exit that interrupts the instruction (EPT violation, intercepted fault of a step within it). */
export interface ExitAbort {
  readonly abort: "exit";
  readonly exit: VmExit;
}

/** Nothing happened yet: the instruction reaches a device in memory and must run by itself, at its exact tick. */
export interface RunAlone {
  readonly abort: "alone";
}

export const RUN_ALONE: RunAlone = { abort: "alone" };

export type CpuAbort = GuestFault | ExitAbort;

export const DE = 0;
export const DB = 1;
export const NMI = 2;
export const BP = 3;
export const OF = 4;
export const BR = 5;
export const UD = 6;
export const NM = 7;
export const DF = 8;
export const TS = 10;
export const NP = 11;
export const SS_FAULT = 12;
export const GP = 13;
export const PF = 14;
export const AC = 17;

function fault(vector: number, why: string, errorCode?: number): GuestFault {
  return errorCode === undefined
    ? { abort: "fault", vector, why }
    : { abort: "fault", vector, why, errorCode };
}

export const gp = (errorCode: number, why: string): GuestFault =>
  fault(GP, why, errorCode & 0xffff);
export const ss = (errorCode: number, why: string): GuestFault =>
  fault(SS_FAULT, why, errorCode & 0xffff);
export const np = (errorCode: number, why: string): GuestFault =>
  fault(NP, why, errorCode & 0xffff);
export const ts = (errorCode: number, why: string): GuestFault =>
  fault(TS, why, errorCode & 0xffff);
export const ud = (why: string): GuestFault => fault(UD, why);
export const exception = (vector: number, why: string): GuestFault =>
  fault(vector, why, vector === AC || vector === DF ? 0 : undefined);

/** A #DB with the conditions met, as DR6 bits. */
export function debugException(debugBits: number, why: string): GuestFault {
  return { ...fault(DB, why), debugBits };
}

/** Page faults are part of normal life: their sentence is made only for those who ask. */
class PageFault implements GuestFault {
  readonly abort = "fault";
  readonly vector = PF;

  constructor(
    readonly address: bigint,
    readonly errorCode: number,
    private readonly explain: () => string,
  ) {}

  get why(): string {
    return this.explain();
  }
}

export function pageFault(address: bigint, errorCode: number, why: () => string): GuestFault {
  return new PageFault(address, errorCode, why);
}

/** True for values thrown by the CPU to end an instruction. */
export function isCpuAbort(value: unknown): value is CpuAbort {
  return typeof value === "object" && value !== null && "abort" in value && value !== RUN_ALONE;
}
