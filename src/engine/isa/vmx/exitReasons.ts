/**
 * Basic VM-exit reasons. SDM Vol. 3D, appendix "VMX Basic Exit Reasons"; conditions: SDM Vol. 3C,
 * "Instructions That Cause VM Exits" and "Other Causes of VM Exits".
 */

/** Form of the exit qualification; decoded in exitQualification.ts. */
export type QualificationLayout =
  | "none"
  | "exception" // depends on the vector: #DB or #PF
  | "task-switch"
  | "linear-address"
  | "displacement" // of the instruction's memory operand
  | "cr-access"
  | "mov-dr"
  | "io"
  | "entry-failure"
  | "msr-list-entry"
  | "monitor-armed"
  | "ept-violation"
  | "pml-full"
  | "sipi-vector"
  | "apic-access"
  | "vector"
  | "apic-offset";

/** Form of the VM-exit instruction information; decoded in instructionInformation.ts. */
export type InstructionInformationLayout =
  | "none"
  | "ins-outs"
  | "invalidate" // INVEPT, INVPCID, INVVPID
  | "gdtr-idtr"
  | "ldtr-tr"
  | "random" // RDRAND, RDSEED
  | "memory" // VMCLEAR, VMPTRLD, VMPTRST, VMXON
  | "vmread-vmwrite";

export interface ExitReason {
  readonly number: number;
  /** The SDM's basic exit reason in upper snake case: the name in breakpoints, reports and counters. */
  readonly key: string;
  readonly title: string;
  readonly description: string;
  readonly qualification: QualificationLayout;
  readonly instructionInformation: InstructionInformationLayout;
  /** Whether the VM-exit instruction length is defined; "software-event": only for software exceptions and interrupts. */
  readonly instructionLength: "always" | "software-event" | "never";
  /** False: this processor does not produce it. */
  readonly supported: boolean;
  /** Chapter title in SDM Vol. 3C that says when it happens. */
  readonly sdm: string;
}

interface Options {
  readonly qualification?: QualificationLayout;
  readonly information?: InstructionInformationLayout;
}

const INSTRUCTIONS = "SDM Vol. 3C, Instructions That Cause VM Exits";
const OTHER = "SDM Vol. 3C, Other Causes of VM Exits";
const ENTRY = "SDM Vol. 3C, VM Entries";

function row(sdm: string, instructionLength: ExitReason["instructionLength"], supported: boolean) {
  return <const Key extends string>(
    number: number,
    key: Key,
    title: string,
    description: string,
    options: Options = {},
  ): ExitReason & { readonly key: Key } => ({
    number,
    key,
    title,
    description,
    qualification: options.qualification ?? "none",
    instructionInformation: options.information ?? "none",
    instructionLength,
    supported,
    sdm,
  });
}

const instruction = row(INSTRUCTIONS, "always", true);
const event = row(OTHER, "never", true);
const vectored = row(OTHER, "software-event", true);
const failure = row(ENTRY, "never", true);
const absentInstruction = row(INSTRUCTIONS, "always", false);
const absentEvent = row(OTHER, "never", false);

