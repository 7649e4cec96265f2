/** Rename: a name in all programs that share it, unless that could change what a program means. */
import type { Range, TextEdit, WorkspaceEdit } from "vscode-languageserver-protocol";
import {
  formsByMnemonic,
  keywordOf,
  type NameKind,
  type NameOccurrence,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { uriOfFile } from "../fileNames";
import { declarationAt } from "../knowledge/declarations";
import { rangeKey, toRange, type Place } from "../positions";
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

/** Why a new name cannot be taken. */
function conflict(
  programs: readonly Analysis[],
  name: NameOccurrence,
  newName: string,
): string | undefined {
  if (!VALID.test(newName)) return `"${newName}" is not a name that NASM accepts.`;
  const prefix = prefixOf(name);
  if (prefix === "" && name.kind !== "define" && name.kind !== "macro") {
    const keyword = keywordOf(newName.toLowerCase());
    if (keyword !== undefined)
      return `"${newName}" is a word of the assembler. Write $${newName} where it is meant as a name.`;
  }
  if (
    (name.kind === "define" || name.kind === "macro") &&
    formsByMnemonic(newName.toLowerCase()).length > 0
  )
    return `A macro "${newName}" would hide the instruction of that name.`;
  const full = name.name.endsWith(bareName(name))
    ? name.name.slice(0, name.name.length - bareName(name).length) + newName
    : newName;
  const space = (kind: NameKind): string =>
    kind === "macro" ||
    kind === "define" ||
    kind === "macro-parameter" ||
    kind === "macro-label" ||
    kind === "context-label"
      ? kind
      : "symbol";
  for (const program of programs) {
    const taken = program.model.names.find(
      (each) =>
        each.name === full &&
        each.id !== name.id &&
        (space(each.kind) === space(name.kind) || each.kind === "define"),
    );
    if (taken !== undefined)
      return `"${full}" exists already (line ${taken.range.line} of ${taken.range.file}).`;
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
  const edits = new Map<string, { readonly file: string; readonly edit: TextEdit }>();
  for (const each of occurrencesAt(programs, place)) {
    const range = toRange(each.range);
    const start = { ...range.start, character: range.start.character + prefixOf(each).length };
    edits.set(rangeKey(each.range), {
      file: each.range.file,
      edit: { range: { start, end: range.end }, newText: wanted },
    });
  }
  for (const range of declaredAt(programs, place)) {
    const { start, end } = toRange(range);
    const from = { ...end, character: end.character - bareName(name).length };
    edits.set(rangeKey(range), {
      file: range.file,
      edit: {
        range: { start: from.character < start.character ? start : from, end },
        newText: wanted,
      },
    });
  }
  for (const each of qualifiedUses(programs, name)) {
    const { start } = toRange(each.range);
    const end = { ...start, character: start.character + name.name.length };
    edits.set(rangeKey(each.range), {
      file: each.range.file,
      edit: { range: { start, end }, newText: wanted },
    });
  }
  const changes: Record<string, TextEdit[]> = {};
  for (const { file, edit } of edits.values()) (changes[uriOfFile(file)] ??= []).push(edit);
  return { changes };
}
