/** Template lines compiled against the instruction table, one mnemonic at a time. */
import { InvariantError } from "../../base/errors";
import { OBSOLETE_BY_ID } from "../../isa/instructions/obsolete";
import { INSTRUCTION_BY_ID, formsByMnemonic } from "../../isa/table";
import type { InstructionForm, OperandKind } from "../../isa/types";
import {
  ANY_SIZE,
  parsePattern,
  SIZE128,
  SIZE16,
  SIZE256,
  SIZE32,
  SIZE512,
  SIZE64,
  SIZE8,
} from "./operandTypes";
import type { Pattern } from "./operandTypes";
import { EXPLICIT_TEMPLATES } from "./templates";
import { BEYOND_VEX } from "./vexTemplates";

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
  | "upperHalf" // a register number
  | "constant";

/** An asm operand in an immediate field. */
export interface Placement {
  /** Index of the asm operand; a constant's value. */
  readonly operand: number;
  readonly style: FieldStyle;
}

/** Where the asm operands go. */
type Places = Pick<Template, "reg" | "rm" | "plus" | "vvvv" | "fields">;

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
  /** Nobody may deduce a missing size from it. */
  readonly givesNoSize: boolean;
  /** REX.W is suppressed. */
  readonly noRexW: boolean;
  readonly addressSize: 0 | 16 | 32 | 64;
  readonly jump: boolean;
  /** The opposite condition jumps over a near JMP to the target. */
  readonly overJump: boolean;
  /** The operand is a distance. */
  readonly isRelative: boolean;
  readonly bnd: boolean;
  readonly lockAsRexR: boolean;
  readonly withModrm: boolean;
  /** NASM warns of it, and what has become of it. */
  readonly obsolete: false | "removed" | "neverMade";
  /** F3 stands in front, also if nobody has written REP. */
  readonly repeated: boolean;
  /** The mandatory prefix of the row is left out. */
  readonly bare: boolean;
  readonly wait: boolean;
  readonly empty: boolean;
  /** Takes memory indexed by a vector register. */
  readonly vectorMemory: boolean;
  /** SPL to DIL go without a REX prefix. */
  readonly noHigh: boolean;
  /** Asm operands in ModRM.reg, ModRM.rm, the opcode and VEX.vvvv, or -1. */
  readonly reg: number;
  readonly rm: number;
  readonly plus: number;
  readonly vvvv: number;
  /** The register in ModRM.rm where no operand names it, or -1. */
  readonly impliedRm: number;
  /** Immediate fields in order. */
  readonly fields: readonly Placement[];
}

const DEFAULT_SIZES: Readonly<Record<string, number | "mode">> = {
  SB: SIZE8,
  SW: SIZE16,
  SD: SIZE32,
  SQ: SIZE64,
  SO: SIZE128,
  SY: SIZE256,
  SZ: SIZE512,
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
    case "is4xmm":
    case "is4ymm":
      return "upperHalf";
    default:
      return kind.startsWith("moffs") ? "offset" : undefined;
  }
}

/** A fixed byte in place of an operand: `#0a`. */
function constantOf(flags: ReadonlySet<string>): number | undefined {
  for (const flag of flags) if (flag.startsWith("#")) return Number.parseInt(flag.slice(1), 16);
  return undefined;
}

function placeOf(
  kind: OperandKind,
  form: InstructionForm,
): Exclude<keyof Places, "fields"> | undefined {
  if (/^r(8|16|32|64)$/.test(kind)) return form.encoding.plusReg ? "plus" : "reg";
  if (kind === "sreg" || kind === "cr" || kind === "dr" || kind === "tr") return "reg";
  if (/^(rm\d|rr|vm|sti)/.test(kind) || /^m(\d|$)/.test(kind)) return "rm";
  if (/mm\/m\d/.test(kind)) return "rm";
  if (kind === "mm" || kind === "xmm" || kind === "ymm") return "reg";
  return /^v(r\d|[xy]mm)/.test(kind) ? "vvvv" : undefined;
}

/** Registers that the opcode implies; NASM lets them be written or left out. */
const IMPLIED: readonly OperandKind[] = ["st0", "xmm0"];

