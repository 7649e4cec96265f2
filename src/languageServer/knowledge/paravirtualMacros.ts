/**
 * Macros that let one source assemble natively or for a paravirtual VMM (with `-D PARAVIRTUAL`), for the quick fix of VMM5. The native branch makes the
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
  /** The name of the hypercall's number. */
  readonly call: string;
  /** The instruction, with the macro's parameter. */
  readonly native: string;
  /** What loads the hypercall's argument into EBX, for a macro with a parameter. */
  readonly load?: string;
  readonly argument?: (operands: readonly string[]) => string | undefined;
}

// Entry as with every hypercall of the SDM's VMCALL: the number in EAX, the argument in EBX, the result in EAX.
// prettier-ignore
const ROWS: Readonly<Record<string, Row>> = {
  cli: { macro: "PV_CLI", call: "HYPERCALL_MASK_EVENTS", native: "cli" },
  sti: { macro: "PV_STI", call: "HYPERCALL_UNMASK_EVENTS", native: "sti" },
  hlt: { macro: "PV_HLT", call: "HYPERCALL_BLOCK", native: "hlt" },
  invlpg: { macro: "PV_INVLPG", call: "HYPERCALL_INVALIDATE_PAGE", native: "invlpg %1", load: "lea     ebx, %1", argument: ([page]) => page },
  lgdt: { macro: "PV_LGDT", call: "HYPERCALL_SET_GDT", native: "lgdt %1", load: "lea     ebx, %1", argument: ([pointer]) => pointer },
  lidt: { macro: "PV_LIDT", call: "HYPERCALL_SET_TRAP_TABLE", native: "lidt %1", load: "lea     ebx, %1", argument: ([pointer]) => pointer },
};

const NEW_BASE: Row = {
  macro: "PV_MOV_CR3",
  call: "HYPERCALL_NEW_BASE_POINTER",
  native: "mov cr3, %1",
  load: "mov     ebx, %1",
  argument: (operands) => (operands[0]?.toLowerCase() === "cr3" ? operands[1] : undefined),
};

function definitionOf({ macro, call, native, load }: Row): string {
  const lines = [
    `%macro ${macro} ${load === undefined ? 0 : 1}`,
    "%ifdef PARAVIRTUAL",
    "        push    eax",
    ...(load === undefined ? [] : ["        push    ebx", `        ${load}`]),
    `        mov     eax, ${call}`,
    "        vmcall",
    ...(load === undefined ? [] : ["        pop     ebx"]),
    "        pop     eax",
    "%else",
    `        ${native}`,
    "%endif",
    "%endmacro",
  ];
  return `${lines.join("\n")}\n`;
}

/** The macro for an instruction, given the texts of its operands; undefined where the paravirtual way is more than one call. */
export function paravirtualOperation(
  form: InstructionForm,
  operands: readonly string[],
): ParavirtualOperation | undefined {
  const row = form.semantics === "mov_to_cr" ? NEW_BASE : ROWS[form.mnemonic];
  if (row === undefined) return undefined;
  const argument = row.argument?.(operands);
  // The macro pushes before it loads: an address relative to ESP would be another one by then.
  if (row.load !== undefined && (argument === undefined || /\besp\b/i.test(argument)))
    return undefined;
  const call = argument === undefined ? row.macro : `${row.macro} ${argument}`;
  return { macro: row.macro, definition: definitionOf(row), call };
}
