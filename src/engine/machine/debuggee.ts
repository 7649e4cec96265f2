import type {
  AddressSpace,
  EntryViolation,
  ExitCount,
  MachineConfig,
  PageTableQuery,
  PageTableRow,
  ProcessorView,
  RunControl,
  Stop,
  TimelineEntry,
  Translation,
  VmcsView,
  VmmActivity,
  VmmStepView,
  World,
} from "./types";

/**
 * The machine as the debug adapter and the command line see it. Implemented in timetravel/recordedMachine.ts; made by
 * `createDebuggee(config)` in engine/index.ts. All methods are synchronous and bounded; long runs are cut into slices by the caller.
 */
export interface Debuggee {
  readonly config: MachineConfig;
  /** Time: retired instructions plus VMM steps. Goes back when time does. */
  readonly position: number;
  /** Instructions retired by the guest (or on the bare machine). */
  readonly instructions: number;
  /** Modelled cycles so far, by the cost profile. */
  readonly cycles: number;
  readonly world: World;

  // ------------------------------------------------------------------ running
  /** Runs at most `maxTicks`; undefined means the slice ended and nothing asked to stop. */
  run(maxTicks: number, control: RunControl): Stop | undefined;
  /** Exactly one instruction or one VMM step, following calls, interrupts, VM exits and entries. Breakpoints are ignored, `onEvent` is not asked; of `control` only the watchpoints count. */
  step(control?: RunControl): Stop;
  /** One slice of a step over (stays in this world and ring; CALL, INT, REP and a VM exit are one step). Call until it returns a Stop. */
  beginStepOver(): StepPlan;
  /** To the caller, past IRET/SYSRET, or to the VM entry. */
  beginStepOut(): StepPlan;
  /** One instruction or VMM step back. `history-start` at the beginning. */
  stepBack(): Stop;
  /** To the last position before this one where `control` would have stopped, else the start of history. Bounded slices: undefined = call again. */
  runBackSlice(control: RunControl): Stop | undefined;
  /** Travels to an absolute position (restore + replay). */
  travelTo(position: number): Stop;
  /** Farthest position that was reached. */
  readonly horizon: number;

  // ------------------------------------------------------------------ looking
  /** What the guest believes (equal to `cpu()` on the bare machine). */
  vcpu(): ProcessorView;
  /** What the hardware holds. */
  cpu(): ProcessorView;
  /** Current VMM handler, if `world` is "vmm". */
  vmm(): VmmActivity | undefined;
  /** Every handler of the VMM with its steps, for rendering its source; empty without a VMM. */
  vmmHandlers(): readonly {
    readonly handler: string;
    readonly title: string;
    readonly steps: readonly VmmStepView[];
  }[];
  /** VM-entry rules that the current VMCS breaks right now (a dry run); empty when none or no VMCS. */
  entryViolations(): readonly EntryViolation[];
  /** Guest MSRs by name, as the guest believes. */
  msrs(): readonly { readonly name: string; readonly number: number; readonly value: bigint }[];
  /** The current VMCS, or undefined when there is none. */
  vmcs(): VmcsView | undefined;
  exits(): readonly ExitCount[];
  timeline(): readonly TimelineEntry[];
  translate(space: AddressSpace, address: bigint): Translation;
  pageTable(query: PageTableQuery): {
    readonly rows: readonly PageTableRow[];
    readonly note?: string;
  };
  /** The readable prefix only; never zeros for what is not there. gva uses the current view's paging without side effects. */
  readMemory(space: AddressSpace, address: bigint, length: number): Uint8Array;
  /** Bytes written (a prefix). Debugger writes bypass protection, invalidate decoded code, and are logged as inputs. */
  writeMemory(space: AddressSpace, address: bigint, bytes: Uint8Array): number;
  /** Sets a register of the VCPU by name; throws UserError for unknown names and impossible values. */
  setRegister(name: string, value: bigint): void;
  /** Serial output so far. */
  serialText(): string;
  screenText(): string;
  /** Ticks for which a program has been waiting in the BIOS for a key; undefined when it is not. */
  readonly keyWaitTicks: number | undefined;

  // ------------------------------------------------------------------ talking
  /** Bytes that arrive on COM1 now (an input: logged for replay). */
  sendSerial(bytes: Uint8Array): void;
  sendKeys(text: string): void;
  /** Called with each output byte, only when time runs forward for the first time (not in replay). */
  onOutput: ((source: "serial" | "debug-console", byte: number) => void) | undefined;
  /** Called with each line that the firmware has to tell, and with each place (a linear address) where a deprivileged guest loses fidelity, as `onOutput` is. */
  onNotice: ((text: string, address?: bigint) => void) | undefined;
}

/** A step in progress: slices until it stops. */
export interface StepPlan {
  /** undefined: call again. `control` breakpoints and events still apply. */
  slice(maxTicks: number, control: RunControl): Stop | undefined;
}
