/** The outline of a file: labels with their local labels, structures with their fields, constants, macros. */
import { SymbolKind, type DocumentSymbol } from "vscode-languageserver-protocol";
import type { NameKind, NameOccurrence, SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import { arityText, definitionOf } from "../knowledge/macroCard";
import { hexText } from "../knowledge/numberText";
import { contains, rangeKey, toRange } from "../positions";

const KINDS: Partial<Readonly<Record<NameKind, SymbolKind>>> = {
  label: SymbolKind.Function,
  "local-label": SymbolKind.Field,
  equ: SymbolKind.Constant,
  struc: SymbolKind.Struct,
  "struc-field": SymbolKind.Field,
  extern: SymbolKind.Interface,
  common: SymbolKind.Variable,
  section: SymbolKind.Namespace,
  macro: SymbolKind.Method,
  define: SymbolKind.Constant,
};

/** A label in front of data is a variable, in front of code a function. */
export function symbolKindOf(analysis: Analysis, name: NameOccurrence): SymbolKind | undefined {
  const kind = KINDS[name.kind];
  if (name.kind !== "label") return kind;
  const { statements } = analysis.model;
  const own = analysis
    .statementsOn(name.range.file, name.range.line)
    .find((each) => each.label?.name === name.name);
  if (own === undefined) return kind;
  for (let at = analysis.indexOf(own); at < statements.length; at++) {
    const next = statements[at]!;
    if (next.kind === "instruction") return SymbolKind.Function;
    if (next.kind === "data" || next.kind === "reserve") return SymbolKind.Variable;
    if (next !== own && next.label !== undefined && next.kind !== "label") return kind;
  }
  return kind;
}

function detailOf(analysis: Analysis, name: NameOccurrence): string | undefined {
  if (name.kind === "macro" || name.kind === "define") {
    const macro = definitionOf(analysis, name);
    if (macro === undefined) return undefined;
    return macro.kind === "macro" ? `${arityText(macro)} arguments` : macro.body;
  }
  const symbol = analysis.symbol(name.name);
  return symbol === undefined || symbol.kind === "extern" ? undefined : hexText(symbol.value);
}

interface Entry {
  readonly symbol: DocumentSymbol;
  readonly name: NameOccurrence;
}

/** The definitions that an outline shows, each once, in the order of the file. */
export function outlineNames(analysis: Analysis, file: string): NameOccurrence[] {
  const seen = new Set<string>();
  return analysis
    .namesOf(file)
    .filter((name) => {
      const key = rangeKey(name.range);
      if (name.role !== "definition" || KINDS[name.kind] === undefined || seen.has(key))
        return false;
      // A label in a macro's body belongs to the macro.
      if (name.pasted || insideMacro(analysis, name.range)) return false;
      seen.add(key);
      return true;
    })
    .sort((a, b) => a.range.line - b.range.line || a.range.column - b.range.column);
}

function insideMacro(analysis: Analysis, range: SourceRange): boolean {
  const place = { file: range.file, line: range.line, column: range.column };
  return analysis.model.blocks.some(
    (block) =>
      block.kind === "macro" && block.range.line !== range.line && contains(block.range, place),
  );
}

function entry(analysis: Analysis, name: NameOccurrence): Entry {
  const detail = detailOf(analysis, name);
  const whole = definitionOf(analysis, name)?.range ?? blockOf(analysis, name) ?? name.range;
  return {
    name,
    symbol: {
      name: name.spelled,
      kind: symbolKindOf(analysis, name)!,
      range: toRange(whole),
      selectionRange: toRange(name.range),
      ...(detail === undefined || detail === "" ? {} : { detail }),
    },
  };
}

function blockOf(analysis: Analysis, name: NameOccurrence): SourceRange | undefined {
  if (name.kind !== "struc") return undefined;
  return analysis.model.blocks.find(
    (block) =>
      block.kind === "struc" &&
      block.range.file === name.range.file &&
      block.range.line === name.range.line,
  )?.range;
}

const PARENTS: ReadonlySet<NameKind> = new Set<NameKind>(["label", "struc"]);
const CHILDREN: ReadonlySet<NameKind> = new Set<NameKind>(["local-label", "struc-field"]);

/** A label reaches to the line before the next label, section or end of the file. */
function extended(symbol: DocumentSymbol, endLine: number): DocumentSymbol {
  if (endLine <= symbol.range.end.line) return symbol;
  return { ...symbol, range: { start: symbol.range.start, end: { line: endLine, character: 0 } } };
}

export function documentSymbols(analysis: Analysis, file: string): DocumentSymbol[] {
  const entries = outlineNames(analysis, file).map((name) => entry(analysis, name));
  const lineCount = analysis.lines(file).length;
  const result: DocumentSymbol[] = [];
  let parent: { readonly name: NameOccurrence; readonly at: number } | undefined;
  const endParent = (line: number): void => {
    if (parent?.name.kind === "label") result[parent.at] = extended(result[parent.at]!, line);
    parent = undefined;
  };
  for (const { symbol, name } of entries) {
    const isChild =
      CHILDREN.has(name.kind) &&
      parent !== undefined &&
      name.name.startsWith(`${parent.name.name}.`);
    if (isChild && parent !== undefined) {
      const owner = result[parent.at]!;
      result[parent.at] = { ...owner, children: [...(owner.children ?? []), symbol] };
      continue;
    }
    const ends = PARENTS.has(name.kind) || name.kind === "section";
    if (ends) endParent(symbol.range.start.line);
    result.push(symbol);
    if (PARENTS.has(name.kind)) parent = { name, at: result.length - 1 };
  }
  endParent(lineCount);
  return result;
}
