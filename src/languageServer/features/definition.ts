/** Go to definition: names, macros, fields, included files. */
import type { LocationLink } from "vscode-languageserver-protocol";
import { uriOfFile } from "../fileNames";
import type { Analysis } from "../analysis";
import { contains, fileStart, rangeKey, toRange, type Place } from "../positions";
import type { SourceRange } from "../../engine/language";

function link(origin: SourceRange, target: SourceRange, whole: SourceRange = target): LocationLink {
  return {
    originSelectionRange: toRange(origin),
    targetUri: uriOfFile(target.file),
    targetRange: toRange(whole),
    targetSelectionRange: toRange(target),
  };
}

export function definitionsAt(analysis: Analysis, place: Place): LocationLink[] {
  const include = analysis.model.includes.find((each) => contains(each.range, place));
  if (include?.file !== undefined) return [link(include.range, fileStart(include.file))];
  const found = new Map<string, LocationLink>();
  for (const name of analysis.namesAt(place)) {
    // A context label or a name that is defined several times has several places.
    const places = analysis
      .occurrences(name.id)
      .filter((each) => each.role === "definition")
      .map((each) => each.range);
    const exact =
      name.role === "reference" && name.definition !== undefined ? [name.definition] : places;
    for (const range of exact) {
      const macro = analysis.model.macroDefinitions.find(
        (each) => rangeKey(each.nameRange) === rangeKey(range),
      );
      found.set(rangeKey(range), link(name.range, range, macro?.range));
    }
  }
  return [...found.values()];
}
