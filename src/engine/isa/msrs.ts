/** Model-specific registers of this processor. SDM Vol. 4, "Architectural MSRs". */
import { bit, bits, layout, supportedMask, unsupported, type BitLayout } from "./bitFields";
import { EFER_LAYOUT, RFLAGS_LAYOUT } from "./controlRegisters";

export interface MsrRow {
  readonly number: number;
  /** As the SDM prints it: "IA32_EFER". */
  readonly name: string;
  readonly description: string;
  readonly readOnly: boolean;
  readonly bits?: BitLayout;
  /** Must hold a canonical linear address. */
  readonly canonical: boolean;
}

const MEMORY_TYPES: Readonly<Record<number, string>> = {
  0: "UC (uncacheable)",
  1: "WC (write combining)",
  4: "WT (write through)",
  5: "WP (write protected)",
  6: "WB (write back)",
  7: "UC- (uncached)",
};

// SDM Vol. 3A, "IA32_PAT MSR".
export const PAT_LAYOUT = layout(
  "IA32_PAT",
  64,
  Array.from({ length: 8 }, (_, entry) =>
    bits(entry * 8 + 7, entry * 8, `PA${entry}`, `memory type of PAT entry ${entry}`, MEMORY_TYPES),
  ),
);
/** IA32_PAT after reset. */
export const PAT_RESET = 0x0007040600070406n;

/** Whether every byte of a PAT value names a memory type: 0, 1 or 4 to 7. */
export function isValidPat(value: bigint): boolean {
  const tooLarge = value & 0xf8f8f8f8f8f8f8f8n;
  // 2 and 3 have bit 1 without bit 2.
  const reserved = value & 0x0202020202020202n & ~((value & 0x0404040404040404n) >> 1n);
  return tooLarge === 0n && reserved === 0n;
}

// SDM Vol. 3B, "IA32_DEBUGCTL MSR".
// prettier-ignore
export const DEBUGCTL_LAYOUT = layout("IA32_DEBUGCTL", 64, [
  bit(0, "LBR", "last branch record"),
  bit(1, "BTF", "single-step on branches"),
  unsupported(bit(2, "BLD", "bus-lock detection")),
  unsupported(bit(6, "TR", "branch trace messages")),
  unsupported(bit(7, "BTS", "branch trace store")),
  unsupported(bit(8, "BTINT", "branch trace interrupt")),
  unsupported(bit(9, "BTS_OFF_OS", "no branch trace at CPL 0")),
  unsupported(bit(10, "BTS_OFF_USR", "no branch trace above CPL 0")),
  unsupported(bit(11, "FREEZE_LBRS_ON_PMI", "freeze LBRs on PMI")),
  unsupported(bit(12, "FREEZE_PERFMON_ON_PMI", "freeze counters on PMI")),
  unsupported(bit(14, "FREEZE_WHILE_SMM", "freeze counters in SMM")),
  unsupported(bit(15, "RTM_DEBUG", "RTM debugging")),
]);

// SDM Vol. 3A, "IA32_APIC_BASE MSR".
// prettier-ignore
export const APIC_BASE_LAYOUT = layout("IA32_APIC_BASE", 64, [
  bit(8, "BSP", "bootstrap processor"),
  unsupported(bit(10, "EXTD", "x2APIC mode")),
  bit(11, "EN", "local APIC enabled"),
  bits(51, 12, "BASE", "physical page number of the APIC registers"),
]);

/** Whether no reserved bit of IA32_APIC_BASE is set; EXTD is one without x2APIC. */
export function isPossibleApicBase(value: bigint, physicalAddressBits: number): boolean {
  const isBeyond = value >> BigInt(physicalAddressBits) !== 0n;
  return !isBeyond && (value & ~supportedMask(APIC_BASE_LAYOUT)) === 0n;
}

