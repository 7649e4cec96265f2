/**
 * VMX control bits: what the architecture names and which of them this processor has. The capability MSRs are computed
 * from this table, so a control is advertised exactly when its row says `supported`.
 * SDM Vol. 3C, "VM-Execution Control Fields", "VM-Exit Control Fields", "VM-Entry Control Fields".
 */
import { bit, layout, unsupported, type BitLayout } from "../bitFields";

export type ControlWord = "pin" | "primary" | "secondary" | "exit" | "entry";

export interface VmxControl {
  readonly control: ControlWord;
  readonly bit: number;
  /** As the SDM prints it. */
  readonly name: string;
  readonly key: string;
  readonly description: string;
  readonly supported: boolean;
}

type Row<Word extends ControlWord, Key extends string> = VmxControl & {
  readonly control: Word;
  readonly key: Key;
};

function rows<Word extends ControlWord>(control: Word) {
  return {
    has: <const Key extends string>(
      bit: number,
      key: Key,
      name: string,
      description: string,
    ): Row<Word, Key> => ({ control, bit, key, name, description, supported: true }),
    lacks: <const Key extends string>(
      bit: number,
      key: Key,
      name: string,
      description: string,
    ): Row<Word, Key> => ({ control, bit, key, name, description, supported: false }),
  };
}

const pin = rows("pin");
const primary = rows("primary");
const secondary = rows("secondary");
const exit = rows("exit");
const entry = rows("entry");

