/** The whole instruction table, in one array, with its look-ups. */
import { InvariantError } from "../base/errors";
import { ARITHMETIC_ROWS } from "./instructions/arithmetic";
import { AVX_ROWS } from "./instructions/avx";
import { BIT_ROWS } from "./instructions/bits";
import { BMI_ROWS } from "./instructions/bmi";
import { BRANCH_ROWS } from "./instructions/branch";
import { EXTENSION_ROWS } from "./instructions/extensions";
import { HINT_ROWS } from "./instructions/hints";
import { MMX_ROWS } from "./instructions/mmx";
import { MOVE_ROWS } from "./instructions/move";
import { PROCESSOR_STATE_ROWS } from "./instructions/processorState";
import { SSE_ROWS } from "./instructions/sse";
import { STACK_ROWS } from "./instructions/stack";
import { STRING_ROWS } from "./instructions/string";
import { SYSTEM_ROWS } from "./instructions/system";
import { VIRTUALIZATION_ROWS } from "./instructions/virtualization";
import { X87_ROWS } from "./instructions/x87";
import type { InstructionForm } from "./types";

/** What tells two encodings with the same operands apart, for the longer form of an id. */
function encodingSuffix(form: InstructionForm): string {
  const { encoding } = form;
  const hex = (byte: number): string => byte.toString(16).padStart(2, "0");
  const extension =
    typeof encoding.modrm === "number"
      ? `_${encoding.modrm}`
      : encoding.fixedModrm === undefined
        ? ""
        : `_${hex(encoding.fixedModrm)}`;
  return `_${hex(encoding.opcode)}${extension}`;
}

/** The first row of an id keeps it; later ones take the operand size and, if that is not enough, the opcode into theirs. */
function withUniqueIds(rows: readonly InstructionForm[]): InstructionForm[] {
  const taken = new Set<string>();
  return rows.map((form) => {
    const id = taken.has(form.id) ? longerId(form, taken) : form.id;
    taken.add(id);
    return id === form.id ? form : { ...form, id };
  });
}

function longerId(form: InstructionForm, taken: ReadonlySet<string>): string {
  const { operandSize } = form.encoding;
  const sized = operandSize === 0 ? form.id : `${form.id}_o${operandSize}`;
  const candidates = [sized, form.id + encodingSuffix(form), sized + encodingSuffix(form)];
  const id = candidates.find((candidate) => !taken.has(candidate));
  if (id === undefined)
    throw new InvariantError(`instruction row ${form.id} stands twice in the table`);
  return id;
}

export const INSTRUCTIONS: readonly InstructionForm[] = withUniqueIds([
  ...ARITHMETIC_ROWS,
  ...BIT_ROWS,
  ...MOVE_ROWS,
  ...STACK_ROWS,
  ...BRANCH_ROWS,
  ...STRING_ROWS,
  ...SYSTEM_ROWS,
  ...VIRTUALIZATION_ROWS,
  ...HINT_ROWS,
  ...PROCESSOR_STATE_ROWS,
  ...EXTENSION_ROWS,
  ...X87_ROWS,
  ...MMX_ROWS,
  ...SSE_ROWS,
  ...AVX_ROWS,
  ...BMI_ROWS,
]);

export const INSTRUCTION_BY_ID: ReadonlyMap<string, InstructionForm> = new Map(
  INSTRUCTIONS.map((form) => [form.id, form]),
);

function indexByMnemonic(): Map<string, InstructionForm[]> {
  const map = new Map<string, InstructionForm[]>();
  for (const form of INSTRUCTIONS) {
    for (const name of [form.mnemonic, ...form.aliases]) {
      const rows = map.get(name);
      if (rows === undefined) map.set(name, [form]);
      else rows.push(form);
    }
  }
  return map;
}

const BY_MNEMONIC: ReadonlyMap<string, readonly InstructionForm[]> = indexByMnemonic();

/** Every mnemonic and every other spelling, lower case. */
export const MNEMONICS: readonly string[] = [...BY_MNEMONIC.keys()];

/** Rows of a mnemonic or of one of its other spellings (lower case), none for an unknown word. */
export function formsByMnemonic(mnemonic: string): readonly InstructionForm[] {
  return BY_MNEMONIC.get(mnemonic) ?? [];
}
