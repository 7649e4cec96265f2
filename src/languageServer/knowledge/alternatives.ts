/** Encodings that NASM could have chosen for a statement and did not, each with the reason. */
import type { AsmOperand, InstructionForm, OperandKind, Statement } from "../../engine/language";
import { formsIn, formText, opcodeText } from "./instructionCard";

const IMMEDIATE_BYTES: Readonly<Record<string, number>> = {
  ib: 1, cb: 1, iw: 2, cw: 2, id: 4, cd: 4, iq: 8, p16: 4, p32: 6,
}; // prettier-ignore

const FIXED: Readonly<Record<string, readonly [size: number, number: number]>> = {
  al: [8, 0], ax: [16, 0], eax: [32, 0], rax: [64, 0], cl: [8, 1], cx: [16, 1], ecx: [32, 1], rcx: [64, 1], dx: [16, 2],
}; // prettier-ignore

type Fit = "yes" | "no" | "value";

/** Whether an operand may stand in a slot; "value": its kind may, but the number is too large. */
function fit(kind: OperandKind, operand: AsmOperand, size: number): Fit {
  const digits = /\d+$/.exec(kind)?.[0];
  const yes = (is: boolean): Fit => (is ? "yes" : "no");
  switch (operand.kind) {
    case "reg": {
      const { register } = operand;
      if (register.class !== "gpr") return yes(register.class === kind);
      const fixed = FIXED[kind];
      if (fixed !== undefined)
        return yes(fixed[0] === register.size && fixed[1] === register.number);
      return yes(/^(r|rm|rr)\d/.test(kind) && Number(digits) === register.size);
    }
    case "mem":
      if (kind.startsWith("moffs"))
        return yes(
          operand.base === undefined &&
            operand.index === undefined &&
            operand.relative !== "rel" &&
            Number(digits) === size,
        );
      return yes(
        kind === "m" || (/^(rm|m)\d+$/.test(kind) && Number(digits) === (operand.size ?? size)),
      );
    case "imm": {
      if (kind === "one") return operand.value === 1n ? "yes" : "no";
      if (kind.startsWith("rel")) return "yes";
      if (!/^(imm|sx)/.test(kind) || !operand.known) return "no";
      const bits = Number(digits);
      const value = BigInt.asIntN(Math.max(size, bits), operand.value);
      const limit = 1n << BigInt(bits - (kind.startsWith("sx") ? 1 : 0));
      const fits = value >= -(1n << BigInt(bits - 1)) && value < limit;
      return fits ? "yes" : "value";
    }
    case "far":
      return yes(kind.startsWith("ptr"));
  }
}

function fixedLength({ encoding }: InstructionForm, addressBytes: number): number {
  const immediates = encoding.immediates.reduce(
    (sum, field) => sum + (field === "mo" ? addressBytes : (IMMEDIATE_BYTES[field] ?? 0)),
    0,
  );
  const opcode = [1, 2, 3, 3][encoding.map] ?? 4;
  const modrm = encoding.modrm !== undefined || encoding.fixedModrm !== undefined ? 1 : 0;
  return opcode + modrm + immediates;
}

function isRelative({ operands }: InstructionForm): boolean {
  return operands.some(({ kind }) => kind.startsWith("rel"));
}

/** Length in place of the chosen row's; undefined where a memory operand is encoded otherwise, so that it cannot be told. */
function lengthOf(
  other: InstructionForm,
  chosen: InstructionForm,
  statement: Statement,
): number | undefined {
  const addressBytes = statement.bits / 8;
  const hasMemory = statement.operands.some(({ value }) => value?.kind === "mem");
  const sameShape = (other.encoding.modrm === undefined) === (chosen.encoding.modrm === undefined);
  if (hasMemory && !sameShape) return undefined;
  return (
    statement.bytes.length - fixedLength(chosen, addressBytes) + fixedLength(other, addressBytes)
  );
}

function reason(
  other: InstructionForm,
  statement: Statement,
  fits: readonly Fit[],
): string | undefined {
  const chosen = statement.form!;
  if (fits.includes("value")) {
    const operand = statement.operands[fits.indexOf("value")]!;
    return `\`${operand.text}\` does not fit`;
  }
  const length = lengthOf(other, chosen, statement);
  if (length === undefined) return undefined;
  const own = statement.bytes.length;
  if (length < own) return isRelative(other) ? "the target is too far away" : undefined;
  return length > own
    ? `${length} bytes instead of ${own}`
    : "as long; NASM takes the first of its table";
}

/** Markdown lines: "`81 /0 id` add r/m32, imm32: 6 bytes instead of 3". */
export function alternatives(statement: Statement): string[] {
  const { form: chosen, operands, bits, mnemonic } = statement;
  if (chosen === undefined || mnemonic === undefined || statement.bytes.length === 0) return [];
  const values = operands.map(({ value }) => value);
  if (values.length === 0 || values.some((value) => value === undefined)) return [];
  const size =
    chosen.encoding.operandSize || ((chosen.operands[0]?.kind ?? "").endsWith("8") ? 8 : bits);
  return formsIn(mnemonic.text.toLowerCase(), bits).flatMap((form) => {
    const differs = form.encoding.operandSize !== chosen.encoding.operandSize;
    if (form === chosen || form.operands.length !== values.length || differs) return [];
    const fits = form.operands.map(({ kind }, i) => fit(kind, values[i]!, size));
    if (fits.includes("no")) return [];
    const why = reason(form, statement, fits);
    return why === undefined ? [] : [`\`${opcodeText(form)}\` ${formText(form)}: ${why}`];
  });
}
