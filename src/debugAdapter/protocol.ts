/**
 * What Ringside adds to the Debug Adapter Protocol: launch arguments, exception filters, own requests (`ringside/…`) and events.
 * The extension imports this file and nothing else of the debug adapter. Described for people in docs/PROTOCOL.md.
 *
 * Rules: everything is JSON-safe; every 64-bit value is a `Hex` string; every body that describes the machine carries the
 * `generation` it was read in, and a client drops answers whose generation is older than the newest one it has seen.
 */
import type {
  AddressSpace,
  CpuMode,
  EntryKind,
  MachineEventKind,
  MmuKind,
  VmmKind,
  World,
} from "../engine/index";

export type { AddressSpace, CpuMode, EntryKind, MachineEventKind, MmuKind, VmmKind, World };

/** "0x" and lower-case digits, at most 16 of them. Read it with BigInt. */
export type Hex = string;

// --------------------------------------------------------------------------------------------------------- launch.json

/** The value of `type` in launch.json. */
export const DEBUG_TYPE = "ringside";

/** launch.json. Only `program` is needed; the extension fills it with the open file. */
export interface LaunchArguments {
  /** .asm (assembled in memory), flat binary, or ELF / multiboot image. */
  readonly program: string;
  /** Default "hardware-assisted". */
  readonly vmm?: VmmKind;
  /** Default: "nested" with hardware-assisted, "direct" with paravirtual, else "shadow-lazy". */
  readonly mmu?: MmuKind;
  /** Default: by the `bits` at the start of the source. */
  readonly entry?: EntryKind;
  /** GPA as a number or an expression such as "0x100000". Default: `org`, else the entry's own. */
  readonly loadAddress?: number | string;
  /** Bytes, or "64M". Default 64M. */
  readonly memory?: number | string;
  readonly vcpus?: number;
  /** Name of a processor model. Default: the current one. */
  readonly cpu?: string;
  /** Under trap-and-emulate: the hardware's ring for the guest's kernel, 1 (default) or 3. */
  readonly kernelRing?: number;
  /** Default false. Without debugging ("noDebug") nothing stops the program. */
  readonly stopOnEntry?: boolean;
  /** Exit keys to break on, such as "CPUID"; "any" for all. The client may change them later with ringside/setExitBreakpoints. */
  readonly breakOnVmExit?: readonly string[];
  /** Stop after so many instructions. */
  readonly maxInstructions?: number;
  /** File whose bytes arrive on COM1. */
  readonly serialInput?: string;
  /** File with the disk that the BIOS of `real16` reads. Default: the program itself. */
  readonly disk?: string;
  /** The BIOS's number of that disk, in DL: 0 or 0x80 (default). */
  readonly bootDrive?: number | string;
  /** Arguments for a kernel, behind its name on the multiboot command line. */
  readonly append?: string;
  /** Name of a cost profile. */
  readonly costProfile?: string;
  /** Keep checkpoints so that time can run backwards. Default true. */
  readonly recording?: boolean;
  /** Folders that %include and incbin search, besides the including file's. */
  readonly includePaths?: readonly string[];
  /** NAME -> VALUE, as with `nasm -D`. */
  readonly defines?: Readonly<Record<string, string>>;
}

// --------------------------------------------------------------------------------------------------- exception filters

export interface ExceptionFilter {
  readonly filter: string;
  readonly label: string;
  readonly description: string;
  /** Exit keys that it covers; "any" for all; a trailing "*" matches a prefix. Absent: not about exits. */
  readonly exits?: readonly string[];
  /** Kinds of machine events that it covers, besides exits. */
  readonly events?: readonly MachineEventKind[];
  /** On unless the user says otherwise. */
  readonly default?: boolean;
}

/** Shown under the condition box of every filter. */
export const CONDITION_DESCRIPTION =
  "Expression over registers, labels, memory and the event: reason, qual, qual.<field>, gpa, vector, port, size, in, write, error, address, from, to. Example: write && gpa >= 0x8000";

/**
 * VM exits and machine events as exception breakpoints. VS Code fixes filters at `initialize`, so these are the groups; any single
 * exit reason is reached through ringside/setExitBreakpoints. Besides the ones here the adapter takes `exit:<KEY>` for every exit key.
 */