// prettier-ignore
export const VMX_CONTROLS = [
  // SDM Vol. 3C, "Pin-Based VM-Execution Controls".
  pin.has(0, "externalInterruptExiting", "External-interrupt exiting", "external interrupts cause VM exits instead of delivery through the guest IDT"),
  pin.has(3, "nmiExiting", "NMI exiting", "NMIs cause VM exits instead of delivery through the guest IDT"),
  pin.has(5, "virtualNmis", "Virtual NMIs", "NMI blocking is tracked for virtual NMIs, apart from physical ones"),
  pin.has(6, "activatePreemptionTimer", "Activate VMX-preemption timer", "the timer counts down in VMX non-root operation and causes a VM exit at 0"),
  pin.lacks(7, "processPostedInterrupts", "Process posted interrupts", "interrupts with the notification vector are posted to the virtual APIC"),

  // SDM Vol. 3C, "Processor-Based VM-Execution Controls".
  primary.has(2, "interruptWindowExiting", "Interrupt-window exiting", "VM exit as soon as RFLAGS.IF = 1 and nothing blocks interrupts"),
  primary.has(3, "useTscOffsetting", "Use TSC offsetting", "RDTSC, RDTSCP and RDMSR of the TSC add the TSC offset"),
  primary.has(7, "hltExiting", "HLT exiting", "HLT causes VM exits"),
  primary.has(9, "invlpgExiting", "INVLPG exiting", "INVLPG causes VM exits"),
  primary.has(10, "mwaitExiting", "MWAIT exiting", "MWAIT causes VM exits"),
  primary.has(11, "rdpmcExiting", "RDPMC exiting", "RDPMC causes VM exits"),
  primary.has(12, "rdtscExiting", "RDTSC exiting", "RDTSC and RDTSCP cause VM exits"),
  primary.has(15, "cr3LoadExiting", "CR3-load exiting", "MOV to CR3 causes VM exits (unless the value is a CR3 target)"),
  primary.has(16, "cr3StoreExiting", "CR3-store exiting", "MOV from CR3 causes VM exits"),
  primary.lacks(17, "activateTertiaryControls", "Activate tertiary controls", "the tertiary processor-based controls are used"),
  primary.has(19, "cr8LoadExiting", "CR8-load exiting", "MOV to CR8 causes VM exits"),
  primary.has(20, "cr8StoreExiting", "CR8-store exiting", "MOV from CR8 causes VM exits"),
  primary.lacks(21, "useTprShadow", "Use TPR shadow", "CR8 accesses go to the virtual-APIC page"),
  primary.has(22, "nmiWindowExiting", "NMI-window exiting", "VM exit as soon as there is no virtual-NMI blocking"),
  primary.has(23, "movDrExiting", "MOV-DR exiting", "MOV to and from debug registers causes VM exits"),
  primary.has(24, "unconditionalIoExiting", "Unconditional I/O exiting", "every I/O instruction causes a VM exit (ignored with I/O bitmaps)"),
  primary.has(25, "useIoBitmaps", "Use I/O bitmaps", "the I/O bitmaps say which ports cause VM exits"),
  primary.has(27, "monitorTrapFlag", "Monitor trap flag", "VM exit after each guest instruction"),
  primary.has(28, "useMsrBitmaps", "Use MSR bitmaps", "the MSR bitmap says which RDMSR and WRMSR cause VM exits; without it all do"),
  primary.has(29, "monitorExiting", "MONITOR exiting", "MONITOR causes VM exits"),
  primary.has(30, "pauseExiting", "PAUSE exiting", "PAUSE causes VM exits"),
  primary.has(31, "activateSecondaryControls", "Activate secondary controls", "the secondary processor-based controls are used; otherwise they count as 0"),

  secondary.lacks(0, "virtualizeApicAccesses", "Virtualize APIC accesses", "accesses to the APIC-access page are treated specially"),
  secondary.has(1, "enableEpt", "Enable EPT", "guest-physical addresses are translated by extended page tables"),
  secondary.has(2, "descriptorTableExiting", "Descriptor-table exiting", "LGDT, LIDT, LLDT, LTR, SGDT, SIDT, SLDT and STR cause VM exits"),
  secondary.has(3, "enableRdtscp", "Enable RDTSCP", "RDTSCP works; otherwise it raises #UD"),
  secondary.lacks(4, "virtualizeX2apicMode", "Virtualize x2APIC mode", "RDMSR and WRMSR of APIC MSRs are treated specially"),
  secondary.has(5, "enableVpid", "Enable VPID", "cached translations are tagged with the VPID and survive VM entries and exits"),
  secondary.has(6, "wbinvdExiting", "WBINVD exiting", "WBINVD and WBNOINVD cause VM exits"),
  secondary.has(7, "unrestrictedGuest", "Unrestricted guest", "the guest may run unpaged or in real-address mode"),
  secondary.lacks(8, "apicRegisterVirtualization", "APIC-register virtualization", "APIC registers are read from the virtual-APIC page"),
  secondary.lacks(9, "virtualInterruptDelivery", "Virtual-interrupt delivery", "pending virtual interrupts are evaluated and delivered"),
  secondary.lacks(10, "pauseLoopExiting", "PAUSE-loop exiting", "a tight loop of PAUSE at CPL 0 causes a VM exit"),
  secondary.has(11, "rdrandExiting", "RDRAND exiting", "RDRAND causes VM exits"),
  secondary.has(12, "enableInvpcid", "Enable INVPCID", "INVPCID works; otherwise it raises #UD"),
  secondary.has(13, "enableVmFunctions", "Enable VM functions", "VMFUNC works in VMX non-root operation"),
  secondary.lacks(14, "vmcsShadowing", "VMCS shadowing", "VMREAD and VMWRITE in the guest may access a shadow VMCS"),
  secondary.lacks(15, "enableEnclsExiting", "Enable ENCLS exiting", "ENCLS may cause VM exits"),
  secondary.has(16, "rdseedExiting", "RDSEED exiting", "RDSEED causes VM exits"),
  secondary.has(17, "enablePml", "Enable PML", "accesses that set an EPT dirty flag are logged"),
  secondary.lacks(18, "eptViolationVe", "EPT-violation #VE", "EPT violations may raise virtualization exceptions"),
  secondary.lacks(19, "concealVmxFromPt", "Conceal VMX from PT", "Intel PT leaves out VMX transitions"),
  secondary.lacks(20, "enableXsaves", "Enable XSAVES/XRSTORS", "XSAVES and XRSTORS work; otherwise they raise #UD"),
  secondary.lacks(22, "modeBasedExecute", "Mode-based execute control for EPT", "EPT execute permission differs for user and supervisor linear addresses"),
  secondary.lacks(23, "subPageWritePermissions", "Sub-page write permissions for EPT", "EPT write permission at a granularity of 128 bytes"),
  secondary.lacks(24, "ptUsesGuestPhysical", "Intel PT uses guest physical addresses", "Intel PT output addresses are guest-physical"),
  secondary.lacks(25, "useTscScaling", "Use TSC scaling", "guest TSC reads are multiplied"),
  secondary.lacks(26, "enableUserWaitPause", "Enable user wait and pause", "TPAUSE, UMONITOR and UMWAIT work; otherwise they raise #UD"),
  secondary.lacks(27, "enablePconfig", "Enable PCONFIG", "PCONFIG works; otherwise it raises #UD"),
  secondary.lacks(28, "enableEnclvExiting", "Enable ENCLV exiting", "ENCLV may cause VM exits"),
  secondary.lacks(30, "busLockDetection", "VMM bus-lock detection", "bus locks cause VM exits"),
  secondary.lacks(31, "instructionTimeout", "Instruction timeout", "a VM exit when no instruction completes for a time"),

  // SDM Vol. 3C, "VM-Exit Controls".
  exit.has(2, "saveDebugControls", "Save debug controls", "DR7 and IA32_DEBUGCTL are saved on VM exit"),
  exit.has(9, "hostAddressSpaceSize", "Host address-space size", "the host is in 64-bit mode after the VM exit"),
  exit.lacks(12, "loadPerfGlobalCtrl", "Load IA32_PERF_GLOBAL_CTRL", "IA32_PERF_GLOBAL_CTRL is loaded on VM exit"),
  exit.has(15, "acknowledgeInterruptOnExit", "Acknowledge interrupt on exit", "the interrupt that caused the exit is acknowledged and its vector stored"),
  exit.has(18, "savePat", "Save IA32_PAT", "IA32_PAT is saved on VM exit"),
  exit.has(19, "loadPat", "Load IA32_PAT", "IA32_PAT is loaded on VM exit"),
  exit.has(20, "saveEfer", "Save IA32_EFER", "IA32_EFER is saved on VM exit"),
  exit.has(21, "loadEfer", "Load IA32_EFER", "IA32_EFER is loaded on VM exit"),
  exit.has(22, "savePreemptionTimer", "Save VMX-preemption timer value", "what is left of the preemption timer is saved on VM exit"),
  exit.lacks(23, "clearBndcfgs", "Clear IA32_BNDCFGS", "IA32_BNDCFGS is cleared on VM exit"),
  exit.lacks(24, "concealVmxFromPt", "Conceal VMX from PT", "Intel PT leaves out VM exits"),
  exit.lacks(25, "clearRtitCtl", "Clear IA32_RTIT_CTL", "IA32_RTIT_CTL is cleared on VM exit"),
  exit.lacks(26, "clearLbrCtl", "Clear IA32_LBR_CTL", "IA32_LBR_CTL is cleared on VM exit"),
  exit.lacks(28, "loadCetState", "Load CET state", "CET state is loaded on VM exit"),
  exit.lacks(29, "loadPkrs", "Load PKRS", "IA32_PKRS is loaded on VM exit"),
  exit.lacks(30, "savePerfGlobalCtrl", "Save IA32_PERF_GLOBAL_CTRL", "IA32_PERF_GLOBAL_CTRL is saved on VM exit"),
  exit.lacks(31, "activateSecondaryControls", "Activate secondary controls", "the secondary VM-exit controls are used"),

  // SDM Vol. 3C, "VM-Entry Controls".
  entry.has(2, "loadDebugControls", "Load debug controls", "DR7 and IA32_DEBUGCTL are loaded on VM entry"),
  entry.has(9, "ia32eModeGuest", "IA-32e mode guest", "the guest is in IA-32e mode after VM entry"),
  entry.lacks(10, "entryToSmm", "Entry to SMM", "the guest is in system-management mode after VM entry"),
  entry.lacks(11, "deactivateDualMonitor", "Deactivate dual-monitor treatment", "default treatment of SMIs is in effect after VM entry"),
  entry.lacks(13, "loadPerfGlobalCtrl", "Load IA32_PERF_GLOBAL_CTRL", "IA32_PERF_GLOBAL_CTRL is loaded on VM entry"),
  entry.has(14, "loadPat", "Load IA32_PAT", "IA32_PAT is loaded on VM entry"),
  entry.has(15, "loadEfer", "Load IA32_EFER", "IA32_EFER is loaded on VM entry"),
  entry.lacks(16, "loadBndcfgs", "Load IA32_BNDCFGS", "IA32_BNDCFGS is loaded on VM entry"),
  entry.lacks(17, "concealVmxFromPt", "Conceal VMX from PT", "Intel PT leaves out VM entries"),
  entry.lacks(18, "loadRtitCtl", "Load IA32_RTIT_CTL", "IA32_RTIT_CTL is loaded on VM entry"),
  entry.lacks(20, "loadCetState", "Load CET state", "CET state is loaded on VM entry"),
  entry.lacks(21, "loadLbrCtl", "Load guest IA32_LBR_CTL", "IA32_LBR_CTL is loaded on VM entry"),
  entry.lacks(22, "loadPkrs", "Load PKRS", "IA32_PKRS is loaded on VM entry"),
] as const;

