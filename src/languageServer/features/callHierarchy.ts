/** Call hierarchy over call, jmp and int: who comes here, and where control goes from here. */
import {
  SymbolKind,
  type CallHierarchyIncomingCall,
  type CallHierarchyItem,
  type CallHierarchyOutgoingCall,
} from "vscode-languageserver-protocol";
import type { SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import { uriOfFile } from "../fileNames";
import { callGraph, type CallEdge, type CodeFunction } from "../knowledge/callGraph";
import { definitionOf } from "../knowledge/macroCard";
import { contains, rangeKey, toRange, type Place } from "../positions";

/** What an item carries, to be found again. */
export interface CallItemData {
  readonly kind: "function" | "macro";
  readonly name: string;
  readonly file: string;
  readonly line: number;
}

export function isCallItemData(data: unknown): data is CallItemData {
  return typeof data === "object" && data !== null && "name" in data && "file" in data;
}

function itemOf(each: CodeFunction): CallHierarchyItem {
  const data: CallItemData = {
    kind: "function",
    name: each.name,
    file: each.range.file,
    line: each.range.line,
  };
  return {
    name: each.name,
    kind: each.isFile ? SymbolKind.File : SymbolKind.Function,
    uri: uriOfFile(each.range.file),
    range: toRange(each.whole),
    selectionRange: toRange(each.range),
    data,
  };
}

function isSame(each: CodeFunction, { name, file, line }: CallItemData): boolean {
  return each.name === name && each.range.file === file && each.range.line === line;
}

function macroItem(analysis: Analysis, place: Place): CallHierarchyItem | undefined {
  for (const name of analysis.namesAt(place)) {
    const macro = name.kind === "macro" ? definitionOf(analysis, name) : undefined;
    if (macro === undefined) continue;
    const { file, line } = macro.nameRange;
    const data: CallItemData = { kind: "macro", name: macro.name, file, line };
    return {
      name: macro.name,
      kind: SymbolKind.Method,
      detail: "macro",
      uri: uriOfFile(file),
      range: toRange(macro.range),
      selectionRange: toRange(macro.nameRange),
      data,
    };
  }
  return undefined;
}

/** The function that is named at a place, or whose local label is; else the one that the place lies in. */
function functionAt(analysis: Analysis, place: Place): CodeFunction | undefined {
  const { functions, edges } = callGraph(analysis);
  for (const { name, kind } of analysis.namesAt(place)) {
    if (!/^(label|local-label)$/.test(kind)) continue;
    const parent = name.replace(/(?<=.)\..*$/, "");
    const named = functions.find((each) => !each.isFile && each.name === parent);
    if (named !== undefined) return named;
  }
  const handler = edges.find((edge) => edge.by.startsWith("int ") && contains(edge.at, place));
  return handler?.to ?? functions.find((each) => contains(each.whole, place));
}

export function prepareCallHierarchy(analysis: Analysis, place: Place): CallHierarchyItem[] | null {
  const macro = macroItem(analysis, place);
  if (macro !== undefined) return [macro];
  const found = functionAt(analysis, place);
  return found === undefined ? null : [itemOf(found)];
}

interface Group {
  readonly item: CallHierarchyItem;
  readonly ranges: Map<string, SourceRange>;
}

/** Edges by the function at one of their ends, over all programs, each place once. */
function grouped(
  edges: readonly { readonly other: CodeFunction; readonly at: SourceRange }[],
): Group[] {
  const groups = new Map<string, Group>();
  for (const { other, at } of edges) {
    const key = `${other.name}\n${rangeKey(other.range)}`;
    const group = groups.get(key) ?? { item: itemOf(other), ranges: new Map() };
    group.ranges.set(rangeKey(at), at);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function edgesOf(programs: readonly Analysis[], accepts: (edge: CallEdge) => boolean): CallEdge[] {
  return programs.flatMap((program) => callGraph(program).edges.filter(accepts));
}

/** Functions that a macro is used in, and where. */
function macroUses(
  programs: readonly Analysis[],
  data: CallItemData,
): { readonly other: CodeFunction; readonly at: SourceRange }[] {
  return programs.flatMap((program) =>
    program.model.macroInvocations.flatMap(({ kind, definition, nameRange }) => {
      const isUse =
        kind === "macro" &&
        definition?.nameRange.file === data.file &&
        definition.nameRange.line === data.line;
      const { file, line, column } = nameRange;
      const other = isUse
        ? callGraph(program).functions.find((each) => contains(each.whole, { file, line, column }))
        : undefined;
      return other === undefined ? [] : [{ other, at: nameRange }];
    }),
  );
}

/** The ranges of an incoming call lie in the caller's file, those of an outgoing one too. */
export function incomingCalls(
  programs: readonly Analysis[],
  data: CallItemData,
): CallHierarchyIncomingCall[] {
  const edges =
    data.kind === "macro"
      ? macroUses(programs, data)
      : edgesOf(programs, ({ to }) => isSame(to, data)).map(({ from, at }) => ({
          other: from,
          at,
        }));
  return grouped(edges).map(({ item, ranges }) => ({
    from: item,
    fromRanges: [...ranges.values()].map(toRange),
  }));
}

export function outgoingCalls(
  programs: readonly Analysis[],
  data: CallItemData,
): CallHierarchyOutgoingCall[] {
  const accepts = (edge: CallEdge): boolean =>
    data.kind === "macro" ? edge.macros.includes(data.name) : isSame(edge.from, data);
  const edges = edgesOf(programs, accepts).map(({ to, at }) => ({ other: to, at }));
  return grouped(edges).map(({ item, ranges }) => ({
    to: item,
    // Where a macro's calls stand depends on its uses: only its own file's ranges can be shown.
    fromRanges: [...ranges.values()].filter((range) => range.file === data.file).map(toRange),
  }));
}