// prettier-ignore
export const EXCEPTION_FILTERS: readonly ExceptionFilter[] = [
  { filter: "exit:any", label: "Any VM exit", description: "Break in the VMM on every VM exit or trap of a deprivileged guest", exits: ["any"] },
  { filter: "exit:CPUID", label: "VM exit: CPUID", description: "Exit reason 10", exits: ["CPUID"] },
  { filter: "exit:HLT", label: "VM exit: HLT", description: "Exit reason 12", exits: ["HLT"] },
  { filter: "exit:VMCALL", label: "VM exit: VMCALL or hypercall", description: "Exit reason 18, and the paravirtual hypercall", exits: ["VMCALL", "HYPERCALL"] },
  { filter: "exit:CR_ACCESS", label: "VM exit: control-register access", description: "Exit reason 28", exits: ["CR_ACCESS"] },
  { filter: "exit:IO_INSTRUCTION", label: "VM exit: I/O instruction", description: "Exit reason 30", exits: ["IO_INSTRUCTION"] },
  { filter: "exit:MSR", label: "VM exit: RDMSR or WRMSR", description: "Exit reasons 31 and 32", exits: ["RDMSR", "WRMSR"] },
  { filter: "exit:EPT_VIOLATION", label: "VM exit: EPT violation or misconfiguration", description: "Exit reasons 48 and 49", exits: ["EPT_VIOLATION", "EPT_MISCONFIGURATION"] },
  { filter: "exit:EXCEPTION_NMI", label: "VM exit: exception or NMI", description: "Exit reason 0", exits: ["EXCEPTION_NMI"] },
  { filter: "exit:EXTERNAL_INTERRUPT", label: "VM exit: external interrupt", description: "Exit reasons 1 and 7", exits: ["EXTERNAL_INTERRUPT", "INTERRUPT_WINDOW"] },
  { filter: "exit:INVLPG", label: "VM exit: TLB invalidation", description: "INVLPG, INVPCID, INVEPT, INVVPID", exits: ["INVLPG", "INVPCID", "INVEPT", "INVVPID"] },
  { filter: "exit:ENTRY_FAILURE", label: "VM-entry failure", description: "Invalid guest state or MSR loading", exits: ["ENTRY_FAILURE_*"], events: ["vm-entry-failure"], default: true },
  { filter: "exit:TRAP_GP", label: "Trap: #GP or #UD of the deprivileged guest", description: "A privileged instruction in a deprivileged guest kernel", exits: ["TRAP_GP", "TRAP_UD"] },
  { filter: "exit:TRAP_PF_HIDDEN", label: "Trap: hidden page fault", description: "The shadow page table lacked an entry; the guest never sees this fault", exits: ["TRAP_PF_HIDDEN"] },
  { filter: "exit:TRAP_PF_TRUE", label: "Trap: true page fault", description: "A page fault that the VMM hands to the guest", exits: ["TRAP_PF_TRUE"] },
  { filter: "exit:TRAP_INT", label: "Trap: software interrupt", description: "INT n of a deprivileged guest", exits: ["TRAP_INT"] },
  { filter: "exit:CALLOUT", label: "Callout of the code cache", description: "Translated code called the VMM", exits: ["CALLOUT_*"] },
  { filter: "fidelity-lost", label: "Fidelity lost", description: "A sensitive instruction of a deprivileged guest did not trap, and VCPU and CPU part: behind it", events: ["fidelity-lost"] },
  { filter: "trap:guest-exception", label: "Guest exception", description: "An exception delivered to the guest", events: ["exception"] },
  { filter: "ring-change", label: "Ring change", description: "CPL changed", events: ["ring-change"] },
  { filter: "mode-change", label: "Mode change", description: "Real, protected, compatibility, 64-bit", events: ["mode-change"] },
  { filter: "cr3-load", label: "CR3 load", description: "The guest switched its page tables", events: ["cr3-load"] },
  { filter: "interrupt", label: "Interrupt", description: "A hardware or software interrupt delivered to the guest", events: ["interrupt"] },
  { filter: "triple-fault", label: "Triple fault", description: "The processor gave up", exits: ["TRIPLE_FAULT"], events: ["triple-fault"], default: true },
];

/** What to do when an exit of a key happens. "log" writes one line to the debug console and goes on. */
export type ExitMode = "break" | "log" | "ignore";

// -------------------------------------------------------------------------------------------------------- shared bodies

/** A source place, as DAP gives it: `path`, or `sourceReference` for the VMM's virtual sources. */
export interface SourcePlace {
  readonly path?: string;
  readonly sourceReference?: number;
  readonly name: string;
  /** 1-based. */
  readonly line: number;
}

/** A code address with all that is known of it. */
export interface CodePlace {
  readonly address: Hex;
  /** "kmain+0x12". */
  readonly symbol?: string;
  readonly source?: SourcePlace;
  /** The instruction there, disassembled. */
  readonly instruction?: string;
}

