/** Bit layouts of VMCS fields that are neither registers nor controls, and the activity states. */
import { bit, bits, layout, masksOf, masks32Of, unsupported } from "../bitFields";
import { EXCEPTIONS } from "../exceptions";

/** Kinds of event in interruption-information fields. SDM Vol. 3C, "VM-Entry Controls for Event Injection". */
export const EVENT_TYPES = {
  externalInterrupt: 0,
  nmi: 2,
  hardwareException: 3,
  softwareInterrupt: 4,
  privilegedSoftwareException: 5,
  softwareException: 6,
  otherEvent: 7,
} as const;

export const EVENT_TYPE_NAMES: Readonly<Record<number, string>> = {
  0: "external interrupt",
  1: "reserved",
  2: "NMI",
  3: "hardware exception",
  4: "software interrupt",
  5: "privileged software exception",
  6: "software exception",
  7: "other event",
};

// SDM Vol. 3C, "VM-Entry Controls for Event Injection".
export const ENTRY_INTERRUPTION_LAYOUT = layout("VM-entry interruption-information field", 32, [
  bits(7, 0, "VECTOR", "vector"),
  bits(10, 8, "TYPE", "interruption type", EVENT_TYPE_NAMES),
  bit(11, "DELIVER_ERROR_CODE", "deliver error code"),
  bit(31, "VALID", "valid: an event is injected"),
]);

// SDM Vol. 3C, "Information for VM Exits Due to Vectored Events".
export const EXIT_INTERRUPTION_LAYOUT = layout("VM-exit interruption information", 32, [
  bits(7, 0, "VECTOR", "vector"),
  bits(10, 8, "TYPE", "interruption type", EVENT_TYPE_NAMES),
  bit(11, "ERROR_CODE_VALID", "error code valid"),
  bit(12, "NMI_UNBLOCKING", "NMI unblocking due to IRET"),
  bit(31, "VALID", "valid"),
]);

// SDM Vol. 3C, "Information for VM Exits That Occur During Event Delivery".
export const IDT_VECTORING_LAYOUT = layout("IDT-vectoring information", 32, [
  bits(7, 0, "VECTOR", "vector"),
  bits(10, 8, "TYPE", "interruption type", EVENT_TYPE_NAMES),
  bit(11, "ERROR_CODE_VALID", "error code valid"),
  bit(31, "VALID", "valid: the exit happened while this event was being delivered"),
]);

// SDM Vol. 3C, "Guest Non-Register State", "Format of Interruptibility State".
export const INTERRUPTIBILITY_LAYOUT = layout("Interruptibility state", 32, [
  bit(0, "STI", "blocking by STI"),
  bit(1, "MOV_SS", "blocking by MOV SS"),
  unsupported(bit(2, "SMI", "blocking by SMI")),
  bit(3, "NMI", "blocking by NMI"),
  unsupported(bit(4, "ENCLAVE", "enclave interruption")),
]);
export const INTERRUPTIBILITY = masks32Of(INTERRUPTIBILITY_LAYOUT);

// SDM Vol. 3C, "Guest Non-Register State", "Format of Pending-Debug-Exceptions".
export const PENDING_DEBUG_LAYOUT = layout("Pending debug exceptions", 64, [
  bit(0, "B0", "breakpoint 0 condition met"),
  bit(1, "B1", "breakpoint 1 condition met"),
  bit(2, "B2", "breakpoint 2 condition met"),
  bit(3, "B3", "breakpoint 3 condition met"),
  bit(12, "ENABLED_BREAKPOINT", "at least one enabled breakpoint was met"),
  bit(14, "BS", "single step pending"),
  unsupported(bit(16, "RTM", "debug exception inside a transactional region")),
]);
export const PENDING_DEBUG = masksOf(PENDING_DEBUG_LAYOUT);

// SDM Vol. 3C, "Basic VM-Exit Information".
export const EXIT_REASON_LAYOUT = layout("Exit reason", 32, [
  bits(15, 0, "BASIC", "basic exit reason"),
  bit(25, "SHADOW_STACK", "a shadow stack was prematurely busy"),
  bit(26, "BUS_LOCK", "bus lock asserted"),
  bit(27, "ENCLAVE", "exit incident to enclave mode"),
  bit(28, "PENDING_MTF", "pending MTF VM exit"),
  bit(29, "FROM_ROOT", "exit from VMX root operation"),
  bit(31, "ENTRY_FAILURE", "VM-entry failure"),
]);
/** Bit 31 of the exit reason: VM entry failed after the host state was checked. */
export const ENTRY_FAILURE_BIT = 0x80000000;

// SDM Vol. 3C, "Extended-Page-Table Pointer (EPTP)".
export const EPTP_LAYOUT = layout("EPT pointer", 64, [
  bits(2, 0, "MEMORY_TYPE", "memory type of the EPT structures", { 0: "UC", 6: "WB" }),
  bits(5, 3, "WALK_LENGTH", "page-walk length minus 1", { 3: "4 levels", 4: "5 levels" }),
  bit(6, "ACCESSED_DIRTY", "accessed and dirty flags enabled"),
  unsupported(bit(7, "SUPERVISOR_SHADOW_STACK", "supervisor shadow-stack access rights enforced")),
  bits(51, 12, "ADDRESS", "physical page number of the EPT PML4 table"),
]);

/** One bit a vector. */
export const EXCEPTION_BITMAP_LAYOUT = layout(
  "Exception bitmap",
  32,
  EXCEPTIONS.map((row) =>
    bit(row.vector, row.kind === "reserved" ? `vector ${row.vector}` : row.mnemonic, row.title),
  ),
);

export interface ActivityState {
  readonly value: number;
  readonly name: string;
  /** Bit of IA32_VMX_MISC that advertises it; the active state needs none. */
  readonly miscBit?: number;
  readonly supported: boolean;
  readonly description: string;
}

// SDM Vol. 3C, "Guest Non-Register State".
export const ACTIVITY_STATES: readonly ActivityState[] = [
  { value: 0, name: "active", supported: true, description: "executing instructions" },
  {
    value: 1,
    name: "HLT",
    miscBit: 6,
    supported: true,
    description: "inactive because of HLT, until an unmasked interrupt, NMI or debug exception",
  },
  {
    value: 2,
    name: "shutdown",
    miscBit: 7,
    supported: true,
    description: "inactive because of a triple fault, until an NMI or machine check",
  },
  {
    value: 3,
    name: "wait-for-SIPI",
    miscBit: 8,
    supported: false,
    description: "inactive until a startup IPI",
  },
];

export const ACTIVITY = { active: 0, hlt: 1, shutdown: 2, waitForSipi: 3 } as const;

export const ACTIVITY_LAYOUT = layout("Activity state", 32, [
  bits(
    31,
    0,
    "STATE",
    "activity state",
    Object.fromEntries(ACTIVITY_STATES.map((state) => [state.value, state.name])),
  ),
]);
