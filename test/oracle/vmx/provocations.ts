/** What provokes VM exits, as rows: a guest's mode, its instructions, what differs from a plain VMCS, what differs in memory. */
import { fieldByName, type VmcsFieldName } from "../../../src/engine/isa/vmx/vmcsFields";
import { controlWord } from "../../support/validVmcs";
import { randomProvocations } from "./randomProvocations";

export type GuestMode = "long64" | "compatibility32" | "flat32" | "paged32" | "real16";
type Value = bigint | number | string;

export interface Provocation {
  readonly mode: GuestMode;
  /** NASM, one instruction a line. A VMCALL follows: the exit of a guest that was not stopped before. */
  readonly code: string;
  readonly fields?: Partial<Record<VmcsFieldName, Value>>;
  /** Quadwords by address; NASM expressions. */
  readonly memory?: Readonly<Record<string, Value>>;
}

type Fields = NonNullable<Provocation["fields"]>;
type Memory = NonNullable<Provocation["memory"]>;

/** In the order in which the image sends them, each as a hexadecimal number; then RDI, RCX, RAX and the modification log. */
export const SHOWN_FIELDS: readonly VmcsFieldName[] = [
  "EXIT_REASON",
  "EXIT_QUALIFICATION",
  "VM_EXIT_INSTRUCTION_LENGTH",
  "VM_EXIT_INSTRUCTION_INFORMATION",
  "VM_EXIT_INTERRUPTION_INFORMATION",
  "VM_EXIT_INTERRUPTION_ERROR_CODE",
  "IDT_VECTORING_INFORMATION",
  "IDT_VECTORING_ERROR_CODE",
  "GUEST_LINEAR_ADDRESS",
  "GUEST_PHYSICAL_ADDRESS",
  "GUEST_RIP",
  "GUEST_RSP",
  "GUEST_RFLAGS",
  "GUEST_CS_SELECTOR",
  "GUEST_CS_ACCESS_RIGHTS",
  "GUEST_SS_ACCESS_RIGHTS",
  "GUEST_TR_ACCESS_RIGHTS",
  "GUEST_CR0",
  "GUEST_CR3",
  "GUEST_CR4",
  "GUEST_IA32_EFER",
  "GUEST_DR7",
  "GUEST_INTERRUPTIBILITY_STATE",
  "GUEST_ACTIVITY_STATE",
  "GUEST_PENDING_DEBUG_EXCEPTIONS",
  "VM_ENTRY_INTERRUPTION_INFORMATION",
  "VM_ENTRY_CONTROLS",
  "GUEST_PML_INDEX",
];

const PRIMARY = ["activateSecondaryControls"] as const;
const SECONDARY = ["enableEpt", "unrestrictedGuest", "enableRdtscp", "enableInvpcid"] as const;
const EXIT = ["hostAddressSpaceSize", "saveEfer", "loadEfer", "saveDebugControls"] as const;
const ENTRY = ["loadEfer", "loadDebugControls"] as const;

