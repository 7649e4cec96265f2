/** The VM-exit instruction-information field. SDM Vol. 3C, "Information for VM Exits Due to Instruction Execution". */
import {
  bit,
  bits,
  decodeBits,
  fieldValue,
  layout,
  type BitLayout,
  type DecodedField,
} from "../bitFields";
import { GPR16, GPR32, GPR64, SEGMENTS } from "../registers";
import type { InstructionInformationLayout } from "./exitReasons";

const named = (names: readonly string[]): Readonly<Record<number, string>> =>
  Object.fromEntries(names.entries());

const REGISTERS = named(GPR64);
const SEGMENT_NAMES = named(SEGMENTS);
const ADDRESS_SIZES = { 0: "16-bit", 1: "32-bit", 2: "64-bit" };

const scaling = bits(1, 0, "SCALING", "index scaling", { 0: "1", 1: "2", 2: "4", 3: "8" });
const register1 = bits(6, 3, "REG1", "register operand", REGISTERS);
const addressSize = bits(9, 7, "ADDRESS_SIZE", "address size", ADDRESS_SIZES);
const memoryOrRegister = bit(10, "REGISTER", "operand", { 0: "memory", 1: "register" });
const segment = bits(17, 15, "SEGMENT", "segment register", SEGMENT_NAMES);
const index = bits(21, 18, "INDEX", "index register", REGISTERS);
const indexInvalid = bit(22, "INDEX_INVALID", "no index register");
const base = bits(26, 23, "BASE", "base register", REGISTERS);
const baseInvalid = bit(27, "BASE_INVALID", "no base register");
const register2 = bits(31, 28, "REG2", "second register operand", REGISTERS);
const memoryOperand = [segment, index, indexInvalid, base, baseInvalid];

export const INSTRUCTION_INFORMATION_LAYOUTS: Readonly<
  Record<Exclude<InstructionInformationLayout, "none">, BitLayout>
> = {
  "ins-outs": layout("INS and OUTS", 32, [addressSize, segment]),
  invalidate: layout("INVEPT, INVPCID and INVVPID", 32, [
    scaling,
    addressSize,
    ...memoryOperand,
    register2,
  ]),
  "gdtr-idtr": layout("LIDT, LGDT, SIDT and SGDT", 32, [
    scaling,
    addressSize,
    bit(11, "OPERAND_SIZE", "operand size", { 0: "16-bit", 1: "32-bit" }),
    ...memoryOperand,
    bits(29, 28, "IDENTITY", "instruction", { 0: "SGDT", 1: "SIDT", 2: "LGDT", 3: "LIDT" }),
  ]),
  "ldtr-tr": layout("LLDT, LTR, SLDT and STR", 32, [
    scaling,
    register1,
    addressSize,
    memoryOrRegister,
    ...memoryOperand,
    bits(29, 28, "IDENTITY", "instruction", { 0: "SLDT", 1: "STR", 2: "LLDT", 3: "LTR" }),
  ]),
  random: layout("RDRAND and RDSEED", 32, [
    register1,
    bits(12, 11, "OPERAND_SIZE", "operand size", { 0: "16-bit", 1: "32-bit", 2: "64-bit" }),
  ]),
  memory: layout("VMCLEAR, VMPTRLD, VMPTRST and VMXON", 32, [
    scaling,
    addressSize,
    ...memoryOperand,
  ]),
  "vmread-vmwrite": layout("VMREAD and VMWRITE", 32, [
    scaling,
    register1,
    addressSize,
    memoryOrRegister,
    ...memoryOperand,
    register2,
  ]),
};

export interface DecodedInstructionInformation {
  /** The operands as the manual writes them: "[rbx+rcx*4+0x10], rax". Empty where nothing is reported. */
  readonly text: string;
  /** The instruction where the information identifies it: "LGDT". */
  readonly mnemonic?: string;
  readonly fields: readonly DecodedField[];
}

