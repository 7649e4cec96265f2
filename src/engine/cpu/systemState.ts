import { masks32Of } from "../isa/bitFields";
import {
  CR0_LAYOUT,
  CR4_LAYOUT,
  DR7_RESET,
  DR6_FIXED_ONES,
  EFER_LAYOUT,
  RFLAGS_LAYOUT,
} from "../isa/controlRegisters";
import { AR } from "../isa/descriptors";
import { PAT_RESET } from "../isa/msrs";

export const CR0 = masks32Of(CR0_LAYOUT);
export const CR4 = masks32Of(CR4_LAYOUT);
export const EFER = masks32Of(EFER_LAYOUT);
export const RFLAGS = masks32Of(RFLAGS_LAYOUT);

/** A segment register with its hidden half. SDM Vol. 3A, "Segment Registers". */
export interface SegmentRegister {
  selector: number;
  base: bigint;
  /** In bytes. */
  limit: number;
  /** VMX access-rights format; bit 16 unusable. */
  ar: number;
}

export interface DescriptorTable {
  base: bigint;
  limit: number;
}

/** Activity states as in the VMCS. SDM Vol. 3C, "Guest Non-Register State". */
export const ACTIVITY = { active: 0, hlt: 1, shutdown: 2, waitForSipi: 3 } as const;

/** Everything of the processor that is not in the interpreter's memory. Plain data: a snapshot clones it. */
export interface SystemState {
  /** es cs ss ds fs gs. */
  segments: SegmentRegister[];
  ldtr: SegmentRegister;
  tr: SegmentRegister;
  gdtr: DescriptorTable;
  idtr: DescriptorTable;
  cr0: number;
  cr2: bigint;
  /** Without the no-flush bit. */
  cr3: number;
  cr4: number;
  /** CR8 where no local APIC holds the task priority. */
  cr8: number;
  efer: number;
  dr: [bigint, bigint, bigint, bigint];
  dr6: number;
  dr7: number;
  /** PDPTEs held by the processor under PAE paging. */
  pdptes: [bigint, bigint, bigint, bigint];
  cpl: number;
  activity: number;
  /** Interrupt shadow until the end of the next instruction. */
  shadow: "none" | "sti" | "mov-ss";
  nmiBlocked: boolean;
  nmiPending: boolean;
  /** DR6 bits of a debug trap waiting for the instruction boundary. */
  pendingDebug: number;
  xcr0: number;
  msrs: {
    star: bigint;
    lstar: bigint;
    cstar: bigint;
    fmask: bigint;
    kernelGsBase: bigint;
    sysenterCs: bigint;
    sysenterEsp: bigint;
    sysenterEip: bigint;
    pat: bigint;
    tscAux: bigint;
    debugctl: bigint;
    featureControl: bigint;
    miscEnable: bigint;
    mcgStatus: bigint;
    /** Added to the tick count to give the time-stamp counter. */
    tscOffset: bigint;
  };
  vmx: VmxState;
}

/** VMX operation. SDM Vol. 3C, "Introduction to VMX Operation". */
export interface VmxState {
  /** HPA of the VMXON region, or -1 outside VMX operation. */
  vmxon: number;
  /** HPA of the current VMCS, or -1. */
  current: number;
  nonRoot: boolean;
  /** Tick at which the VMX-preemption timer reaches zero; Infinity when off. */
  preemptionDue: number;
  /** An MTF VM exit is pending at this instruction boundary: VM entry injected an event, or just that. */
  mtf: boolean;
  /** Tick of the first instruction boundary after VM entry, for "monitor trap flag"; -1 until it is reached. */
  firstBoundary: number;
  /** EPTP page number through which the cached translations of each VPID came; 0 without EPT. */
  eptOfVpid: Record<number, number>;
  /** IDT-vectoring information of the event being delivered, 0 if none. */
  vectoring: number;
  vectoringErrorCode: number;
  vectoringLength: number;
  /** The instruction being executed is an IRET that unblocked NMIs (with "virtual NMIs": virtual ones). */
  nmiUnblocking: boolean;
}

/** Real-mode reset values of a data segment: present, writable, accessed. */
function resetSegment(selector: number, type: number): SegmentRegister {
  return { selector, base: BigInt(selector << 4), limit: 0xffff, ar: AR.P | AR.S | type };
}

function systemSegment(type: number): SegmentRegister {
  return { selector: 0, base: 0n, limit: 0xffff, ar: AR.P | type };
}

/** State after reset, except CS:RIP which the machine sets. SDM Vol. 3A, "Processor State After Reset". */
export function resetState(): SystemState {
  return {
    segments: [0, 1, 2, 3, 4, 5].map((i) => resetSegment(0, i === 1 ? 0xb : 0x3)),
    ldtr: systemSegment(2),
    tr: systemSegment(0xb),
    gdtr: { base: 0n, limit: 0xffff },
    idtr: { base: 0n, limit: 0x3ff },
    cr0: CR0.ET,
    cr2: 0n,
    cr3: 0,
    cr4: 0,
    cr8: 0,
    efer: 0,
    dr: [0n, 0n, 0n, 0n],
    dr6: DR6_FIXED_ONES >>> 0,
    dr7: DR7_RESET,
    pdptes: [0n, 0n, 0n, 0n],
    cpl: 0,
    activity: ACTIVITY.active,
    shadow: "none",
    nmiBlocked: false,
    nmiPending: false,
    pendingDebug: 0,
    xcr0: 1,
    msrs: {
      star: 0n,
      lstar: 0n,
      cstar: 0n,
      fmask: 0n,
      kernelGsBase: 0n,
      sysenterCs: 0n,
      sysenterEsp: 0n,
      sysenterEip: 0n,
      pat: PAT_RESET,
      tscAux: 0n,
      debugctl: 0n,
      featureControl: 5n,
      miscEnable: 1n,
      mcgStatus: 0n,
      tscOffset: 0n,
    },
    vmx: {
      vmxon: -1,
      current: -1,
      nonRoot: false,
      preemptionDue: Infinity,
      mtf: false,
      firstBoundary: -1,
      eptOfVpid: {},
      vectoring: 0,
      vectoringErrorCode: 0,
      vectoringLength: 0,
      nmiUnblocking: false,
    },
  };
}