const COMMON: Fields = {
  // A guest that would stay halted is brought back by the preemption timer.
  PIN_BASED_CONTROLS: controlWord("pin", "activatePreemptionTimer"),
  VMX_PREEMPTION_TIMER_VALUE: 20000,
  PRIMARY_PROCESSOR_BASED_CONTROLS: controlWord("primary", ...PRIMARY),
  SECONDARY_PROCESSOR_BASED_CONTROLS: controlWord("secondary", ...SECONDARY),
  VM_EXIT_CONTROLS: controlWord("exit", ...EXIT),
  EXCEPTION_BITMAP: 0xffffffffn,
  PAGE_FAULT_ERROR_CODE_MASK: 0,
  PAGE_FAULT_ERROR_CODE_MATCH: 0,
  CR3_TARGET_COUNT: 0,
  VM_EXIT_MSR_STORE_COUNT: 0,
  VM_EXIT_MSR_LOAD_COUNT: 0,
  VM_ENTRY_MSR_LOAD_COUNT: 0,
  VM_EXIT_MSR_STORE_ADDRESS: "MSR_AREA",
  VM_EXIT_MSR_LOAD_ADDRESS: "MSR_AREA",
  VM_ENTRY_MSR_LOAD_ADDRESS: "MSR_AREA",
  VM_ENTRY_INTERRUPTION_INFORMATION: 0,
  VM_ENTRY_EXCEPTION_ERROR_CODE: 0,
  VM_ENTRY_INSTRUCTION_LENGTH: 0,
  IO_BITMAP_A_ADDRESS: "IO_BITMAP_A",
  IO_BITMAP_B_ADDRESS: "IO_BITMAP_B",
  MSR_BITMAP_ADDRESS: "MSR_BITMAP",
  TSC_OFFSET: 0,
  EPT_POINTER: "EPT_TABLES + 0x1e",
  EPTP_LIST_ADDRESS: "EPTP_LIST",
  VM_FUNCTION_CONTROLS: 0,
  PML_ADDRESS: "PML_LOG",
  GUEST_PML_INDEX: 511,
  VIRTUAL_PROCESSOR_IDENTIFIER: 0,
  CR0_GUEST_HOST_MASK: 0,
  CR4_GUEST_HOST_MASK: 0,
  CR0_READ_SHADOW: 0,
  CR4_READ_SHADOW: 0,
  CR3_TARGET_VALUE_0: 0,
  CR3_TARGET_VALUE_1: 0,
  VMCS_LINK_POINTER: -1,
  HOST_IA32_EFER: 0x500,
  HOST_RIP: "vmExit",
  HOST_RSP: "hostStack",
  GUEST_IA32_DEBUGCTL: 0,
  GUEST_DR7: 0x400,
  GUEST_RFLAGS: 2,
  GUEST_INTERRUPTIBILITY_STATE: 0,
  GUEST_ACTIVITY_STATE: 0,
  GUEST_PENDING_DEBUG_EXCEPTIONS: 0,
  GUEST_IA32_SYSENTER_CS: 0,
  GUEST_IA32_SYSENTER_ESP: 0,
  GUEST_IA32_SYSENTER_EIP: 0,
  GUEST_LDTR_SELECTOR: 0,
  GUEST_LDTR_BASE: 0,
  GUEST_LDTR_LIMIT: 0,
  GUEST_LDTR_ACCESS_RIGHTS: 0x10000,
  GUEST_TR_LIMIT: 103,
  GUEST_TR_ACCESS_RIGHTS: 0x8b,
  GUEST_GDTR_BASE: "AREA_GDT",
  GUEST_GDTR_LIMIT: 0x5f,
};

type Segment = readonly [selector: Value, base: Value, limit: Value, rights: number];

function segments(code: Segment, data: Segment): Fields {
  const fields: Record<string, Value> = {};
  for (const name of ["CS", "SS", "DS", "ES", "FS", "GS"] as const) {
    const [selector, base, limit, rights] = name === "CS" ? code : data;
    fields[`GUEST_${name}_SELECTOR`] = selector;
    fields[`GUEST_${name}_BASE`] = base;
    fields[`GUEST_${name}_LIMIT`] = limit;
    fields[`GUEST_${name}_ACCESS_RIGHTS`] = rights;
  }
  return fields;
}

const FLAT = 0xffffffffn;
const DATA: Segment = [0x10, 0, FLAT, 0xc093];
const LONG: Fields = {
  GUEST_TR_SELECTOR: 0x18,
  GUEST_TR_BASE: "AREA_TSS64",
  GUEST_IDTR_BASE: "AREA_IDT64",
  GUEST_IDTR_LIMIT: 0xfff,
  GUEST_IA32_EFER: 0x500,
  GUEST_RIP: "AREA_CODE",
  GUEST_RSP: "AREA_STACK + 0xf00",
  VM_ENTRY_CONTROLS: controlWord("entry", ...ENTRY, "ia32eModeGuest"),
};
const LEGACY: Fields = {
  ...LONG,
  GUEST_TR_SELECTOR: 0x30,
  GUEST_TR_BASE: "AREA_TSS32",
  GUEST_IDTR_BASE: "AREA_IDT32",
  GUEST_IDTR_LIMIT: 0x7ff,
  GUEST_IA32_EFER: 0,
  GUEST_CR4: 0x2000,
  GUEST_CR3: 0,
  VM_ENTRY_CONTROLS: controlWord("entry", ...ENTRY),
};

