/** What hover, completion and signature help say about an instruction: all from its rows in the instruction table. */
import {
  formsByMnemonic,
  operationText,
  type Bits,
  type Encoding,
  type FlagEffects,
  type InstructionForm,
  type OperandKind,
  type OperandSpec,
} from "../../engine/language";
import { exitText } from "./sensitivityCard";

const FLAG_NAMES: Readonly<Record<string, string>> = {
  C: "CF",
  P: "PF",
  A: "AF",
  Z: "ZF",
  S: "SF",
  T: "TF",
  I: "IF",
  D: "DF",
  O: "OF",
  L: "IOPL",
  N: "NT",
  R: "RF",
  V: "VM",
  K: "AC",
};

export function isValidIn(form: InstructionForm, bits: Bits): boolean {
  return form.modes === "any" || (form.modes === "long") === (bits === 64);
}

export function formsIn(mnemonic: string, bits: Bits): readonly InstructionForm[] {
  return formsByMnemonic(mnemonic).filter((form) => isValidIn(form, bits));
}

/** The manual's way: "r/m32", "imm8", "m16:32". */
export function operandText(kind: OperandKind): string {
  if (kind === "sti") return "st(i)";
  const vector = /^(?:rr|v|is4)((?:[xy]?mm|r)\w*)$/.exec(kind)?.[1];
  if (vector !== undefined) return vector;
  if (kind.startsWith("rm")) return `r/m${kind.slice(2)}`;
  if (kind.startsWith("rr")) return `r${kind.slice(2)}`;
  if (kind.startsWith("sx")) return `imm${kind.slice(2)}`;
  if (kind.startsWith("strsi")) return `m${kind.slice(5)} at (R/E)SI`;
  if (kind.startsWith("strdi")) return `m${kind.slice(5)} at ES:(R/E)DI`;
  if (kind === "strbx8") return "m8 at (R/E)BX + AL";
  return kind === "one" ? "1" : kind;
}

/** Operands that are written; those of string instructions are implied. */
export function writtenOperands(form: InstructionForm): readonly OperandSpec[] {
  return form.operands.filter(({ kind }) => !kind.startsWith("str"));
}

export function formText(form: InstructionForm, mnemonic = form.mnemonic): string {
  const operands = writtenOperands(form).map(({ kind }) => operandText(kind));
  return operands.length === 0 ? mnemonic : `${mnemonic} ${operands.join(", ")}`;
}

