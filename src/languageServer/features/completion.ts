/** Completion: what may stand at the cursor; texts come with resolve. */
import {
  CompletionItemKind,
  InsertTextFormat,
  MarkupKind,
  type CompletionItem,
  type Position,
  type Range,
} from "vscode-languageserver-protocol";
import {
  GPR16,
  GPR32,
  GPR64,
  GPR8,
  GPR8_HIGH,
  keywordOf,
  MNEMONICS,
  operationText,
  SEGMENTS,
  type Bits,
  type InstructionForm,
  type MacroDefinition,
  type NameOccurrence,
  type OperandKind,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { formsIn, instructionCard, writtenOperands } from "../knowledge/instructionCard";
import { arityText, macroDefinitionCard, macroParameters } from "../knowledge/macroCard";
import {
  DIRECTIVES,
  nasmWordCard,
  OPERAND_WORDS,
  PREFIX_WORDS,
  PREPROCESSOR_WORDS,
} from "../knowledge/nasmWords";
import { registerCard } from "../knowledge/registerCard";
import { kindText, symbolCard } from "../knowledge/symbolCard";
import { toPlace } from "../positions";
import { slotAt, type Slot } from "./lineContext";

/** What resolve needs to find the text of an item. */
export interface CompletionData {
  readonly kind: "mnemonic" | "register" | "word" | "name" | "macro";
  readonly file: string;
  readonly bits: Bits;
}

interface Site {
  readonly analysis: Analysis;
  readonly file: string;
  readonly line: number;
  readonly bits: Bits;
  readonly range: Range;
  readonly abilities: CompletionAbilities;
  /** Full name of the label above, that `.local` names belong to. */
  readonly parent: string | undefined;
}

/** What the editor can show and insert. */
export interface CompletionAbilities {
  readonly snippets: boolean;
  /** Else what would stand behind the label becomes the item's detail. */
  readonly labelDetails: boolean;
}

const ALL_ABILITIES: CompletionAbilities = { snippets: true, labelDetails: true };

/** Order in the list: the better a group fits the place, the earlier. */
const RANK = { best: "1", good: "2", fair: "3", other: "4" } as const;

function item(
  site: Site,
  label: string,
  kind: CompletionItemKind,
  data: CompletionData["kind"],
  rank: string,
  detail?: string,
): CompletionItem {
  const payload: CompletionData = { kind: data, file: site.file, bits: site.bits };
  return {
    label,
    kind,
    sortText: `${rank}${label.toLowerCase()}`,
    textEdit: { range: site.range, newText: label },
    ...(detail === undefined
      ? {}
      : site.abilities.labelDetails
        ? { labelDetails: { description: detail } }
        : { detail }),
    data: payload,
  };
}

function words(
  site: Site,
  table: Readonly<Record<string, { readonly text: string }>>,
  rank: string,
): CompletionItem[] {
  return Object.entries(table).map(([word, { text }]) =>
    item(site, word, CompletionItemKind.Keyword, "word", rank, text),
  );
}

function mnemonics(site: Site, typed: string): CompletionItem[] {
  const upper = typed !== "" && typed === typed.toUpperCase() && /[A-Z]/.test(typed);
  return MNEMONICS.filter((name) => formsIn(name, site.bits).length > 0).map((name) =>
    item(
      site,
      upper ? name.toUpperCase() : name,
      CompletionItemKind.Function,
      "mnemonic",
      RANK.good,
      operationText(name),
    ),
  );
}

function macros(site: Site, kind: "macro" | "define", rank: string): CompletionItem[] {
  const seen = new Set<string>();
  return site.analysis.model.macroDefinitions.flatMap((macro) => {
    if (macro.kind !== kind || seen.has(macro.name)) return [];
    seen.add(macro.name);
    const detail =
      kind === "macro" ? `macro, ${arityText(macro)} arguments` : macro.body.slice(0, 40);
    const shape = kind === "macro" ? CompletionItemKind.Method : CompletionItemKind.Constant;
    return [withArguments(site, macro, item(site, macro.name, shape, "macro", rank, detail))];
  });
}

function escaped(text: string): string {
  return text.replace(/[\\$}]/g, "\\$&");
}