const MODES: Readonly<Record<GuestMode, Fields>> = {
  long64: { ...LONG, ...segments([8, 0, FLAT, 0xa09b], DATA) },
  compatibility32: { ...LONG, ...segments([0x28, 0, FLAT, 0xc09b], DATA) },
  flat32: { ...LEGACY, ...segments([0x28, 0, FLAT, 0xc09b], DATA), GUEST_CR0: 0x31 },
  paged32: {
    ...LEGACY,
    ...segments([0x28, 0, FLAT, 0xc09b], DATA),
    GUEST_CR0: 0x80000031n,
    GUEST_CR3: "PAGE_DIRECTORY",
    GUEST_CR4: 0x2010,
  },
  real16: {
    ...LEGACY,
    ...segments(["AREA >> 4", "AREA", 0xffff, 0x9b], ["AREA >> 4", "AREA", 0xffff, 0x93]),
    GUEST_CR0: 0x30,
    GUEST_IDTR_BASE: "AREA_IDT16",
    GUEST_IDTR_LIMIT: 0x3ff,
    GUEST_RIP: 0,
    GUEST_RSP: 0x5f00,
  },
};

export const BITS: Readonly<Record<GuestMode, 16 | 32 | 64>> = {
  long64: 64,
  compatibility32: 32,
  flat32: 32,
  paged32: 32,
  real16: 16,
};

const at =
  (mode: GuestMode) =>
  (code: string, fields?: Fields, memory?: Memory): Provocation => ({
    mode,
    code,
    ...(fields === undefined ? {} : { fields }),
    ...(memory === undefined ? {} : { memory }),
  });
const long64 = at("long64");
const flat32 = at("flat32");
const paged32 = at("paged32");
const real16 = at("real16");
const compatibility32 = at("compatibility32");

export const primary = (...keys: Parameters<typeof controlWord<"primary">>[1][]): Fields => ({
  PRIMARY_PROCESSOR_BASED_CONTROLS: controlWord("primary", ...PRIMARY, ...keys),
});
export const secondary = (...keys: Parameters<typeof controlWord<"secondary">>[1][]): Fields => ({
  SECONDARY_PROCESSOR_BASED_CONTROLS: controlWord("secondary", ...SECONDARY, ...keys),
});
const pin = (...keys: Parameters<typeof controlWord<"pin">>[1][]): Fields => ({
  PIN_BASED_CONTROLS: controlWord("pin", "activatePreemptionTimer", ...keys),
});
const inject = (type: number, vector: number, more: Fields = {}): Fields => ({
  VM_ENTRY_INTERRUPTION_INFORMATION: BigInt((0x80000000 | (type << 8) | vector) >>> 0),
  ...more,
});
const NO_EXCEPTIONS: Fields = { EXCEPTION_BITMAP: 0 };
const ACCESSED_DIRTY: Fields = { EPT_POINTER: "EPT_TABLES + 0x5e" };
/** The EPT entry of a guest page. */
const eptEntry = (page: string): string => `EPT_TABLES + 0x3000 + ((${page}) >> 12) * 8`;
const mapped = (page: string, rights: number): Memory => ({
  // For a jump to the data page.
  AREA_DATA: 0xc1010f,
  [eptEntry(page)]: `(${page}) | ${rights | 0x30}`,
});

const ALWAYS = ["cpuid", "vmcall", "vmlaunch", "vmresume", "vmxoff", "invd", "getsec"];

