/** Instructions as NASM text that assembles to the same meaning, and to the same bytes where NASM lets one say so. */
import type { Bits, InstructionForm, OperandKind } from "../isa/types";
import { GPR16, GPR32, GPR64, GPR8, GPR8_HIGH, SEGMENTS, VECTOR_FILES } from "../isa/registers";
import type { DecodedOperand, Format, Instruction, MemoryOperand, RegisterOperand } from "./types";

const SIZE_WORDS: Readonly<Record<number, string>> = {
  8: "byte",
  16: "word",
  32: "dword",
  64: "qword",
  80: "tword",
  128: "oword",
  256: "yword",
  512: "zword",
};
const FAR_WORDS: Readonly<Record<number, string>> = { 32: "word", 48: "dword", 80: "qword" };
const GENERAL = { 8: GPR8, 16: GPR16, 32: GPR32, 64: GPR64 } as const;

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

function registerName(operand: RegisterOperand): string {
  return operand.high ? GPR8_HIGH[operand.register]! : GENERAL[operand.size][operand.register]!;
}

/** `+0x10`, `-0x8`, or nothing for zero. */
function signedHex(value: number): string {
  if (value === 0) return "";
  return value < 0 ? `-${hex(-value)}` : `+${hex(value)}`;
}

/** Operations whose memory operand NASM takes only without a size, and two where it wants the wrong one. */
const UNSIZED_MEMORY = new Set([
  "palignr",
  "pblendvb",
  "pmuludq",
  "psubq",
  "pshufw",
  "pshufd",
  "pshufhw",
  "pshuflw",
  "cmpsd",
  "vcmpss",
]);

const VECTOR_KINDS: ReadonlySet<string> = new Set(VECTOR_FILES);

type SymbolAt = (address: bigint) => string | undefined;

/** What the formatter carries around. */
interface Context {
  readonly instruction: Instruction;
  readonly address: bigint;
  readonly symbolAt: SymbolAt;
}

function label(context: Context, address: bigint): string {
  return context.symbolAt(address) ?? hex(address);
}

/** The operand that an offset without registers reads or writes. */
function absoluteText(context: Context, operand: MemoryOperand): string {
  const width = operand.addressSize;
  const whole =
    (BigInt(operand.displacementHigh) << 32n) | BigInt.asUintN(32, BigInt(operand.displacement));
  if (operand.ripRelative) {
    const end = context.address + BigInt(context.instruction.length);
    const target = BigInt.asUintN(width, end + BigInt(operand.displacement));
    return `${width === 64 ? "" : "a32 "}rel ${label(context, target)}`;
  }
  const text = label(context, BigInt.asUintN(width, whole));
  if (operand.displacementBytes === 8) return `qword ${text}`;
  return width === context.instruction.bits ? text : `a${width} ${text}`;
}

function addressText(context: Context, operand: MemoryOperand): string {
  const { base, index, scale, addressSize } = operand;
  if (base < 0 && index < 0) return absoluteText(context, operand);
  const names = GENERAL[addressSize];
  if (operand.vectorIndex !== undefined) {
    const scaled = `${operand.vectorIndex}${index}*${scale}${signedHex(operand.displacement)}`;
    if (base >= 0) return `${names[base]!}+${scaled}`;
    return addressSize === context.instruction.bits ? scaled : `a${addressSize} ${scaled}`;
  }
  if (index < 0) return names[base]! + signedHex(operand.displacement);
  const scaled = addressSize === 16 ? names[index]! : `${names[index]!}*${scale}`;
  if (base >= 0) return `${names[base]!}+${scaled}${signedHex(operand.displacement)}`;
  // NASM would make EBP the base of [ebp*1] and [ebp*2], and with it SS the segment.
  const split = scale <= 2 && index === 5 ? "nosplit " : "";
  return split + scaled + signedHex(operand.displacement);
}

function memoryText(context: Context, operand: MemoryOperand, kind: OperandKind): string {
  const segment = operand.segmentOverride ? `${SEGMENTS[operand.segment]}:` : "";
  const text = `[${segment}${addressText(context, operand)}]`;
  if (/^m16:(16|32|64)$/.test(kind) && /^(call|jmp)$/.test(context.instruction.form.mnemonic))
    return `${FAR_WORDS[operand.size]!} far ${text}`;
  return needsSizeWord(context.instruction, kind, operand)
    ? `${SIZE_WORDS[operand.size]!} ${text}`
    : text;
}

/** Beside a register of the floating-point or vector unit, and alone in the former, a memory operand's width shows nowhere. */
function usesVectorUnit({ form, operands }: Instruction): boolean {
  return form.feature === "fpu" || operands.some(({ kind }) => VECTOR_KINDS.has(kind));
}

