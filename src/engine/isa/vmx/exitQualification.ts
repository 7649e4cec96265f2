/** The exit qualification by exit reason. SDM Vol. 3C, "Basic VM-Exit Information". */
import {
  bit,
  bits,
  decodeBits,
  fieldValue,
  layout,
  summarizeBits,
  unsupported,
  type BitLayout,
  type DecodedField,
} from "../bitFields";
import { GPR64 } from "../registers";
import { selectorText } from "../descriptors";
import {
  EXIT_INTERRUPTION_LAYOUT,
  EVENT_TYPES,
  EVENT_TYPE_NAMES,
  IDT_VECTORING_LAYOUT,
  ENTRY_INTERRUPTION_LAYOUT,
} from "./fieldLayouts";
import { vectorName } from "../exceptions";
import { exitReasonByNumber, type QualificationLayout } from "./exitReasons";

const REGISTERS = Object.fromEntries(GPR64.entries());

// prettier-ignore
export const CR_ACCESS_LAYOUT = layout("control-register access", 64, [
  bits(3, 0, "CR", "control register"),
  bits(5, 4, "ACCESS", "access type", { 0: "MOV to CR", 1: "MOV from CR", 2: "CLTS", 3: "LMSW" }),
  bit(6, "LMSW_MEMORY", "LMSW operand", { 0: "register", 1: "memory" }),
  bits(11, 8, "GPR", "general register", REGISTERS),
  bits(31, 16, "LMSW_SOURCE", "LMSW source data"),
]);

// prettier-ignore
export const MOV_DR_LAYOUT = layout("MOV DR", 64, [
  bits(2, 0, "DR", "debug register"),
  bit(4, "FROM", "direction", { 0: "MOV to DR", 1: "MOV from DR" }),
  bits(11, 8, "GPR", "general register", REGISTERS),
]);

// prettier-ignore
export const IO_LAYOUT = layout("I/O instruction", 64, [
  bits(2, 0, "SIZE", "size of access", { 0: "1 byte", 1: "2 bytes", 3: "4 bytes" }),
  bit(3, "IN", "direction", { 0: "OUT", 1: "IN" }),
  bit(4, "STRING", "string instruction (INS, OUTS)"),
  bit(5, "REP", "REP prefix"),
  bit(6, "IMMEDIATE", "port encoding", { 0: "DX", 1: "immediate" }),
  bits(31, 16, "PORT", "port number"),
]);

// prettier-ignore
export const TASK_SWITCH_LAYOUT = layout("task switch", 64, [
  bits(15, 0, "SELECTOR", "selector of the new TSS"),
  bits(31, 30, "SOURCE", "source", { 0: "CALL instruction", 1: "IRET instruction", 2: "JMP instruction", 3: "task gate in IDT" }),
]);

// prettier-ignore
export const EPT_VIOLATION_LAYOUT = layout("EPT violation", 64, [
  bit(0, "READ", "the access was a data read"),
  bit(1, "WRITE", "the access was a data write"),
  bit(2, "FETCH", "the access was an instruction fetch"),
  bit(3, "READABLE", "every EPT entry used allows reads"),
  bit(4, "WRITABLE", "every EPT entry used allows writes"),
  bit(5, "EXECUTABLE", "every EPT entry used allows fetches"),
  unsupported(bit(6, "USER_EXECUTABLE", "every EPT entry used allows user-mode fetches")),
  bit(7, "LINEAR_VALID", "the guest-linear address is valid"),
  bit(8, "FINAL", "access", { 0: "to a guest paging-structure entry", 1: "to the translation of the linear address" }),
  bit(12, "NMI_UNBLOCKING", "NMI unblocking due to IRET"),
]);

const PML_FULL_LAYOUT = layout("page-modification log full", 64, [
  bit(12, "NMI_UNBLOCKING", "NMI unblocking due to IRET"),
]);

// prettier-ignore
export const DEBUG_EXCEPTION_LAYOUT = layout("debug exception", 64, [
  bit(0, "B0", "breakpoint 0 condition met"),
  bit(1, "B1", "breakpoint 1 condition met"),
  bit(2, "B2", "breakpoint 2 condition met"),
  bit(3, "B3", "breakpoint 3 condition met"),
  bit(13, "BD", "debug register access detected"),
  bit(14, "BS", "single step"),
]);

const ADDRESS_LAYOUT = layout("linear address", 64, [bits(63, 0, "ADDRESS", "linear address")]);
const DISPLACEMENT_LAYOUT = layout("displacement", 64, [
  bits(63, 0, "DISPLACEMENT", "displacement of the memory operand"),
]);

