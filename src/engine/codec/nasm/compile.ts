/** Template lines compiled against the instruction table, one mnemonic at a time. */
import { InvariantError } from "../../base/errors";
import { INSTRUCTION_BY_ID, formsByMnemonic } from "../../isa/table";
import type { InstructionForm, OperandKind } from "../../isa/types";
import { ANY_SIZE, parsePattern, SIZE128, SIZE16, SIZE32, SIZE64, SIZE8 } from "./operandTypes";
import type { Pattern } from "./operandTypes";
import { EXPLICIT_TEMPLATES } from "./templates";

/** What an immediate field of a template is: its width and how it is checked. */
export type FieldStyle =
  | "byte" // wraps
  | "unsignedByte"
  | "signedByte" // extended to the operand size
  | "word"
  | "dword"
  | "signedDword" // extended to 64 bits
  | "qword"
  | "offset" // as wide as the address
  | "relativeByte"
  | "relative" // 16 or 32 bits
  | "far"
  | "ten"; // the base of AAM and AAD

/** An asm operand in an immediate field. */
export interface Placement {
  /** Index of the asm operand. */
  readonly operand: number;
  readonly style: FieldStyle;
}

/** Where the asm operands go. */
type Places = Pick<Template, "reg" | "rm" | "plus" | "fields">;

export interface Template {
  readonly form: InstructionForm;
  readonly patterns: readonly Pattern[];
  /** Size given to operands that have none; "mode": that of the code. */
  readonly defaultSize: number | "mode";
  /** The one operand that `defaultSize` is for, or -1 for all. */
  readonly defaultFor: number;
  /** How many operands must agree in size (0: none). */
  readonly sameSize: number;
  readonly modes: InstructionForm["modes"];
  /** 0 none, 16, 32, 64 (REX.W). */
  readonly operandSize: 0 | 16 | 32 | 64;
  /** REX.W is suppressed. */
  readonly noRexW: boolean;
  readonly addressSize: 0 | 16 | 32 | 64;
  readonly jump: boolean;
  /** The operand is a distance. */
  readonly isRelative: boolean;
  readonly bnd: boolean;
  readonly lockAsRexR: boolean;
  readonly withModrm: boolean;
  readonly obsolete: boolean;
  readonly wait: boolean;
  readonly empty: boolean;
  /** Asm operands in ModRM.reg, ModRM.rm and the opcode, or -1. */
  readonly reg: number;
  readonly rm: number;
  readonly plus: number;
  /** Immediate fields in order. */
  readonly fields: readonly Placement[];
}

const DEFAULT_SIZES: Readonly<Record<string, number | "mode">> = {
  SB: SIZE8,
  SW: SIZE16,
  SD: SIZE32,
  SQ: SIZE64,
  SO: SIZE128,
  ANY: ANY_SIZE,
  SIZE: "mode",
};

function fieldStyle(kind: OperandKind, flags: ReadonlySet<string>): FieldStyle | undefined {
  switch (kind) {
    case "imm8":
      return flags.has("U") ? "unsignedByte" : "byte";
    case "imm16":
      return "word";
    case "imm32":
      return "dword";
    case "imm64":
      return "qword";
    case "sx8":
      return "signedByte";
    case "sx32":
      return flags.has("W32") ? "dword" : "signedDword";
    case "rel8":
      return "relativeByte";
    case "rel16":
    case "rel32":
      return "relative";
    default:
      return kind.startsWith("moffs") ? "offset" : undefined;
  }
}

function placeOf(kind: OperandKind, form: InstructionForm): "reg" | "rm" | "plus" | undefined {
  if (/^r(8|16|32|64)$/.test(kind)) return form.encoding.plusReg ? "plus" : "reg";
  if (kind === "sreg" || kind === "cr" || kind === "dr") return "reg";
  if (/^(rm|rr)\d/.test(kind) || /^m(\d|$)/.test(kind)) return "rm";
  return undefined;
}

function placesOf(form: InstructionForm, flags: ReadonlySet<string>, count: number): Places {
  const places = { reg: -1, rm: -1, plus: -1 };
  const fields: Placement[] = [];
  if (flags.has("BARE")) return { ...places, fields };
  if (form.operands[0]?.kind.startsWith("ptr"))
    return { ...places, fields: count === 2 ? [{ operand: 1, style: "far" }] : [] };
  form.operands.forEach(({ kind }, index) => {
    const swapped = flags.has("SWAP") ? 1 - index : index;
    const operand = flags.has("DUP") ? Math.max(0, index - 1) : swapped;
    const place = placeOf(kind, form);
    const style = flags.has("TEN") ? "ten" : fieldStyle(kind, flags);
    if (place !== undefined) places[place] = operand;
    else if (style !== undefined) fields.push({ operand, style });
  });
  return { ...places, fields };
}