// SDM Vol. 3B, "IA32_MCG_STATUS MSR".
// prettier-ignore
export const MCG_STATUS_LAYOUT = layout("IA32_MCG_STATUS", 64, [
  bit(0, "RIPV", "the return address is valid"),
  bit(1, "EIPV", "the return address belongs to the error"),
  bit(2, "MCIP", "a machine check is in progress"),
]);

// SDM Vol. 3C, "Enabling and Entering VMX Operation".
// prettier-ignore
export const FEATURE_CONTROL_LAYOUT = layout("IA32_FEATURE_CONTROL", 64, [
  bit(0, "LOCK", "locked until reset; VMXON needs it"),
  unsupported(bit(1, "VMX_IN_SMX", "VMXON allowed in SMX operation")),
  bit(2, "VMX_OUTSIDE_SMX", "VMXON allowed outside SMX operation"),
]);

// prettier-ignore
export const MISC_ENABLE_LAYOUT = layout("IA32_MISC_ENABLE", 64, [
  bit(0, "FAST_STRINGS", "fast string operations"),
  bit(3, "TCC", "automatic thermal control"),
  bit(7, "PMU", "performance monitoring available"),
  bit(11, "BTS_UNAVAILABLE", "branch trace storage unavailable"),
  bit(12, "PEBS_UNAVAILABLE", "event-based sampling unavailable"),
  bit(16, "EIST", "enhanced SpeedStep"),
  bit(18, "MWAIT", "MONITOR and MWAIT available"),
  bit(22, "LIMIT_CPUID", "CPUID leaves above 2 are hidden"),
  bit(23, "XTPR_DISABLE", "xTPR messages disabled"),
  bit(34, "XD_DISABLE", "execute-disable is hidden"),
]);

// prettier-ignore
const MTRRCAP_LAYOUT = layout("IA32_MTRRCAP", 64, [
  bits(7, 0, "VCNT", "number of variable ranges"),
  bit(8, "FIX", "fixed ranges supported"),
  bit(10, "WC", "write-combining supported"),
  bit(11, "SMRR", "SMM ranges supported"),
]);

// prettier-ignore
const MTRR_DEF_TYPE_LAYOUT = layout("IA32_MTRR_DEF_TYPE", 64, [
  bits(2, 0, "TYPE", "default memory type", MEMORY_TYPES),
  bit(10, "FE", "fixed ranges enabled"),
  bit(11, "E", "MTRRs enabled"),
]);

// prettier-ignore
const STAR_LAYOUT = layout("IA32_STAR", 64, [
  bits(47, 32, "SYSCALL", "selector of CS for SYSCALL; SS is 8 above it"),
  bits(63, 48, "SYSRET", "selector of CS for SYSRET to 32-bit; 64-bit CS is 16 above it, SS 8 above it"),
]);

// SDM Vol. 3D, "Basic VMX Information".
// prettier-ignore
export const VMX_BASIC_LAYOUT = layout("IA32_VMX_BASIC", 64, [
  bits(30, 0, "REVISION", "VMCS revision identifier"),
  bits(44, 32, "SIZE", "bytes of a VMXON or VMCS region"),
  bit(48, "ADDRESS_32", "VMX structures limited to 32-bit physical addresses"),
  bit(49, "DUAL_MONITOR", "dual-monitor treatment of SMIs and SMM"),
  bits(53, 50, "MEMORY_TYPE", "memory type for VMX structures", MEMORY_TYPES),
  bit(54, "INS_OUTS", "VM exits by INS and OUTS report instruction information"),
  bit(55, "TRUE_CONTROLS", "default1 controls may be 0: see the TRUE MSRs"),
  bit(56, "ANY_ERROR_CODE", "hardware exceptions may be injected with or without an error code"),
]);

