/**
 * What each sensitive instruction does when a guest kernel runs it deprivileged, and how each technique deals with it: the text and
 * the severity behind the editor's diagnostics. The class of an instruction and its VM-exit condition stand in its rows.
 * Sources: SDM Vol. 2 and Vol. 3 (protection, VMX non-root operation); AMD APM Vol. 2 (SVM); Popek and Goldberg 1974; Robin and
 * Irvine 2000; Adams and Agesen 2006; Barham et al. 2003.
 */
import type { InstructionForm } from "./types";

export const TECHNIQUES = [
  "trap-and-emulate",
  "binary-translation",
  "paravirtual",
  "hardware-assisted",
] as const;
export type TechniqueName = (typeof TECHNIQUES)[number];

export type SensitivitySeverity = "error" | "warning" | "info" | "ok";

export interface TechniqueFact {
  readonly severity: SensitivitySeverity;
  readonly text: string;
}

export interface SensitivityFact {
  /** What happens at CPL 1 or 3. */
  readonly deprivileged: string;
  /** What goes wrong without a trap; absent where every use traps. */
  readonly silentFailure?: string;
  /** What can make it trap although it is unprivileged. */
  readonly trappableBy?: string;
  /** Whether it is on Robin and Irvine's list of unprivileged sensitive instructions of the Pentium. */
  readonly onPentiumList: boolean;
  /** SVM intercept and exit code. */
  readonly svm?: string;
  readonly techniques: Readonly<Record<TechniqueName, TechniqueFact>>;
}

type Short = readonly [SensitivitySeverity, string];

function techniques(
  trapAndEmulate: Short,
  binaryTranslation: Short,
  paravirtual: Short,
  hardwareAssisted: Short,
): SensitivityFact["techniques"] {
  const fact = ([severity, text]: Short): TechniqueFact => ({ severity, text });
  return {
    "trap-and-emulate": fact(trapAndEmulate),
    "binary-translation": fact(binaryTranslation),
    paravirtual: fact(paravirtual),
    "hardware-assisted": fact(hardwareAssisted),
  };
}

const CALLOUT: Short = [
  "ok",
  "replaced by a callout to the VMM: no trap, but a way out of the code cache and back",
];
const NATIVE: Short = ["ok", "runs on the guest's own state in non-root operation"];
const TRAPS: Short = ["ok", "faults, and the VMM emulates it: a trap and a return each time"];
const EXITS: Short = [
  "ok",
  "exits to the VMM where the control asks for it, else runs on guest state",
];
const hypercall = (instead: string, severity: SensitivitySeverity = "warning"): Short => [
  severity,
  `use the hypercall interface instead: ${instead}`,
];

/** Faults whenever CPL > 0. */
function privileged(instead: string, svm?: string, fault = "#GP(0) at CPL > 0"): SensitivityFact {
  return {
    deprivileged: fault,
    onPentiumList: false,
    ...(svm === undefined ? {} : { svm }),
    techniques: techniques(TRAPS, CALLOUT, hypercall(instead), EXITS),
  };
}

const UMIP = "CR4.UMIP: #GP(0) at CPL > 0";

function storesHostRegister(what: string, failure: string, svm: string): SensitivityFact {
  return {
    deprivileged: `runs at every CPL and stores ${what}`,
    silentFailure: failure,
    trappableBy: UMIP,
    onPentiumList: true,
    svm,
    techniques: techniques(
      ["error", `runs without a trap and stores ${what}: ${failure}`],
      ["ok", "replaced by a store of the virtual value"],
      ["error", "there is no hypercall for it: the kernel must remember what it set"],
      ["info", "exits where descriptor-table exiting is on, else stores the guest's value"],
    ),
  };
}

function selectorCheck(what: string): SensitivityFact {
  const failure = `${what} is answered for the real descriptor tables and the real CPL, so ring-0 selectors look inaccessible (ZF = 0)`;
  return {
    deprivileged: "runs at every CPL; #UD in real and virtual-8086 mode",
    silentFailure: failure,
    onPentiumList: true,
    techniques: techniques(
      ["error", `runs without a trap: ${failure}`],
      ["ok", "callout: walks the virtual descriptor tables with the virtual CPL"],
      [
        "error",
        "answers for the VMM's descriptor tables and the real ring: must not be used, the kernel knows what it asked the VMM for",
      ],
      NATIVE,
    ),
  };
}