/** Exit qualification of a VM-entry failure due to invalid guest state. SDM Vol. 3C, "VM-Entry Failures During or After Loading Guest State". */
export const ENTRY_FAILURE_QUALIFICATIONS: Readonly<Record<number, string>> = {
  0: "see the guest-state checks",
  2: "a page-directory-pointer-table entry has a reserved bit set",
  3: "an NMI was injected while blocking by STI is in effect",
  4: "the VMCS link pointer is not valid",
};

const LAYOUTS: Readonly<Partial<Record<QualificationLayout, BitLayout>>> = {
  "cr-access": CR_ACCESS_LAYOUT,
  "mov-dr": MOV_DR_LAYOUT,
  io: IO_LAYOUT,
  "task-switch": TASK_SWITCH_LAYOUT,
  "ept-violation": EPT_VIOLATION_LAYOUT,
  "pml-full": PML_FULL_LAYOUT,
  "linear-address": ADDRESS_LAYOUT,
  displacement: DISPLACEMENT_LAYOUT,
  "entry-failure": layout("VM-entry failure", 64, [
    bits(63, 0, "CAUSE", "which check failed", ENTRY_FAILURE_QUALIFICATIONS),
  ]),
  "msr-list-entry": layout("MSR loading", 64, [
    bits(63, 0, "ENTRY", "entry of the MSR-load area, counted from 1"),
  ]),
  "monitor-armed": layout("MWAIT", 64, [bit(0, "ARMED", "address-range monitoring is armed")]),
  "sipi-vector": layout("SIPI", 64, [bits(7, 0, "VECTOR", "SIPI vector")]),
  vector: layout("virtualized EOI", 64, [bits(7, 0, "VECTOR", "vector")]),
  "apic-access": layout("APIC access", 64, [
    bits(11, 0, "OFFSET", "offset in the APIC page"),
    bits(15, 12, "TYPE", "access type"),
  ]),
  "apic-offset": layout("APIC write", 64, [bits(11, 0, "OFFSET", "offset in the APIC page")]),
};

export interface DecodedQualification {
  /** One phrase; empty where the qualification is undefined or zero by definition. */
  readonly text: string;
  readonly fields: readonly DecodedField[];
}

/** `interruptionInformation` chooses between #DB and #PF for exit reason 0. */
export function decodeExitQualification(
  reason: number,
  qualification: bigint,
  interruptionInformation = 0,
): DecodedQualification {
  const of = exitReasonByNumber(reason)?.qualification ?? "none";
  const form = of === "exception" ? exceptionLayout(interruptionInformation) : LAYOUTS[of];
  if (form === undefined) return { text: "", fields: [] };
  const value = BigInt.asUintN(64, qualification);
  const fields = decodeBits(form, value).filter((field) => isRelevant(of, field.name, value));
  return { text: textOf(of, form, value), fields };
}

function exceptionLayout(information: number): BitLayout | undefined {
  if (((information >>> 8) & 7) !== EVENT_TYPES.hardwareException) return undefined;
  const vector = information & 0xff;
  if (vector === 1) return DEBUG_EXCEPTION_LAYOUT;
  return vector === 14 ? ADDRESS_LAYOUT : undefined;
}

/** Hides fields that are undefined for the access at hand. */
function isRelevant(of: QualificationLayout, name: string, value: bigint): boolean {
  if (of === "cr-access") {
    const access = fieldValue(CR_ACCESS_LAYOUT.fields[1]!, value);
    if (name === "GPR") return access < 2n;
    if (name.startsWith("LMSW")) return access === 3n;
  }
  return !(of === "ept-violation" && name === "USER_EXECUTABLE");
}

function textOf(of: QualificationLayout, form: BitLayout, value: bigint): string {
  switch (of) {
    case "cr-access":
      return crAccessText(value);
    case "mov-dr":
      return movDrText(value);
    case "io":
      return ioText(value);
    case "task-switch":
      return `${decodeBits(form, value)[1]?.meaning ?? ""}, new TSS ${selectorText(Number(value & 0xffffn))}`;
    case "ept-violation":
      return eptViolationText(value);
    case "entry-failure":
      return ENTRY_FAILURE_QUALIFICATIONS[Number(value)] ?? `qualification ${value}`;
    case "msr-list-entry":
      return `entry ${value} of the VM-entry MSR-load area`;
    case "monitor-armed":
      return value & 1n ? "monitoring armed" : "monitoring not armed";
    case "pml-full":
      return summarizeBits(form, value);
    case "exception":
      return form === ADDRESS_LAYOUT ? `address ${hex64(value)}` : summarizeBits(form, value);
    case "none":
    case "displacement":
    case "linear-address":
    case "sipi-vector":
    case "apic-access":
    case "vector":
    case "apic-offset":
      return hex64(value);
  }
}