// prettier-ignore
const INSTRUCTIONS: readonly Provocation[] = [
  ...[long64, flat32, real16, paged32, compatibility32].flatMap((mode) => ALWAYS.map((code) => mode(code))),
  ...[long64, flat32, real16].flatMap((mode) => [
    mode("hlt", primary("hltExiting")),
    mode("sti\nhlt", primary("hltExiting")),
    mode("invlpg [bx+si]".replace("bx+si", mode === real16 ? "bx+si" : "ebx"), primary("invlpgExiting")),
    mode("rdpmc", primary("rdpmcExiting")),
    mode("rdtsc", primary("rdtscExiting")),
    mode("rdtscp", primary("rdtscExiting")),
    mode("rdmsr"),
    mode("wrmsr"),
    mode("mov ecx, 0xc0000080\nrdmsr", primary("useMsrBitmaps"), { "MSR_BITMAP + 0x410": 1 }),
    mode("mov ecx, 0xc0000080\nrdmsr", primary("useMsrBitmaps")),
    mode("mov ecx, 0x174\nrdmsr", primary("useMsrBitmaps"), { "MSR_BITMAP + 0x28": "1 << 52" }),
    mode("mov ecx, 0x174\nwrmsr", primary("useMsrBitmaps"), { "MSR_BITMAP + 0x828": "1 << 52" }),
    mode("mov ecx, 0x2000\nrdmsr", primary("useMsrBitmaps")),
    mode("pause", primary("pauseExiting")),
    mode("wbinvd", secondary("wbinvdExiting")),
    mode("rdrand ebx", secondary("rdrandExiting")),
    mode("rdseed edi", secondary("rdseedExiting")),
    mode("rdrand bp", secondary("rdrandExiting")),
    mode("clts", { CR0_GUEST_HOST_MASK: 8, CR0_READ_SHADOW: 8 }),
    mode("clts", { CR0_GUEST_HOST_MASK: 8 }),
    mode("lmsw ax", { CR0_GUEST_HOST_MASK: 0xf }),
    mode("lmsw ax", { CR0_GUEST_HOST_MASK: 0xe }),
    mode("smsw di", { CR0_GUEST_HOST_MASK: 0xffffffffn, CR0_READ_SHADOW: 0x1234567 }),
    mode("mov dr3, esi".replace("esi", mode === long64 ? "rsi" : "esi"), primary("movDrExiting")),
    mode("mov ecx, dr7".replace("ecx", mode === long64 ? "rcx" : "ecx"), primary("movDrExiting")),
    mode("in al, 0x71", primary("unconditionalIoExiting")),
    mode("in eax, dx", primary("unconditionalIoExiting")),
    mode("out dx, ax", primary("useIoBitmaps"), { "IO_BITMAP_A": "1 << 0x34" }),
    mode("out dx, al", primary("useIoBitmaps"), { "IO_BITMAP_A": "1 << 0x34" }),
    mode("mov edx, 0xffff\nin ax, dx", primary("useIoBitmaps")),
    mode("mov edx, 0x7fff\nin ax, dx", primary("useIoBitmaps"), { "IO_BITMAP_B": 1 }),
    mode("cld\nrep outsb", primary("unconditionalIoExiting")),
    mode("insd", primary("unconditionalIoExiting")),
    mode("es outsw", primary("unconditionalIoExiting")),
    mode("rep insb", primary("unconditionalIoExiting")),
    mode("sgdt [bx+0x20]".replace("bx", mode === real16 ? "bx" : "ebx"), secondary("descriptorTableExiting")),
    mode("sldt ax", secondary("descriptorTableExiting")),
  ]),
  long64("mov cr3, rax", primary("cr3LoadExiting")),
  long64("mov rbp, cr3", primary("cr3StoreExiting")),
  long64("mov rax, cr3\nmov cr3, rax", { ...primary("cr3LoadExiting"), CR3_TARGET_COUNT: 1, CR3_TARGET_VALUE_0: "PAGE_TABLES" }),
  long64("mov rax, cr3\nmov cr3, rax", { ...primary("cr3LoadExiting"), CR3_TARGET_COUNT: 1, CR3_TARGET_VALUE_1: "PAGE_TABLES" }),
  long64("mov cr8, r9", primary("cr8LoadExiting")),
  long64("mov r14, cr8", primary("cr8StoreExiting")),
  long64("mov rax, cr0\nbtr eax, 3\nmov cr0, rax", { CR0_GUEST_HOST_MASK: 8, CR0_READ_SHADOW: 8 }),
  long64("mov rax, cr4\nmov cr4, rax", { CR4_GUEST_HOST_MASK: 0x2000 }),
  long64("mov rax, cr4\nmov cr4, rax", { CR4_GUEST_HOST_MASK: 0x2000, CR4_READ_SHADOW: 0x2000 }),
  long64("mov rax, cr4\nbts eax, 7\nmov cr4, rax", { CR4_GUEST_HOST_MASK: 0x80 }),
  long64("lmsw [rbx]", { CR0_GUEST_HOST_MASK: 0xf }),
  flat32("mov eax, cr0\nbts eax, 16\nmov cr0, eax"),
  flat32("mov eax, cr0\nbts eax, 30\nmov cr0, eax", { CR0_GUEST_HOST_MASK: 0x60000000 }),
  real16("mov eax, cr0\nor al, 1\nmov cr0, eax"),
  real16("mov eax, cr0\nor al, 1\nmov cr0, eax", { CR0_GUEST_HOST_MASK: 1 }),
  long64("invpcid rax, [rbx]", primary("invlpgExiting")),
  long64("invpcid rax, [rbx]", { ...primary("invlpgExiting"), SECONDARY_PROCESSOR_BASED_CONTROLS: controlWord("secondary", "enableEpt") }),
  long64("rdtscp", { ...primary("rdtscExiting"), SECONDARY_PROCESSOR_BASED_CONTROLS: controlWord("secondary", "enableEpt") }),
  long64("vmfunc"),
  long64("xor eax, eax\nvmfunc", secondary("enableVmFunctions")),
  long64("mov eax, 63\nvmfunc", secondary("enableVmFunctions")),
  long64("mov eax, 64\nvmfunc", secondary("enableVmFunctions")),
  long64("xor eax, eax\nvmfunc", { ...secondary("enableVmFunctions"), VM_FUNCTION_CONTROLS: 1 }),
  long64("xor eax, eax\nvmfunc", { ...secondary("enableVmFunctions"), VM_FUNCTION_CONTROLS: 1 }, { "EPTP_LIST + 0x22 * 8": "EPT_TABLES + 0x1e" }),
  long64("xor eax, eax\nvmfunc", { ...secondary("enableVmFunctions"), VM_FUNCTION_CONTROLS: 1 }, { "EPTP_LIST + 0x22 * 8": "EPT_TABLES + 0x1f" }),
  long64("xor eax, eax\nmov ecx, 512\nvmfunc", { ...secondary("enableVmFunctions"), VM_FUNCTION_CONTROLS: 1 }),
  ...["vmcall", "vmlaunch", "invd", "hlt", "rdmsr", "cpuid", "vmread rax, rax", "lgdt [rbx]", "str ax", "mov rax, cr0", "in al, 0x71", "invept rax, [rbx]", "rdtsc", "vmfunc"].map((code) =>
    long64(code, { ...primary("hltExiting", "rdtscExiting", "unconditionalIoExiting"), ...secondary("descriptorTableExiting"), ...ring3() })),
];