// SDM Vol. 3D, "Miscellaneous Data".
// prettier-ignore
export const VMX_MISC_LAYOUT = layout("IA32_VMX_MISC", 64, [
  bits(4, 0, "TIMER_RATE", "the preemption timer counts down when this bit of the TSC changes"),
  bit(5, "STORE_LMA", "VM exits store IA32_EFER.LMA into the IA-32e mode guest control"),
  bit(6, "ACTIVITY_HLT", "activity state HLT supported"),
  bit(7, "ACTIVITY_SHUTDOWN", "activity state shutdown supported"),
  bit(8, "ACTIVITY_WAIT_FOR_SIPI", "activity state wait-for-SIPI supported"),
  bit(14, "PT_IN_VMX", "Intel PT usable in VMX operation"),
  bit(15, "SMBASE_IN_SMM", "IA32_SMBASE readable in SMM"),
  bits(24, 16, "CR3_TARGETS", "number of CR3-target values"),
  bits(27, 25, "MSR_LIST", "512 × (this + 1) entries recommended at most in an MSR list"),
  bit(28, "SMM_MONITOR", "IA32_SMM_MONITOR_CTL bit 2 may be 1"),
  bit(29, "VMWRITE_ALL", "VMWRITE may write VM-exit information fields"),
  bit(30, "INJECT_LENGTH_0", "software events may be injected with instruction length 0"),
  bits(63, 32, "MSEG", "MSEG revision identifier"),
]);

// SDM Vol. 3D, "VPID and EPT Capabilities". What is supported here decides what the MSR advertises.
// prettier-ignore
export const EPT_VPID_CAP_LAYOUT = layout("IA32_VMX_EPT_VPID_CAP", 64, [
  bit(0, "EXECUTE_ONLY", "EPT entries may allow fetches without reads"),
  bit(6, "WALK_4", "EPT page-walk length 4"),
  unsupported(bit(7, "WALK_5", "EPT page-walk length 5")),
  bit(8, "UC", "EPT paging structures may be uncacheable"),
  bit(14, "WB", "EPT paging structures may be write-back"),
  bit(16, "PAGE_2M", "EPT maps 2 MiB pages"),
  bit(17, "PAGE_1G", "EPT maps 1 GiB pages"),
  bit(20, "INVEPT", "INVEPT supported"),
  bit(21, "ACCESSED_DIRTY", "EPT accessed and dirty flags"),
  unsupported(bit(22, "ADVANCED_EXIT_INFORMATION", "advanced VM-exit information for EPT violations")),
  unsupported(bit(23, "SUPERVISOR_SHADOW_STACK", "supervisor shadow-stack control")),
  bit(25, "INVEPT_SINGLE", "single-context INVEPT"),
  bit(26, "INVEPT_ALL", "all-context INVEPT"),
  bit(32, "INVVPID", "INVVPID supported"),
  bit(40, "INVVPID_ADDRESS", "individual-address INVVPID"),
  bit(41, "INVVPID_SINGLE", "single-context INVVPID"),
  bit(42, "INVVPID_ALL", "all-context INVVPID"),
  bit(43, "INVVPID_SINGLE_RETAIN_GLOBALS", "single-context-retaining-globals INVVPID"),
]);

/** A capability MSR of a 32-bit control word. SDM Vol. 3D, "VM-Execution Controls". */
function controlCapability(name: string): BitLayout {
  return layout(name, 64, [
    bits(31, 0, "ALLOWED_0", "bits that must be 1"),
    bits(63, 32, "ALLOWED_1", "bits that may be 1"),
  ]);
}

interface RowOptions {
  readonly bits?: BitLayout;
  readonly readOnly?: boolean;
  readonly canonical?: boolean;
}

function msr(number: number, name: string, description: string, options: RowOptions = {}): MsrRow {
  return { number, name, description, readOnly: false, canonical: false, ...options };
}

function capability(number: number, name: string, description: string, of?: BitLayout): MsrRow {
  return msr(number, name, description, {
    readOnly: true,
    ...(of === undefined ? {} : { bits: of }),
  });
}

function controls(number: number, name: string, description: string): MsrRow {
  return capability(number, name, description, controlCapability(name));
}

