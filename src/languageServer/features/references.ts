/** Find references and highlights: all places of one thing, over the include graph. */
import {
  DocumentHighlightKind,
  type DocumentHighlight,
  type Location,
} from "vscode-languageserver-protocol";
import type { NameOccurrence } from "../../engine/language";
import type { Analysis } from "../analysis";
import { uriOfFile } from "../fileNames";
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

export function referencesAt(
  programs: readonly Analysis[],
  place: Place,
  includeDeclaration: boolean,
): Location[] {
  return occurrencesAt(programs, place)
    .filter((each) => includeDeclaration || each.role === "reference")
    .map((each) => ({ uri: uriOfFile(each.range.file), range: toRange(each.range) }));
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