// prettier-ignore
const ROWS = [
  vectored(0, "EXCEPTION_NMI", "exception or non-maskable interrupt (NMI)", "an exception whose bit in the exception bitmap is 1, or an NMI with \"NMI exiting\"", { qualification: "exception" }),
  event(1, "EXTERNAL_INTERRUPT", "external interrupt", "an external interrupt with \"external-interrupt exiting\""),
  event(2, "TRIPLE_FAULT", "triple fault", "a fault while delivering a double fault that did not itself cause a VM exit"),
  absentEvent(3, "INIT_SIGNAL", "INIT signal", "an INIT signal arrived"),
  absentEvent(4, "STARTUP_IPI", "start-up IPI (SIPI)", "a SIPI arrived in the wait-for-SIPI state", { qualification: "sipi-vector" }),
  absentEvent(5, "IO_SMI", "I/O system-management interrupt (SMI)", "an SMI after an I/O instruction"),
  absentEvent(6, "OTHER_SMI", "other SMI", "an SMI otherwise"),
  event(7, "INTERRUPT_WINDOW", "interrupt window", "RFLAGS.IF = 1 and nothing blocks interrupts, with \"interrupt-window exiting\""),
  event(8, "NMI_WINDOW", "NMI window", "no virtual-NMI blocking, with \"NMI-window exiting\""),
  vectored(9, "TASK_SWITCH", "task switch", "the guest attempted a task switch (always exits)", { qualification: "task-switch" }),
  instruction(10, "CPUID", "CPUID", "CPUID (always exits)"),
  absentInstruction(11, "GETSEC", "GETSEC", "GETSEC (always exits)"),
  instruction(12, "HLT", "HLT", "HLT with \"HLT exiting\""),
  instruction(13, "INVD", "INVD", "INVD (always exits)"),
  instruction(14, "INVLPG", "INVLPG", "INVLPG with \"INVLPG exiting\"", { qualification: "linear-address" }),
  instruction(15, "RDPMC", "RDPMC", "RDPMC with \"RDPMC exiting\""),
  instruction(16, "RDTSC", "RDTSC", "RDTSC with \"RDTSC exiting\""),
  absentInstruction(17, "RSM", "RSM", "RSM in system-management mode"),
  instruction(18, "VMCALL", "VMCALL", "VMCALL (always exits): a hypercall"),
  instruction(19, "VMCLEAR", "VMCLEAR", "VMCLEAR (always exits)", { qualification: "displacement", information: "memory" }),
  instruction(20, "VMLAUNCH", "VMLAUNCH", "VMLAUNCH (always exits)"),
  instruction(21, "VMPTRLD", "VMPTRLD", "VMPTRLD (always exits)", { qualification: "displacement", information: "memory" }),
  instruction(22, "VMPTRST", "VMPTRST", "VMPTRST (always exits)", { qualification: "displacement", information: "memory" }),
  instruction(23, "VMREAD", "VMREAD", "VMREAD (always exits)", { qualification: "displacement", information: "vmread-vmwrite" }),
  instruction(24, "VMRESUME", "VMRESUME", "VMRESUME (always exits)"),
  instruction(25, "VMWRITE", "VMWRITE", "VMWRITE (always exits)", { qualification: "displacement", information: "vmread-vmwrite" }),
  instruction(26, "VMXOFF", "VMXOFF", "VMXOFF (always exits)"),
  instruction(27, "VMXON", "VMXON", "VMXON (always exits)", { qualification: "displacement", information: "memory" }),
  instruction(28, "CR_ACCESS", "control-register access", "CR0 or CR4 write that touches a host-owned bit, CLTS, LMSW, or CR3 and CR8 accesses with their controls", { qualification: "cr-access" }),
  instruction(29, "MOV_DR", "MOV DR", "MOV to or from a debug register with \"MOV-DR exiting\"", { qualification: "mov-dr" }),
  instruction(30, "IO_INSTRUCTION", "I/O instruction", "IN, OUT, INS or OUTS with \"unconditional I/O exiting\" or by the I/O bitmaps", { qualification: "io", information: "ins-outs" }),
  instruction(31, "RDMSR", "RDMSR", "RDMSR, unless the MSR bitmap allows it"),
  instruction(32, "WRMSR", "WRMSR", "WRMSR, unless the MSR bitmap allows it"),
  failure(33, "ENTRY_FAILURE_GUEST_STATE", "VM-entry failure due to invalid guest state", "a check of the guest-state area failed", { qualification: "entry-failure" }),
  failure(34, "ENTRY_FAILURE_MSR_LOADING", "VM-entry failure due to MSR loading", "an entry of the VM-entry MSR-load area could not be loaded", { qualification: "msr-list-entry" }),
  instruction(36, "MWAIT", "MWAIT", "MWAIT with \"MWAIT exiting\"", { qualification: "monitor-armed" }),
  event(37, "MONITOR_TRAP_FLAG", "monitor trap flag", "after an instruction with \"monitor trap flag\", or an injected pending MTF exit"),
  instruction(39, "MONITOR", "MONITOR", "MONITOR with \"MONITOR exiting\""),
  instruction(40, "PAUSE", "PAUSE", "PAUSE with \"PAUSE exiting\""),
  row(ENTRY, "never", false)(41, "ENTRY_FAILURE_MACHINE_CHECK", "VM-entry failure due to machine-check event", "a machine check during VM entry"),
  absentEvent(43, "TPR_BELOW_THRESHOLD", "TPR below threshold", "the virtual task priority fell below the threshold"),
  absentEvent(44, "APIC_ACCESS", "APIC access", "access to the APIC-access page", { qualification: "apic-access" }),
  absentEvent(45, "VIRTUALIZED_EOI", "virtualized EOI", "EOI virtualization", { qualification: "vector" }),
  instruction(46, "GDTR_IDTR_ACCESS", "access to GDTR or IDTR", "LGDT, LIDT, SGDT or SIDT with \"descriptor-table exiting\"", { qualification: "displacement", information: "gdtr-idtr" }),
  instruction(47, "LDTR_TR_ACCESS", "access to LDTR or TR", "LLDT, LTR, SLDT or STR with \"descriptor-table exiting\"", { qualification: "displacement", information: "ldtr-tr" }),
  event(48, "EPT_VIOLATION", "EPT violation", "the EPT entries do not allow the access to this guest-physical address", { qualification: "ept-violation" }),
  event(49, "EPT_MISCONFIGURATION", "EPT misconfiguration", "an EPT entry on the way has a reserved or contradictory value"),
  instruction(50, "INVEPT", "INVEPT", "INVEPT (always exits)", { qualification: "displacement", information: "invalidate" }),
  instruction(51, "RDTSCP", "RDTSCP", "RDTSCP with \"RDTSC exiting\""),
  event(52, "PREEMPTION_TIMER", "VMX-preemption timer expired", "the VMX-preemption timer reached 0"),
  instruction(53, "INVVPID", "INVVPID", "INVVPID (always exits)", { qualification: "displacement", information: "invalidate" }),
  instruction(54, "WBINVD", "WBINVD or WBNOINVD", "WBINVD with \"WBINVD exiting\""),
  instruction(55, "XSETBV", "XSETBV", "XSETBV (always exits)"),
  absentEvent(56, "APIC_WRITE", "APIC write", "a write to the virtual-APIC page", { qualification: "apic-offset" }),
  instruction(57, "RDRAND", "RDRAND", "RDRAND with \"RDRAND exiting\"", { information: "random" }),
  instruction(58, "INVPCID", "INVPCID", "INVPCID with \"enable INVPCID\" and \"INVLPG exiting\"", { qualification: "displacement", information: "invalidate" }),
  instruction(59, "VMFUNC", "VMFUNC", "VMFUNC whose function is not enabled or failed"),
  absentInstruction(60, "ENCLS", "ENCLS", "ENCLS with \"enable ENCLS exiting\""),
  instruction(61, "RDSEED", "RDSEED", "RDSEED with \"RDSEED exiting\"", { information: "random" }),
  event(62, "PML_FULL", "page-modification log full", "an EPT accessed or dirty flag is to be set and the page-modification log has no free entry", { qualification: "pml-full" }),
  absentInstruction(63, "XSAVES", "XSAVES", "XSAVES by the XSS-exiting bitmap", { qualification: "displacement", information: "memory" }),
  absentInstruction(64, "XRSTORS", "XRSTORS", "XRSTORS by the XSS-exiting bitmap", { qualification: "displacement", information: "memory" }),
  absentInstruction(65, "PCONFIG", "PCONFIG", "PCONFIG by the PCONFIG-exiting bitmap"),
  absentEvent(66, "SPP_EVENT", "SPP-related event", "a sub-page-permission miss or misconfiguration"),
  absentInstruction(67, "UMWAIT", "UMWAIT", "UMWAIT with \"RDTSC exiting\""),
  absentInstruction(68, "TPAUSE", "TPAUSE", "TPAUSE with \"RDTSC exiting\""),
  absentInstruction(69, "LOADIWKEY", "LOADIWKEY", "LOADIWKEY with its exiting control"),
  absentInstruction(70, "ENCLV", "ENCLV", "ENCLV by the ENCLV-exiting bitmap"),
  absentInstruction(72, "ENQCMD_PASID_TRANSLATION_FAILURE", "ENQCMD PASID translation failure", "the PASID of ENQCMD has no translation"),
  absentInstruction(73, "ENQCMDS_PASID_TRANSLATION_FAILURE", "ENQCMDS PASID translation failure", "the PASID of ENQCMDS has no translation"),
  absentEvent(74, "BUS_LOCK", "bus lock", "a bus lock with \"VMM bus-lock detection\""),
  absentEvent(75, "INSTRUCTION_TIMEOUT", "instruction timeout", "no instruction completed for a time"),
] as const;

export type ExitReasonKey = (typeof ROWS)[number]["key"];
export const EXIT_REASONS: readonly (ExitReason & { readonly key: ExitReasonKey })[] = ROWS;

/** Basic exit reasons by key: `EXIT.CPUID` is 10. */
export const EXIT = Object.fromEntries(
  ROWS.map((reason) => [reason.key, reason.number]),
) as Readonly<Record<ExitReasonKey, number>>;

const byNumber = new Map(EXIT_REASONS.map((reason) => [reason.number, reason]));
const byKey = new Map<string, ExitReason>(EXIT_REASONS.map((reason) => [reason.key, reason]));

/** By the exit-reason field or the basic reason: only bits 15:0 count. */
export function exitReasonByNumber(
  reason: number,
): (ExitReason & { readonly key: ExitReasonKey }) | undefined {
  return byNumber.get(reason & 0xffff);
}

export function exitReasonByKey(key: string): ExitReason | undefined {
  return byKey.get(key);
}
