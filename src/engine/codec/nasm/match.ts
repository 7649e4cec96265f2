/** Choosing a template: NASM's own matching, with its size deduction and its ranking of reasons to refuse. */
import type { Bits } from "../../isa/types";
import type { Template } from "./compile";
import {
  ANY_SIZE,
  COLON,
  IMMEDIATE,
  MEMORY,
  REGISTER,
  SIZE16,
  SIZE32,
  SIZE64,
  STRICT,
  TO,
} from "./operandTypes";
import type { Pattern, TypedOperand } from "./operandTypes";
import type { Prefixes } from "./prefixes";

/** Reasons to refuse, the more specific the greater: the greatest is reported. */
export const enum Match {
  InvalidOperands,
  SizeMissing,
  SizeMismatch,
  BadProcessor,
  BadMode,
  BadEncoding,
  BadBnd,
  BadRepne,
  Jump,
  Good,
}

/** What the matcher needs to know of the statement besides its operands. */
export interface MatchContext {
  readonly bits: Bits;
  /** The repeat-slot prefix word, or "". */
  readonly repeat: string;
  /** `{rex}`, `{vex}` ... in front, or "". */
  readonly encoding: string;
  /** Whether a jump's target is in range of the short form. */
  readonly jumpFits: (template: Template) => boolean;
  /** What needs a later processor than that of the CPU directive; undefined: nothing. */
  readonly isTooNew: ((template: Template) => boolean) | undefined;
}

const MODE_SIZE = { 16: SIZE16, 32: SIZE32, 64: SIZE64 } as const;

function operandsMatch(template: Template, operands: readonly TypedOperand[], bits: Bits): Match {
  const { patterns, defaultFor } = template;
  const standard = template.defaultSize === "mode" ? MODE_SIZE[bits] : template.defaultSize;
  let missing = false;
  for (let i = 0; i < patterns.length; i++) {
    const pattern = patterns[i]!;
    const operand = operands[i]!;
    if ((pattern.types & ~operand.types) !== 0) return Match.InvalidOperands;
    if (pattern.register >= 0 && (pattern.register !== operand.register || operand.high))
      return Match.InvalidOperands;
    let size = operand.size;
    if (size === 0 && (defaultFor < 0 || defaultFor === i)) size = standard;
    if (pattern.size !== 0 && pattern.size !== size) {
      if (size !== 0) return Match.InvalidOperands;
      if ((operand.types & REGISTER) === 0) missing = true;
    }
  }
  return missing ? Match.SizeMissing : Match.Good;
}

/** The sizes that operands whose pattern names none may have. */
function sizesAgree(template: Template, operands: readonly TypedOperand[], bits: Bits): boolean {
  const { patterns, sameSize, defaultFor } = template;
  const standard = template.defaultSize === "mode" ? MODE_SIZE[bits] : template.defaultSize;
  let common = 0;
  for (let i = 0; i < sameSize && common === 0; i++) common = patterns[i]!.size;
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i]!.size !== 0) continue;
    let allowed = defaultFor < 0 || defaultFor === i ? standard : 0;
    if (i < sameSize && common !== 0) allowed = common;
    if ((operands[i]!.size & ANY_SIZE & ~allowed) !== 0) return false;
  }
  return true;
}

const REPNE = new Set(["repne", "repnz"]);
const HLE = new Set(["xacquire", "xrelease"]);
const BND = new Set(["bnd", "nobnd"]);

/** Whether the template has the encoding that a word in braces asks for. */
function isEncodable({ form }: Template, { encoding, bits }: MatchContext): boolean {
  const isVex = form.encoding.vex !== undefined;
  if (encoding === "{rex}") return !isVex && bits === 64;
  return isVex && encoding !== "{evex}";
}

function tryTemplate(
  template: Template,
  operands: readonly TypedOperand[],
  context: MatchContext,
): Match {
  if (template.patterns.length !== operands.length) return Match.InvalidOperands;
  if (context.encoding !== "" && !isEncodable(template, context)) return Match.BadEncoding;
  for (let i = 0; i < operands.length; i++) {
    // A colon or a TO that the template does not want.
    if ((operands[i]!.types & ~template.patterns[i]!.types & (COLON | TO)) !== 0)
      return Match.InvalidOperands;
  }
  const match = operandsMatch(template, operands, context.bits);
  if (match !== Match.Good) return match;
  if (!sizesAgree(template, operands, context.bits)) return Match.SizeMismatch;
  if (context.isTooNew?.(template) === true) return Match.BadProcessor;
  if (template.modes === (context.bits === 64 ? "legacy" : "long")) return Match.BadMode;
  if (template.jump) {
    const fits = (operands[0]!.types & STRICT) === 0 && context.jumpFits(template);
    return fits ? Match.Good : Match.InvalidOperands;
  }
  if (context.repeat !== "") {
    if (!template.bnd && BND.has(context.repeat)) return Match.BadBnd;
    if (template.bnd && REPNE.has(context.repeat)) return Match.BadRepne;
    // Of the two stores to an offset the other one has lock elision.
    const isOffset = template.form.operands[0]?.kind.startsWith("moffs") === true;
    if (isOffset && HLE.has(context.repeat)) return Match.InvalidOperands;
  }
  return Match.Good;
}