export interface StopDescription {
  /** As in the DAP stopped event. */
  readonly reason: string;
  /** One sentence that explains the stop. */
  readonly text: string;
  /** Set when the program cannot go on; going back still works. */
  readonly final: boolean;
  /** Exit key, when a VM exit stopped it. */
  readonly exitKey?: string;
}

/** Where the machine is; enough for a status bar. */
export interface StateBody {
  readonly generation: number;
  readonly running: boolean;
  readonly ended: boolean;
  readonly program: string;
  readonly vmm: VmmKind;
  readonly mmu: MmuKind;
  readonly recording: boolean;
  readonly world: World;
  readonly mode: CpuMode;
  readonly cpl: number;
  /** Time now, and the farthest time reached: retired instructions plus VMM steps. */
  readonly position: number;
  readonly horizon: number;
  readonly instructions: number;
  readonly cycles: number;
  readonly place: CodePlace;
  readonly stop?: StopDescription;
}

/** A row of ringside/processor: one register as the guest believes it, and as the hardware holds it. */
export interface ProcessorRow {
  /** Unique in the answer: "rax", "cs", "cs.base", "gdtr.limit". */
  readonly name: string;
  readonly vcpu: Hex;
  readonly cpu: Hex;
  /** The two views disagree. */
  readonly differs: boolean;
  /** Differs from the value at the previous stop; that value. */
  readonly changed: boolean;
  readonly cpuChanged: boolean;
  readonly previous?: Hex;
  readonly cpuPrevious?: Hex;
  /** Named bits and such, of either view, when the register has them. */
  readonly vcpuDecoded?: string;
  readonly cpuDecoded?: string;
}

export interface ProcessorGroup {
  readonly title: string;
  readonly rows: readonly ProcessorRow[];
}

export interface ProcessorBody {
  readonly generation: number;
  readonly threadId: number;
  readonly world: World;
  readonly vcpu: { readonly mode: CpuMode; readonly cpl: number; readonly halted: boolean };
  readonly cpu: { readonly mode: CpuMode; readonly cpl: number; readonly halted: boolean };
  readonly groups: readonly ProcessorGroup[];
}

export interface TranslateArguments {
  readonly space?: AddressSpace;
  /** A Hex address, or any expression that `evaluate` takes ("rip", "[cr2]", "gpa:0x7000", "kmain+4"). */
  readonly address: string;
  readonly frameId?: number;
}

export interface WalkStepBody {
  readonly stage: "guest" | "nested" | "shadow";
  /** "PML4E", "PDE", "EPT PTE" … */
  readonly level: string;
  /** Where the entry is: a GPA for guest tables, an HPA for the others. */
  readonly entryAddress: Hex;
  /** Space of `entryAddress`. */
  readonly entrySpace: AddressSpace;
  readonly entryHpa?: Hex;
  readonly value: Hex;
  readonly flags: readonly string[];
  readonly target: Hex;
  /** The reason, on the entry that refused. */
  readonly refused?: string;
}

export interface TranslateBody {
  readonly generation: number;
  readonly space: AddressSpace;
  readonly address: Hex;
  readonly gva?: Hex;
  readonly gpa?: Hex;
  readonly hpa?: Hex;
  readonly pageSize?: number;
  /** "rwx" and "u" or "s". */
  readonly rights?: string;
  readonly failure?: string;
  readonly symbol?: string;
  readonly steps: readonly WalkStepBody[];
}

export interface PageTablesArguments {
  readonly which: "guest" | "nested" | "shadow";
  /** Indexes from the root; empty for the root table. */
  readonly path?: readonly number[];
}

export interface PageTableRowBody {
  readonly level: string;
  readonly index: number;
  /** First address that it maps (GVA for guest and shadow, GPA for nested), and how many bytes. */
  readonly from: Hex;
  readonly size: Hex;
  readonly entryAddress: Hex;
  readonly entrySpace: AddressSpace;
  readonly value: Hex;
  readonly flags: readonly string[];
  readonly target: Hex;
  readonly targetSpace: AddressSpace;
  readonly leaf: boolean;
  /** The entry differs from what this table held when it was last read in an earlier generation. */
  readonly changed: boolean;
  readonly previous?: Hex;
}

export interface PageTablesBody {
  readonly generation: number;
  readonly which: "guest" | "nested" | "shadow";
  readonly path: readonly number[];
  /** Present entries only. */
  readonly rows: readonly PageTableRowBody[];
  /** Why there is nothing to show, or what to know about it. */
  readonly note?: string;
}

