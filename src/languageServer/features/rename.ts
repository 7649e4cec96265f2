/** Rename: a name in all programs that share it, unless that could change what a program means. */
import type { Range, TextEdit, WorkspaceEdit } from "vscode-languageserver-protocol";
import {
  keywordOf,
  type MacroDefinition,
  type NameKind,
  type NameOccurrence,
  type SourceRange,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { uriOfFile } from "../fileNames";
import { declarationAt } from "../knowledge/declarations";
import { DIRECTIVES } from "../knowledge/nasmWords";
import { unassembledWords } from "../knowledge/unassembledWords";
import { rangeKey, sameRange, toRange, type Place } from "../positions";
import { keepsImage } from "./refactorings";
import { declaredAt, definitionPlace, occurrencesAt } from "./references";

/** Why a rename is refused: shown to the user. */
export class RenameRefusal {
  constructor(readonly reason: string) {}
}

const RENAMABLE: ReadonlySet<NameKind> = new Set<NameKind>([
  "label",
  "local-label",
  "equ",
  "struc",
  "struc-field",
  "macro",
  "define",
  "macro-parameter",
  "macro-label",
  "context-label",
]);

/** The part in front of the name that a rename leaves alone: `.`, `..@`, `$`, `%%`, `%$`, or the parent of `main.loop`. */
function prefixOf(name: NameOccurrence): string {
  const mark = /^(%%|%\$+|\.\.@|\$(?!\$)|\.)/.exec(name.spelled)?.[0] ?? "";
  if (mark !== "") return mark;
  const isChild =
    name.kind === "local-label" || name.kind === "struc-field" || name.kind === "label";
  const dot = name.spelled.lastIndexOf(".");
  return isChild && dot > 0 && name.name === name.spelled ? name.spelled.slice(0, dot + 1) : "";
}

function bareName(name: NameOccurrence): string {
  return name.spelled.slice(prefixOf(name).length);
}

function nameAt(programs: readonly Analysis[], place: Place): NameOccurrence | undefined {
  return programs[0]?.namesAt(place).findLast((each) => RENAMABLE.has(each.kind));
}

/** `main.loop` names its parent too: renaming `main` must change it there. */
function qualifiedUses(programs: readonly Analysis[], parent: NameOccurrence): NameOccurrence[] {
  if (parent.kind !== "label" && parent.kind !== "struc") return [];
  const start = `${parent.name}.`;
  return programs.flatMap((program) =>
    program.model.names.filter(
      (each) => each.name.startsWith(start) && each.spelled.startsWith(start),
    ),
  );
}

export interface RenameTarget {
  readonly range: Range;
  readonly placeholder: string;
}

export function prepareRename(
  programs: readonly Analysis[],
  at: Place,
): RenameTarget | RenameRefusal {
  const place = definitionPlace(programs, at);
  const name = nameAt(programs, place);
  if (name === undefined) return new RenameRefusal("There is no name here that can be renamed.");
  if (name.kind === "macro-parameter" && name.spelled.startsWith("%"))
    return new RenameRefusal("Parameters of a %macro are numbered and have no names.");
  const places = occurrencesAt(programs, place);
  if (!places.some((each) => each.role === "definition"))
    return new RenameRefusal(`"${name.spelled}" is not defined in these files.`);
  if (places.some((each) => each.pasted))
    return new RenameRefusal(
      `"${name.spelled}" is put together by a macro somewhere: rename it by hand.`,
    );
  const declared = place === at ? undefined : programs[0] && declarationAt(programs[0], at);
  if (declared !== undefined)
    return { range: toRange(declared.range), placeholder: bareName(name) };
  const range = toRange(name.range);
  const start = { ...range.start, character: range.start.character + prefixOf(name).length };
  return { range: { start, end: range.end }, placeholder: bareName(name) };
}

const VALID = /^[a-z_?][\w$#@~.?]*$/i;

const IS_MACRO: ReadonlySet<NameKind> = new Set<NameKind>(["macro", "define"]);

/** Things of different spaces may share a name. */
function spaceOf(kind: NameKind): string {
  const isOwnSpace =
    IS_MACRO.has(kind) || /^(macro-parameter|macro-label|context-label)$/.test(kind);
  return isOwnSpace ? kind : "symbol";
}

function isReserved(word: string): boolean {
  return keywordOf(word) !== undefined || Object.hasOwn(DIRECTIVES, word);
}

/** A macro that has a name already, in its own spelling or in another one. */
function macroNamed({ model }: Analysis, name: string): MacroDefinition | undefined {
  return model.macroDefinitions.find((each) =>
    each.caseSensitive ? each.name === name : each.name.toLowerCase() === name.toLowerCase(),
  );
}

/** Why a new name cannot be taken. */
function conflict(
  programs: readonly Analysis[],
  name: NameOccurrence,
  newName: string,
): string | undefined {
  if (!VALID.test(newName)) return `"${newName}" is not a name that NASM accepts.`;
  const isMacro = IS_MACRO.has(name.kind);
  const lower = newName.toLowerCase();
  if (isMacro && isReserved(lower))
    return `A macro "${newName}" would hide the assembler's word of that name.`;
  if (prefixOf(name) === "" && keywordOf(lower) !== undefined)
    return `"${newName}" is a word of the assembler. Write $${newName} where it is meant as a name.`;
  const full = name.name.endsWith(bareName(name))
    ? name.name.slice(0, name.name.length - bareName(name).length) + newName
    : newName;
  const existing = (place: SourceRange): string =>
    `"${full}" exists already (line ${place.line} of ${place.file}).`;
  for (const program of programs) {
    const taken = program.model.names.find(
      (each) =>
        each.name === full &&
        each.id !== name.id &&
        (isMacro || spaceOf(each.kind) === spaceOf(name.kind) || each.kind === "define"),
    );
    if (taken !== undefined) return existing(taken.range);
    if (Object.hasOwn(program.model.options.defines ?? {}, full))
      return `"${full}" exists already: the settings define it.`;
    const macro = prefixOf(name) === "" ? macroNamed(program, full) : undefined;
    if (macro !== undefined && !sameRange(macro.nameRange, name.definition ?? name.range))
      return existing(macro.nameRange);
  }
  const [hidden] = prefixOf(name) === "" ? unassembledWords(programs, (text) => text === full) : [];
  return hidden && existing(hidden.range);
}

/** Edits of a rename by the range that they change. */
type Edits = Map<string, { readonly file: string; readonly edit: TextEdit }>;

function addEdit(edits: Edits, range: SourceRange, from: number, to: number, text: string): void {
  const { start } = toRange(range);
  const part = {
    start: { ...start, character: start.character + from },
    end: { ...start, character: start.character + to },
  };
  edits.set(rangeKey(range), { file: range.file, edit: { range: part, newText: text } });
}

/** Whether all that is spelled like a name is one thing, so that it can be told by its spelling alone. */
function isOnlyMeaning(programs: readonly Analysis[], name: NameOccurrence): boolean {
  return programs.every(({ model }) =>
    model.names.every((each) => each.id === name.id || each.spelled !== bareName(name)),
  );
}

/** The parent that a local name has at a place, by the labels written above it. */
function parentAt(programs: readonly Analysis[], { file, line }: SourceRange): string | undefined {
  const labels = programs.flatMap((program) =>
    program
      .namesOf(file)
      .filter(
        ({ kind, role, range }) => kind === "label" && role === "definition" && range.line <= line,
      ),
  );
  return labels.sort((a, b) => a.range.line - b.range.line).at(-1)?.name;
}

/** Renames in code that is not assembled, or tells where it is not clear what is meant. */
function addUnassembled(
  programs: readonly Analysis[],
  name: NameOccurrence,
  newName: string,
  edits: Edits,
): string | undefined {
  const bare = bareName(name);
  const isLocal = prefixOf(name) !== "" && name.kind !== "label" && prefixOf(name) !== "$";
  if (name.kind === "macro-parameter" || keywordOf(bare.toLowerCase()) !== undefined)
    return undefined;
  const anyCase =
    IS_MACRO.has(name.kind) &&
    programs.some((program) => macroNamed(program, bare)?.caseSensitive === false);
  const spelled = (text: string): string => (anyCase ? text.toLowerCase() : text);
  const wanted = spelled(isLocal ? name.name : bare);
  const isNamed = (text: string): boolean =>
    spelled(text) === wanted ||
    text === `$${wanted}` ||
    (isLocal ? text === name.spelled : text.startsWith(`${wanted}.`));
  const words = unassembledWords(programs, isNamed).filter(
    ({ range, parameters }) => !edits.has(rangeKey(range)) && !parameters.includes(bare),
  );
  for (const { text, range } of words) {
    if (isLocal && text !== name.name) {
      const parent = name.name.slice(0, -name.spelled.length);
      if (parentAt(programs, range) !== parent) continue;
    } else if (isLocal || isOnlyMeaning(programs, name)) {
      const from = isLocal ? text.length - bare.length : text.startsWith("$") ? 1 : 0;
      addEdit(edits, range, from, from + bare.length, newName);
      continue;
    }
    return `"${text}" also stands in code that is not assembled (line ${range.line} of ${range.file}), and may be something else there: rename it by hand first.`;
  }
  return undefined;
}

export function renameAt(
  programs: readonly Analysis[],
  at: Place,
  newName: string,
): WorkspaceEdit | RenameRefusal {
  const place = definitionPlace(programs, at);
  const prepared = prepareRename(programs, place);
  if (prepared instanceof RenameRefusal) return prepared;
  const name = nameAt(programs, place)!;
  const wanted = newName.startsWith(prefixOf(name))
    ? newName.slice(prefixOf(name).length)
    : newName;
  if (wanted === bareName(name)) return { changes: {} };
  const reason = conflict(programs, name, wanted);
  if (reason !== undefined) return new RenameRefusal(reason);
  const edits = namedEdits(programs, place, name, wanted);
  const unclear = addUnassembled(programs, name, wanted, edits);
  if (unclear !== undefined) return new RenameRefusal(unclear);
  const byFile = new Map<string, TextEdit[]>();
  for (const { file, edit } of edits.values())
    byFile.set(file, [...(byFile.get(file) ?? []), edit]);
  const changed = programs.find((program) => !keepsImage(program, byFile));
  if (changed !== undefined)
    return new RenameRefusal(
      `The name "${wanted}" would change what ${changed.root} assembles to.`,
    );
  return {
    changes: Object.fromEntries([...byFile].map(([file, list]) => [uriOfFile(file), list])),
  };
}

/** Edits of all places that the assembler knows. */
function namedEdits(
  programs: readonly Analysis[],
  place: Place,
  name: NameOccurrence,
  wanted: string,
): Edits {
  const edits: Edits = new Map();
  for (const each of occurrencesAt(programs, place))
    addEdit(edits, each.range, prefixOf(each).length, widthOf(each.range), wanted);
  for (const range of declaredAt(programs, place)) {
    const from = Math.max(0, widthOf(range) - bareName(name).length);
    addEdit(edits, range, from, widthOf(range), wanted);
  }
  for (const each of qualifiedUses(programs, name))
    addEdit(edits, each.range, 0, name.name.length, wanted);
  return edits;
}

function widthOf({ column, endColumn }: SourceRange): number {
  return endColumn - column;
}
