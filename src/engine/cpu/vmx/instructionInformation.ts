/** Encodes the VM-exit instruction information by the layouts that decode it. SDM Vol. 3C, "Information for VM Exits Due to Instruction Execution". */
import type { Instruction, MemoryOperand } from "../../codec/types";
import { INSTRUCTION_INFORMATION_LAYOUTS } from "../../isa/vmx/instructionInformation";

type Form = keyof typeof INSTRUCTION_INFORMATION_LAYOUTS;
type Parts = Readonly<Record<string, number>>;

const SCALING: Readonly<Record<number, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 };
const SIZE: Readonly<Record<number, number>> = { 16: 0, 32: 1, 64: 2 };

/** Puts values into the fields of a layout; fields without a value are 0. */
function pack(form: Form, parts: Parts): number {
  let word = 0;
  for (const { name, low } of INSTRUCTION_INFORMATION_LAYOUTS[form].fields)
    word |= (parts[name] ?? 0) << low;
  return word >>> 0;
}

function memoryParts(memory: MemoryOperand): Parts {
  const hasIndex = memory.index >= 0;
  const hasBase = memory.base >= 0;
  return {
    SCALING: hasIndex ? SCALING[memory.scale]! : 0,
    ADDRESS_SIZE: SIZE[memory.addressSize]!,
    SEGMENT: memory.segment,
    ...(hasIndex ? { INDEX: memory.index } : { INDEX_INVALID: 1 }),
    ...(hasBase ? { BASE: memory.base } : { BASE_INVALID: 1 }),
  };
}

function operandParts(instruction: Instruction, i: number): Parts {
  const operand = instruction.operands[i];
  if (operand?.kind === "mem") return memoryParts(operand);
  return { REG1: registerOf(instruction, i), REGISTER: 1 };
}

function registerOf(instruction: Instruction, i: number): number {
  const operand = instruction.operands[i];
  return operand?.kind === "reg" ? operand.register : 0;
}

/** VMCLEAR, VMPTRLD, VMPTRST, VMXON. */
export function memoryInformation(instruction: Instruction): number {
  return pack("memory", operandParts(instruction, 0));
}

/** INVEPT, INVVPID, INVPCID: register, memory. */
export function invalidateInformation(instruction: Instruction): number {
  return pack("invalidate", {
    ...operandParts(instruction, 1),
    REG2: registerOf(instruction, 0),
  });
}

/** `field` and `value`: operand numbers of the field encoding and of the data. */
export function vmreadVmwriteInformation(
  instruction: Instruction,
  value: number,
  field: number,
): number {
  return pack("vmread-vmwrite", {
    ...operandParts(instruction, value),
    REG2: registerOf(instruction, field),
  });
}

const TABLE_IDENTITY: Readonly<Record<string, number>> = { sgdt: 0, sidt: 1, lgdt: 2, lidt: 3 };
const SELECTOR_IDENTITY: Readonly<Record<string, number>> = { sldt: 0, str: 1, lldt: 2, ltr: 3 };

export function tableInformation(instruction: Instruction): number {
  return pack("gdtr-idtr", {
    ...operandParts(instruction, 0),
    // Undefined in 64-bit mode.
    OPERAND_SIZE: instruction.operandSize === 16 ? 0 : 1,
    IDENTITY: TABLE_IDENTITY[instruction.form.mnemonic]!,
  });
}

export function selectorInformation(instruction: Instruction): number {
  return pack("ldtr-tr", {
    ...operandParts(instruction, 0),
    IDENTITY: SELECTOR_IDENTITY[instruction.form.mnemonic]!,
  });
}

export function randomInformation(instruction: Instruction): number {
  return pack("random", {
    REG1: registerOf(instruction, 0),
    OPERAND_SIZE: SIZE[instruction.operandSize]!,
  });
}

/** The segment is that of OUTS; for INS it is undefined (and 0 here: ES). */
export function stringIoInformation(instruction: Instruction, segment: number): number {
  return pack("ins-outs", { ADDRESS_SIZE: SIZE[instruction.addressSize]!, SEGMENT: segment });
}