export interface VmcsFieldBody {
  readonly name: string;
  readonly title: string;
  readonly encoding: number;
  readonly area: "guest" | "host" | "control" | "exit-info";
  readonly group: string;
  readonly value: Hex;
  /** Bits: 16, 32, 64. */
  readonly width: number;
  readonly decoded: string;
  readonly changed: boolean;
  readonly previous?: Hex;
}

export interface VmcsBody {
  readonly generation: number;
  /** Absent when there is no current VMCS; `note` says why. */
  readonly address?: Hex;
  readonly launchState?: "clear" | "launched";
  readonly fields: readonly VmcsFieldBody[];
  readonly note?: string;
}

export interface ExitBody {
  readonly key: string;
  /** SDM basic exit reason, or -1 for keys of the deprivileging techniques. */
  readonly number: number;
  readonly title: string;
  readonly count: number;
  readonly cycles: number;
  readonly mode: ExitMode;
  readonly condition?: string;
  /** Happened since the previous stop. */
  readonly changed: boolean;
}

export interface ExitsBody {
  readonly generation: number;
  readonly exits: readonly ExitBody[];
  readonly totalCount: number;
  readonly totalCycles: number;
}

export interface ExitBreakpoint {
  /** An exit key, or "any". */
  readonly key: string;
  readonly mode: ExitMode;
  readonly condition?: string;
}

export interface EntryChecksBody {
  readonly generation: number;
  readonly violations: readonly {
    readonly rule: string;
    readonly sdm: string;
    readonly text: string;
    readonly fields: readonly { readonly name: string; readonly value: Hex }[];
    readonly hint: string;
  }[];
  readonly note?: string;
}

export interface TimelineArguments {
  /** Only events at positions from..to. */
  readonly from?: number;
  readonly to?: number;
  readonly kinds?: readonly MachineEventKind[];
  /** Newest so many; default 1000. */
  readonly limit?: number;
}

export interface TimelineEntryBody {
  readonly position: number;
  readonly kind: MachineEventKind;
  /** Exit key of a VM exit. */
  readonly key?: string;
  readonly text: string;
  readonly place?: CodePlace;
}

export interface TimelineBody {
  readonly generation: number;
  readonly position: number;
  readonly horizon: number;
  /** In order of position. */
  readonly entries: readonly TimelineEntryBody[];
  /** Entries left out by `limit`. */
  readonly omitted: number;
}

/** Places that ringside/runTo runs to. */
export const RUN_TO_TARGETS = [
  "vm-exit",
  "vm-entry",
  "ring-change",
  "mode-change",
  "cr3-load",
  "interrupt",
  "exception",
  "fidelity-lost",
  "address",
] as const;
export type RunToTarget = (typeof RUN_TO_TARGETS)[number];

export interface RunToArguments {
  readonly target: RunToTarget;
  /** Default "forward". */
  readonly direction?: "forward" | "backward";
  /** Only this exit key (target "vm-exit"). */
  readonly key?: string;
  /** Where to (target "address"): any expression. */
  readonly address?: string;
  /** As with exception filters. */
  readonly condition?: string;
}

export interface WritersArguments {
  /** What was written: a register name, or a memory range. */
  readonly register?: string;
  readonly space?: AddressSpace;
  /** Hex or expression. */
  readonly address?: string;
  /** Bytes; default 1. */
  readonly length?: number;
  /** "backward" (default): the last write before now. "forward": the next one. Time stands where it was afterwards. */
  readonly direction?: "forward" | "backward";
}

export interface WritersBody {
  readonly generation: number;
  readonly found: boolean;
  /** One sentence: who wrote what, or how far the search went. */
  readonly text: string;
  /** Travel here to see the instruction before it writes. */
  readonly position?: number;
  readonly place?: CodePlace;
  readonly world?: World;
  readonly before?: Hex;
  readonly after?: Hex;
}

export interface HistoryEntryBody {
  readonly position: number;
  readonly world: World;
  readonly place: CodePlace;
  /** Registers that it changed. */
  readonly changes: readonly { readonly name: string; readonly before: Hex; readonly after: Hex }[];
}

export interface HistoryBody {
  readonly generation: number;
  /** Oldest first; the last one ends at the present position. */
  readonly entries: readonly HistoryEntryBody[];
}

export interface VmmBody {
  readonly generation: number;
  readonly vmm: VmmKind;
  readonly handlers: readonly {
    readonly handler: string;
    readonly title: string;
    readonly source: SourcePlace;
    readonly steps: readonly { readonly name: string; readonly text: string }[];
  }[];
  /** Set while the VMM is between two steps. */
  readonly activity?: { readonly handler: string; readonly step: number; readonly text: string };
}

