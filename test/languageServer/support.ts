/** Programs for tests: files in memory, and texts in which `‸` marks the cursor and `«…»` a range. */
import assert from "node:assert/strict";
import type { Diagnostic, Position, Range } from "vscode-languageserver-protocol";
import type { Analysis } from "../../src/languageServer/analysis";
import type { Disk } from "../../src/languageServer/documents";
import { diagnosticsOf } from "../../src/languageServer/features/diagnostics";
import { toPlace, type Place } from "../../src/languageServer/positions";
import { readSettings, type Settings } from "../../src/languageServer/settings";
import { techniqueFor } from "../../src/languageServer/techniques";
import { Workspace } from "../../src/languageServer/workspace";

export const MAIN = "/project/main.asm";

export function memoryDisk(files: Readonly<Record<string, string>>): Disk {
  return {
    stamp: (path) => files[path],
    read: (path) => {
      const text = files[path];
      return text === undefined ? undefined : new TextEncoder().encode(text);
    },
  };
}

function failOnBug(error: unknown): never {
  throw error;
}

/** A workspace with files on disk; names without a folder lie in /project. */
export function workspaceWith(
  files: Readonly<Record<string, string>>,
  settings: object = {},
): Workspace {
  const full = Object.fromEntries(
    Object.entries(files).map(([name, text]) => [
      name.startsWith("/") ? name : `/project/${name}`,
      text,
    ]),
  );
  const workspace = new Workspace(memoryDisk(full), failOnBug);
  workspace.configure(readSettings(settings));
  for (const file of Object.keys(full)) workspace.graph.update(file);
  return workspace;
}

export interface Scene {
  readonly workspace: Workspace;
  readonly analysis: Analysis;
  readonly file: string;
  readonly text: string;
  /** Where `‸` stood. */
  readonly place: Place;
  readonly position: Position;
  /** The ranges that stood in `«…»`, in the order of their starts. */
  readonly ranges: readonly Range[];
}

interface Marked {
  readonly text: string;
  readonly cursor: Position | undefined;
  readonly ranges: readonly Range[];
}

/** Takes the marks out of a text. */
export function unmark(marked: string): Marked {
  let line = 0;
  let character = 0;
  let text = "";
  let cursor: Position | undefined;
  const open: Position[] = [];
  const ranges: Range[] = [];
  for (const symbol of marked) {
    if (symbol === "‸") cursor = { line, character };
    else if (symbol === "«") open.push({ line, character });
    else if (symbol === "»") ranges.push({ start: open.pop()!, end: { line, character } });
    else {
      text += symbol;
      character += symbol.length;
      if (symbol === "\n") {
        line += 1;
        character = 0;
      }
    }
  }
  ranges.sort((a, b) => a.start.line - b.start.line || a.start.character - b.start.character);
  return { text, cursor, ranges };
}

/** The main file with marks, and other files of the project beside it. */
export function scene(
  marked: string,
  files: Readonly<Record<string, string>> = {},
  settings: object = {},
): Scene {
  const { text, cursor, ranges } = unmark(marked);
  const workspace = workspaceWith({ ...files, [MAIN]: text }, settings);
  const analysis = workspace.analysisFor(MAIN);
  assert.ok(analysis);
  const position = cursor ?? { line: 0, character: 0 };
  return {
    workspace,
    analysis,
    file: MAIN,
    text,
    place: toPlace(MAIN, position),
    position,
    ranges,
  };
}

/** Diagnostics of the main file. */
export function diagnose(
  text: string,
  settings: object = {},
  files: Readonly<Record<string, string>> = {},
): readonly Diagnostic[] {
  return diagnosticsIn(scene(text, files, settings).workspace, MAIN);
}

export function diagnosticsIn(workspace: Workspace, file: string): readonly Diagnostic[] {
  const analysis = workspace.analysisFor(file);
  assert.ok(analysis);
  const settings: Settings = workspace.settings;
  const { technique } = techniqueFor(analysis, settings.vmm, workspace.launch);
  return diagnosticsOf(analysis, technique, settings).byFile.get(file) ?? [];
}

/** The protocol also knows messages in Markdown; ours are plain. */
export function messageOf(diagnostic: Diagnostic | undefined): string {
  return typeof diagnostic?.message === "string" ? diagnostic.message : "";
}

/** "line:column-endColumn code" of each, 1-based, for short expectations. */
export function brief(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ range: { start, end }, code }) => {
    const to =
      end.line === start.line ? `${end.character + 1}` : `${end.line + 1}:${end.character + 1}`;
    return `${start.line + 1}:${start.character + 1}-${to} ${String(code)}`;
  });
}