function hex64(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function crAccessText(value: bigint): string {
  const register = `CR${value & 15n}`;
  const gpr = (GPR64[Number((value >> 8n) & 15n)] ?? "").toUpperCase();
  switch (Number((value >> 4n) & 3n)) {
    case 0:
      return `write to ${register} from ${gpr}`;
    case 1:
      return `read of ${register} into ${gpr}`;
    case 2:
      return "CLTS";
    default:
      return `LMSW with 0x${((value >> 16n) & 0xffffn).toString(16).padStart(4, "0")} from ${value & 64n ? "memory" : "a register"}`;
  }
}

function movDrText(value: bigint): string {
  const gpr = (GPR64[Number((value >> 8n) & 15n)] ?? "").toUpperCase();
  const register = `DR${value & 7n}`;
  return value & 16n ? `read of ${register} into ${gpr}` : `write to ${register} from ${gpr}`;
}

function ioText(value: bigint): string {
  const size = Number(value & 7n) + 1;
  const isIn = (value & 8n) !== 0n;
  const port = `port 0x${((value >> 16n) & 0xffffn).toString(16)}`;
  const width = size === 1 ? "1 byte" : `${size} bytes`;
  if (value & 16n) {
    const suffix = { 1: "B", 2: "W", 4: "D" }[size] ?? "";
    return `${value & 32n ? "REP " : ""}${isIn ? "INS" : "OUTS"}${suffix}, ${port}, ${width}`;
  }
  const accumulator = { 1: "AL", 2: "AX", 4: "EAX" }[size] ?? "";
  return isIn ? `IN ${accumulator}, ${port}, ${width}` : `OUT ${port}, ${accumulator}, ${width}`;
}

/** "write: not permitted (the EPT entries allow R-X)". */
function eptViolationText(value: bigint): string {
  const wanted = [value & 1n && "read", value & 2n && "write", value & 4n && "instruction fetch"]
    .filter(Boolean)
    .join(" and ");
  const allowed = [value & 8n ? "R" : "-", value & 16n ? "W" : "-", value & 32n ? "X" : "-"].join(
    "",
  );
  const verdict =
    allowed === "---"
      ? "not present in the EPT"
      : `not permitted (the EPT entries allow ${allowed})`;
  const walk = value & 128n && (value & 256n) === 0n ? " of a guest paging-structure entry" : "";
  return `${wanted === "" ? "access" : wanted}${walk}: ${verdict}`;
}

export interface DecodedInterruption {
  readonly valid: boolean;
  readonly vector: number;
  readonly type: number;
  readonly hasErrorCode: boolean;
  /** "hardware exception #PF", "external interrupt 0x20", "nothing". */
  readonly text: string;
  readonly fields: readonly DecodedField[];
}

/** The three interruption-information fields share their form: "entry", "exit" and "idt-vectoring". */
export function decodeInterruptionInformation(
  value: number,
  from: "entry" | "exit" | "idt-vectoring",
): DecodedInterruption {
  const form = {
    entry: ENTRY_INTERRUPTION_LAYOUT,
    exit: EXIT_INTERRUPTION_LAYOUT,
    "idt-vectoring": IDT_VECTORING_LAYOUT,
  }[from];
  const valid = value >>> 31 === 1;
  const vector = value & 0xff;
  const type = (value >>> 8) & 7;
  return {
    valid,
    vector,
    type,
    hasErrorCode: valid && (value & 0x800) !== 0,
    text: valid ? interruptionText(type, vector) : "nothing",
    fields: decodeBits(form, BigInt(value >>> 0)),
  };
}

function interruptionText(type: number, vector: number): string {
  const name = EVENT_TYPE_NAMES[type] ?? "";
  if (type === EVENT_TYPES.nmi && vector === 2) return "NMI";
  if (type === EVENT_TYPES.externalInterrupt || type === EVENT_TYPES.softwareInterrupt) {
    return `${name} 0x${vector.toString(16)}`;
  }
  if (type === EVENT_TYPES.otherEvent) {
    return vector === 0 ? "pending MTF VM exit" : `other event ${vector}`;
  }
  return `${name} ${vectorName(vector)}`;
}