export interface ScreenBody {
  readonly generation: number;
  /** Lines of the text screen. */
  readonly screen: string;
  readonly serial: string;
}

// ------------------------------------------------------------------------------------------------------------- requests

/** Own requests: name -> what goes in and comes out. All work while stopped; those marked [running] also while running. */
export interface RingsideRequests {
  /** [running] */
  readonly "ringside/state": { readonly arguments: object; readonly body: StateBody };
  readonly "ringside/processor": {
    readonly arguments: { readonly threadId?: number };
    readonly body: ProcessorBody;
  };
  readonly "ringside/translate": {
    readonly arguments: TranslateArguments;
    readonly body: TranslateBody;
  };
  readonly "ringside/pageTables": {
    readonly arguments: PageTablesArguments;
    readonly body: PageTablesBody;
  };
  readonly "ringside/vmcs": { readonly arguments: object; readonly body: VmcsBody };
  /** [running] */
  readonly "ringside/exits": { readonly arguments: object; readonly body: ExitsBody };
  /** [running] Replaces all of the client's exit breakpoints (not the exception filters). May be sent before configurationDone. */
  readonly "ringside/setExitBreakpoints": {
    readonly arguments: { readonly breakpoints: readonly ExitBreakpoint[] };
    readonly body: {
      /** In request order. */
      readonly breakpoints: readonly { readonly verified: boolean; readonly message?: string }[];
    };
  };
  readonly "ringside/entryChecks": {
    readonly arguments: object;
    readonly body: EntryChecksBody;
  };
  /** [running] */
  readonly "ringside/timeline": {
    readonly arguments: TimelineArguments;
    readonly body: TimelineBody;
  };
  /** Answers at once; a stopped event follows. */
  readonly "ringside/runTo": { readonly arguments: RunToArguments; readonly body: object };
  /** Goes to a position in time; a stopped event follows. */
  readonly "ringside/travelTo": {
    readonly arguments: { readonly position: number };
    readonly body: object;
  };
  readonly "ringside/writers": { readonly arguments: WritersArguments; readonly body: WritersBody };
  /** The last `count` (default 20, at most 1000) steps before now, with what each changed. */
  readonly "ringside/history": {
    readonly arguments: { readonly count?: number };
    readonly body: HistoryBody;
  };
  readonly "ringside/vmm": { readonly arguments: object; readonly body: VmmBody };
  /** [running] */
  readonly "ringside/screen": { readonly arguments: object; readonly body: ScreenBody };
  /** [running] Types on the serial line or the keyboard. */
  readonly "ringside/input": {
    readonly arguments: { readonly serial?: string; readonly keys?: string };
    readonly body: object;
  };
}

export type RingsideRequest = keyof RingsideRequests;
export type RequestArguments<R extends RingsideRequest> = RingsideRequests[R]["arguments"];
export type RequestBody<R extends RingsideRequest> = RingsideRequests[R]["body"];

// --------------------------------------------------------------------------------------------------------------- events

/** Own events: name -> body. */
export interface RingsideEvents {
  /**
   * One after each stop ("stopped": views read again), each resume ("running"), each change by the user while stopped
   * ("modified": a register or memory was set), and at the end ("ended").
   */
  readonly "ringside/stateChanged": {
    readonly change: "stopped" | "running" | "modified" | "ended";
    readonly state: StateBody;
  };
}

export type RingsideEvent = keyof RingsideEvents;
export type EventBody<E extends RingsideEvent> = RingsideEvents[E];

// ----------------------------------------------------------------------------------------------------- variables, memory

/** Prefixes of memory references and of address-space forms in expressions. */
export const MEMORY_REFERENCE_SPACES: readonly AddressSpace[] = ["gva", "gpa", "hpa"];

/**
 * `__vscodeVariableMenuContext` of variables, for `debugProtocolVariableMenuContext` in `when` clauses: "ringside.register",
 * "ringside.vmcsField", "ringside.address" (has a memoryReference).
 */
export const VARIABLE_MENU_CONTEXTS = {
  register: "ringside.register",
  vmcsField: "ringside.vmcsField",
  address: "ringside.address",
} as const;

/** Scope names, in order; stable. */
export const SCOPES = [
  "Registers",
  "Segments",
  "Control Registers",
  "Flags",
  "MSRs",
  "VCPU",
  "VMCS",
  "Translation",
] as const;