/** A macro that needs arguments is inserted with places for them. */
function withArguments(site: Site, macro: MacroDefinition, plain: CompletionItem): CompletionItem {
  const names = macroParameters(macro).slice(0, macro.minArguments);
  const isCall = macro.kind === "macro" || macro.parameters !== undefined;
  const details = macroParameters(macro).join(", ");
  const shown =
    isCall && details !== "" && site.abilities.labelDetails
      ? { ...plain, labelDetails: { ...plain.labelDetails, detail: ` ${details}` } }
      : plain;
  const wanted = macro.kind === "define" ? (macro.parameters ?? []) : names;
  if (!site.abilities.snippets || wanted.length === 0) return shown;
  const places = wanted.map((name, i) => `\${${i + 1}:${escaped(name)}}`).join(", ");
  const newText =
    macro.kind === "define"
      ? `${escaped(macro.name)}(${places})`
      : `${escaped(macro.name)} ${places}`;
  return {
    ...shown,
    insertTextFormat: InsertTextFormat.Snippet,
    textEdit: { range: site.range, newText },
  };
}

/** Where only the name is wanted. */
function macrosByName(site: Site, kind: "macro" | "define"): CompletionItem[] {
  const bare = { ...site, abilities: { ...site.abilities, snippets: false } };
  return macros(bare, kind, RANK.best);
}

/** Registers of the floating-point and vector units that an operand takes. */
function vectorRegisters(kind: OperandKind, bits: Bits): string[] {
  if (kind === "st0" || kind === "xmm0") return [kind];
  const stem = kind === "sti" ? "st" : /^(?:rr|v|is4)?([xy]?mm)(?:\/m\d+)?$/.exec(kind)?.[1];
  if (stem === undefined) return [];
  const count = bits === 64 && /^[xy]/.test(stem) ? 16 : 8;
  return Array.from({ length: count }, (_, number) => `${stem}${number}`);
}

/** Registers that one of the mnemonic's forms takes in this operand. */
function acceptedRegisters(kinds: ReadonlySet<OperandKind>, bits: Bits): string[] {
  const sizes = new Set<number>();
  const names: string[] = [];
  for (const kind of kinds) {
    const size = /^(?:r|rm|rr)(8|16|32|64)$/.exec(kind)?.[1];
    if (size !== undefined) sizes.add(Number(size));
    if (kind === "sreg") names.push(...SEGMENTS);
    if (kind === "cr") names.push("cr0", "cr2", "cr3", "cr4", ...(bits === 64 ? ["cr8"] : []));
    if (kind === "dr") names.push("dr0", "dr1", "dr2", "dr3", "dr6", "dr7");
    names.push(...vectorRegisters(kind, bits));
    if (/^(al|ax|eax|rax|cl|cx|ecx|rcx|dx|es|cs|ss|ds|fs|gs)$/.test(kind)) names.push(kind);
  }
  const first = bits === 64 ? 16 : 8;
  if (sizes.has(64) && bits === 64) names.push(...GPR64);
  if (sizes.has(32)) names.push(...GPR32.slice(0, first));
  if (sizes.has(16)) names.push(...GPR16.slice(0, first));
  if (sizes.has(8)) names.push(...(bits === 64 ? GPR8 : GPR8.slice(0, 4)), ...GPR8_HIGH);
  return [...new Set(names)];
}

function addressRegisters(bits: Bits): readonly string[] {
  if (bits === 64) return [...GPR64, "rip"];
  return bits === 32 ? GPR32.slice(0, 8) : ["bx", "bp", "si", "di", ...GPR32.slice(0, 8)];
}

/** What an operand may be, over all forms of the mnemonic. */
function operandKinds(forms: readonly InstructionForm[], index: number): Set<OperandKind> {
  return new Set(forms.flatMap((form) => writtenOperands(form)[index]?.kind ?? []));
}

function registers(site: Site, names: readonly string[], rank: string): CompletionItem[] {
  return names.map((name) => item(site, name, CompletionItemKind.Variable, "register", rank));
}

const NAME_KINDS: Readonly<Record<string, CompletionItemKind>> = {
  label: CompletionItemKind.Reference,
  "local-label": CompletionItemKind.Reference,
  equ: CompletionItemKind.Constant,
  struc: CompletionItemKind.Struct,
  "struc-field": CompletionItemKind.Field,
  extern: CompletionItemKind.Interface,
  common: CompletionItemKind.Variable,
};

