/** Rewrites at the cursor. Those that promise the same program are offered only when the assembler makes the same image of the new text. */
import {
  CodeActionKind,
  type CodeAction,
  type Range,
  type TextEdit,
} from "vscode-languageserver-protocol";
import { TextDocument } from "vscode-languageserver-textdocument";
import {
  buildSourceModel,
  encodeDescriptor,
  type BitLayout,
  type PlainToken,
  type SourceModel,
  type SourceRange,
  type Statement,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { bitNames } from "../knowledge/bitNames";
import { operandLayout } from "../knowledge/literals";
import { literalValue, spellings } from "../knowledge/numberLiteral";
import { contains, toPlace, toRange, type Place } from "../positions";

interface Site {
  readonly analysis: Analysis;
  readonly file: string;
  readonly uri: string;
  readonly place: Place;
}

interface Rewrite {
  readonly title: string;
  readonly kind: string;
  readonly edits: readonly TextEdit[];
  /** What must hold of the program with the edits: that its image is the same, or that it has no new error. */
  readonly keeps: "image" | "validity" | "nothing";
}

function replaced(range: SourceRange, newText: string): TextEdit {
  return { range: toRange(range), newText };
}

type FileEdits = ReadonlyMap<string, readonly TextEdit[]>;

function withEdits(model: SourceModel, edits: FileEdits): SourceModel {
  const edited = (file: string, text: string): string =>
    TextDocument.applyEdits(TextDocument.create(file, "nasm", 1, text), [
      ...(edits.get(file) ?? []),
    ]);
  const { options } = model;
  const readFile: typeof options.readFile = (name, from) => {
    const found = options.readFile?.(name, from);
    if (found === undefined || !edits.has(found.file)) return found;
    const text = edited(found.file, model.textOf(found.file) ?? "");
    return { file: found.file, bytes: new TextEncoder().encode(text) };
  };
  return buildSourceModel({ ...options, text: edited(options.file, options.text), readFile });
}

function errorCount(model: SourceModel): number {
  return model.assembly.diagnostics.filter((each) => each.severity === "error").length;
}

/** Whether a program is the same with the edits. */
export function keepsImage({ model }: Analysis, edits: FileEdits): boolean {
  return isSameProgram(model, withEdits(model, edits));
}

/** Whether two models make the same bytes and as many errors and warnings. */
function isSameProgram(old: SourceModel, made: SourceModel): boolean {
  const [before, after] = [old.assembly, made.assembly];
  return (
    errorCount(made) === errorCount(old) &&
    before.diagnostics.length === after.diagnostics.length &&
    before.image.length === after.image.length &&
    before.image.every((byte, i) => byte === after.image[i])
  );
}

/** Statements that one list of candidates may have assembled to test them: 0.3 to 0.4 s. */
const MOST_STATEMENTS = 30_000;

/** Whether a program is small enough to be assembled once for each of so many candidates. */
export function canTest({ model }: Analysis, candidates: number): boolean {
  return model.statements.length * candidates <= MOST_STATEMENTS;
}

function holds(
  analysis: Analysis,
  file: string,
  edits: readonly TextEdit[],
  keeps: Rewrite["keeps"],
): boolean {
  if (keeps === "nothing") return true;
  const { model } = analysis;
  const changes = new Map([[file, edits]]);
  if (keeps === "image") return keepsImage(analysis, changes);
  return errorCount(withEdits(model, changes)) <= errorCount(model);
}

/** Whether a program has fewer errors with the edits. */
export function removesError(
  analysis: Analysis,
  file: string,
  edits: readonly TextEdit[],
): boolean {
  return (
    errorCount(withEdits(analysis.model, new Map([[file, edits]]))) < errorCount(analysis.model)
  );
}

/** Of the other directives some read words: `cpu 386`. */
const READS_EXPRESSIONS: ReadonlySet<Statement["kind"]> = new Set<Statement["kind"]>([
  "instruction",
  "data",
  "reserve",
  "equ",
]);

/** Whether a line reaches the parser as it is written: a macro could paste its digits into a name or make a string of them. */
function isUntouchedByMacros(analysis: Analysis, { file, line }: Place): boolean {
  const statements = analysis.statementsOn(file, line);
  return (
    statements.length === 1 &&
    statements.every(
      ({ kind, macroTrail, range }) =>
        READS_EXPRESSIONS.has(kind) && macroTrail.length === 0 && range.endLine === line,
    ) &&
    analysis.invocationsOn(file, line).length === 0 &&
    !analysis.tokensOn(file, line).some(({ kind }) => kind === "preprocessor")
  );
}

function numberBases({ analysis, place }: Site): Rewrite[] {
  const token = analysis.tokenAt(place);
  const value = token?.kind === "number" ? literalValue(token.text) : undefined;
  if (token === undefined || value === undefined) return [];
  // Counts of parameters and the like are no expressions.
  if (analysis.lineText(place.file, place.line).trimStart().startsWith("%")) return [];
  const isOperandInTheOpen = isUntouchedByMacros(analysis, place);
  return spellings(value)
    .filter(({ text }) => text.toLowerCase() !== token.text.toLowerCase())
    .map(({ base, text }): Rewrite => ({
      title: `Write ${text} (${base})`,
      kind: CodeActionKind.RefactorRewrite,
      edits: [replaced(token.range, text)],
      keeps: base === "characters" || !isOperandInTheOpen ? "image" : "nothing",
    }));
}

/** The statement at the cursor, where it is written in the open. */
function statementHere({ analysis, place }: Site): Statement | undefined {
  return analysis
    .statementsOn(place.file, place.line)
    .find((each) => each.macroTrail.length === 0 && each.kind === "instruction");
}

function insertedAfter(token: PlainToken, text: string): TextEdit {
  const { end } = toRange(token.range);
  return { range: { start: end, end }, newText: text };
}

/** `[label]` to `[rel label]` in 64-bit code. */
function relativeAddress(site: Site): Rewrite[] {
  const statement = statementHere(site);
  if (statement?.bits !== 64) return [];
  return statement.operands.flatMap(({ value, range, text }) => {
    if (value?.kind !== "mem" || value.relative !== undefined || !value.displacementIsAddress)
      return [];
    if (
      value.base !== undefined ||
      value.index !== undefined ||
      /\b(rel|abs|[cdefgs]s:)/i.test(text)
    )
      return [];
    const bracket = tokensIn(site, range).find((token) => token.text === "[");
    if (bracket === undefined) return [];
    return [
      {
        title: "Address relative to RIP (rel)",
        kind: CodeActionKind.RefactorRewrite,
        edits: [insertedAfter(bracket, "rel ")],
        keeps: "nothing",
      },
    ];
  });
}

function tokensIn({ analysis, file }: Site, range: SourceRange): PlainToken[] {
  return analysis
    .tokensOn(file, range.line)
    .filter(({ range: { column } }) => column >= range.column && column < range.endColumn);
}

function jumpLength(site: Site): Rewrite[] {
  const statement = statementHere(site);
  const operand = statement?.operands[0];
  const kind = statement?.form?.operands[0]?.kind ?? "";
  if (operand === undefined || !/^j(?!(e|r)?cxz)/.test(statement?.form?.mnemonic ?? "")) return [];
  if (!kind.startsWith("rel")) return [];
  const word = tokensIn(site, operand.range).find(({ text }) => /^(short|near)$/i.test(text));
  const start = toRange(operand.range).start;
  const write = (wanted: string): TextEdit =>
    word === undefined
      ? { range: { start, end: start }, newText: `${wanted} ` }
      : replaced(word.range, wanted);
  const rewrite = (wanted: string, title: string): Rewrite[] =>
    word?.text.toLowerCase() === wanted
      ? []
      : [
          {
            title,
            kind: CodeActionKind.RefactorRewrite,
            edits: [write(wanted)],
            keeps: "validity",
          },
        ];
  return [...rewrite("short", "Require a short jump"), ...rewrite("near", "Make it a near jump")];
}

const SIZE_WORDS: Readonly<Record<number, string>> = { 16: "word", 32: "dword", 64: "qword" };

/** `push 1` to `push dword 1`. */
function writtenSize(site: Site): Rewrite[] {
  const statement = statementHere(site);
  const operand = statement?.operands[0];
  const word = SIZE_WORDS[statement?.form?.encoding.operandSize ?? 0];
  if (operand?.value?.kind !== "imm" || statement?.form?.mnemonic !== "push" || word === undefined)
    return [];
  if (/\b(byte|word|dword|qword)\b/i.test(operand.text)) return [];
  const { start } = toRange(operand.range);
  return [
    {
      title: `Write the operand size (${word})`,
      kind: CodeActionKind.RefactorRewrite,
      edits: [{ range: { start, end: start }, newText: `${word} ` }],
      keeps: "image",
    },
  ];
}

/** A macro call becomes the lines that it stands for, a %define its text. */
function inlinedMacro({ analysis, place }: Site): Rewrite[] {
  const call = analysis
    .invocationsAt(place)
    .findLast(({ depth, definition }) => depth === 0 && definition !== undefined);
  if (call === undefined) return [];
  const text = call.expansion();
  const onLine = analysis.lineText(place.file, place.line);
  const isWholeLine =
    call.kind === "macro" && onLine.slice(0, call.nameRange.column - 1).trim() === "";
  if (text === "" || (call.kind === "macro" && !isWholeLine)) return [];
  const lines = text.replace(/\n+$/, "").split("\n");
  const indent = /^\s*/.exec(onLine)?.[0] ?? "";
  const shown = lines.map((line) => (/^\s|^[\w.?@~#$%]+:/.test(line) ? line : indent + line));
  const range = toRange(call.range);
  const whole = isWholeLine ? { ...range, start: { ...range.start, character: 0 } } : range;
  return [
    {
      title: `Replace ${call.name} with what it expands to`,
      kind: CodeActionKind.RefactorInline,
      edits: [{ range: whole, newText: isWholeLine ? shown.join("\n") : text }],
      keeps: "image",
    },
  ];
}

/** The line that new constants go above: the label that the code belongs to. */
function constantsLine({ analysis, file, place }: Site): number {
  const isInBlock = (line: number): boolean =>
    analysis.model.blocks.some(
      ({ range }) => contains(range, { file, line, column: 1 }) && range.line !== line,
    );
  for (let line = place.line; line >= 1; line--) {
    const starts = analysis
      .statementsOn(file, line)
      .some(
        ({ label, macroTrail }) =>
          label?.name.includes(".", 1) === false && macroTrail.length === 0,
      );
    if (starts && !isInBlock(line)) return line - 1;
  }
  return place.line - 1;
}

/** `or eax, 1 << 5` before `mov cr4, eax` becomes `or eax, CR4_PAE`; names that are missing are defined above. */
function namedBits(site: Site): Rewrite[] {
  const { analysis, place } = site;
  const statement = statementHere(site);
  const index = statement?.operands.findIndex(({ range }) => contains(range, place)) ?? -1;
  const operand = statement?.operands[index];
  if (statement === undefined || operand?.value?.kind !== "imm") return [];
  const layout: BitLayout | undefined = operandLayout(analysis, statement, index);
  const isClearing = statement.form?.mnemonic === "and";
  const width = statement.bits === 64 && statement.form?.encoding.operandSize === 64 ? 64 : 32;
  const value = BigInt.asUintN(width, isClearing ? ~operand.value.value : operand.value.value);
  const named = layout && bitNames(analysis, layout, value);
  if (named === undefined || named.words.every((word) => operand.text.includes(word))) return [];
  const joined = named.words.join(" | ");
  const text = isClearing ? `~${named.words.length > 1 ? `(${joined})` : joined}` : joined;
  const at = { line: constantsLine(site), character: 0 };
  const missing = named.missing.map(({ name, bit }) => `${name.padEnd(15)} equ 1 << ${bit}\n`);
  return [
    {
      title: `Write ${text}`,
      kind: CodeActionKind.RefactorExtract,
      edits: [
        ...(missing.length === 0
          ? []
          : [{ range: { start: at, end: at }, newText: missing.join("") }]),
        replaced(operand.range, text),
      ],
      keeps: "image",
    },
  ];
}

/** Type and DPL in the access byte; L and D/B in the flags. SDM Vol. 3A, "Segment Descriptors". */
function describedDescriptor(comment: string): bigint | undefined {
  const match =
    /^;+\s*descriptor:?\s+(code|data)\s+(16|32|64)(?:-bit)?(?:,?\s+(?:ring|dpl)\s*([0-3]))?\s*$/i.exec(
      comment,
    );
  if (match === null) return undefined;
  const isCode = match[1]!.toLowerCase() === "code";
  const bits = Number(match[2]);
  const access = 0x90 | (isCode ? 0xa : 2) | (Number(match[3] ?? 0) << 5);
  const flags = bits === 16 ? 0 : bits === 64 && isCode ? 0xa000 : 0xc000;
  const limit = bits === 16 ? 0xffff : 0xffffffff;
  return encodeDescriptor({ base: 0n, limit, accessRights: access | flags });
}

/** A comment such as `; descriptor: code 32, ring 0` becomes an entry of a GDT. */
function descriptorFromComment({ analysis, place }: Site): Rewrite[] {
  const comment = analysis
    .tokensOn(place.file, place.line)
    .find((token) => token.kind === "comment");
  const value = comment && describedDescriptor(comment.text.trim());
  if (comment === undefined || value === undefined) return [];
  const indent = /^\s*/.exec(analysis.lineText(place.file, place.line))?.[0] ?? "";
  const text = `0x${value.toString(16).padStart(16, "0")}`;
  return [
    {
      title: `Write the descriptor below (${text})`,
      kind: CodeActionKind.RefactorRewrite,
      edits: [
        {
          range: { start: toRange(comment.range).end, end: toRange(comment.range).end },
          newText: `\n${indent === "" ? "        " : indent}dq      ${text}`,
        },
      ],
      keeps: "nothing",
    },
  ];
}

const REWRITES: readonly ((site: Site) => Rewrite[])[] = [
  numberBases,
  relativeAddress,
  jumpLength,
  writtenSize,
  namedBits,
  inlinedMacro,
  descriptorFromComment,
];

export const REFACTORING_KINDS: readonly string[] = [
  CodeActionKind.RefactorRewrite,
  CodeActionKind.RefactorInline,
  CodeActionKind.RefactorExtract,
];

/** `only` names kinds that the editor asks for; an empty list asks for all. */
export function refactorings(
  analysis: Analysis,
  file: string,
  uri: string,
  range: Range,
  only: readonly string[] = [],
): CodeAction[] {
  const site: Site = { analysis, file, uri, place: toPlace(file, range.start) };
  const isWanted = (kind: string): boolean =>
    only.length === 0 || only.some((each) => kind === each || kind.startsWith(`${each}.`));
  const wanted = REWRITES.flatMap((rewrite) => rewrite(site)).filter(({ kind }) => isWanted(kind));
  const tested = wanted.filter(({ keeps }) => keeps !== "nothing").length;
  return wanted
    .filter(({ keeps }) => keeps === "nothing" || canTest(analysis, tested))
    .filter(({ edits, keeps }) => holds(analysis, file, edits, keeps))
    .map(({ title, kind, edits }) => ({ title, kind, edit: { changes: { [uri]: [...edits] } } }));
}