function readsSelector(what: string): SensitivityFact {
  const failure = `${what} shows the RPL of the real ring (1 or 3), so a kernel that tests CS & 3 believes that it is in user mode`;
  return {
    deprivileged: "runs at every CPL",
    silentFailure: failure,
    onPentiumList: true,
    techniques: techniques(
      ["warning", `runs without a trap: ${failure}`],
      ["ok", "replaced by a read of the virtual selector"],
      ["info", "the kernel knows that its RPL is not 0"],
      NATIVE,
    ),
  };
}

const LOADS_SELECTOR_FAILURE =
  "a ring-0 selector faults, any other loads the VMM's descriptor instead of the guest's; later edits of the guest's table go unseen";

function loadsSelector(
  trap: SensitivitySeverity,
  paravirtual: SensitivitySeverity,
): SensitivityFact {
  return {
    deprivileged: "runs, checked against the real CPL",
    silentFailure: LOADS_SELECTOR_FAILURE,
    onPentiumList: true,
    techniques: techniques(
      [trap, LOADS_SELECTOR_FAILURE],
      ["ok", "callout: loads from the virtual descriptor tables"],
      [paravirtual, "load only selectors that the VMM has granted, with their RPL"],
      NATIVE,
    ),
  };
}

function farTransfer(failure: string, pv: string, hardware: Short, svm?: string): SensitivityFact {
  return {
    deprivileged: "runs where the target passes the checks at the real ring",
    silentFailure: failure,
    onPentiumList: true,
    ...(svm === undefined ? {} : { svm }),
    techniques: techniques(
      ["warning", failure],
      ["ok", "callout: the target is looked up in the virtual tables and translated"],
      ["warning", pv],
      hardware,
    ),
  };
}

const FLAGS_PUSHED =
  "the image holds the real flags: IF always 1 and the real IOPL, so code that saves the flags, disables interrupts and restores them later restores the wrong IF";
const FLAGS_POPPED =
  "IF is left alone when CPL > IOPL and IOPL when CPL > 0, without a fault: the virtual interrupt flag goes out of step, interrupts are lost or come inside critical sections";

const pushFlags: SensitivityFact = {
  deprivileged: "runs at every CPL; #GP(0) in virtual-8086 mode with IOPL < 3",
  silentFailure: FLAGS_PUSHED,
  onPentiumList: true,
  svm: "PUSHF intercept, exit 0x70",
  techniques: techniques(
    ["error", `at ring 1 it pushes the hardware's flags without a trap: ${FLAGS_PUSHED}`],
    ["ok", "pushes the arithmetic flags merged with the virtual IF, IOPL and NT"],
    [
      "error",
      "pushes the hardware's IF, which is always 1: read the event mask in the shared page instead",
    ],
    ["ok", "pushes the guest's own flags"],
  ),
};

const popFlags: SensitivityFact = {
  deprivileged: "runs at every CPL; #GP(0) in virtual-8086 mode with IOPL < 3",
  silentFailure: FLAGS_POPPED,
  onPentiumList: true,
  svm: "POPF intercept, exit 0x71",
  techniques: techniques(
    [
      "error",
      "at ring 1 IF is left alone without a fault: the guest believes interrupts are off (or on) as it asked, the hardware keeps what it had, and the VMM's virtual flag goes out of step",
    ],
    [
      "ok",
      "loads the arithmetic flags, puts IF into the virtual flag, and looks for pending interrupts",
    ],
    [
      "error",
      "leaves the hardware's IF alone, and the VMM does not see it: write the event mask in the shared page instead, then look for pending events",
    ],
    ["ok", "loads the guest's own flags"],
  ),
};

