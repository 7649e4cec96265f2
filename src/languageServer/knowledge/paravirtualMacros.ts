/**
 * Macros that let one source assemble natively or for a paravirtual VMM (with `-D PARAVIRTUAL`), for the quick fix of VMM1 and VMM5. The native branch makes the
 * very bytes that stood there. The number of the hypercall is a name that the kernel's include file for its VMM gives a value.
 */
import type { InstructionForm } from "../../engine/language";

export interface ParavirtualOperation {
  readonly macro: string;
  /** Lines with their ends, to be put in front of the first use. */
  readonly definition: string;
  /** What stands in the place of the instruction. */
  readonly call: string;
}

interface Row {
  readonly macro: string;
  readonly native: string;
  /** Lines of the hypercall's branch. */
  readonly call: readonly string[];
  readonly argument?: (operands: readonly string[]) => string | undefined;
}

// As with every VMM that uses the SDM's VMCALL: the number in EAX, an argument in EBX, the answer in EAX.
const invoke = (number: string): readonly string[] => [
  "push    eax",
  `mov     eax, ${number}`,
  "vmcall",
  "pop     eax",
];
const invokeWith = (number: string, load: string): readonly string[] => [
  "push    eax",
  "push    ebx",
  load,
  `mov     eax, ${number}`,
  "vmcall",
  "pop     ebx",
  "pop     eax",
];
const first = ([operand]: readonly string[]): string | undefined => operand;

const ROWS: Readonly<Record<string, Row>> = {
  cli: { macro: "PV_CLI", native: "cli", call: invoke("HYPERCALL_MASK_EVENTS") },
  sti: { macro: "PV_STI", native: "sti", call: invoke("HYPERCALL_UNMASK_EVENTS") },
  hlt: { macro: "PV_HLT", native: "hlt", call: invoke("HYPERCALL_BLOCK") },
  invlpg: {
    macro: "PV_INVLPG",
    native: "invlpg  %1",
    call: invokeWith("HYPERCALL_INVALIDATE_PAGE", "lea     ebx, %1"),
    argument: first,
  },
  lgdt: {
    macro: "PV_LGDT",
    native: "lgdt    %1",
    call: invokeWith("HYPERCALL_SET_GDT", "lea     ebx, %1"),
    argument: first,
  },
  lidt: {
    macro: "PV_LIDT",
    native: "lidt    %1",
    call: invokeWith("HYPERCALL_SET_TRAP_TABLE", "lea     ebx, %1"),
    argument: first,
  },
  pushfd: {
    macro: "PV_PUSHFD",
    native: "pushfd",
    call: [
      "push    eax                     ; a place for the answer",
      "push    eax",
      "mov     eax, HYPERCALL_READ_FLAGS",
      "vmcall",
      "mov     [esp + 4], eax",
      "pop     eax",
    ],
  },
  popfd: {
    macro: "PV_POPFD",
    native: "popfd",
    call: [
      "push    eax",
      "push    ebx",
      "mov     ebx, [esp + 8]",
      "mov     eax, HYPERCALL_WRITE_FLAGS",
      "vmcall",
      "pop     ebx",
      "pop     eax",
      "popfd                           ; the arithmetic flags; IF stays",
    ],
  },
  iretd: {
    macro: "PV_IRETD",
    native: "iretd",
    call: ["push    eax", "mov     eax, HYPERCALL_IRET", "vmcall"],
  },
};

const NEW_BASE: Row = {
  macro: "PV_MOV_CR3",
  native: "mov     cr3, %1",
  call: invokeWith("HYPERCALL_NEW_BASE_POINTER", "mov     ebx, %1"),
  argument: (operands) => (operands[0]?.toLowerCase() === "cr3" ? operands[1] : undefined),
};

function rowOf(form: InstructionForm): Row | undefined {
  // In 32-bit code the words without a letter mean the same rows.
  const name = { pushf: "pushfd", popf: "popfd", iret: "iretd" }[form.mnemonic] ?? form.mnemonic;
  return form.semantics === "mov_to_cr" ? NEW_BASE : ROWS[name];
}

function definitionOf({ macro, native, call, argument }: Row): string {
  const indented = (line: string): string => `        ${line}`;
  const lines = [
    `%macro ${macro} ${argument === undefined ? 0 : 1}`,
    "%ifdef PARAVIRTUAL",
    ...call.map(indented),
    "%else",
    indented(native),
    "%endif",
    "%endmacro",
  ];
  return `${lines.join("\n")}\n`;
}

/** The macro that stands for an instruction, as text. */
export function paravirtualDefinition(form: InstructionForm): string | undefined {
  const row = rowOf(form);
  return row === undefined ? undefined : definitionOf(row);
}

/** The macro for an instruction, given the texts of its operands; undefined where the paravirtual way is more than one call. */
export function paravirtualOperation(
  form: InstructionForm,
  operands: readonly string[],
): ParavirtualOperation | undefined {
  const row = rowOf(form);
  if (row === undefined) return undefined;
  const argument = row.argument?.(operands);
  // The macro pushes before it loads: an address relative to ESP would be another one by then.
  if (row.argument !== undefined && (argument === undefined || /\besp\b/i.test(argument)))
    return undefined;
  const call = argument === undefined ? row.macro : `${row.macro} ${argument}`;
  return { macro: row.macro, definition: definitionOf(row), call };
}
