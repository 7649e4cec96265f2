/** Go to definition and to declaration: names, macros, fields, included files. */
import type { LocationLink } from "vscode-languageserver-protocol";
import { uriOfFile } from "../fileNames";
import type { Analysis } from "../analysis";
import { declarationAt, declarations } from "../knowledge/declarations";
import { contains, fileStart, rangeKey, toRange, type Place } from "../positions";
import type { NameKind, SourceRange } from "../../engine/language";

function link(origin: SourceRange, target: SourceRange, whole: SourceRange = target): LocationLink {
  return {
    originSelectionRange: toRange(origin),
    targetUri: uriOfFile(target.file),
    targetRange: toRange(whole),
    targetSelectionRange: toRange(target),
  };
}

/** The file that a line names: from its quotes, or from the word in front of them. */
function includedFile(analysis: Analysis, place: Place): LocationLink | undefined {
  const onLine = analysis.model.includes.filter(
    ({ range }) => range.file === place.file && range.line === place.line,
  );
  const isOnWord = /^(%include|incbin)$/i.test(analysis.tokenAt(place)?.text ?? "");
  const include = onLine.find((each) => isOnWord || contains(each.range, place));
  return include?.file === undefined ? undefined : link(include.range, fileStart(include.file));
}

/** From a declaration to the definition of the same symbol. */
function definitionOfDeclared(analysis: Analysis, place: Place): LocationLink[] {
  const declared = declarationAt(analysis, place);
  if (declared === undefined) return [];
  return analysis.model.names
    .filter(
      ({ name, role, kind }) => role === "definition" && isSymbol(kind) && name === declared.name,
    )
    .map((each) => link(declared.range, each.range));
}

function isSymbol(kind: NameKind): boolean {
  return /^(label|local-label|equ|struc-field|extern|common)$/.test(kind);
}

/** `global`, `extern` or `common` lines of a symbol; where there are none, its definition declares it. */
export function declarationsAt(analysis: Analysis, place: Place): LocationLink[] {
  const found = declaringLines(analysis, place);
  return found.length > 0 ? found : definitionsAt(analysis, place);
}

function declaringLines(analysis: Analysis, place: Place): LocationLink[] {
  const names = analysis.namesAt(place).filter(({ kind }) => isSymbol(kind));
  return names.flatMap((name) =>
    declarations(analysis)
      .filter((each) => each.name === name.name)
      .map((each) => link(name.range, each.range)),
  );
}

export function definitionsAt(analysis: Analysis, place: Place): LocationLink[] {
  const file = includedFile(analysis, place);
  if (file !== undefined) return [file];
  const declared = definitionOfDeclared(analysis, place);
  if (declared.length > 0) return declared;
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
  // What another image defines is declared here at least.
  return found.size > 0 ? [...found.values()] : declaringLines(analysis, place);
}