/** `displacement` is the exit qualification of the exits that have one. */
export function decodeInstructionInformation(
  of: InstructionInformationLayout,
  value: number,
  displacement = 0n,
): DecodedInstructionInformation {
  if (of === "none") return { text: "", fields: [] };
  const raw = BigInt(value >>> 0);
  const form = INSTRUCTION_INFORMATION_LAYOUTS[of];
  const fields = relevantFields(of, decodeBits(form, raw), raw);
  const identity = fields.find((field) => field.name === "IDENTITY");
  return {
    text: operandText(of, raw, displacement),
    ...(identity === undefined ? {} : { mnemonic: identity.meaning }),
    fields,
  };
}

/** Leaves out fields that the flags declare undefined, and undefined bits that happen to be set. */
function relevantFields(
  of: InstructionInformationLayout,
  fields: readonly DecodedField[],
  raw: bigint,
): DecodedField[] {
  const hidden = new Set<string>();
  const operandsAreMemory = of !== "random" && of !== "ins-outs";
  if (operandsAreMemory && isRegisterForm(of, raw)) {
    for (const field of [scaling, addressSize, ...memoryOperand]) hidden.add(field.name);
  } else {
    if (fieldValue(indexInvalid, raw) === 1n) hidden.add("INDEX").add("SCALING");
    if (fieldValue(baseInvalid, raw) === 1n) hidden.add("BASE");
    if (hasRegisterForm(of)) hidden.add("REG1");
  }
  return fields.filter((field) => !hidden.has(field.name) && field.title !== "reserved");
}

function hasRegisterForm(of: InstructionInformationLayout): boolean {
  return of === "ldtr-tr" || of === "vmread-vmwrite";
}

function isRegisterForm(of: InstructionInformationLayout, raw: bigint): boolean {
  return hasRegisterForm(of) && fieldValue(memoryOrRegister, raw) === 1n;
}

function operandText(of: InstructionInformationLayout, raw: bigint, displacement: bigint): string {
  const second = GPR64[Number(fieldValue(register2, raw))] ?? "";
  const operand = isRegisterForm(of, raw)
    ? (GPR64[Number(fieldValue(register1, raw))] ?? "")
    : memoryText(raw, displacement);
  switch (of) {
    case "none":
      return "";
    case "ins-outs":
      return SEGMENTS[Number(fieldValue(segment, raw))] ?? "";
    case "random":
      return randomDestination(raw);
    case "invalidate":
      return `${second}, ${operand}`;
    case "vmread-vmwrite":
      return `${operand}, ${second}`;
    case "memory":
    case "gdtr-idtr":
    case "ldtr-tr":
      return operand;
  }
}

function randomDestination(raw: bigint): string {
  const names = [GPR16, GPR32, GPR64][Number((raw >> 11n) & 3n)] ?? GPR64;
  return names[Number(fieldValue(register1, raw))] ?? "";
}

/** "[fs:rbx+rcx*4+0x10]": the segment is left out where it is DS. */
function memoryText(raw: bigint, displacement: bigint): string {
  const size = Number(fieldValue(addressSize, raw));
  const names = [GPR16, GPR32, GPR64][size] ?? GPR64;
  const parts: string[] = [];
  if (fieldValue(baseInvalid, raw) === 0n) parts.push(names[Number(fieldValue(base, raw))] ?? "");
  if (fieldValue(indexInvalid, raw) === 0n) {
    const factor = 1 << Number(fieldValue(scaling, raw));
    const name = names[Number(fieldValue(index, raw))] ?? "";
    parts.push(factor === 1 ? name : `${name}*${factor}`);
  }
  const signed = BigInt.asIntN(64, displacement);
  if (signed !== 0n || parts.length === 0) {
    const digits = `0x${(signed < 0n ? -signed : signed).toString(16)}`;
    parts.push(signed < 0n ? `-${digits}` : digits);
  }
  const name = SEGMENTS[Number(fieldValue(segment, raw))];
  const prefix = name === undefined || name === "ds" ? "" : `${name}:`;
  return `[${prefix}${parts.join("+").replaceAll("+-", "-")}]`;
}
