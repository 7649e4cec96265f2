/** Find references and highlights: all places of one thing, over the include graph. */
import {
  DocumentHighlightKind,
  type DocumentHighlight,
  type Location,
} from "vscode-languageserver-protocol";
import type { NameKind, NameOccurrence, SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import { uriOfFile } from "../fileNames";
import { declarationAt, declarations } from "../knowledge/declarations";
import { contains, rangeKey, toRange, type Place } from "../positions";

/** Occurrences of what stands at a place, in all programs that share its file, each place once. */
export function occurrencesAt(programs: readonly Analysis[], place: Place): NameOccurrence[] {
  const found = new Map<string, NameOccurrence>();
  for (const program of programs) {
    for (const name of program.namesAt(place)) {
      for (const each of program.occurrences(name.id)) {
        const key = rangeKey(each.range);
        if (!found.has(key) || each.role === "definition") found.set(key, each);
      }
    }
  }
  return [...found.values()].sort(
    (a, b) =>
      (a.range.file < b.range.file ? -1 : a.range.file > b.range.file ? 1 : 0) ||
      a.range.line - b.range.line ||
      a.range.column - b.range.column,
  );
}

/** Places in all programs where a symbol is declared: `global start`. */
export function declaredAt(programs: readonly Analysis[], place: Place): SourceRange[] {
  const found = new Map<string, SourceRange>();
  for (const program of programs) {
    const names = new Set([
      ...program.namesAt(place).flatMap(({ name, kind }) => (isSymbol(kind) ? [name] : [])),
      ...[declarationAt(program, place)?.name].filter((name) => name !== undefined),
    ]);
    for (const { name, range } of declarations(program)) {
      if (names.has(name)) found.set(rangeKey(range), range);
    }
  }
  return [...found.values()];
}

function isSymbol(kind: NameKind): boolean {
  return /^(label|local-label|equ|extern|common)$/.test(kind);
}

/** A place on a declaration stands for the place of the definition. */
export function definitionPlace(programs: readonly Analysis[], place: Place): Place {
  for (const program of programs) {
    const declared = declarationAt(program, place);
    const definition = program.model.names.find(
      ({ name, role, kind }) => role === "definition" && isSymbol(kind) && name === declared?.name,
    );
    if (definition !== undefined) {
      const { file, line, column } = definition.range;
      return { file, line, column };
    }
  }
  return place;
}

export function referencesAt(
  programs: readonly Analysis[],
  place: Place,
  includeDeclaration: boolean,
): Location[] {
  const ranges = occurrencesAt(programs, definitionPlace(programs, place))
    .filter((each) => includeDeclaration || each.role === "reference")
    .map((each) => each.range);
  const all = includeDeclaration ? [...ranges, ...declaredAt(programs, place)] : ranges;
  return all.map((range) => ({ uri: uriOfFile(range.file), range: toRange(range) }));
}

/** The words of the block that one stands in: `%if` with its `%else` and `%endif`. */
function blockWords(analysis: Analysis, place: Place): DocumentHighlight[] {
  const block = analysis.model.blocks.find((each) =>
    each.words.some((word) => contains(word.range, place)),
  );
  return (block?.words ?? []).map((word) => ({
    range: toRange(word.range),
    kind: DocumentHighlightKind.Text,
  }));
}

export function highlightsAt(analysis: Analysis, place: Place): DocumentHighlight[] {
  const names = occurrencesAt([analysis], place).filter((each) => each.range.file === place.file);
  if (names.length === 0) return blockWords(analysis, place);
  return names.map((each) => ({
    range: toRange(each.range),
    kind: each.role === "definition" ? DocumentHighlightKind.Write : DocumentHighlightKind.Read,
  }));
}