/** `%%x` of the macro that the line lies in, `%$x` of any context. */
function localWords(site: Site, mark: "%%" | "%$"): CompletionItem[] {
  const { analysis, file, line } = site;
  const around = analysis.model.blocks.find(
    ({ kind, range }) =>
      kind === "macro" && range.file === file && range.line <= line && line <= range.endLine,
  );
  const isHere = ({ range }: NameOccurrence): boolean =>
    mark === "%$" ||
    (around !== undefined &&
      range.file === file &&
      range.line >= around.range.line &&
      range.line <= around.range.endLine);
  const found = analysis.model.names.filter(
    (name) => name.role === "definition" && name.spelled.startsWith(mark) && isHere(name),
  );
  return [...new Set(found.map((name) => name.spelled))].map((word) =>
    item(site, word, CompletionItemKind.Reference, "name", RANK.best, "local label"),
  );
}

/** Names of the program; local labels of the label above are offered as they are written there. */
function names(site: Site, typed: string, isJump: boolean, wantsFields = false): CompletionItem[] {
  const seen = new Set<string>();
  const found: CompletionItem[] = [];
  for (const name of site.analysis.model.names) {
    const shape = NAME_KINDS[name.kind];
    if (name.role !== "definition" || shape === undefined || name.pasted) continue;
    const local = site.parent !== undefined && name.name.startsWith(`${site.parent}.`);
    const isLocalName = name.kind === "local-label";
    const label = local && isLocalName ? name.name.slice(site.parent.length) : name.name;
    // A word that begins with a dot names a label below the one above only.
    if (typed.startsWith(".") && !label.startsWith(".")) continue;
    if (seen.has(label)) continue;
    seen.add(label);
    const isLabel = name.kind === "label" || isLocalName;
    const isWantedField = wantsFields && name.kind === "struc-field";
    const rank = isWantedField
      ? RANK.best
      : isJump
        ? isLabel
          ? RANK.best
          : RANK.other
        : local
          ? RANK.good
          : RANK.fair;
    found.push(item(site, label, shape, "name", rank, kindText(name.kind)));
  }
  return found;
}

const SECTION_ARGUMENTS = [
  ".text",
  ".data",
  ".bss",
  ".rodata",
  "align=",
  "start=",
  "vstart=",
  "follows=",
  "vfollows=",
  "progbits",
  "nobits",
];

/** Words that a directive takes. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  bits: ["16", "32", "64"],
  default: ["rel", "abs"],
  cpu: ["8086", "186", "286", "386", "486", "586", "686", "x64"],
  section: SECTION_ARGUMENTS,
  segment: SECTION_ARGUMENTS,
  "%use": ["smartalign", "altreg", "fp", "ifunc", "masm"],
  "%stacksize": ["flat", "flat64", "large", "small"],
};

/** `[ebx + ` wants a field of a structure. */
function isBehindRegister({ analysis, file, line, range }: Site): boolean {
  const before = analysis.lineText(file, line).slice(0, range.start.character);
  const word = /\[[^\]]*?(\w+)\s*\+\s*$/.exec(before)?.[1];
  return word !== undefined && keywordOf(word.toLowerCase())?.kind === "register";
}

function operandItems(site: Site, slot: Extract<Slot, { kind: "operand" }>): CompletionItem[] {
  const head = slot.mnemonic.toLowerCase();
  const listed = ARGUMENTS[head];
  if (listed !== undefined)
    return listed.map((word) => item(site, word, CompletionItemKind.EnumMember, "word", RANK.best));
  if (head === "global" || head === "extern") return names(site, slot.typed, true);
  if (/^%(el)?ifn?def$|^%undef$/.test(head)) return macrosByName(site, "define");
  if (/^%(el)?ifn?macro$|^%unmacro$/.test(head)) return macrosByName(site, "macro");
  const mark = /^%[%$]/.exec(slot.typed)?.[0];
  if (mark === "%%" || mark === "%$") return localWords(site, mark);
  if (slot.typed.startsWith(".")) return names(site, slot.typed, true);
  const constants = [
    ...names(site, slot.typed, /^(j|call|loop)/.test(head), isBehindRegister(site)),
    ...macros(site, "define", RANK.fair),
  ];
  if (slot.inBrackets)
    return [
      ...registers(site, addressRegisters(site.bits), RANK.good),
      ...registers(site, SEGMENTS, RANK.other),
      ...words(site, { rel: OPERAND_WORDS.rel!, abs: OPERAND_WORDS.abs! }, RANK.other),
      ...constants,
    ];
  const forms = formsIn(head, site.bits);
  if (forms.length === 0) return constants;
  const kinds = operandKinds(forms, slot.index);
  if (kinds.size === 0) return [];
  return [
    ...registers(site, acceptedRegisters(kinds, site.bits), RANK.good),
    ...words(site, OPERAND_WORDS, RANK.other),
    ...constants,
  ];
}