/** A 64-bit guest at CPL 3. */
function ring3(): Fields {
  const data = [0x4b, 0, FLAT, 0xc0f3] as const;
  return segments([0x43, 0, FLAT, 0xa0fb], data);
}

// prettier-ignore
const EVENTS: readonly Provocation[] = [
  ...["ud2", "int3", "into", "int1", "int 0x30", "div dl", "bound eax, [ebx]", "mov ax, 0x1000\nmov ds, ax", "mov ax, 0x38\nltr ax", "jmp 0x30:0", "jmp 0x38:0", "call 0x50:0", "pushfd\nor dword [esp], 0x4000\npopfd\niret"].flatMap((code) =>
    [flat32, paged32].flatMap((mode) => [mode(code), mode(code, NO_EXCEPTIONS)])),
  ...["ud2", "int3", "int1", "int 0x30", "div dl", "mov rax, [rel $ + 0x70000000]\nmov rax, [rax]", "mov rax, 0x7000000000\nmov [rax], eax", "mov rax, 0x7000000000\njmp rax", "mov rax, 1 << 62\nmov al, [rax]", "mov rsp, 1 << 62\npush rax", "mov ax, 0x1000\nmov ds, ax", "iretq"].flatMap((code) => [
    long64(code),
    long64(code, NO_EXCEPTIONS),
    long64(code, NO_EXCEPTIONS, mapped("AREA_IDT64", 0)),
    long64(code, NO_EXCEPTIONS, mapped("AREA_STACK", 1)),
    long64(code, { ...NO_EXCEPTIONS, GUEST_IDTR_LIMIT: 0 }),
    long64(code, { EXCEPTION_BITMAP: 1 << 13, GUEST_IDTR_LIMIT: 0 }),
    long64(code, { EXCEPTION_BITMAP: 1 << 8, GUEST_IDTR_LIMIT: 0 }),
  ]),
  ...[0, 1, 2, 0xffffffffn].flatMap((match) => [0, 1, 2].map((mask) => long64("mov rax, 0x7000000000\nmov [rax], eax", { EXCEPTION_BITMAP: match === 1 ? 0 : 1 << 14, PAGE_FAULT_ERROR_CODE_MASK: mask, PAGE_FAULT_ERROR_CODE_MATCH: match }))),
  // Single step, MTF, pending debug exceptions.
  long64("nop", { GUEST_RFLAGS: 0x102 }),
  long64("cpuid", { GUEST_RFLAGS: 0x102 }),
  long64("mov eax, ss\nmov ss, eax\ncpuid", { GUEST_RFLAGS: 2 }),
  long64("mov eax, ss\nmov ss, eax\ncpuid"),
  long64("mov eax, ss\npushfq\nor dword [rsp], 0x100\npopfq\nmov ss, eax\nnop"),
  long64("pushfq\nor dword [rsp], 0x100\npopfq\ncpuid"),
  long64("mov eax, ss\nmov ss, eax\nhlt", primary("hltExiting")),
  long64("sti\ncpuid"),
  long64("sti\nnop\ncpuid"),
  ...["nop", "cpuid", "sti", "mov ss, eax", "int 0x30", "int3", "ud2", "rep movsb", "hlt", "pushfq", "mov rax, 0x7000000000"].flatMap((code) => [
    long64(code, primary("monitorTrapFlag")),
    long64(code, { ...primary("monitorTrapFlag"), ...NO_EXCEPTIONS }),
    long64(code, { ...primary("monitorTrapFlag"), ...NO_EXCEPTIONS, GUEST_RFLAGS: 0x102 }),
  ]),
  ...[0x4000, 0x1001, 0x1002, 0x5003, 1, 0].flatMap((pending) => [
    long64("nop", { GUEST_PENDING_DEBUG_EXCEPTIONS: pending, GUEST_RFLAGS: 2 }),
    long64("nop", { GUEST_PENDING_DEBUG_EXCEPTIONS: pending, GUEST_RFLAGS: 0x102 }),
    long64("nop", { GUEST_PENDING_DEBUG_EXCEPTIONS: pending, GUEST_INTERRUPTIBILITY_STATE: 2 }),
    long64("cpuid", { GUEST_PENDING_DEBUG_EXCEPTIONS: pending, GUEST_INTERRUPTIBILITY_STATE: 2 }),
    long64("nop", { GUEST_PENDING_DEBUG_EXCEPTIONS: pending, GUEST_INTERRUPTIBILITY_STATE: 1, GUEST_RFLAGS: 0x202 }),
    long64("nop", { GUEST_PENDING_DEBUG_EXCEPTIONS: pending, ...primary("monitorTrapFlag") }),
    long64("nop", { GUEST_PENDING_DEBUG_EXCEPTIONS: pending, GUEST_ACTIVITY_STATE: 1 }),
    long64("nop", { GUEST_PENDING_DEBUG_EXCEPTIONS: pending, ...primary("interruptWindowExiting"), GUEST_RFLAGS: 0x202 }),
  ]),
  // Windows.
  long64("nop", { ...primary("interruptWindowExiting"), GUEST_RFLAGS: 0x202 }),
  long64("nop\nsti\nnop\nnop", primary("interruptWindowExiting")),
  long64("nop", { ...primary("interruptWindowExiting"), GUEST_RFLAGS: 0x202, GUEST_ACTIVITY_STATE: 1 }),
  long64("nop", { ...primary("interruptWindowExiting"), GUEST_RFLAGS: 0x202, GUEST_INTERRUPTIBILITY_STATE: 1 }),
  long64("nop", { ...primary("interruptWindowExiting"), GUEST_RFLAGS: 0x202, GUEST_INTERRUPTIBILITY_STATE: 2 }),
  long64("nop", { ...pin("nmiExiting", "virtualNmis"), ...primary("nmiWindowExiting") }),
  long64("nop\nnop", { ...pin("nmiExiting", "virtualNmis"), ...primary("nmiWindowExiting"), GUEST_INTERRUPTIBILITY_STATE: 8 }),
  long64("nop\nnop", { ...pin("nmiExiting", "virtualNmis"), ...primary("nmiWindowExiting"), GUEST_INTERRUPTIBILITY_STATE: 2 }),
  long64("push 0x10\npush rsp\npushfq\npush 8\nlea rax, [rel .next]\npush rax\niretq\n.next: nop", { ...pin("nmiExiting", "virtualNmis"), ...primary("nmiWindowExiting"), GUEST_INTERRUPTIBILITY_STATE: 8 }),
  long64("nop", { VMX_PREEMPTION_TIMER_VALUE: 0 }),
  // Injection.
  ...[
    [0, 0x20, 0], [2, 2, 0], [3, 6, 0], [3, 13, 0x1234], [3, 14, 7], [3, 8, 0], [3, 1, 0], [4, 0x30, 0], [4, 0x80, 0], [5, 1, 0], [6, 3, 0], [6, 4, 0],
  ].flatMap(([type, vector, code]) => {
    const hasCode = type === 3 && [8, 10, 11, 12, 13, 14, 17].includes(vector!);
    const event = inject(type! | (hasCode ? 8 : 0), vector!, { VM_ENTRY_INSTRUCTION_LENGTH: 2, VM_ENTRY_EXCEPTION_ERROR_CODE: code!, ...NO_EXCEPTIONS, GUEST_RFLAGS: type === 0 ? 0x202 : 2 });
    return [
      long64("nop", event),
      long64("nop", { ...event, ...primary("monitorTrapFlag") }),
      long64("nop", { ...event, EXCEPTION_BITMAP: FLAT }),
      long64("nop", { ...event, GUEST_IDTR_LIMIT: 0 }),
      long64("nop", { ...event, GUEST_IDTR_LIMIT: 0, EXCEPTION_BITMAP: 1 << 13 }),
      long64("nop", { ...event, GUEST_IDTR_LIMIT: 0, EXCEPTION_BITMAP: 1 << 8 }),
      long64("nop", event, mapped("AREA_IDT64", 0)),
      long64("nop", { ...event, ...pin("nmiExiting", "virtualNmis") }, mapped("AREA_IDT64", 0)),
      long64("nop", event, mapped("AREA_STACK", 5)),
      long64("nop", { ...event, GUEST_ACTIVITY_STATE: 1 }),
      long64("nop", { ...event, GUEST_PENDING_DEBUG_EXCEPTIONS: 0x4000, GUEST_RFLAGS: 0x302 }),
      long64("nop", { ...event, GUEST_INTERRUPTIBILITY_STATE: 2, GUEST_PENDING_DEBUG_EXCEPTIONS: 0x4000, GUEST_RFLAGS: 0x102 }),
      flat32("nop", event),
      flat32("nop", event, { [`AREA_IDT32 + ${vector! * 8}`]: "0x0000e50000500000" }),
      real16("nop", { ...event, EXCEPTION_BITMAP: FLAT }),
    ];
  }),
  // IRET and NMI blocking.
  ...[[], ["nmiExiting"], ["nmiExiting", "virtualNmis"]].flatMap((keys) => {
    const controls = { ...pin(...(keys as ["nmiExiting"])), GUEST_INTERRUPTIBILITY_STATE: 8 };
    return [
      long64("iretq", controls),
      long64("iretq", controls, mapped("AREA_STACK", 0)),
      long64("iretq", { ...controls, ...NO_EXCEPTIONS }, mapped("AREA_IDT64", 0)),
      long64("push 0x10\npush rsp\npushfq\npush 8\nlea rax, [rel .next]\npush rax\niretq\n.next: nop", controls),
      flat32("iret", controls, mapped("AREA_STACK", 0)),
      long64("cpuid", controls),
      long64("ud2", controls),
    ];
  }),
];

