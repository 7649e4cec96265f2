/** Inlay hints: addresses, bytes, the length of jumps, operand sizes that are not written, values of constants. Tooltips come with resolve. */
import {
  InlayHintKind,
  MarkupKind,
  type InlayHint,
  type Position,
  type Range,
} from "vscode-languageserver-protocol";
import { hexBytes, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { encodingFields } from "../knowledge/encodingFields";
import { formText } from "../knowledge/instructionCard";
import { hexText, numberText } from "../knowledge/numberText";
import { toRange } from "../positions";
import type { Settings } from "../settings";

const MOST_BYTES = 8;

export type HintPart = keyof Settings["inlayHints"];

/** What resolve needs to find the statement of a hint again. */
export interface HintData {
  readonly file: string;
  /** 0-based. */
  readonly line: number;
  readonly part: HintPart;
}

function bytesText(statement: Statement): string {
  const { bytes, times } = statement;
  const shown = hexBytes(bytes.subarray(0, MOST_BYTES));
  const more = bytes.length > MOST_BYTES ? "…" : "";
  return `${shown}${more}${times > 1 ? ` ×${times}` : ""}`;
}

function addressWidth(analysis: Analysis): number {
  const { origin, image } = analysis.model.assembly;
  return Math.max(4, (origin + image.length).toString(16).length);
}

/** Jumps that NASM chose the length of. */
function jumpText(statement: Statement): string | undefined {
  const { form, operands } = statement;
  if (form === undefined || !/^j(?!(e|r)?cxz)/.test(form.mnemonic)) return undefined;
  const written = operands[0]?.text.toLowerCase() ?? "";
  if (/\b(short|near|far)\b/.test(written)) return undefined;
  const kind = form.operands[0]?.kind;
  if (kind === "rel8") return "short";
  return kind === "rel16" || kind === "rel32" ? "near" : undefined;
}

/** Instructions whose size the code size decides, and neither their name nor their operands. */
const SIZED_BY_CODE = /^(retf|iret|pushf|popf|pusha|popa)$/;
const SIZED_BY_OPERAND = /^(push|pop|call|jmp)$/;
const SIZE_WORDS: Readonly<Record<number, string>> = { 16: "word", 32: "dword", 64: "qword" };

/** Whether an operand of PUSH, POP, CALL or JMP leaves the size open: an immediate, a segment register, a far target. */
function isOpen(statement: Statement): boolean {
  const [operand] = statement.operands;
  const kind = statement.form?.operands[0]?.kind ?? "";
  if (/\b(byte|word|dword|qword)\b/i.test(operand?.text ?? "")) return false;
  return /^(imm|sx|ptr16|m16:|es$|cs$|ss$|ds$|fs$|gs$)/.test(kind);
}

function sizeText(statement: Statement): string | undefined {
  const { form, mnemonic, prefixes, bits } = statement;
  if (form === undefined || mnemonic === undefined) return undefined;
  if (prefixes.some(({ text }) => /^o(16|32|64)$/i.test(text))) return undefined;
  const word = mnemonic.text.toLowerCase();
  // In 16-bit code the upper byte of the base is not loaded. SDM Vol. 2A, "LGDT/LIDT".
  if (/^[ls][gi]dt$/.test(word)) return `${bits === 16 ? 24 : bits}-bit base`;
  const isShown = SIZED_BY_CODE.test(word) || (SIZED_BY_OPERAND.test(word) && isOpen(statement));
  return isShown ? SIZE_WORDS[form.encoding.operandSize] : undefined;
}

/** The value of an `equ` whose text does not show it. */
function valueText(analysis: Analysis, statement: Statement): string | undefined {
  const { kind, label, operands } = statement;
  if (kind !== "equ" || label === undefined || /^-?[\w$]+$/.test(operands[0]?.text ?? "$"))
    return undefined;
  const value = analysis.symbol(label.name)?.value;
  return value === undefined ? undefined : `= ${hexText(value)}`;
}

/** The statements of a line in the open: one, or those that a macro call on it made. */
function linesOf(analysis: Analysis, file: string, within: Range): Map<number, Statement[]> {
  const lines = new Map<number, Statement[]>();
  for (const statement of analysis.model.statements) {
    const { callRange } = statement;
    const line = callRange.line - 1;
    if (callRange.file !== file || line < within.start.line || line > within.end.line) continue;
    const list = lines.get(line);
    if (list === undefined) lines.set(line, [statement]);
    else list.push(statement);
  }
  return lines;
}

/** A line that a macro call stands on shows nothing of what lies in the macro. */
function inTheOpen(statement: Statement): boolean {
  return statement.macroTrail.every((entry) => entry.macro === "%rep");
}

interface Shown {
  readonly part: HintPart;
  readonly position: Position;
  readonly label: string;
  readonly before?: true;
}

function statementHints(analysis: Analysis, statement: Statement): Shown[] {
  const { range, mnemonic, kind, bytes } = statement;
  const { end } = toRange(range);
  const behindWord = mnemonic === undefined ? end : toRange(mnemonic.range).end;
  const shown = (part: HintPart, position: Position, label: string | undefined): Shown[] =>
    label === undefined ? [] : [{ part, position, label }];
  return [
    ...shown("jumps", behindWord, jumpText(statement)),
    ...shown("sizes", behindWord, sizeText(statement)),
    ...shown("values", end, valueText(analysis, statement)),
    ...(kind === "instruction" && bytes.length > 0
      ? shown("bytes", end, bytesText(statement))
      : []),
  ];
}

function lineHints(
  analysis: Analysis,
  line: number,
  statements: readonly Statement[],
  width: number,
): Shown[] {
  const made = statements.find((each) => each.length > 0);
  const first = made ?? statements[0]!;
  return [
    ...(made === undefined
      ? []
      : [
          {
            part: "addresses" as const,
            position: { line, character: 0 },
            label: made.address.toString(16).padStart(width, "0"),
            before: true as const,
          },
        ]),
    ...(inTheOpen(first) ? statementHints(analysis, first) : []),
  ];
}

export function inlayHints(
  analysis: Analysis,
  file: string,
  within: Range,
  settings: Settings["inlayHints"],
): InlayHint[] {
  if (!Object.values(settings).includes(true)) return [];
  const width = addressWidth(analysis);
  return [...linesOf(analysis, file, within)].flatMap(([line, statements]) =>
    lineHints(analysis, line, statements, width)
      .filter(({ part }) => settings[part])
      .map(({ part, position, label, before }): InlayHint => {
        const data: HintData = { file, line, part };
        const isType = part === "jumps" || part === "sizes";
        return {
          position,
          label,
          ...(isType ? { kind: InlayHintKind.Type } : {}),
          ...(before === true ? { paddingRight: true } : { paddingLeft: true }),
          data,
        };
      }),
  );
}

export function isHintData(data: unknown): data is HintData {
  return typeof data === "object" && data !== null && "file" in data && "part" in data;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function tooltipOf(analysis: Analysis, data: HintData): string | undefined {
  const { file, line, part } = data;
  const here = { start: { line, character: 0 }, end: { line, character: 0 } };
  const statements = linesOf(analysis, file, here).get(line) ?? [];
  const first = statements.find((each) => each.length > 0) ?? statements[0];
  if (first === undefined) return undefined;
  const { form, bytes, bits, operands, label } = first;
  switch (part) {
    case "addresses": {
      const length = statements.reduce((sum, each) => sum + each.length, 0);
      return `section \`${first.section}\`, ${count(length, "byte")}`;
    }
    case "bytes":
      return form === undefined
        ? undefined
        : encodingFields(bytes, form, bits)
            .map((field) => `\`${field.bytes}\` ${field.text}`)
            .join("  \n");
    case "jumps":
      return form === undefined
        ? undefined
        : `\`${formText(form)}\`, ${count(bytes.length, "byte")}: the shortest that reaches \`${operands[0]?.text ?? ""}\``;
    case "sizes":
      return `The size is not written: it is that of ${bits}-bit code.`;
    case "values": {
      const value = label === undefined ? undefined : analysis.symbol(label.name)?.value;
      return value === undefined ? undefined : numberText(value);
    }
  }
}

export function resolveHint(analysis: Analysis, hint: InlayHint): InlayHint {
  const data: unknown = hint.data;
  const value = isHintData(data) ? tooltipOf(analysis, data) : undefined;
  return value === undefined ? hint : { ...hint, tooltip: { kind: MarkupKind.Markdown, value } };
}