function parentAt(analysis: Analysis, file: string, line: number): string | undefined {
  let parent: { readonly name: string; readonly line: number } | undefined;
  for (const name of analysis.namesOf(file)) {
    if (name.kind !== "label" || name.role !== "definition" || name.range.line > line) continue;
    if (name.name.startsWith("..@")) continue;
    if (parent === undefined || name.range.line >= parent.line)
      parent = { name: name.name, line: name.range.line };
  }
  return parent?.name;
}

/** Code size at a line: that of the nearest statement at or above it. */
export function bitsAt(analysis: Analysis, file: string, line: number): Bits {
  let best: { readonly line: number; readonly bits: Bits } | undefined;
  for (const statement of analysis.statementsOf(file)) {
    const at = statement.range.line;
    if (at > line || (best !== undefined && at < best.line)) continue;
    best = {
      line: at,
      bits: afterDirective(statement.mnemonic?.text, statement.operands[0]?.text) ?? statement.bits,
    };
  }
  return best?.bits ?? analysis.model.assembly.entryBits;
}

/** `bits 64` itself still has the size before it. */
function afterDirective(
  mnemonic: string | undefined,
  operand: string | undefined,
): Bits | undefined {
  const lower = mnemonic?.toLowerCase();
  const wanted = lower === "bits" ? operand : /^use(16|32|64)$/.exec(lower ?? "")?.[1];
  return ([16, 32, 64] as const).find((size) => String(size) === wanted);
}

/** Whether a word is a macro of the program: then what follows it are its arguments. */
export function isMacroIn(analysis: Analysis): (word: string) => boolean {
  const known = new Set(
    analysis.model.macroDefinitions
      .filter((macro) => macro.kind === "macro")
      .map((macro) => macro.name.toLowerCase()),
  );
  return (word) => known.has(word.toLowerCase());
}

export function completionsAt(
  analysis: Analysis,
  file: string,
  position: Position,
  filesIn: (typed: string) => readonly string[] = () => [],
  abilities: CompletionAbilities = ALL_ABILITIES,
): CompletionItem[] {
  const { line } = toPlace(file, position);
  const slot = slotAt(analysis.lineText(file, line), position.character, isMacroIn(analysis));
  if (slot.kind === "none") return [];
  const site: Site = {
    analysis,
    file,
    line,
    bits: bitsAt(analysis, file, line),
    range: {
      start: { ...position, character: position.character - slot.typed.length },
      end: position,
    },
    abilities,
    parent: parentAt(analysis, file, line),
  };
  switch (slot.kind) {
    case "file":
      return filesIn(slot.typed).map((name) =>
        item(site, name, CompletionItemKind.File, "word", RANK.best),
      );
    case "preprocessor":
      return words(site, PREPROCESSOR_WORDS, RANK.best);
    case "statement":
      return [
        ...mnemonics(site, slot.typed),
        ...macros(site, "macro", RANK.best),
        ...words(site, DIRECTIVES, RANK.fair),
        ...words(site, PREFIX_WORDS, RANK.fair),
        ...macros(site, "define", RANK.other),
      ];
    case "operand":
      return operandItems(site, slot);
  }
}

function documentationOf(
  analysis: Analysis,
  label: string,
  data: CompletionData,
): string | undefined {
  switch (data.kind) {
    case "mnemonic":
      return instructionCard(label, data.bits);
    case "register":
      return registerCard(label.toLowerCase());
    case "word":
      return nasmWordCard(label.toLowerCase());
    case "macro": {
      const macro = analysis.model.macroDefinitions.find((each) => each.name === label);
      return macro === undefined ? undefined : macroDefinitionCard(macro);
    }
    case "name": {
      const name = analysis.model.names.find(
        (each) => each.role === "definition" && (each.name === label || each.spelled === label),
      );
      return name === undefined ? undefined : symbolCard(analysis, name);
    }
  }
}

export function isCompletionData(data: unknown): data is CompletionData {
  return typeof data === "object" && data !== null && "kind" in data && "file" in data;
}

export function resolveCompletion(analysis: Analysis, chosen: CompletionItem): CompletionItem {
  const data: unknown = chosen.data;
  if (!isCompletionData(data)) return chosen;
  const text = documentationOf(analysis, chosen.label, data);
  return text === undefined
    ? chosen
    : { ...chosen, documentation: { kind: MarkupKind.Markdown, value: text } };
}
