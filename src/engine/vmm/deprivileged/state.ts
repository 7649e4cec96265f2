/** Everything the VMM of a deprivileged guest remembers outside simulated memory: plain data, so that every snapshot holds it. */
import type { SystemState } from "../../cpu/systemState";
import type { HostMemoryState } from "../hostMemory";
import type { PageFaultWork } from "../memory/shadowLazy/pageFault";
import type { ShadowState } from "../memory/shadowLazy/shadowState";
import type { SupervisorStop } from "../supervisor";

/** What brought the processor into the VMM. */
export interface Trap {
  readonly key: string;
  readonly vector: number;
  readonly errorCode: number | undefined;
  /** CR2 of a page fault. */
  readonly address: bigint;
}

/** What one step of a handler leaves to the next ones. */
export interface HandlerWork {
  /** Bytes at the guest's CS:EIP, as many as could be read. */
  code?: number[];
  pageFault?: PageFaultWork;
  /** The guest's MOV to CR3 was carried out: its TLB is flushed. */
  cr3Loaded?: boolean;
  /** Linear address that INVLPG named. */
  invalidated?: bigint;
  /** INVPCID: everything. */
  invalidatedAll?: boolean;
}

/** One instruction of the guest under the trap flag, for the VMM's own purposes. */
export interface SingleStep {
  /** "hole": the scratch page is mapped; "window": an event waits for the end of the shadow of STI or MOV SS. */
  readonly reason: "hole" | "window";
  /** RFLAGS.TF as the guest has it. */
  readonly guestTrapFlag: boolean;
  /** The instruction loads RFLAGS.TF itself, or pushes it. */
  readonly loadsFlags: boolean;
  readonly pushesFlags: boolean;
}

export interface DescriptorTablesState {
  /** Entries that are filled, by table. */
  counts: { gdt: number; ldt: number };
  /** GPAs of the pages that the guest's tables lie in: writes to them come to the VMM. */
  traced: number[];
  /** Linear addresses of traced pages that have become writable since the shadow was made. */
  opened: bigint[];
  /** The shadow must be made anew before the guest uses it. */
  isStale: boolean;
  /** What it depends on besides: the guest's ring, GDTR, LDTR, and selectors whose registers hold something else. */
  madeFor: readonly (number | bigint)[];
}

/** The virtual processor at rest. */
export interface VirtualProcessorState {
  readonly system: SystemState;
  readonly registers: readonly bigint[];
  readonly rip: bigint;
  readonly rflags: number;
}

export interface EventCounter {
  count: number;
  cycles: number;
}

export interface DeprivilegedState {
  /** Handler and step that runs next; undefined while the guest runs, or the VMM sleeps for it. */
  position: { readonly key: string; readonly step: number } | undefined;
  trap: Trap | undefined;
  work: HandlerWork;
  /** The virtual processor's record is up to date: the hardware does not hold the guest. */
  holdsGuest: boolean;
  /** Selectors that the VMM left in ES CS SS DS FS GS when it let the guest go on: others are the guest's own loads. */
  leftSelectors: number[];
  /** EIP that the guest went on at. */
  resumedAt: bigint;
  /** Tick at which an instruction was started again that a hidden fault of its data had interrupted; -1 if none was. */
  restartedAt: number;
  tables: DescriptorTablesState;
  memory: ShadowState;
  host: HostMemoryState;
  step: SingleStep | undefined;
  /** CR0, CR4 and IA32_EFER of the guest that the hardware and the shadow tables follow. */
  followed: { cr0: number; cr4: number; efer: number };
  /** Tick at which the host's timer interrupts; Infinity when off. */
  timerDue: number;
  /** By trap key. */
  counters: Record<string, EventCounter>;
  stopped: SupervisorStop | undefined;
}

export function initialState(host: HostMemoryState, memory: ShadowState): DeprivilegedState {
  return {
    position: undefined,
    trap: undefined,
    work: {},
    holdsGuest: true,
    leftSelectors: [0, 0, 0, 0, 0, 0],
    resumedAt: 0n,
    restartedAt: -1,
    tables: { counts: { gdt: 0, ldt: 0 }, traced: [], opened: [], isStale: true, madeFor: [] },
    memory,
    host,
    step: undefined,
    followed: { cr0: 0, cr4: 0, efer: 0 },
    timerDue: Infinity,
    counters: {},
    stopped: undefined,
  };
}