/** A size word is needed where no register of the same width stands beside the memory operand. */
function needsSizeWord(
  instruction: Instruction,
  kind: OperandKind,
  memory: MemoryOperand,
): boolean {
  if (usesVectorUnit(instruction))
    return memory.size !== 0 && !UNSIZED_MEMORY.has(instruction.form.mnemonic);
  if (!kind.startsWith("rm")) return false;
  if (/^(crc32|movzx|movsx)$/.test(instruction.form.mnemonic)) return true;
  return !instruction.operands.some(
    (operand, index) =>
      operand.kind === "reg" &&
      operand.size === memory.size &&
      instruction.form.operands[index]!.kind !== "cl",
  );
}

/** Whether NASM would take the form with a sign-extended byte for this value. */
function hasShorterByte(form: InstructionForm, value: number, width: number): boolean {
  const narrowed = width === 16 ? (value << 16) >> 16 : value;
  if (narrowed < -128 || narrowed > 127) return false;
  return ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp", "imul", "push"].includes(
    form.mnemonic,
  );
}

function wholeValue(operand: Extract<DecodedOperand, { kind: "imm" }>): bigint {
  return (BigInt(operand.high) << 32n) | BigInt.asUintN(32, BigInt(operand.value));
}

function immediate64(operand: Extract<DecodedOperand, { kind: "imm" }>): string {
  const value = wholeValue(operand);
  const short =
    BigInt.asUintN(64, value) <= 0xffffffffn ||
    BigInt.asIntN(32, value) === BigInt.asIntN(64, value);
  return `${short ? "strict qword " : ""}${hex(BigInt.asUintN(64, value))}`;
}

/** The words before an immediate that keep NASM from choosing another form. */
function immediateWords(
  instruction: Instruction,
  kind: OperandKind,
  operand: Extract<DecodedOperand, { kind: "imm" }>,
): string {
  const { form } = instruction;
  if (kind === "sx8") return form.mnemonic === "push" ? "byte " : "";
  if (kind === "imm8" && operand.value === 1 && /^(ro|rc|sh|sa)[lr]$/.test(form.mnemonic))
    return "byte ";
  if (form.mnemonic === "mov" && kind === "sx32")
    return instruction.operands[0]?.kind === "reg" && operand.value >= 0 ? "dword " : "";
  if (kind !== "imm16" && kind !== "imm32" && kind !== "sx32") return "";
  if (form.semantics === "push") return pushWords(instruction, operand.value);
  if (!hasShorterByte(form, operand.value, kind === "imm16" ? 16 : 32)) return "";
  return `strict ${({ imm16: "word", imm32: "dword", sx32: "qword" } as const)[kind]} `;
}

function pushWords(instruction: Instruction, value: number): string {
  const { operandSize, bits, form } = instruction;
  const word = operandSize === 16 ? "word " : "dword ";
  if (hasShorterByte(form, value, operandSize)) return `strict ${word}`;
  return operandSize === bits ? "" : word;
}

function immediateText(
  instruction: Instruction,
  kind: OperandKind,
  operand: Extract<DecodedOperand, { kind: "imm" }>,
): string {
  if (kind === "imm64") return immediate64(operand);
  if (kind === "one") return "1";
  const signed = kind === "sx8" || kind === "sx32";
  const value = signed ? operand.value : operand.value >>> 0;
  const digits = value < 0 ? `-${hex(-value)}` : hex(value);
  return immediateWords(instruction, kind, operand) + digits;
}

function branchText(context: Context, kind: OperandKind, displacement: number): string {
  const { instruction, address } = context;
  const { form, bits, operandSize } = instruction;
  const end = address + BigInt(instruction.length);
  const target = label(context, BigInt.asUintN(operandSize, end + BigInt(displacement)));
  const conditional = form.semantics === "jcc";
  if (kind === "rel8") return conditional || form.mnemonic === "jmp" ? `short ${target}` : target;
  const near = conditional || form.mnemonic === "jmp" ? "near " : "";
  if (operandSize === bits) return near + target;
  return `${conditional ? near : ""}${SIZE_WORDS[operandSize]!} ${target}`;
}

function farText(
  instruction: Instruction,
  operand: Extract<DecodedOperand, { kind: "far" }>,
): string {
  const word = operand.size === instruction.bits ? "" : `${SIZE_WORDS[operand.size]!} `;
  return `${word}${hex(operand.selector)}:${hex(operand.offset)}`;
}