// prettier-ignore
export const MSRS: readonly MsrRow[] = [
  msr(0x10, "IA32_TIME_STAMP_COUNTER", "time-stamp counter"),
  msr(0x1b, "IA32_APIC_BASE", "location and state of the local APIC", { bits: APIC_BASE_LAYOUT }),
  msr(0x3a, "IA32_FEATURE_CONTROL", "which features firmware allows", { bits: FEATURE_CONTROL_LAYOUT }),
  capability(0xfe, "IA32_MTRRCAP", "memory-type range registers that exist", MTRRCAP_LAYOUT),
  msr(0x174, "IA32_SYSENTER_CS", "CS for SYSENTER; SS is 8 above it"),
  msr(0x175, "IA32_SYSENTER_ESP", "RSP for SYSENTER", { canonical: true }),
  msr(0x176, "IA32_SYSENTER_EIP", "RIP for SYSENTER", { canonical: true }),
  capability(0x179, "IA32_MCG_CAP", "machine-check architecture: how many banks of error registers"),
  msr(0x17a, "IA32_MCG_STATUS", "state of a machine check", { bits: MCG_STATUS_LAYOUT }),
  msr(0x1a0, "IA32_MISC_ENABLE", "miscellaneous processor features", { bits: MISC_ENABLE_LAYOUT }),
  msr(0x1d9, "IA32_DEBUGCTL", "trace and debug control", { bits: DEBUGCTL_LAYOUT }),
  msr(0x277, "IA32_PAT", "page attribute table", { bits: PAT_LAYOUT }),
  msr(0x2ff, "IA32_MTRR_DEF_TYPE", "default memory type", { bits: MTRR_DEF_TYPE_LAYOUT }),
  capability(0x480, "IA32_VMX_BASIC", "basic VMX information", VMX_BASIC_LAYOUT),
  controls(0x481, "IA32_VMX_PINBASED_CTLS", "allowed pin-based controls"),
  controls(0x482, "IA32_VMX_PROCBASED_CTLS", "allowed primary processor-based controls"),
  controls(0x483, "IA32_VMX_EXIT_CTLS", "allowed VM-exit controls"),
  controls(0x484, "IA32_VMX_ENTRY_CTLS", "allowed VM-entry controls"),
  capability(0x485, "IA32_VMX_MISC", "miscellaneous VMX data", VMX_MISC_LAYOUT),
  capability(0x486, "IA32_VMX_CR0_FIXED0", "CR0 bits that must be 1 in VMX operation"),
  capability(0x487, "IA32_VMX_CR0_FIXED1", "CR0 bits that may be 1 in VMX operation"),
  capability(0x488, "IA32_VMX_CR4_FIXED0", "CR4 bits that must be 1 in VMX operation"),
  capability(0x489, "IA32_VMX_CR4_FIXED1", "CR4 bits that may be 1 in VMX operation"),
  capability(0x48a, "IA32_VMX_VMCS_ENUM", "highest index of a VMCS field", layout("IA32_VMX_VMCS_ENUM", 64, [bits(9, 1, "HIGHEST_INDEX", "highest index of any VMCS field")])),
  controls(0x48b, "IA32_VMX_PROCBASED_CTLS2", "allowed secondary processor-based controls"),
  capability(0x48c, "IA32_VMX_EPT_VPID_CAP", "EPT and VPID capabilities", EPT_VPID_CAP_LAYOUT),
  controls(0x48d, "IA32_VMX_TRUE_PINBASED_CTLS", "allowed pin-based controls, default1 class included"),
  controls(0x48e, "IA32_VMX_TRUE_PROCBASED_CTLS", "allowed primary processor-based controls, default1 class included"),
  controls(0x48f, "IA32_VMX_TRUE_EXIT_CTLS", "allowed VM-exit controls, default1 class included"),
  controls(0x490, "IA32_VMX_TRUE_ENTRY_CTLS", "allowed VM-entry controls, default1 class included"),
  capability(0x491, "IA32_VMX_VMFUNC", "allowed VM functions"),
  msr(0x6e0, "IA32_TSC_DEADLINE", "time-stamp count at which the local APIC's timer fires"),
  msr(0xc0000080, "IA32_EFER", "extended features", { bits: EFER_LAYOUT }),
  msr(0xc0000081, "IA32_STAR", "selectors for SYSCALL and SYSRET", { bits: STAR_LAYOUT }),
  msr(0xc0000082, "IA32_LSTAR", "RIP for SYSCALL", { canonical: true }),
  msr(0xc0000083, "IA32_CSTAR", "RIP for SYSCALL in compatibility mode (not used)", { canonical: true }),
  msr(0xc0000084, "IA32_FMASK", "RFLAGS bits that SYSCALL clears", { bits: RFLAGS_LAYOUT }),
  msr(0xc0000100, "IA32_FS_BASE", "base address of FS", { canonical: true }),
  msr(0xc0000101, "IA32_GS_BASE", "base address of GS", { canonical: true }),
  msr(0xc0000102, "IA32_KERNEL_GS_BASE", "exchanged with the GS base by SWAPGS", { canonical: true }),
  msr(0xc0000103, "IA32_TSC_AUX", "what RDTSCP and RDPID return"),
];

