/** Workspace symbols: definitions in all known files. Files that no open program has assembled are searched by their text. */
import { SymbolKind, type SymbolInformation } from "vscode-languageserver-protocol";
import { uriOfFile } from "../fileNames";
import { toRange } from "../positions";
import type { Workspace } from "../workspace";
import { outlineNames, symbolKindOf } from "./documentSymbols";

const MOST_RESULTS = 500;

interface TextPattern {
  readonly pattern: RegExp;
  readonly kind: SymbolKind;
}

const PATTERNS: readonly TextPattern[] = [
  { pattern: /^[ \t]*([a-z_?][\w$#@~.?]*)[ \t]*:/gim, kind: SymbolKind.Function },
  { pattern: /^[ \t]*([a-z_?][\w$#@~.?]*)[ \t]+equ\b/gim, kind: SymbolKind.Constant },
  {
    pattern: /^[ \t]*([a-z_?][\w$#@~.?]*)[ \t]+(?:d|res)[bwdqtoyz]\b/gim,
    kind: SymbolKind.Variable,
  },
  { pattern: /^[ \t]*%i?(?:r?macro)[ \t]+([a-z_?][\w$#@~.?]*)/gim, kind: SymbolKind.Method },
  {
    pattern: /^[ \t]*%(?:i?x?define|i?assign)[ \t]+([a-z_?][\w$#@~.?]*)/gim,
    kind: SymbolKind.Constant,
  },
  { pattern: /^[ \t]*struc[ \t]+([a-z_?][\w$#@~.?]*)/gim, kind: SymbolKind.Struct },
];

/** The query's letters in order, as editors match. */
function matches(name: string, query: string): boolean {
  const lower = name.toLowerCase();
  let at = 0;
  for (const letter of query.toLowerCase()) {
    at = lower.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

function inText(file: string, text: string, query: string): SymbolInformation[] {
  const lines = text.split(/\r\n|\n|\r/);
  return lines.flatMap((content, line) =>
    PATTERNS.flatMap(({ pattern, kind }) =>
      [...content.matchAll(pattern)].flatMap((match): SymbolInformation[] => {
        const name = match[1] ?? "";
        if (!matches(name, query)) return [];
        const character = content.indexOf(name);
        const range = {
          start: { line, character },
          end: { line, character: character + name.length },
        };
        return [{ name, kind, location: { uri: uriOfFile(file), range } }];
      }),
    ),
  );
}

export function workspaceSymbols(workspace: Workspace, query: string): SymbolInformation[] {
  const found: SymbolInformation[] = [];
  const done = new Set<string>();
  for (const open of workspace.documents.openFiles) {
    const analysis = workspace.analysisFor(open);
    for (const file of analysis?.model.assembly.files ?? []) {
      if (analysis === undefined || done.has(file)) continue;
      done.add(file);
      for (const name of outlineNames(analysis, file)) {
        const kind = symbolKindOf(analysis, name);
        if (kind === undefined || !matches(name.name, query)) continue;
        found.push({
          name: name.name,
          kind,
          location: { uri: uriOfFile(file), range: toRange(name.range) },
        });
      }
    }
  }
  for (const file of workspace.graph.files) {
    if (found.length >= MOST_RESULTS) break;
    if (done.has(file)) continue;
    found.push(...inText(file, workspace.documents.textOf(file) ?? "", query));
  }
  return found.slice(0, MOST_RESULTS);
}
