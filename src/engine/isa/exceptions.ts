/** Exceptions and interrupts by vector. SDM Vol. 3A, "Exception and Interrupt Reference". */
import { bit, bits, decodeBits, layout, type BitLayout, type DecodedField } from "./bitFields";

/** How two exceptions combine into a double fault. SDM Vol. 3A, "Interrupt 8-Double Fault Exception (#DF)". */
export type DoubleFaultClass = "benign" | "contributory" | "page-fault";

export interface ExceptionRow {
  readonly vector: number;
  /** "#PF"; "NMI" and "reserved" where there is no mnemonic. */
  readonly mnemonic: string;
  readonly title: string;
  /** "fault/trap" for #DB: which one depends on the condition. */
  readonly kind: "fault" | "trap" | "abort" | "fault/trap" | "interrupt" | "reserved";
  readonly hasErrorCode: boolean;
  readonly doubleFaultClass: DoubleFaultClass;
  readonly errorCode?: BitLayout;
  /** False: this processor never raises it. */
  readonly supported: boolean;
  readonly description: string;
}

// SDM Vol. 3A, "Error Code".
export const SELECTOR_ERROR_CODE = layout("selector error code", 32, [
  bit(0, "EXT", "the fault happened while delivering an event external to the program"),
  bit(1, "IDT", "the index refers to a gate in the IDT"),
  bit(2, "TI", "table (when IDT is 0)", { 0: "GDT", 1: "LDT" }),
  bits(15, 3, "INDEX", "selector or vector index"),
]);

// SDM Vol. 3A, "Page-Fault Exceptions".
// prettier-ignore
export const PAGE_FAULT_ERROR_CODE = layout("page-fault error code", 32, [
  bit(0, "P", "cause", { 0: "page not present", 1: "protection violation" }),
  bit(1, "W/R", "access", { 0: "read", 1: "write" }),
  bit(2, "U/S", "access mode", { 0: "supervisor", 1: "user" }),
  bit(3, "RSVD", "reserved bit set in a paging-structure entry"),
  bit(4, "I/D", "instruction fetch"),
  bit(5, "PK", "protection-key violation"),
  bit(6, "SS", "shadow-stack access"),
  bit(15, "SGX", "SGX access-control violation"),
]);

const ZERO_ERROR_CODE = layout("error code", 32, []);

type Rest = Partial<Pick<ExceptionRow, "errorCode" | "supported" | "doubleFaultClass">>;

function row(
  vector: number,
  mnemonic: string,
  title: string,
  kind: ExceptionRow["kind"],
  description: string,
  rest: Rest = {},
): ExceptionRow {
  return {
    vector,
    mnemonic,
    title,
    kind,
    description,
    hasErrorCode: rest.errorCode !== undefined,
    doubleFaultClass: "benign",
    supported: kind !== "reserved",
    ...rest,
  };
}

const contributory = { doubleFaultClass: "contributory" } as const;
const selector = { ...contributory, errorCode: SELECTOR_ERROR_CODE } as const;

// prettier-ignore
const defined: readonly ExceptionRow[] = [
  row(0, "#DE", "Divide Error", "fault", "DIV or IDIV by zero, or a quotient that does not fit", contributory),
  row(1, "#DB", "Debug", "fault/trap", "single step, hardware breakpoint, debug-register access, task-switch trap, or INT1"),
  row(2, "NMI", "Nonmaskable Interrupt", "interrupt", "the NMI pin or message"),
  row(3, "#BP", "Breakpoint", "trap", "INT3"),
  row(4, "#OF", "Overflow", "trap", "INTO with OF set"),
  row(5, "#BR", "BOUND Range Exceeded", "fault", "BOUND with an index out of range"),
  row(6, "#UD", "Invalid Opcode", "fault", "an undefined instruction, or one that is not available in this mode"),
  row(7, "#NM", "Device Not Available", "fault", "x87 or SSE instruction with CR0.EM or CR0.TS set"),
  row(8, "#DF", "Double Fault", "abort", "a second fault while delivering the first", { errorCode: ZERO_ERROR_CODE }),
  row(9, "CSO", "Coprocessor Segment Overrun", "fault", "386 only; later processors raise #GP", { supported: false }),
  row(10, "#TS", "Invalid TSS", "fault", "a task-state segment or a stack in it is not valid", selector),
  row(11, "#NP", "Segment Not Present", "fault", "a descriptor or gate with P = 0", selector),
  row(12, "#SS", "Stack-Segment Fault", "fault", "stack limit or canonicality violation, or a stack segment with P = 0", selector),
  row(13, "#GP", "General Protection", "fault", "a protection check that no other exception covers", selector),
  row(14, "#PF", "Page Fault", "fault", "a translation that is missing or forbids the access", { doubleFaultClass: "page-fault", errorCode: PAGE_FAULT_ERROR_CODE }),
  row(15, "reserved", "Intel reserved", "reserved", "not used"),
  row(16, "#MF", "x87 FPU Floating-Point Error", "fault", "a pending unmasked x87 exception"),
  row(17, "#AC", "Alignment Check", "fault", "an unaligned access at CPL 3 with CR0.AM and RFLAGS.AC set", { errorCode: SELECTOR_ERROR_CODE }),
  row(18, "#MC", "Machine Check", "abort", "a hardware error"),
  row(19, "#XM", "SIMD Floating-Point", "fault", "an unmasked SSE exception"),
  row(20, "#VE", "Virtualization", "fault", "an EPT violation turned into an exception", { doubleFaultClass: "page-fault", supported: false }),
  row(21, "#CP", "Control Protection", "fault", "a control-flow violation (CET)", { ...contributory, errorCode: layout("control-protection error code", 32, [bits(14, 0, "CPEC", "cause")]), supported: false }),
];

