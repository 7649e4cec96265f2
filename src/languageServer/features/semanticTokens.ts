/** Semantic tokens: what a grammar cannot know. Which words are labels, macros, constants; what is privileged; what a false %if leaves out. */
import type {
  Range,
  SemanticTokens,
  SemanticTokensDelta,
  SemanticTokensEdit,
  SemanticTokensLegend,
} from "vscode-languageserver-protocol";
import {
  formsByMnemonic,
  keywordOf,
  type InstructionForm,
  type NameKind,
  type PlainToken,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { DIRECTIVES, OPERAND_WORDS, PREFIX_WORDS } from "../knowledge/nasmWords";

const TYPES = [
  "keyword",
  "modifier",
  "variable",
  "label",
  "enumMember",
  "struct",
  "property",
  "macro",
  "parameter",
  "namespace",
  "number",
  "string",
  "comment",
  "operator",
  "type",
] as const;
type TokenType = (typeof TYPES)[number];

const MODIFIERS = [
  "definition",
  "local",
  "privileged",
  "sensitive",
  "inactive",
  "defaultLibrary",
] as const;
type TokenModifier = (typeof MODIFIERS)[number];

/** Not every editor knows the type "label": those that say which ones they know get functions instead. */
export function legendFor(knownTypes: readonly string[] | undefined): SemanticTokensLegend {
  const knowsLabels = knownTypes === undefined || knownTypes.includes("label");
  return {
    tokenTypes: TYPES.map((type) => (type === "label" && !knowsLabels ? "function" : type)),
    tokenModifiers: [...MODIFIERS],
  };
}

const NAME_TYPES: Readonly<Record<NameKind, TokenType>> = {
  label: "label",
  "local-label": "label",
  equ: "enumMember",
  struc: "struct",
  "struc-field": "property",
  extern: "label",
  common: "variable",
  section: "namespace",
  macro: "macro",
  define: "macro",
  "macro-parameter": "parameter",
  "macro-label": "label",
  "context-label": "label",
  context: "namespace",
};

interface Colour {
  readonly type: TokenType;
  readonly modifiers: readonly TokenModifier[];
}

function colour(type: TokenType, ...modifiers: TokenModifier[]): Colour {
  return { type, modifiers };
}

function sensitivityModifiers(form: InstructionForm | undefined): TokenModifier[] {
  switch (form?.sensitivity) {
    case "privileged":
    case "iopl-sensitive":
    case "vm-instruction":
      return ["privileged"];
    case "sensitive-unprivileged":
    case "conditional":
    case "transfer":
      return ["sensitive"];
    default:
      return [];
  }
}

/** A mnemonic that no statement tells the row of (in a body that is not expanded) is marked only if all of its rows agree. */
function commonModifiers(mnemonic: string): TokenModifier[] {
  const forms = formsByMnemonic(mnemonic);
  const classes = new Set(forms.map((form) => form.sensitivity));
  return classes.size === 1 ? sensitivityModifiers(forms[0]) : [];
}

function wordColour(analysis: Analysis, token: PlainToken): Colour | undefined {
  const { file, line, column } = token.range;
  const lower = token.text.toLowerCase();
  const keyword = keywordOf(lower);
  const statement = analysis
    .statementsOn(file, line)
    .find((each) => each.mnemonic?.range.column === column);
  if (statement?.kind === "instruction") {
    const { form } = statement;
    return colour(
      "keyword",
      ...(form === undefined ? commonModifiers(lower) : sensitivityModifiers(form)),
    );
  }
  if (keyword?.kind === "instruction") return colour("keyword", ...commonModifiers(lower));
  if (keyword?.kind === "register") return colour("variable", "defaultLibrary");
  if (PREFIX_WORDS[lower] !== undefined) return colour("modifier");
  if (OPERAND_WORDS[lower] !== undefined) return colour("type");
  if (DIRECTIVES[lower] !== undefined) return colour("keyword");
  return undefined;
}

function nameColour(analysis: Analysis, token: PlainToken): Colour | undefined {
  const { file, line, column } = token.range;
  const name = analysis
    .namesAt({ file, line, column: column + 1 })
    .findLast(
      (each) => each.range.column >= column && each.range.endColumn <= token.range.endColumn,
    );
  if (name === undefined) return undefined;
  const modifiers: TokenModifier[] = name.role === "definition" ? ["definition"] : [];
  if (/^(local-label|macro-label|context-label)$/.test(name.kind)) modifiers.push("local");
  return colour(NAME_TYPES[name.kind], ...modifiers);
}

function colourOf(analysis: Analysis, token: PlainToken): Colour | undefined {
  switch (token.kind) {
    case "comment":
      return colour("comment");
    case "number":
      return colour("number");
    case "string":
      return colour("string");
    case "preprocessor":
      return (
        nameColour(analysis, token) ?? colour(/^%\d/.test(token.text) ? "parameter" : "keyword")
      );
    case "word":
      return nameColour(analysis, token) ?? wordColour(analysis, token);
    default:
      return undefined;
  }
}

/** Lines (1-based) of a file that a false condition skips. */
function inactiveLines(analysis: Analysis, file: string): Set<number> {
  const lines = new Set<number>();
  for (const { range } of analysis.model.inactive) {
    if (range.file !== file) continue;
    const last =
      range.endColumn === 1 && range.endLine > range.line ? range.endLine - 1 : range.endLine;
    for (let line = range.line; line <= last; line++) lines.add(line);
  }
  return lines;
}

function modifierBits(modifiers: readonly TokenModifier[]): number {
  return modifiers.reduce((bits, modifier) => bits | (1 << MODIFIERS.indexOf(modifier)), 0);
}

/** The protocol's form: five numbers a token, places relative to the token before. */
export function semanticTokens(analysis: Analysis, file: string, within?: Range): number[] {
  const inactive = inactiveLines(analysis, file);
  const data: number[] = [];
  let lastLine = 0;
  let lastCharacter = 0;
  for (const token of analysis.tokensOf(file)) {
    const line = token.range.line - 1;
    if (within !== undefined && (line < within.start.line || line > within.end.line)) continue;
    // A token over several lines (a continued comment) cannot be sent.
    if (token.range.endLine !== token.range.line) continue;
    const isInactive = inactive.has(token.range.line) && token.kind !== "comment";
    const shown = isInactive ? colour("comment", "inactive") : colourOf(analysis, token);
    if (shown === undefined) continue;
    const character = token.range.column - 1;
    const from = line === lastLine ? character - lastCharacter : character;
    const length = token.range.endColumn - token.range.column;
    data.push(
      line - lastLine,
      from,
      length,
      TYPES.indexOf(shown.type),
      modifierBits(shown.modifiers),
    );
    lastLine = line;
    lastCharacter = character;
  }
  return data;
}

export interface ReadableToken {
  readonly text: string;
  readonly type: string;
  readonly modifiers: readonly string[];
}

/** The numbers as words again: for tests and for looking at. */
export function readTokens(
  analysis: Analysis,
  file: string,
  data: readonly number[],
): ReadableToken[] {
  const tokens: ReadableToken[] = [];
  let line = 0;
  let character = 0;
  for (let i = 0; i + 4 < data.length; i += 5) {
    const down = data[i]!;
    character = data[i + 1]! + (down === 0 ? character : 0);
    line += down;
    tokens.push({
      text: analysis.lineText(file, line + 1).slice(character, character + data[i + 2]!),
      type: TYPES[data[i + 3]!]!,
      modifiers: MODIFIERS.filter((_, bit) => data[i + 4]! & (1 << bit)),
    });
  }
  return tokens;
}

/** Where two lists of numbers differ: one edit from the first difference to the last. */
export function tokenEdits(
  before: readonly number[],
  after: readonly number[],
): SemanticTokensEdit[] {
  const shortest = Math.min(before.length, after.length);
  let start = 0;
  while (start < shortest && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shortest - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const deleteCount = before.length - start - end;
  const data = after.slice(start, after.length - end);
  return deleteCount === 0 && data.length === 0 ? [] : [{ start, deleteCount, data }];
}

/** What each document's editor has: so that after a keystroke only the difference is sent. */
export class TokenHistory {
  private readonly sent = new Map<
    string,
    { readonly id: string; readonly data: readonly number[] }
  >();
  private count = 0;

  full(uri: string, data: number[]): SemanticTokens {
    const id = String(++this.count);
    this.sent.set(uri, { id, data });
    return { resultId: id, data };
  }

  /** The whole again when the editor's last answer is not ours. */
  delta(uri: string, previousId: string, data: number[]): SemanticTokens | SemanticTokensDelta {
    const before = this.sent.get(uri);
    const full = this.full(uri, data);
    if (before?.id !== previousId) return full;
    return { resultId: full.resultId!, edits: tokenEdits(before.data, data) };
  }

  forget(uri: string): void {
    this.sent.delete(uri);
  }
}