// prettier-ignore
const NESTED_PAGING: readonly Provocation[] = [
  ...[{}, ACCESSED_DIRTY, { ...ACCESSED_DIRTY, ...secondary("enablePml") }].flatMap((fields) => [
    ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((rights) => [
      ...["mov al, [rbx]", "mov [rbx], al", "inc byte [rbx]", "mov [rbx+0xffe], eax", "jmp rbx", "lock cmpxchg [rbx], rcx", "push qword [rbx]", "movsb", "lidt [rbx]", "mov rsi, rbx\ncld\nlodsq"].map((code) => long64(code, fields, mapped("AREA_DATA", rights))),
      long64("nop", fields, mapped("AREA_CODE", rights)),
      long64("nop", fields, mapped("PAGE_TABLES", rights)),
      long64("nop", fields, mapped("PAGE_TABLES + 0x2000", rights)),
      long64("nop", fields, mapped("PAGE_TABLES + 0x2000", rights | 0x300)),
      paged32("mov al, [ebx]", fields, mapped("PAGE_DIRECTORY", rights)),
      paged32("mov [ebx], al", fields, mapped("AREA_DATA", rights)),
      flat32("mov [ebx], al", fields, mapped("AREA_DATA", rights)),
      real16("mov [0x4000], al", fields, mapped("AREA_DATA", rights)),
      long64("mov al, [rbx]", fields, { "EPT_TABLES + 0x2000": `EPT_TABLES + 0x3000 + ${rights}` }),
      long64("mov [0x200000], al", fields, { "EPT_TABLES + 0x2008": `0x200080 + 0x30 + ${rights}` }),
      long64("nop", fields, { "PAGE_TABLES": "PAGE_TABLES + 0x1007", ...mapped("PAGE_TABLES", rights) }),
    ]),
    ...[0x8, 0x10, 0x40, 0x80, 0x800, "1 << 39", "1 << 45", "1 << 51", "1 << 52", "1 << 63"].flatMap((extra) => [
      long64("mov al, [rbx]", fields, { [eptEntry("AREA_DATA")]: `AREA_DATA | 7 | ${extra}` }),
      long64("mov al, [rbx]", fields, { "EPT_TABLES + 0x2000": `EPT_TABLES + 0x3007 | ${extra}` }),
      long64("mov al, [rbx]", fields, { "EPT_TABLES": `EPT_TABLES + 0x1007 | ${extra}` }),
      long64("mov [0x200000], al", fields, { "EPT_TABLES + 0x2008": `0x2000b7 | ${extra}` }),
    ]),
    long64("mov rax, 0x12340000000\nmov al, [rax]", fields),
    flat32("mov al, [0xf0000000]", fields),
  ]),
  ...[511, 1, 0, 0xffff, 512, 0x8000].flatMap((index) => {
    const fields = { ...ACCESSED_DIRTY, ...secondary("enablePml"), GUEST_PML_INDEX: index };
    return [
      long64("mov [rbx], al\nmov [rbx+8], al\nmov [rel $+0x1000], al", fields),
      long64("mov al, [rbx]", fields),
      flat32("mov [ebx], al\npush eax", fields),
      flat32("mov al, [ebx]", fields),
      flat32("mov [ebx+0xffe], eax", fields),
      flat32("ud2", { ...fields, ...NO_EXCEPTIONS }),
      flat32("iret", { ...fields, ...pin("nmiExiting", "virtualNmis"), GUEST_INTERRUPTIBILITY_STATE: 8 }),
    ];
  }),
];