const interruptReturn: SensitivityFact = {
  deprivileged: "runs; a return to an inner ring faults, IF and IOPL behave as with POPF",
  silentFailure:
    "a frame with RPL at or above the real CPL is taken, but IF and IOPL stay as they were; a frame with RPL 0 faults",
  onPentiumList: true,
  svm: "IRET intercept, exit 0x74",
  techniques: techniques(
    [
      "error",
      "at ring 1 a return to a ring-0 selector faults and can be emulated; any other return runs, and IF is left alone without a fault: the guest believes that interrupts are as its frame says",
    ],
    ["ok", "callout: returns through the virtual ring and interrupt flag"],
    [
      "error",
      "leaves the hardware's IF alone, and a return to a ring-0 selector faults: use the IRET hypercall",
    ],
    NATIVE,
  ),
};

const softwareInterrupt: SensitivityFact = {
  deprivileged: "runs where the gate's DPL ≥ CPL, else #GP(vector × 8 + 2)",
  silentFailure:
    "gates with DPL 0 fault and can be reflected, gates with DPL 3 reach the VMM's handler unnoticed; the pushed CS has the real RPL",
  onPentiumList: true,
  svm: "INTn intercept, exit 0x75",
  techniques: techniques(
    [
      "warning",
      "goes through the VMM's IDT, not the guest's: where the gate has DPL 0 it faults and the VMM can deliver it, where it has DPL 3 the VMM's own handler runs",
    ],
    ["ok", "delivered through the virtual IDT"],
    ["info", "vectors are registered with the VMM"],
    ["ok", "goes through the guest's own IDT"],
  ),
};

const interruptFlag: SensitivityFact = {
  deprivileged: "#GP(0) when CPL > IOPL; with IOPL ≥ CPL it changes the machine's IF",
  onPentiumList: true,
  techniques: techniques(
    ["ok", "faults as long as IOPL < CPL, and the VMM changes the virtual flag"],
    ["ok", "changes the virtual flag in the code cache, without a trap"],
    hypercall("the event mask in the shared page; after enabling, look for pending events"),
    ["ok", "changes the guest's own IF without an exit"],
  ),
};

const portAccess: SensitivityFact = {
  deprivileged: "#GP(0) when CPL > IOPL and the TSS's I/O bitmap denies the port",
  onPentiumList: false,
  svm: "IOIO intercept and bitmap, exit 0x7B",
  techniques: techniques(
    ["ok", "faults unless the I/O bitmap lets the port through"],
    ["ok", "callout to the device model"],
    hypercall("console and event channels"),
    EXITS,
  ),
};

const timeStamp = (extra: string): SensitivityFact => ({
  deprivileged: "runs; #GP(0) at CPL > 0 with CR4.TSD",
  silentFailure: `reads the machine's time, which runs on while the guest does not${extra}`,
  trappableBy: "CR4.TSD",
  onPentiumList: false,
  svm: "RDTSC intercept 0x6E, RDTSCP intercept 0x87",
  techniques: techniques(
    [
      "warning",
      `runs without a trap unless CR4.TSD is set: the guest sees the machine's time${extra}`,
    ],
    ["info", "callout, or the offset is added in place"],
    ["info", "the shared page has the virtual time"],
    ["ok", "exits with RDTSC exiting, else the TSC offset is added"],
  ),
});

function unprivilegedState(
  deprivileged: string,
  failure: string,
  trap: SensitivitySeverity,
  paravirtual: Short,
): SensitivityFact {
  return {
    deprivileged,
    silentFailure: failure,
    onPentiumList: false,
    techniques: techniques(
      [trap, failure],
      ["ok", "replaced by an access to the virtual state"],
      paravirtual,
      NATIVE,
    ),
  };
}

const entersHost = (how: string, paravirtual: string): SensitivityFact => ({
  deprivileged: how,
  silentFailure: "enters ring 0 at an address that the VMM owns, so the VMM has to hand it on",
  onPentiumList: false,
  techniques: techniques(
    ["warning", "enters the VMM first, which must hand it on to the guest kernel"],
    CALLOUT,
    ["info", paravirtual],
    NATIVE,
  ),
});