/** Keys of one control word: `ControlKey<"secondary">` includes "enableEpt". */
export type ControlKey<Word extends ControlWord> = Extract<
  (typeof VMX_CONTROLS)[number],
  { readonly control: Word }
>["key"];

/**
 * Reserved bits that must be 1 unless the TRUE capability MSRs say otherwise.
 * SDM Vol. 3C, "Reserved Controls and Default Settings".
 */
// prettier-ignore
export const DEFAULT1: Readonly<Record<ControlWord, readonly number[]>> = {
  pin: [1, 2, 4],
  primary: [1, 4, 5, 6, 8, 13, 14, 15, 16, 26],
  secondary: [],
  exit: [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 16, 17],
  entry: [0, 1, 2, 3, 4, 5, 6, 7, 8, 12],
};

/** As the SDM prints the five control fields. */
export const CONTROL_WORD_TITLES: Readonly<Record<ControlWord, string>> = {
  pin: "Pin-based VM-execution controls",
  primary: "Primary processor-based VM-execution controls",
  secondary: "Secondary processor-based VM-execution controls",
  exit: "VM-exit controls",
  entry: "VM-entry controls",
};

/** Rows of one control word, by ascending bit. */
export function controlsOf(word: ControlWord): readonly VmxControl[] {
  return VMX_CONTROLS.filter((row) => row.control === word);
}