/** Numbers of the MSRs that other tables refer to. */
export const MSR = {
  TIME_STAMP_COUNTER: 0x10,
  APIC_BASE: 0x1b,
  TSC_DEADLINE: 0x6e0,
  FEATURE_CONTROL: 0x3a,
  MTRRCAP: 0xfe,
  MCG_CAP: 0x179,
  MCG_STATUS: 0x17a,
  SYSENTER_CS: 0x174,
  SYSENTER_ESP: 0x175,
  SYSENTER_EIP: 0x176,
  MISC_ENABLE: 0x1a0,
  DEBUGCTL: 0x1d9,
  PAT: 0x277,
  MTRR_DEF_TYPE: 0x2ff,
  VMX_BASIC: 0x480,
  VMX_PINBASED_CTLS: 0x481,
  VMX_PROCBASED_CTLS: 0x482,
  VMX_EXIT_CTLS: 0x483,
  VMX_ENTRY_CTLS: 0x484,
  VMX_MISC: 0x485,
  VMX_CR0_FIXED0: 0x486,
  VMX_CR0_FIXED1: 0x487,
  VMX_CR4_FIXED0: 0x488,
  VMX_CR4_FIXED1: 0x489,
  VMX_VMCS_ENUM: 0x48a,
  VMX_PROCBASED_CTLS2: 0x48b,
  VMX_EPT_VPID_CAP: 0x48c,
  VMX_TRUE_PINBASED_CTLS: 0x48d,
  VMX_TRUE_PROCBASED_CTLS: 0x48e,
  VMX_TRUE_EXIT_CTLS: 0x48f,
  VMX_TRUE_ENTRY_CTLS: 0x490,
  VMX_VMFUNC: 0x491,
  EFER: 0xc0000080,
  STAR: 0xc0000081,
  LSTAR: 0xc0000082,
  CSTAR: 0xc0000083,
  FMASK: 0xc0000084,
  FS_BASE: 0xc0000100,
  GS_BASE: 0xc0000101,
  KERNEL_GS_BASE: 0xc0000102,
  TSC_AUX: 0xc0000103,
} as const;

const byNumber = new Map(MSRS.map((row) => [row.number, row]));

export function msrByNumber(number: number): MsrRow | undefined {
  return byNumber.get(number >>> 0);
}

export function msrByName(name: string): MsrRow | undefined {
  const wanted = name.toUpperCase();
  return MSRS.find((row) => row.name === wanted || row.name === `IA32_${wanted}`);
}

/** "IA32_EFER (0xc0000080)" or "MSR 0x123". */
export function msrText(number: number): string {
  const digits = `0x${(number >>> 0).toString(16)}`;
  const found = msrByNumber(number);
  return found === undefined ? `MSR ${digits}` : `${found.name} (${digits})`;
}

/** Bits of IA32_DEBUGCTL that software may set. */
export const DEBUGCTL_SUPPORTED = supportedMask(DEBUGCTL_LAYOUT);