const raisesException: SensitivityFact = {
  deprivileged: "raises its exception at every CPL (INT3 and INTO need gate DPL ≥ CPL)",
  onPentiumList: false,
  svm: "exception intercept, exit 0x40 + vector",
  techniques: techniques(
    ["ok", "reaches the VMM first, which reflects it"],
    ["ok", "delivered through the virtual IDT"],
    ["info", "delivered to the handler registered with the VMM"],
    ["ok", "goes through the guest's IDT unless the exception bitmap asks for an exit"],
  ),
};

const vmInstruction = (deprivileged: string, svm?: string): SensitivityFact => ({
  deprivileged,
  onPentiumList: false,
  ...(svm === undefined ? {} : { svm }),
  techniques: techniques(
    ["warning", "#UD: there is no virtualisation inside this guest, unless the VMM emulates it"],
    ["warning", "injects #UD, unless the VMM emulates it"],
    ["warning", "not part of the paravirtual interface"],
    ["info", "exits to the VMM, which may run a nested guest"],
  ),
});

const VMX_ROOT = "#UD outside VMX operation; in VMX root operation #GP(0) at CPL > 0";
const SVM_HOST = "#UD unless EFER.SVME; #GP(0) at CPL > 0";

const harmless: SensitivityFact = {
  deprivileged: "runs",
  onPentiumList: false,
  techniques: techniques(
    ["ok", "runs as it is"],
    ["ok", "runs as it is"],
    ["ok", "runs as it is"],
    EXITS,
  ),
};

const HOST_TABLE = "the guest sees a table that it never loaded, and can tell that a VMM is there";