function operandText(context: Context, index: number): string {
  const { instruction } = context;
  const operand = instruction.operands[index]!;
  const { kind } = instruction.form.operands[index]!;
  switch (operand.kind) {
    case "reg":
      return registerName(operand);
    case "mem":
      return memoryText(context, operand, kind);
    case "sreg":
      return SEGMENTS[operand.register];
    case "cr":
    case "dr":
    case "st":
    case "mm":
    case "xmm":
    case "ymm":
      return `${operand.kind}${operand.register}`;
    case "imm":
      return immediateText(instruction, kind, operand);
    case "rel":
      return branchText(context, kind, operand.displacement);
    case "far":
      return farText(instruction, operand);
  }
}

/** String instructions and XLAT name no operands in NASM. */
function hasHiddenOperands(form: InstructionForm): boolean {
  return form.operands.some(({ kind }) => kind.startsWith("str"));
}

/** Families whose operand size shows in none of their operands. */
const SIZE_IN_PREFIX = new Set([
  "push_sreg",
  "pop_sreg",
  "enter",
  "leave",
  "ret_near",
  "ret_far",
  "loop",
  "loope",
  "loopne",
  "jcxz",
  "sysret",
  "sysexit",
  "lgdt",
  "lidt",
]);

function defaultOperandSize(form: InstructionForm, bits: Bits): number {
  if (bits !== 64) return bits;
  return form.encoding.size64 === undefined ? 32 : 64;
}

function operandSizePrefix({ form, bits, operandSize }: Instruction): string {
  if (operandSize === defaultOperandSize(form, bits)) return "";
  const [first] = form.operands;
  const shortBranch = first?.kind === "rel8";
  const pushesByte = form.semantics === "push" && first?.kind === "sx8";
  const hidden = SIZE_IN_PREFIX.has(form.semantics ?? "") || shortBranch || pushesByte;
  return hidden ? `o${operandSize} ` : "";
}

/** Instructions that address memory, or count, by the address size without naming it. */
function addressSizePrefix({ form, bits, addressSize }: Instruction): string {
  if (addressSize === bits) return "";
  const counts = form.semantics?.startsWith("loop") ?? false;
  return hasHiddenOperands(form) || counts || form.mnemonic === "monitor" ? `a${addressSize} ` : "";
}

function repeatPrefix({ form, repeat }: Instruction): string {
  if (repeat === 0 || form.encoding.mandatory === repeat) return "";
  if (form.repeat === "repcc") return repeat === 0xf3 ? "repe " : "repne ";
  if (repeat === 0xf3) return "rep ";
  return /^(call|jmp|ret)_near$|^jcc$/.test(form.semantics ?? "") ? "bnd " : "repne ";
}

/** A segment prefix that no operand shows. */
function segmentPrefixText(instruction: Instruction): string {
  const { form, operands, bits, segmentPrefix } = instruction;
  if (segmentPrefix < 0 || (bits === 64 && segmentPrefix < 4)) return "";
  const shown = !hasHiddenOperands(form) && operands.some((operand) => operand.kind === "mem");
  return shown || (operands.length === 0 && form.mnemonic !== "monitor") || isBranch(form)
    ? ""
    : `${SEGMENTS[segmentPrefix as 0]} `;
}

/** Segment prefixes before branches are hints to old processors and mean nothing. */
function isBranch(form: InstructionForm): boolean {
  return form.operands.some(({ kind }) => kind.startsWith("rel"));
}

/** Sized names (PUSHFW, IRETW ...) lose their letter in 16-bit code, where it is the ordinary form. */
function mnemonicText({ form, bits }: Instruction): string {
  const sized = /^(pushf|popf|pusha|popa|iret)w$/.test(form.mnemonic);
  return sized && bits === 16 ? form.mnemonic.slice(0, -1) : form.mnemonic;
}

function operandsText(context: Context): string {
  const { form, operands } = context.instruction;
  if (hasHiddenOperands(form)) return "";
  const [first] = operands;
  // The base of AAM and AAD is left out where it is ten.
  if (/^aa[md]$/.test(form.mnemonic) && first?.kind === "imm" && first.value === 10) return "";
  return operands.map((_, index) => operandText(context, index)).join(", ");
}

export const format: Format = (instruction, address, symbolAt) => {
  const context: Context = { instruction, address, symbolAt: symbolAt ?? (() => undefined) };
  const prefixes = [
    repeatPrefix(instruction),
    instruction.lock ? "lock " : "",
    segmentPrefixText(instruction),
    operandSizePrefix(instruction),
    addressSizePrefix(instruction),
  ].join("");
  const operands = operandsText(context);
  return prefixes + mnemonicText(instruction) + (operands === "" ? "" : ` ${operands}`);
};