interface Search {
  template: Template | undefined;
  match: Match;
  /** Sizes, by operand, of the templates that failed only for a size that nobody gave; undefined if there was none. */
  candidates: number[] | undefined;
}

function search(
  templates: readonly Template[],
  operands: readonly TypedOperand[],
  context: MatchContext,
  start: Match,
): Search {
  const result: Search = {
    template: undefined,
    match: start,
    candidates: undefined,
  };
  for (const template of templates) {
    const match = tryTemplate(template, operands, context);
    if (match === Match.SizeMissing && !template.givesNoSize) {
      const candidates = (result.candidates ??= operands.map((operand) => operand.size));
      for (let i = 0; i < operands.length; i++) candidates[i]! |= template.patterns[i]!.size;
    }
    if (match > result.match) result.match = match;
    if (match === Match.Good) {
      result.template = template;
      return result;
    }
  }
  return result;
}

/** Operand classes by which most templates can be told apart at once. */
const SHAPES = REGISTER | MEMORY | IMMEDIATE;

/** For each list of templates those that operands of a shape leave: the others are invalid whatever else is written. */
const narrowed = new WeakMap<readonly Template[], Map<number, readonly Template[]>>();

function templatesFor(
  templates: readonly Template[],
  operands: readonly TypedOperand[],
): readonly Template[] {
  let shape = operands.length;
  for (const { types } of operands) shape = shape * 16 + (types & SHAPES);
  let byShape = narrowed.get(templates);
  if (byShape === undefined) narrowed.set(templates, (byShape = new Map<number, Template[]>()));
  let found = byShape.get(shape);
  if (found === undefined) {
    found = templates.filter(
      ({ patterns }) =>
        patterns.length === operands.length &&
        patterns.every(({ types }, i) => (types & SHAPES & ~operands[i]!.types) === 0),
    );
    byShape.set(shape, found);
  }
  return found;
}

export interface MatchResult {
  readonly template: Template | undefined;
  readonly match: Match;
}

/**
 * The first template that fits. Where sizes are missing but only one is possible for every operand, that one is taken
 * (and stays written into the operands).
 */
export function findTemplate(
  all: readonly Template[],
  operands: readonly TypedOperand[],
  context: MatchContext,
): MatchResult {
  // With an encoding asked for, that none has it is said first.
  const templates = context.encoding === "" ? templatesFor(all, operands) : all;
  const first = search(templates, operands, context, Match.InvalidOperands);
  const { candidates } = first;
  if (first.template !== undefined || candidates === undefined) return first;
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i]!;
    if ((operand.types & REGISTER) !== 0) continue;
    const sizes = candidates[i]!;
    if ((sizes & (sizes - 1)) !== 0) return first;
    operand.size |= sizes;
  }
  return search(templates, operands, context, first.match);
}

/** Whether the operands have the classes of the patterns, and no other sizes. */
export function haveShape(
  operands: readonly TypedOperand[],
  patterns: readonly Pattern[],
): boolean {
  return (
    operands.length === patterns.length &&
    operands.every(({ types, size }, i) => {
      const pattern = patterns[i]!;
      const sized = size === 0 || pattern.size === 0 || size === pattern.size;
      return (pattern.types & ~types) === 0 && sized;
    })
  );
}

/** NASM's words. */
export function refusal(match: Match, bits: Bits, { repeat, encoding }: Prefixes): string {
  switch (match) {
    case Match.SizeMissing:
      return "operation size not specified";
    case Match.SizeMismatch:
      return "mismatch in operand sizes";
    case Match.BadProcessor:
      return "no instruction for this cpu level";
    case Match.BadEncoding:
      return encoding === ""
        ? "instruction not encodable without explicit prefix"
        : `instruction not encodable with ${encoding} prefix`;
    case Match.BadMode:
      return `instruction not supported in ${bits}-bit mode`;
    case Match.BadBnd:
    case Match.BadRepne:
      return `${repeat} prefix is not allowed`;
    default:
      return "invalid combination of opcode and operands";
  }
}

/** Whether operand 0 is in memory: what LOCK needs. */
export function isMemory(operand: TypedOperand | undefined): boolean {
  return operand !== undefined && (operand.types & MEMORY) !== 0;
}