function byteText(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

/** "VEX.128.66.0F38.W0 18 /r". */
function vexText({ vex, mandatory, map, opcode, modrm, immediates }: Encoding): string {
  const parts = [
    map >= 8 ? "XOP" : "VEX",
    vex?.l === undefined ? "LIG" : String(128 << vex.l),
    ...(typeof mandatory === "number" ? [byteText(mandatory)] : []),
    ["", "0F", "0F38", "0F3A"][map] ?? `M${map}`,
    vex?.w === undefined ? "WIG" : `W${vex.w}`,
  ];
  const operand = modrm === undefined ? [] : [modrm === "reg" ? "/r" : `/${modrm}`];
  return [parts.join("."), byteText(opcode), ...operand, ...immediates].join(" ");
}

/** The manual's opcode column: "66 0F 01 /2 ib", "REX.W + 81 /0 id". */
export function opcodeText({ encoding }: InstructionForm): string {
  if (encoding.vex !== undefined) return vexText(encoding);
  const parts: string[] = [];
  if (typeof encoding.mandatory === "number") parts.push(byteText(encoding.mandatory));
  if (encoding.operandSize === 64 && encoding.size64 === undefined) parts.push("REX.W +");
  if (encoding.map > 0) parts.push("0F");
  if (encoding.map === 2) parts.push("38");
  if (encoding.map === 3) parts.push("3A");
  parts.push(byteText(encoding.opcode) + (encoding.plusReg ? "+r" : ""));
  if (encoding.fixedModrm !== undefined) parts.push(byteText(encoding.fixedModrm));
  if (encoding.modrm !== undefined)
    parts.push(encoding.modrm === "reg" ? "/r" : `/${encoding.modrm}`);
  if (encoding.suffix !== undefined) parts.push(byteText(encoding.suffix));
  return [...parts, ...encoding.immediates].join(" ");
}

function flagList(letters: string): string {
  return Array.from(letters, (letter) => FLAG_NAMES[letter] ?? letter).join(" ");
}

/** "reads CF; writes ZF SF; clears OF; AF undefined", or that nothing happens to the flags. */
export function flagsText(flags: FlagEffects): string {
  const parts = [
    flags.read && `reads ${flagList(flags.read)}`,
    flags.written && `writes ${flagList(flags.written)}`,
    flags.cleared && `clears ${flagList(flags.cleared)}`,
    flags.set && `sets ${flagList(flags.set)}`,
    flags.undefined && `leaves ${flagList(flags.undefined)} undefined`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "none" : parts.join("; ");
}

function privilegeText(form: InstructionForm): string {
  const parts = [
    form.sensitivity === "iopl-sensitive"
      ? "CPL ≤ IOPL, else #GP(0)"
      : form.cpl === 0
        ? "CPL 0, else #GP(0)"
        : "any CPL",
  ];
  if (form.protectedOnly) parts.push("#UD in real and virtual-8086 mode");
  if (form.feature !== undefined) parts.push(`needs CPUID feature ${form.feature}`);
  if (form.lock) parts.push("LOCK allowed with a memory destination");
  if (form.semantics === undefined) parts.push("known, but not executed here: #UD");
  return parts.join("; ");
}

/** Distinct lines "opcode  form", the row that was chosen marked. */
function formLines(
  forms: readonly InstructionForm[],
  mnemonic: string,
  chosen: InstructionForm | undefined,
): string[] {
  const width = Math.max(...forms.map((form) => formText(form, mnemonic).length));
  return forms.map((form) => {
    const mark = form === chosen ? "▸" : " ";
    return `${mark} ${formText(form, mnemonic).padEnd(width)}  ${opcodeText(form)}`;
  });
}

/** More than this is a wall: the rest is counted. */
const MOST_FORMS = 14;

function shownForms(
  forms: readonly InstructionForm[],
  chosen: InstructionForm | undefined,
): readonly InstructionForm[] {
  const first = forms.slice(0, MOST_FORMS);
  if (chosen === undefined || first.includes(chosen) || !forms.includes(chosen)) return first;
  return [...first.slice(0, -1), chosen];
}

/** Markdown about a mnemonic; `chosen` is the row that the statement was encoded by. */
export function instructionCard(
  mnemonic: string,
  bits: Bits,
  chosen?: InstructionForm,
): string | undefined {
  const word = mnemonic.toLowerCase();
  // Words that only the assembler knows (FINIT, CMPEQPS) have the row of what they became.
  const own = formsByMnemonic(word);
  const all = own.length > 0 || chosen === undefined ? own : [chosen];
  if (all.length === 0) return undefined;
  const valid = all.filter((form) => isValidIn(form, bits));
  const shown = chosen ?? valid[0] ?? all[0]!;
  const lines = [
    `**${word.toUpperCase()}** ${operationText(word) ?? operationText(shown.mnemonic) ?? ""}`,
    "",
  ];
  if (valid.length === 0) {
    lines.push(`Not valid in ${bits}-bit code.`, "");
  } else {
    const listed = shownForms(valid, chosen);
    lines.push("```", ...formLines(listed, word, chosen));
    if (listed.length < valid.length) lines.push(`  … ${valid.length - listed.length} more`);
    lines.push("```", "");
  }
  const facts = [
    `**Flags:** ${flagsText(shown.flags)}`,
    `**Privilege:** ${privilegeText(shown)}`,
    exitText(shown)?.replace("VM exit:", "**VM exit:**"),
  ];
  // Two blanks at the end of a line break it in Markdown.
  lines.push(facts.filter((fact) => fact !== undefined).join("  \n"));
  return lines.join("\n");
}