function operandSizeOf(
  form: InstructionForm,
  flags: ReadonlySet<string>,
): Pick<Template, "operandSize" | "noRexW"> {
  for (const size of [16, 32, 64] as const) {
    if (flags.has(`o${size}`)) return { operandSize: size, noRexW: false };
    if (flags.has(`o${size}nw`)) return { operandSize: size, noRexW: true };
  }
  if (flags.has("nw")) return { operandSize: 0, noRexW: true };
  if (flags.has("odf") || flags.has("none")) return { operandSize: 0, noRexW: false };
  const { operandSize, size64 } = form.encoding;
  if (operandSize === 64 && size64 !== undefined) return { operandSize: 0, noRexW: true };
  return { operandSize, noRexW: false };
}

function modesOf(form: InstructionForm, flags: ReadonlySet<string>): InstructionForm["modes"] {
  if (flags.has("NL")) return "legacy";
  if (flags.has("LONG")) return "long";
  return flags.has("BOTH") ? "any" : form.modes;
}

function addressSizeOf(flags: ReadonlySet<string>): Template["addressSize"] {
  for (const size of [16, 32, 64] as const) if (flags.has(`a${size}`)) return size;
  return 0;
}

function formOf(stem: string, row: string): InstructionForm {
  const id = row === "." ? stem : row.startsWith("@") ? row.slice(1) : `${stem}_${row}`;
  const form = INSTRUCTION_BY_ID.get(id);
  if (form === undefined) throw new InvariantError(`no instruction row ${id}`);
  return form;
}

function templateOf(
  form: InstructionForm,
  patterns: readonly Pattern[],
  flags: ReadonlySet<string>,
): Template {
  const defaultName = Object.keys(DEFAULT_SIZES).find((name) => flags.has(name));
  return {
    form,
    patterns,
    defaultSize: defaultName === undefined ? 0 : DEFAULT_SIZES[defaultName]!,
    defaultFor: flags.has("AR0") ? 0 : -1,
    sameSize: flags.has("SM") ? patterns.length : flags.has("SM2") ? 2 : 0,
    modes: modesOf(form, flags),
    ...operandSizeOf(form, flags),
    addressSize: addressSizeOf(flags),
    jump: flags.has("JUMP"),
    isRelative: form.operands.some((operand) => operand.kind.startsWith("rel")),
    bnd: flags.has("BND"),
    lockAsRexR: flags.has("REXL"),
    withModrm: !flags.has("BARE"),
    obsolete: flags.has("OBSOLETE"),
    wait: flags.has("WAIT"),
    empty: flags.has("EMPTY"),
    ...placesOf(form, flags, patterns.length),
  };
}

function parseLine(stem: string, line: string): Template {
  const [left = "", row = ""] = line.split(" = ");
  const [shape = "", ...flags] = left.split(" ");
  const patterns = shape === "void" ? [] : shape.split(",").map(parsePattern);
  return templateOf(formOf(stem, row), patterns, new Set(flags));
}

const compiled = new Map<string, readonly Template[]>();

function compile(mnemonic: string): readonly Template[] {
  const explicit = EXPLICIT_TEMPLATES.get(mnemonic);
  if (explicit !== undefined) return explicit.lines.map((line) => parseLine(explicit.stem, line));
  const form = formsByMnemonic(mnemonic)[0];
  return form === undefined ? [] : [templateOf(form, [], new Set())];
}

/** The templates of a mnemonic in NASM's order; none for a word that is no instruction of ours. */
export function templatesOf(mnemonic: string): readonly Template[] {
  let templates = compiled.get(mnemonic);
  if (templates === undefined) compiled.set(mnemonic, (templates = compile(mnemonic)));
  return templates;
}

/** Whether there are templates, without making them. */
export function isEncodable(mnemonic: string): boolean {
  return EXPLICIT_TEMPLATES.has(mnemonic) || formsByMnemonic(mnemonic).length > 0;
}

/** Whether the target's distance decides between two forms: JMP and the conditional jumps. */
export function hasShortAndNear(mnemonic: string): boolean {
  return templatesOf(mnemonic).some((template) => template.jump);
}

/** Every mnemonic with explicit templates. */
export const TEMPLATE_MNEMONICS: readonly string[] = [...EXPLICIT_TEMPLATES.keys()];