/** By the semantics of a row, or by its mnemonic where it has none. */
const FACTS: Readonly<Record<string, SensitivityFact>> = {
  sgdt: storesHostRegister("the VMM's GDTR", HOST_TABLE, "GDTR-read intercept, exit 0x67"),
  sidt: storesHostRegister("the VMM's IDTR", HOST_TABLE, "IDTR-read intercept, exit 0x66"),
  sldt: storesHostRegister(
    "the real LDT selector",
    "the guest sees a selector that it never loaded",
    "LDTR-read intercept, exit 0x68",
  ),
  str: storesHostRegister(
    "the real task register",
    "the guest finds a TSS that it never loaded, with the real RPL",
    "TR-read intercept, exit 0x69",
  ),
  smsw: {
    ...storesHostRegister(
      "the real CR0",
      "PE reads 1 even for a real-mode guest, TS and EM are the VMM's",
      "CR0-read intercept, exit 0x00",
    ),
    techniques: techniques(
      ["error", "runs without a trap and stores the real CR0"],
      ["ok", "replaced by a store of the virtual CR0"],
      ["error", "there is no hypercall for it: the kernel must remember what it set"],
      ["info", "never exits: host-owned bits come from the CR0 read shadow"],
    ),
  },
  pushf: pushFlags,
  popf: popFlags,
  iret: interruptReturn,
  lar: selectorCheck("visibility and rights of a descriptor"),
  lsl: selectorCheck("visibility and limit of a descriptor"),
  verr: selectorCheck("readability of a segment"),
  verw: selectorCheck("writability of a segment"),
  arpl: {
    deprivileged: "runs at every CPL in protected mode outside 64-bit mode",
    silentFailure: "compares with a selector that already carries the real RPL",
    onPentiumList: false,
    techniques: techniques(
      ["info", "runs without a trap on selectors that carry the real RPL"],
      ["ok", "runs as it is on virtual selectors"],
      ["info", "the kernel knows that its RPL is not 0"],
      NATIVE,
    ),
  },
  push_sreg: readsSelector("the pushed selector"),
  mov_from_sreg: readsSelector("the selector"),
  pop_sreg: loadsSelector("error", "warning"),
  mov_to_sreg: loadsSelector("warning", "info"),
  lxs: loadsSelector("warning", "info"),
  call_far: farTransfer(
    "a ring-0 code selector faults; a call gate leads into the VMM's ring",
    "there are no call gates to ring 0",
    ["info", "exits only for a task switch"],
    "task-switch intercept, exit 0x7D",
  ),
  jmp_far: farTransfer(
    "a ring-0 code selector faults; a task gate switches to a task of the VMM",
    "load only code selectors that the VMM has granted",
    ["info", "exits only for a task switch"],
    "task-switch intercept, exit 0x7D",
  ),
  ret_far: farTransfer(
    "a return to the RPL-0 selector that ring-0 code pushed faults, because CS.RPL < CPL",
    "use the IRET hypercall",
    NATIVE,
  ),
  int: softwareInterrupt,
  cli: interruptFlag,
  sti: interruptFlag,
  in: portAccess,
  out: portAccess,
  ins: portAccess,
  outs: portAccess,
  lgdt: privileged(
    "register the GDT's frames; edit descriptors one by one",
    "GDTR-write intercept, exit 0x6B",
  ),
  lidt: privileged("register a table of trap handlers", "IDTR-write intercept, exit 0x6A"),
  lldt: privileged("set the LDT by an MMU operation", "LDTR-write intercept, exit 0x6C"),
  ltr: privileged("set the kernel stack by the stack-switch call", "TR-write intercept, exit 0x6D"),
  lmsw: privileged("the task-switch flag call", "CR0-write intercept, exit 0x10"),
  clts: privileged("the task-switch flag call", "CR0-write intercept, exit 0x10"),
  mov_to_cr: privileged(
    "CR3: the new-base-pointer MMU operation; CR0.TS: the task-switch flag call",
    "CR-write intercept, exit 0x10 + n",
  ),
  mov_from_cr: privileged(
    "CR2 stands in the shared page; the kernel keeps the others",
    "CR-read intercept, exit 0x00 + n",
  ),
  mov_to_dr: privileged("the debug-register call", "DR-write intercept, exit 0x30 + n"),
  mov_from_dr: privileged("the debug-register call", "DR-read intercept, exit 0x20 + n"),
  hlt: privileged("the scheduler's block operation", "HLT intercept, exit 0x78"),
  invlpg: privileged("the invalidate-page MMU operation", "INVLPG intercept, exit 0x79"),
  invpcid: privileged(
    "the flush MMU operations",
    undefined,
    "#GP(0) at CPL > 0; #UD where not enabled",
  ),
  invd: privileged("the cache-flush MMU operation", "INVD intercept, exit 0x76"),
  wbinvd: privileged("the cache-flush MMU operation", "WBINVD intercept, exit 0x89"),
  rdmsr: privileged(
    "the segment-base call for FS and GS; the VMM emulates the rest",
    "MSR intercept, exit 0x7C",
  ),
  wrmsr: privileged(
    "the segment-base call for FS and GS; the VMM emulates the rest",
    "MSR intercept, exit 0x7C",
  ),
  swapgs: {
    ...privileged("the segment-base call", undefined),
    techniques: techniques(TRAPS, CALLOUT, hypercall("the segment-base call"), NATIVE),
  },
  sysexit: privileged("the IRET hypercall"),
  sysret: privileged("the IRET hypercall", undefined, "#GP(0) at CPL > 0; #UD unless EFER.SCE"),
  monitor: privileged("the scheduler's block operation", undefined, "#UD at CPL > 0"),
  mwait: privileged("the scheduler's block operation", undefined, "#UD at CPL > 0"),
  xsetbv: privileged(
    "nothing: the VMM emulates it",
    undefined,
    "#GP(0) at CPL > 0; #UD unless CR4.OSXSAVE",
  ),
  clac: privileged("nothing: SMAP is off in the guest", undefined, "#UD at CPL > 0"),
  stac: privileged("nothing: SMAP is off in the guest", undefined, "#UD at CPL > 0"),
  rsm: privileged(
    "nothing: there is no SMM in the guest",
    undefined,
    "#UD outside system-management mode",
  ),
  getsec: privileged("nothing: there is no SMX in the guest", undefined, "#UD unless CR4.SMXE"),
  rdtsc: timeStamp(""),
  rdtscp: timeStamp(", and the number of the processor"),
  rdpid: {
    ...timeStamp(""),
    deprivileged: "runs at every CPL",
    silentFailure: "tells the number of the real processor",
    trappableBy: "nothing",
    techniques: techniques(
      ["warning", "runs without a trap and tells the number of the real processor"],
      ["info", "callout"],
      ["info", "the shared page tells the virtual processor"],
      ["ok", "never exits: reads the guest's IA32_TSC_AUX"],
    ),
  },
  rdpmc: {
    ...privileged(
      "the performance-counter call",
      "RDPMC intercept, exit 0x6F",
      "#GP(0) at CPL > 0 unless CR4.PCE",
    ),
    silentFailure: "with CR4.PCE the machine's counters can be read",
  },
  cpuid: {
    deprivileged: "runs at every CPL",
    silentFailure:
      "tells of the real processor: features that the VMM does not offer, the real topology, no hypervisor bit",
    trappableBy: "CPUID faulting, where the processor has it",
    onPentiumList: false,
    svm: "CPUID intercept, exit 0x72",
    techniques: techniques(
      ["warning", "runs without a trap and tells of the real processor"],
      CALLOUT,
      ["warning", "ask the VMM: use its escape prefix or hypercall"],
      ["ok", "always exits"],
    ),
  },
  xgetbv: unprivilegedState("runs with CR4.OSXSAVE, else #UD", "reads the machine's XCR0", "info", [
    "ok",
    "allowed",
  ]),
  rdpkru: unprivilegedState(
    "runs with CR4.PKE, else #UD",
    "reads the machine's key rights",
    "info",
    ["warning", "not offered"],
  ),
  wrpkru: unprivilegedState(
    "runs with CR4.PKE, else #UD",
    "changes the machine's key rights",
    "info",
    ["warning", "not offered"],
  ),
  ...Object.fromEntries(
    ["rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"].map((name) => [
      name,
      unprivilegedState(
        "runs at every CPL with CR4.FSGSBASE, else #UD",
        "reads or writes the real base: harmless as long as FS and GS are the guest's",
        "info",
        ["info", "the segment-base call, or as it is"],
      ),
    ]),
  ),
  pause: harmless,
  rdrand: harmless,
  rdseed: harmless,
  sysenter: entersHost("runs at CPL 3; #GP(0) if SYSENTER_CS is 0", "register a callback"),
  syscall: entersHost("runs at every CPL with EFER.SCE, else #UD", "register a callback"),
  int3: raisesException,
  into: raisesException,
  int1: raisesException,
  bound: raisesException,
  ud: raisesException,
  vmcall: vmInstruction("#UD outside VMX operation; in non-root operation it exits at every CPL"),
  vmfunc: vmInstruction("#UD unless VM functions are enabled; runs at every CPL"),
  ...Object.fromEntries(
    [
      "vmclear", "vmlaunch", "vmptrld", "vmptrst", "vmresume", "vmxoff", "vmxon", "invept", "invvpid",
      "vmread", "vmwrite",
    ].map((name) => [name, vmInstruction(VMX_ROOT)]), // prettier-ignore
  ),
  vmrun: vmInstruction(SVM_HOST, "exit 0x80"),
  vmmcall: vmInstruction("#UD unless intercepted; any CPL", "exit 0x81"),
  vmload: vmInstruction(SVM_HOST, "exit 0x82"),
  vmsave: vmInstruction(SVM_HOST, "exit 0x83"),
  stgi: vmInstruction(SVM_HOST, "exit 0x84"),
  clgi: vmInstruction(SVM_HOST, "exit 0x85"),
  skinit: vmInstruction(SVM_HOST, "exit 0x86"),
  invlpga: vmInstruction(SVM_HOST, "exit 0x7A"),
};

/** The facts about a row; undefined for an innocuous one. */
export function sensitivityFact(form: InstructionForm): SensitivityFact | undefined {
  return form.sensitivity === "innocuous" ? undefined : FACTS[form.semantics ?? form.mnemonic];
}

/** The same by the name of the family, such as "popf". */
export function sensitivityFactOf(family: string): SensitivityFact | undefined {
  return FACTS[family];
}

/** The names (semantics or mnemonics) that have facts: for audits. */
export const SENSITIVE_NAMES: readonly string[] = Object.keys(FACTS);
