/**
 * The fields of a VMCS on this processor: only those whose controls exist (see controls.ts).
 * SDM Vol. 3D, appendix "Field Encoding in VMCS"; meanings: SDM Vol. 3C, "Virtual Machine Control Structures".
 */
import type { BitLayout } from "../bitFields";
import {
  CR0_LAYOUT,
  CR3_LAYOUT,
  CR4_LAYOUT,
  DR7_LAYOUT,
  EFER_LAYOUT,
  RFLAGS_LAYOUT,
} from "../controlRegisters";
import { ACCESS_RIGHTS_LAYOUT, SELECTOR_LAYOUT } from "../descriptors";
import { DEBUGCTL_LAYOUT, PAT_LAYOUT } from "../msrs";
import { PAGE_FAULT_ERROR_CODE } from "../exceptions";
import { CONTROL_LAYOUTS, VM_FUNCTIONS_LAYOUT } from "./controls";
import {
  ACTIVITY_LAYOUT,
  ENTRY_INTERRUPTION_LAYOUT,
  EPTP_LAYOUT,
  EXCEPTION_BITMAP_LAYOUT,
  EXIT_INTERRUPTION_LAYOUT,
  EXIT_REASON_LAYOUT,
  IDT_VECTORING_LAYOUT,
  INTERRUPTIBILITY_LAYOUT,
  PENDING_DEBUG_LAYOUT,
} from "./fieldLayouts";

export type VmcsArea = "control" | "exit-info" | "guest" | "host";
export type VmcsWidth = 16 | 32 | 64 | "natural";
export type VmcsGroup =
  | "VM-execution controls"
  | "VM-exit controls"
  | "VM-entry controls"
  | "VM-exit information"
  | "Guest register state"
  | "Guest non-register state"
  | "Host state";

export interface FieldEncoding {
  readonly area: VmcsArea;
  readonly width: VmcsWidth;
  readonly index: number;
  /** Access type "high": bits 63:32 of a 64-bit field. */
  readonly high: boolean;
  /** Encoding of the field with access type "full". */
  readonly full: number;
}

const AREAS = ["control", "exit-info", "guest", "host"] as const;
const WIDTHS = [16, 64, 32, "natural"] as const;

/**
 * Takes a field encoding apart: 0 access type, 9:1 index, 11:10 area, 14:13 width; 12 and 31:15 are reserved.
 * Undefined where a reserved bit is set or access type "high" is used on a field that is not 64 bits wide.
 */
export function decodeFieldEncoding(encoding: number): FieldEncoding | undefined {
  if (encoding < 0 || encoding > 0x7fff || (encoding & 0x1000) !== 0) return undefined;
  const width = WIDTHS[(encoding >>> 13) & 3]!;
  const high = (encoding & 1) === 1;
  if (high && width !== 64) return undefined;
  return {
    area: AREAS[(encoding >>> 10) & 3]!,
    width,
    index: (encoding >>> 1) & 0x1ff,
    high,
    full: encoding & ~1,
  };
}

interface Row<Name extends string = string> {
  readonly encoding: number;
  readonly name: Name;
  readonly title: string;
  readonly group: VmcsGroup;
  readonly description: string;
  readonly bits?: BitLayout;
}

function group(of: VmcsGroup) {
  return <const Name extends string>(
    encoding: number,
    name: Name,
    title: string,
    description: string,
    bits?: BitLayout,
  ): Row<Name> => {
    const row = { encoding, name, title, group: of, description };
    return bits === undefined ? row : { ...row, bits };
  };
}

const execution = group("VM-execution controls");
const exit = group("VM-exit controls");
const entry = group("VM-entry controls");
const information = group("VM-exit information");
const register = group("Guest register state");
const other = group("Guest non-register state");
const host = group("Host state");