/** Row operands that the asm operands stand for, in their order; undefined where the row's operand is not written. */
function writtenIndexes(
  form: InstructionForm,
  flags: ReadonlySet<string>,
  count: number,
): (number | undefined)[] {
  const { operands } = form;
  if (flags.has("SWAP")) return operands.map((_, index) => 1 - index);
  if (flags.has("DUP")) return operands.map((_, index) => Math.max(0, index - 1));
  if (count >= operands.length) return operands.map((_, index) => index);
  let next = 0;
  return operands.map(({ kind }) => (IMPLIED.includes(kind) ? undefined : next++));
}

function placesOf(form: InstructionForm, flags: ReadonlySet<string>, count: number): Places {
  const places = { reg: -1, rm: -1, plus: -1, vvvv: -1 };
  const fields: Placement[] = [];
  if (flags.has("BARE")) return { ...places, fields };
  if (form.operands[0]?.kind.startsWith("ptr"))
    return { ...places, fields: count === 2 ? [{ operand: 1, style: "far" }] : [] };
  const constant = constantOf(flags);
  const written = writtenIndexes(form, flags, count);
  form.operands.forEach(({ kind }, index) => {
    const operand = written[index];
    const place = placeOf(kind, form);
    const style = fieldStyle(kind, flags);
    if (style !== undefined && constant !== undefined)
      fields.push({ operand: constant, style: "constant" });
    else if (operand === undefined || operand >= count) return;
    else if (place !== undefined) places[place] = operand;
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
  const form = INSTRUCTION_BY_ID.get(id) ?? OBSOLETE_BY_ID.get(id);
  if (form === undefined) throw new InvariantError(`no instruction row ${id}`);
  return form;
}

/** NASM takes its AR flags for a number: AR2, the third bit, means operand 3, which is none. */
function defaultOperand(flags: ReadonlySet<string>): number {
  if (flags.has("AR2")) return 3;
  return flags.has("AR1") ? 1 : flags.has("AR0") ? 0 : -1;
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
    defaultFor: defaultOperand(flags),
    sameSize: flags.has("SM") ? patterns.length : flags.has("SM2") ? 2 : 0,
    modes: modesOf(form, flags),
    givesNoSize: flags.has("SX"),
    vectorMemory: form.operands.some(({ kind }) => kind.startsWith("vm")),
    noHigh: flags.has("NOHI"),
    impliedRm: flags.has("ST1") ? 1 : -1,
    ...operandSizeOf(form, flags),
    addressSize: addressSizeOf(flags),
    jump: flags.has("JUMP"),
    overJump: flags.has("OVER"),
    isRelative: form.operands.some((operand) => operand.kind.startsWith("rel")),
    bnd: flags.has("BND"),
    lockAsRexR: flags.has("REXL"),
    withModrm: !flags.has("BARE"),
    obsolete: flags.has("NEVER") ? "neverMade" : flags.has("OBSOLETE") && "removed",
    repeated: flags.has("REP"),
    bare: flags.has("NP"),
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
  if (explicit !== undefined) {
    const lines = typeof explicit.lines === "function" ? explicit.lines() : explicit.lines;
    return lines.map((line) => parseLine(explicit.stem, line));
  }
  const form = formsByMnemonic(mnemonic)[0];
  return form === undefined ? [] : [templateOf(form, [], new Set())];
}

/** Whether a word has templates; without compiling them, since every word of NASM's is asked for at the start. */
export function hasTemplates(mnemonic: string): boolean {
  return EXPLICIT_TEMPLATES.has(mnemonic) || formsByMnemonic(mnemonic).length > 0;
}

/** Whether the operands have a shape that NASM would encode with EVEX or XOP, as we do not. */
export function isBeyond(
  mnemonic: string,
  fits: (patterns: readonly Pattern[]) => boolean,
): boolean {
  const shapes = BEYOND_VEX.get(mnemonic) ?? [];
  return shapes.some((shape) => fits(shape.split(",").map(parsePattern)));
}

/** The templates of a mnemonic in NASM's order; none for a word that is no instruction of ours. */
export function templatesOf(mnemonic: string): readonly Template[] {
  let templates = compiled.get(mnemonic);
  if (templates === undefined) compiled.set(mnemonic, (templates = compile(mnemonic)));
  return templates;
}

/** Whether the target's distance decides between two forms: JMP and the conditional jumps. */
export function hasShortAndNear(mnemonic: string): boolean {
  return templatesOf(mnemonic).some((template) => template.jump);
}

/** Every mnemonic with explicit templates. */
export const TEMPLATE_MNEMONICS: readonly string[] = [...EXPLICIT_TEMPLATES.keys()];