// prettier-ignore
const ENTRY_CHECKS: readonly Provocation[] = [
  long64("nop", { VM_ENTRY_MSR_LOAD_COUNT: 2 }, { "MSR_AREA": 0xc0000081n, "MSR_AREA + 16": 0x12345n }),
  long64("nop", { VM_ENTRY_MSR_LOAD_COUNT: 2 }, { "MSR_AREA": 0xc0000081n, "MSR_AREA + 16": 0xc0000100n }),
  long64("nop", { VM_ENTRY_MSR_LOAD_COUNT: 1 }, { "MSR_AREA": 0x800n }),
  long64("nop", { VM_ENTRY_MSR_LOAD_COUNT: 1 }, { "MSR_AREA": 0x1c0000081n }),
  long64("nop", { ...secondary("enablePml"), PML_ADDRESS: "PML_LOG + 8" }),
  long64("nop", { SECONDARY_PROCESSOR_BASED_CONTROLS: controlWord("secondary", "enablePml") }),
  long64("nop", { ...secondary("enablePml"), PML_ADDRESS: 1n << 50n }),
];

export function allProvocations(seed: number): readonly Provocation[] {
  return [
    ...INSTRUCTIONS,
    ...EVENTS,
    ...NESTED_PAGING,
    ...ENTRY_CHECKS,
    ...randomProvocations(seed),
  ];
}