// prettier-ignore
const ROWS = [
  // 16-bit control, guest and host fields.
  execution(0x0000, "VIRTUAL_PROCESSOR_IDENTIFIER", "Virtual-processor identifier (VPID)", "tag of this guest's cached translations; 0 is the host's"),
  register(0x0800, "GUEST_ES_SELECTOR", "Guest ES selector", "ES selector", SELECTOR_LAYOUT),
  register(0x0802, "GUEST_CS_SELECTOR", "Guest CS selector", "CS selector", SELECTOR_LAYOUT),
  register(0x0804, "GUEST_SS_SELECTOR", "Guest SS selector", "SS selector", SELECTOR_LAYOUT),
  register(0x0806, "GUEST_DS_SELECTOR", "Guest DS selector", "DS selector", SELECTOR_LAYOUT),
  register(0x0808, "GUEST_FS_SELECTOR", "Guest FS selector", "FS selector", SELECTOR_LAYOUT),
  register(0x080a, "GUEST_GS_SELECTOR", "Guest GS selector", "GS selector", SELECTOR_LAYOUT),
  register(0x080c, "GUEST_LDTR_SELECTOR", "Guest LDTR selector", "LDTR selector", SELECTOR_LAYOUT),
  register(0x080e, "GUEST_TR_SELECTOR", "Guest TR selector", "TR selector", SELECTOR_LAYOUT),
  other(0x0812, "GUEST_PML_INDEX", "PML index", "next free entry of the page-modification log; counts down, full beyond 511"),
  host(0x0c00, "HOST_ES_SELECTOR", "Host ES selector", "ES after a VM exit", SELECTOR_LAYOUT),
  host(0x0c02, "HOST_CS_SELECTOR", "Host CS selector", "CS after a VM exit", SELECTOR_LAYOUT),
  host(0x0c04, "HOST_SS_SELECTOR", "Host SS selector", "SS after a VM exit", SELECTOR_LAYOUT),
  host(0x0c06, "HOST_DS_SELECTOR", "Host DS selector", "DS after a VM exit", SELECTOR_LAYOUT),
  host(0x0c08, "HOST_FS_SELECTOR", "Host FS selector", "FS after a VM exit", SELECTOR_LAYOUT),
  host(0x0c0a, "HOST_GS_SELECTOR", "Host GS selector", "GS after a VM exit", SELECTOR_LAYOUT),
  host(0x0c0c, "HOST_TR_SELECTOR", "Host TR selector", "TR after a VM exit", SELECTOR_LAYOUT),

  // 64-bit control fields.
  execution(0x2000, "IO_BITMAP_A_ADDRESS", "Address of I/O bitmap A", "physical address of the bitmap for ports 0000-7FFF"),
  execution(0x2002, "IO_BITMAP_B_ADDRESS", "Address of I/O bitmap B", "physical address of the bitmap for ports 8000-FFFF"),
  execution(0x2004, "MSR_BITMAP_ADDRESS", "Address of MSR bitmaps", "physical address: read low, read high, write low, write high, 1 KiB each"),
  exit(0x2006, "VM_EXIT_MSR_STORE_ADDRESS", "VM-exit MSR-store address", "physical address of the list of MSRs stored on VM exit"),
  exit(0x2008, "VM_EXIT_MSR_LOAD_ADDRESS", "VM-exit MSR-load address", "physical address of the list of MSRs loaded on VM exit"),
  entry(0x200a, "VM_ENTRY_MSR_LOAD_ADDRESS", "VM-entry MSR-load address", "physical address of the list of MSRs loaded on VM entry"),
  execution(0x200c, "EXECUTIVE_VMCS_POINTER", "Executive-VMCS pointer", "used only with the dual-monitor treatment of SMIs"),
  execution(0x200e, "PML_ADDRESS", "PML address", "physical address of the page-modification log: 512 guest-physical addresses"),
  execution(0x2010, "TSC_OFFSET", "TSC offset", "added to the guest's reads of the time-stamp counter"),
  execution(0x2018, "VM_FUNCTION_CONTROLS", "VM-function controls", "VM functions the guest may invoke", VM_FUNCTIONS_LAYOUT),
  execution(0x201a, "EPT_POINTER", "EPT pointer (EPTP)", "root and properties of the extended page tables", EPTP_LAYOUT),
  execution(0x2024, "EPTP_LIST_ADDRESS", "EPTP-list address", "physical address of 512 EPT pointers for VMFUNC leaf 0"),

  // 64-bit read-only data field.
  information(0x2400, "GUEST_PHYSICAL_ADDRESS", "Guest-physical address", "address that caused an EPT violation or misconfiguration"),

  // 64-bit guest and host fields.
  other(0x2800, "VMCS_LINK_POINTER", "VMCS link pointer", "all ones unless a shadow VMCS is used"),
  register(0x2802, "GUEST_IA32_DEBUGCTL", "Guest IA32_DEBUGCTL", "IA32_DEBUGCTL", DEBUGCTL_LAYOUT),
  register(0x2804, "GUEST_IA32_PAT", "Guest IA32_PAT", "IA32_PAT", PAT_LAYOUT),
  register(0x2806, "GUEST_IA32_EFER", "Guest IA32_EFER", "IA32_EFER", EFER_LAYOUT),
  other(0x280a, "GUEST_PDPTE0", "Guest PDPTE0", "page-directory-pointer entry 0 (PAE paging with EPT)"),
  other(0x280c, "GUEST_PDPTE1", "Guest PDPTE1", "page-directory-pointer entry 1 (PAE paging with EPT)"),
  other(0x280e, "GUEST_PDPTE2", "Guest PDPTE2", "page-directory-pointer entry 2 (PAE paging with EPT)"),
  other(0x2810, "GUEST_PDPTE3", "Guest PDPTE3", "page-directory-pointer entry 3 (PAE paging with EPT)"),
  host(0x2c00, "HOST_IA32_PAT", "Host IA32_PAT", "IA32_PAT after a VM exit", PAT_LAYOUT),
  host(0x2c02, "HOST_IA32_EFER", "Host IA32_EFER", "IA32_EFER after a VM exit", EFER_LAYOUT),

  // 32-bit control fields.
  execution(0x4000, "PIN_BASED_CONTROLS", "Pin-based VM-execution controls", "which asynchronous events cause VM exits", CONTROL_LAYOUTS.pin),
  execution(0x4002, "PRIMARY_PROCESSOR_BASED_CONTROLS", "Primary processor-based VM-execution controls", "which instructions and conditions cause VM exits", CONTROL_LAYOUTS.primary),
  execution(0x4004, "EXCEPTION_BITMAP", "Exception bitmap", "which exceptions cause VM exits", EXCEPTION_BITMAP_LAYOUT),
  execution(0x4006, "PAGE_FAULT_ERROR_CODE_MASK", "Page-fault error-code mask", "a #PF exits as bit 14 of the exception bitmap says if (error code & mask) = match, else the other way", PAGE_FAULT_ERROR_CODE),
  execution(0x4008, "PAGE_FAULT_ERROR_CODE_MATCH", "Page-fault error-code match", "see the page-fault error-code mask", PAGE_FAULT_ERROR_CODE),
  execution(0x400a, "CR3_TARGET_COUNT", "CR3-target count", "how many CR3-target values are used"),
  exit(0x400c, "VM_EXIT_CONTROLS", "VM-exit controls", "what VM exits save and load", CONTROL_LAYOUTS.exit),
  exit(0x400e, "VM_EXIT_MSR_STORE_COUNT", "VM-exit MSR-store count", "entries in the list of MSRs stored on VM exit"),
  exit(0x4010, "VM_EXIT_MSR_LOAD_COUNT", "VM-exit MSR-load count", "entries in the list of MSRs loaded on VM exit"),
  entry(0x4012, "VM_ENTRY_CONTROLS", "VM-entry controls", "what VM entries load", CONTROL_LAYOUTS.entry),
  entry(0x4014, "VM_ENTRY_MSR_LOAD_COUNT", "VM-entry MSR-load count", "entries in the list of MSRs loaded on VM entry"),
  entry(0x4016, "VM_ENTRY_INTERRUPTION_INFORMATION", "VM-entry interruption-information field", "event to inject on VM entry", ENTRY_INTERRUPTION_LAYOUT),
  entry(0x4018, "VM_ENTRY_EXCEPTION_ERROR_CODE", "VM-entry exception error code", "error code delivered with the injected event"),
  entry(0x401a, "VM_ENTRY_INSTRUCTION_LENGTH", "VM-entry instruction length", "added to RIP before an injected software event is delivered"),
  execution(0x401e, "SECONDARY_PROCESSOR_BASED_CONTROLS", "Secondary processor-based VM-execution controls", "further instructions and features", CONTROL_LAYOUTS.secondary),

  // 32-bit read-only data fields.
  information(0x4400, "VM_INSTRUCTION_ERROR", "VM-instruction error", "why the last VMX instruction failed"),
  information(0x4402, "EXIT_REASON", "Exit reason", "why the last VM exit happened", EXIT_REASON_LAYOUT),
  information(0x4404, "VM_EXIT_INTERRUPTION_INFORMATION", "VM-exit interruption information", "event that caused the VM exit", EXIT_INTERRUPTION_LAYOUT),
  information(0x4406, "VM_EXIT_INTERRUPTION_ERROR_CODE", "VM-exit interruption error code", "its error code"),
  information(0x4408, "IDT_VECTORING_INFORMATION", "IDT-vectoring information field", "event whose delivery the VM exit interrupted", IDT_VECTORING_LAYOUT),
  information(0x440a, "IDT_VECTORING_ERROR_CODE", "IDT-vectoring error code", "its error code"),
  information(0x440c, "VM_EXIT_INSTRUCTION_LENGTH", "VM-exit instruction length", "bytes of the instruction that caused the VM exit"),
  information(0x440e, "VM_EXIT_INSTRUCTION_INFORMATION", "VM-exit instruction information", "operands of the instruction that caused the VM exit"),

  // 32-bit guest and host fields.
  register(0x4800, "GUEST_ES_LIMIT", "Guest ES limit", "ES limit in bytes"),
  register(0x4802, "GUEST_CS_LIMIT", "Guest CS limit", "CS limit in bytes"),
  register(0x4804, "GUEST_SS_LIMIT", "Guest SS limit", "SS limit in bytes"),
  register(0x4806, "GUEST_DS_LIMIT", "Guest DS limit", "DS limit in bytes"),
  register(0x4808, "GUEST_FS_LIMIT", "Guest FS limit", "FS limit in bytes"),
  register(0x480a, "GUEST_GS_LIMIT", "Guest GS limit", "GS limit in bytes"),
  register(0x480c, "GUEST_LDTR_LIMIT", "Guest LDTR limit", "LDTR limit in bytes"),
  register(0x480e, "GUEST_TR_LIMIT", "Guest TR limit", "TR limit in bytes"),
  register(0x4810, "GUEST_GDTR_LIMIT", "Guest GDTR limit", "GDTR limit in bytes"),
  register(0x4812, "GUEST_IDTR_LIMIT", "Guest IDTR limit", "IDTR limit in bytes"),
  register(0x4814, "GUEST_ES_ACCESS_RIGHTS", "Guest ES access rights", "ES attributes", ACCESS_RIGHTS_LAYOUT),
  register(0x4816, "GUEST_CS_ACCESS_RIGHTS", "Guest CS access rights", "CS attributes", ACCESS_RIGHTS_LAYOUT),
  register(0x4818, "GUEST_SS_ACCESS_RIGHTS", "Guest SS access rights", "SS attributes; SS.DPL is the CPL", ACCESS_RIGHTS_LAYOUT),
  register(0x481a, "GUEST_DS_ACCESS_RIGHTS", "Guest DS access rights", "DS attributes", ACCESS_RIGHTS_LAYOUT),
  register(0x481c, "GUEST_FS_ACCESS_RIGHTS", "Guest FS access rights", "FS attributes", ACCESS_RIGHTS_LAYOUT),
  register(0x481e, "GUEST_GS_ACCESS_RIGHTS", "Guest GS access rights", "GS attributes", ACCESS_RIGHTS_LAYOUT),
  register(0x4820, "GUEST_LDTR_ACCESS_RIGHTS", "Guest LDTR access rights", "LDTR attributes", ACCESS_RIGHTS_LAYOUT),
  register(0x4822, "GUEST_TR_ACCESS_RIGHTS", "Guest TR access rights", "TR attributes", ACCESS_RIGHTS_LAYOUT),
  other(0x4824, "GUEST_INTERRUPTIBILITY_STATE", "Guest interruptibility state", "which events are blocked", INTERRUPTIBILITY_LAYOUT),
  other(0x4826, "GUEST_ACTIVITY_STATE", "Guest activity state", "active, HLT, shutdown or wait-for-SIPI", ACTIVITY_LAYOUT),
  register(0x4828, "GUEST_SMBASE", "Guest SMBASE", "base of the SMRAM image"),
  register(0x482a, "GUEST_IA32_SYSENTER_CS", "Guest IA32_SYSENTER_CS", "IA32_SYSENTER_CS"),
  other(0x482e, "VMX_PREEMPTION_TIMER_VALUE", "VMX-preemption timer value", "what the preemption timer starts from"),
  host(0x4c00, "HOST_IA32_SYSENTER_CS", "Host IA32_SYSENTER_CS", "IA32_SYSENTER_CS after a VM exit"),

  // Natural-width control fields.
  execution(0x6000, "CR0_GUEST_HOST_MASK", "CR0 guest/host mask", "CR0 bits that the host owns", CR0_LAYOUT),
  execution(0x6002, "CR4_GUEST_HOST_MASK", "CR4 guest/host mask", "CR4 bits that the host owns", CR4_LAYOUT),
  execution(0x6004, "CR0_READ_SHADOW", "CR0 read shadow", "what the guest reads for host-owned CR0 bits", CR0_LAYOUT),
  execution(0x6006, "CR4_READ_SHADOW", "CR4 read shadow", "what the guest reads for host-owned CR4 bits", CR4_LAYOUT),
  execution(0x6008, "CR3_TARGET_VALUE_0", "CR3-target value 0", "MOV to CR3 with this value does not exit"),
  execution(0x600a, "CR3_TARGET_VALUE_1", "CR3-target value 1", "MOV to CR3 with this value does not exit"),
  execution(0x600c, "CR3_TARGET_VALUE_2", "CR3-target value 2", "MOV to CR3 with this value does not exit"),
  execution(0x600e, "CR3_TARGET_VALUE_3", "CR3-target value 3", "MOV to CR3 with this value does not exit"),

  // Natural-width read-only data fields.
  information(0x6400, "EXIT_QUALIFICATION", "Exit qualification", "details of the VM exit; its form depends on the exit reason"),
  information(0x6402, "IO_RCX", "I/O RCX", "RCX of an I/O instruction (SMM VM exits)"),
  information(0x6404, "IO_RSI", "I/O RSI", "RSI of an I/O instruction (SMM VM exits)"),
  information(0x6406, "IO_RDI", "I/O RDI", "RDI of an I/O instruction (SMM VM exits)"),
  information(0x6408, "IO_RIP", "I/O RIP", "RIP of an I/O instruction (SMM VM exits)"),
  information(0x640a, "GUEST_LINEAR_ADDRESS", "Guest-linear address", "linear address of the access that caused the VM exit"),

  // Natural-width guest fields.
  register(0x6800, "GUEST_CR0", "Guest CR0", "CR0", CR0_LAYOUT),
  register(0x6802, "GUEST_CR3", "Guest CR3", "CR3", CR3_LAYOUT),
  register(0x6804, "GUEST_CR4", "Guest CR4", "CR4", CR4_LAYOUT),
  register(0x6806, "GUEST_ES_BASE", "Guest ES base", "ES base address"),
  register(0x6808, "GUEST_CS_BASE", "Guest CS base", "CS base address"),
  register(0x680a, "GUEST_SS_BASE", "Guest SS base", "SS base address"),
  register(0x680c, "GUEST_DS_BASE", "Guest DS base", "DS base address"),
  register(0x680e, "GUEST_FS_BASE", "Guest FS base", "FS base address"),
  register(0x6810, "GUEST_GS_BASE", "Guest GS base", "GS base address"),
  register(0x6812, "GUEST_LDTR_BASE", "Guest LDTR base", "LDTR base address"),
  register(0x6814, "GUEST_TR_BASE", "Guest TR base", "TR base address"),
  register(0x6816, "GUEST_GDTR_BASE", "Guest GDTR base", "GDTR base address"),
  register(0x6818, "GUEST_IDTR_BASE", "Guest IDTR base", "IDTR base address"),
  register(0x681a, "GUEST_DR7", "Guest DR7", "DR7", DR7_LAYOUT),
  register(0x681c, "GUEST_RSP", "Guest RSP", "stack pointer"),
  register(0x681e, "GUEST_RIP", "Guest RIP", "instruction pointer"),
  register(0x6820, "GUEST_RFLAGS", "Guest RFLAGS", "flags", RFLAGS_LAYOUT),
  other(0x6822, "GUEST_PENDING_DEBUG_EXCEPTIONS", "Guest pending debug exceptions", "debug exceptions recognized but not yet delivered", PENDING_DEBUG_LAYOUT),
  register(0x6824, "GUEST_IA32_SYSENTER_ESP", "Guest IA32_SYSENTER_ESP", "IA32_SYSENTER_ESP"),
  register(0x6826, "GUEST_IA32_SYSENTER_EIP", "Guest IA32_SYSENTER_EIP", "IA32_SYSENTER_EIP"),

  // Natural-width host fields.
  host(0x6c00, "HOST_CR0", "Host CR0", "CR0 after a VM exit", CR0_LAYOUT),
  host(0x6c02, "HOST_CR3", "Host CR3", "CR3 after a VM exit", CR3_LAYOUT),
  host(0x6c04, "HOST_CR4", "Host CR4", "CR4 after a VM exit", CR4_LAYOUT),
  host(0x6c06, "HOST_FS_BASE", "Host FS base", "FS base address after a VM exit"),
  host(0x6c08, "HOST_GS_BASE", "Host GS base", "GS base address after a VM exit"),
  host(0x6c0a, "HOST_TR_BASE", "Host TR base", "TR base address after a VM exit"),
  host(0x6c0c, "HOST_GDTR_BASE", "Host GDTR base", "GDTR base address after a VM exit"),
  host(0x6c0e, "HOST_IDTR_BASE", "Host IDTR base", "IDTR base address after a VM exit"),
  host(0x6c10, "HOST_IA32_SYSENTER_ESP", "Host IA32_SYSENTER_ESP", "IA32_SYSENTER_ESP after a VM exit"),
  host(0x6c12, "HOST_IA32_SYSENTER_EIP", "Host IA32_SYSENTER_EIP", "IA32_SYSENTER_EIP after a VM exit"),
  host(0x6c14, "HOST_RSP", "Host RSP", "stack pointer after a VM exit"),
  host(0x6c16, "HOST_RIP", "Host RIP", "where the VMM continues after a VM exit"),
] as const;