const byKey = new Map<string, VmxControl>(
  VMX_CONTROLS.map((row) => [`${row.control}.${row.key}`, row]),
);

/** The row of a control; the types guarantee that it exists. */
export function vmxControl<Word extends ControlWord>(
  word: Word,
  key: ControlKey<Word>,
): VmxControl {
  return byKey.get(`${word}.${key}`)!;
}

const masks = Object.fromEntries(
  (["pin", "primary", "secondary", "exit", "entry"] as const).map((word) => [
    word,
    Object.fromEntries(controlsOf(word).map((row) => [row.key, (1 << row.bit) >>> 0])),
  ]),
) as Readonly<Record<ControlWord, Readonly<Record<string, number>>>>;

/** The mask of one control, as an unsigned 32-bit number: `controlMask("secondary", "enableEpt")` is 2. */
export function controlMask<Word extends ControlWord>(word: Word, key: ControlKey<Word>): number {
  return masks[word][key];
}

export interface DecodedControls {
  /** Named controls that are set. */
  readonly set: readonly VmxControl[];
  /** Set bits that have no name and are not of the default1 class. */
  readonly unnamed: readonly number[];
  /** Default1 bits without a name that are clear. */
  readonly missingDefault1: readonly number[];
}

/** What a control word switches on. */
export function decodeControls(word: ControlWord, value: number): DecodedControls {
  const named = controlsOf(word);
  const namedBits = new Set(named.map((row) => row.bit));
  const default1 = DEFAULT1[word].filter((position) => !namedBits.has(position));
  const isSet = (position: number): boolean => ((value >>> position) & 1) === 1;
  const others = Array.from({ length: 32 }, (_, position) => position).filter(
    (position) => !namedBits.has(position) && !default1.includes(position),
  );
  return {
    set: named.filter((row) => isSet(row.bit)),
    unnamed: others.filter(isSet),
    missingDefault1: default1.filter((position) => !isSet(position)),
  };
}

/** The control word as a bit layout, for views that show fields bit by bit. */
function layoutOf(word: ControlWord): BitLayout {
  return layout(
    CONTROL_WORD_TITLES[word],
    32,
    [
      ...controlsOf(word).map((row) => {
        const field = bit(row.bit, row.name, row.description);
        return row.supported ? field : unsupported(field);
      }),
      ...DEFAULT1[word]
        .filter((position) => !controlsOf(word).some((row) => row.bit === position))
        .map((position) => bit(position, `1 (bit ${position})`, "reserved, must be 1")),
    ].toSorted((a, b) => a.low - b.low),
  );
}

export const CONTROL_LAYOUTS: Readonly<Record<ControlWord, BitLayout>> = {
  pin: layoutOf("pin"),
  primary: layoutOf("primary"),
  secondary: layoutOf("secondary"),
  exit: layoutOf("exit"),
  entry: layoutOf("entry"),
};

// SDM Vol. 3C, "VM-Function Controls".
export const VM_FUNCTIONS_LAYOUT = layout("VM-function controls", 64, [
  bit(0, "EPTP_SWITCHING", "EPTP switching: VMFUNC leaf 0 loads an EPTP from the EPTP list"),
]);