/** All 32 architectural vectors, in order. */
export const EXCEPTIONS: readonly ExceptionRow[] = [
  ...defined,
  ...Array.from({ length: 32 - defined.length }, (_, index) =>
    row(defined.length + index, "reserved", "Intel reserved", "reserved", "not used"),
  ),
];

export function exceptionByVector(vector: number): ExceptionRow | undefined {
  return EXCEPTIONS[vector];
}

/** "#PF (page fault)", "NMI", or "vector 0x80". */
export function vectorName(vector: number): string {
  const found = EXCEPTIONS[vector];
  if (found === undefined || found.kind === "reserved") return `vector ${vector}`;
  return found.mnemonic;
}

/** Whether delivery pushes an error code on this processor, in protected mode. */
export function pushesErrorCode(vector: number): boolean {
  const found = EXCEPTIONS[vector];
  return found !== undefined && found.supported && found.hasErrorCode;
}

/** What a second exception becomes when it arises while delivering the first. */
export function combineExceptions(
  first: number,
  second: number,
): "serially" | "double-fault" | "triple-fault" {
  if (first === 8) {
    return classOf(second) === "benign" ? "serially" : "triple-fault";
  }
  const [a, b] = [classOf(first), classOf(second)];
  if (a === "contributory" && b === "contributory") return "double-fault";
  if (a === "page-fault" && b !== "benign") return "double-fault";
  return "serially";
}

function classOf(vector: number): DoubleFaultClass {
  return EXCEPTIONS[vector]?.doubleFaultClass ?? "benign";
}

export interface DecodedErrorCode {
  readonly text: string;
  readonly fields: readonly DecodedField[];
}

/** One sentence and the fields of an error code, by the vector that pushed it. */
export function decodeErrorCode(vector: number, code: number): DecodedErrorCode {
  const found = EXCEPTIONS[vector];
  if (found?.errorCode === undefined) return { text: "", fields: [] };
  const fields = decodeBits(found.errorCode, BigInt(code >>> 0));
  if (vector === 14) return { text: pageFaultText(code), fields };
  if (found.errorCode === SELECTOR_ERROR_CODE) return { text: selectorErrorText(code), fields };
  return { text: code === 0 ? "error code 0" : `error code 0x${code.toString(16)}`, fields };
}

function pageFaultText(code: number): string {
  const who = code & 4 ? "user" : "supervisor";
  const access = code & 16 ? "instruction fetch" : code & 2 ? "write" : "read";
  const reserved = code & 8 ? ": reserved bit set in a paging-structure entry" : "";
  const why =
    code & 1 ? (reserved === "" ? ": protection violation" : reserved) : ": page not present";
  const key = code & 32 ? " (protection key)" : "";
  return `${who} ${access}${why}${key}`;
}

function selectorErrorText(code: number): string {
  if ((code & 0xffff) === 0) return "no selector";
  const index = (code >>> 3) & 0x1fff;
  const outside = code & 1 ? ", during delivery of an external event" : "";
  if (code & 2) return `IDT entry ${index}${outside}`;
  const table = code & 4 ? "LDT" : "GDT";
  return `selector 0x${(code & 0xfffc).toString(16)} (${table} entry ${index})${outside}`;
}