export type VmcsFieldName = (typeof ROWS)[number]["name"];

export interface VmcsField {
  readonly encoding: number;
  readonly name: VmcsFieldName;
  /** As the SDM prints it. */
  readonly title: string;
  readonly area: VmcsArea;
  readonly width: VmcsWidth;
  readonly group: VmcsGroup;
  /** VM-exit information: VMWRITE fails with VM-instruction error 13. */
  readonly readOnly: boolean;
  /** Byte offset in our VMCS region; 8 bytes, little-endian. */
  readonly offset: number;
  readonly description: string;
  readonly bits?: BitLayout;
}

/** Bytes of a VMCS or VMXON region. */
export const VMCS_REGION_SIZE = 4096;
/** The revision identifier at offset 0. Only this processor knows the layout behind it. */
export const VMCS_REVISION_ID = 0x52494e47;
/** Offsets of what precedes the fields: revision identifier, VMX-abort indicator, launch state (0 clear, 1 launched). */
export const VMCS_HEADER = { revision: 0, abortIndicator: 4, launchState: 8 } as const;
const FIRST_FIELD_OFFSET = 16;

/** All fields in the order of their encodings' groups; `offset` follows that order. */
export const VMCS_FIELDS: readonly VmcsField[] = ROWS.map((row: Row<VmcsFieldName>, position) => {
  const { area, width } = decodeFieldEncoding(row.encoding)!;
  return {
    ...row,
    area,
    width,
    readOnly: area === "exit-info",
    offset: FIRST_FIELD_OFFSET + 8 * position,
  };
});