const literal = (value: Value): string => (typeof value === "string" ? value : value.toString());

function fieldTable(label: string, fields: Fields): string {
  const rows = Object.entries(fields).map(
    ([name, value]) => `dq ${fieldByName(name as VmcsFieldName).encoding}, ${literal(value)}`,
  );
  return [`${label}:`, ...rows, "dq -1"].join("\n");
}

function caseText({ mode, code, fields = {}, memory = {} }: Provocation, number: number): string {
  const pokes = Object.entries(memory).map(
    ([address, value]) => `dq ${address}, ${literal(value)}`,
  );
  return [
    `bits ${BITS[mode]}`,
    `code${number}:`,
    code,
    "vmcall",
    `codeEnd${number}:`,
    "bits 64",
    fieldTable(`fields${number}`, fields),
    `memory${number}:`,
    ...pokes,
    "dq -1",
  ].join("\n");
}

/** provocations.inc for the image. */
export function provocationsText(cases: readonly Provocation[]): string {
  const rows = cases.map(
    ({ mode }, i) => `dq code${i}, codeEnd${i} - code${i}, ${mode}Table, fields${i}, memory${i}`,
  );
  return [
    "shownFields:",
    ...SHOWN_FIELDS.map((name) => `dd ${fieldByName(name).encoding}`),
    "dd -1",
    "align 8",
    fieldTable("commonTable", COMMON),
    ...Object.entries(MODES).map(([mode, fields]) => fieldTable(`${mode}Table`, fields)),
    "caseTable:",
    ...rows,
    "dq 0",
    ...cases.map(caseText),
    "",
  ].join("\n");
}
