/** Everything the VMM remembers outside host memory and the VMCS: plain data, so that every snapshot holds it. */
import type { VmExit } from "../../../cpu/vmx/vmExit";
import type { HostMemoryState } from "../../hostMemory";
import type { ShadowState } from "../../memory/shadowLazy/shadowState";
import type { PageFaultWork } from "../../memory/shadowLazy/pageFault";
import type { SupervisorStop } from "../../supervisor";

/** The exit-information fields as a handler reads them. */
export interface ExitInformation {
  readonly reason: number;
  readonly qualification: bigint;
  readonly instructionLength: number;
  readonly instructionInformation: number;
  readonly interruption: number;
  readonly errorCode: number;
  /** IDT-vectoring information: the event whose delivery the exit interrupted. */
  readonly vectoring: number;
  readonly vectoringErrorCode: number;
  readonly guestLinear: bigint;
  readonly guestPhysical: number;
}

/** A hardware exception that the next VM entry injects. */
export interface QueuedException {
  readonly vector: number;
  readonly errorCode: number | undefined;
}

/** An IN, OUT, INS or OUTS taken apart. */
export interface IoAccess {
  readonly port: number;
  readonly size: 1 | 2 | 4;
  readonly isIn: boolean;
  readonly isString: boolean;
  readonly isRepeated: boolean;
  /** Of the string operand: one GPA for each byte; empty for IN and OUT. */
  memory: number[];
}

/** A control-register access taken apart. */
export interface ControlRegisterAccess {
  readonly register: number;
  readonly kind: "write" | "read";
  readonly gpr: number;
  /** What is written; for CLTS and LMSW the whole new CR0. */
  readonly value: bigint;
}

export interface MsrAccess {
  readonly number: number;
  readonly value: bigint;
}

/** What one step of a handler leaves to the next ones. */
export interface HandlerWork {
  io?: IoAccess;
  controlRegister?: ControlRegisterAccess;
  msr?: MsrAccess;
  pageFault?: PageFaultWork;
  /** Instruction that the guest goes on with: behind it if true (the default for instructions), itself if false. */
  repeats?: boolean;
}

/** What the guest believes and no hardware register holds. */
export interface VirtualCpu {
  /** General registers while the VMM runs; RSP is in the VMCS. */
  registers: bigint[];
  /** True from "save the registers" to "restore the registers". */
  holdsRegisters: boolean;
  miscEnable: bigint;
  /** The local APIC's register that the instruction under the monitor trap flag reaches, by its offset. */
  lentRegister: { readonly offset: number; readonly isWrite: boolean } | undefined;
  /** An NMI of the virtual local APIC waits. */
  nmiPending: boolean;
  /** Shadow paging: the guest's CR3, PDPTEs and IA32_EFER, which the hardware's differ from. */
  cr3: number;
  pdptes: bigint[];
  efer: number;
}

export interface EventCounter {
  count: number;
  cycles: number;
}

export interface NestedState {
  readonly kind: "nested";
  root: number;
  /** GPAs of pages without RAM that are mapped to the scratch page for one instruction. */
  holes: number[];
  /** Tables that were made for them, by HPA. */
  holeTables: number[];
  /** Entries that point to those tables or to the scratch page, by HPA: to be cleared again. */
  holeEntries: number[];
}

export interface VmState {
  /** Handler and step that runs next; undefined while the guest runs. */
  position: { readonly key: string; readonly step: number } | undefined;
  /** The VM exit being handled. */
  cause: VmExit | undefined;
  exit: ExitInformation | undefined;
  work: HandlerWork;
  exception: QueuedException | undefined;
  vcpu: VirtualCpu;
  memory: NestedState | ShadowState;
  host: HostMemoryState;
  isLaunched: boolean;
  /** By exit key. */
  counters: Record<string, EventCounter>;
  /** Key of the counter that costs go to. */
  charged: string;
  stopped: SupervisorStop | undefined;
}

export function initialVirtualCpu(): VirtualCpu {
  return {
    registers: Array.from({ length: 16 }, () => 0n),
    holdsRegisters: true,
    miscEnable: 1n,
    lentRegister: undefined,
    nmiPending: false,
    cr3: 0,
    pdptes: [0n, 0n, 0n, 0n],
    efer: 0,
  };
}