const byEncoding = new Map(VMCS_FIELDS.map((field) => [field.encoding, field]));
const byName = new Map<string, VmcsField>(VMCS_FIELDS.map((field) => [field.name, field]));

/** The field of an encoding with access type "full"; decodeFieldEncoding gives `full` for either type. */
export function fieldByEncoding(encoding: number): VmcsField | undefined {
  return byEncoding.get(encoding);
}

export function fieldByName(name: VmcsFieldName): VmcsField;
export function fieldByName(name: string): VmcsField | undefined;
export function fieldByName(name: string): VmcsField | undefined {
  return byName.get(name);
}

/** What VMREAD and VMWRITE address: a field and, for 64-bit fields, which part. Undefined: VM-instruction error 12. */
export function accessedField(
  encoding: number,
): { readonly field: VmcsField; readonly high: boolean } | undefined {
  const decoded = decodeFieldEncoding(encoding);
  const field = decoded === undefined ? undefined : byEncoding.get(decoded.full);
  return decoded === undefined || field === undefined ? undefined : { field, high: decoded.high };
}

/** Bits a field holds; natural width is 64 on this processor. */
export function fieldBits(field: VmcsField): 16 | 32 | 64 {
  return field.width === "natural" ? 64 : field.width;
}

/** Bits 9:1 of IA32_VMX_VMCS_ENUM. */
export function highestFieldIndex(): number {
  return Math.max(...VMCS_FIELDS.map((field) => (field.encoding >>> 1) & 0x1ff));
}
