/** Quick fixes: the word that was meant, the size that is missing, and a comment that allows a finding. */
import {
  CodeActionKind,
  type CodeAction,
  type Diagnostic,
  type TextEdit,
} from "vscode-languageserver-protocol";
import type { Analysis } from "../analysis";
import { isContinued } from "../commandComments";
import { RULES } from "../rules/allRules";
import { toRange } from "../positions";
import { canTest, removesError } from "./refactorings";
import { DIAGNOSTIC_SOURCE, type DiagnosticData, type DiagnosticFix } from "./diagnostics";

const RULE_IDS: ReadonlySet<string> = new Set(RULES.map((rule) => rule.id));

function replacementOf(diagnostic: Diagnostic): string | undefined {
  const data = diagnostic.data as DiagnosticData | null | undefined;
  return typeof data?.replacement === "string" ? data.replacement : undefined;
}

/** Fixes that a rule worked out when it found the mistake. */
function ruleFixes(diagnostic: Diagnostic): CodeAction[] {
  const { fixes = [] } = (diagnostic.data ?? {}) as DiagnosticData;
  return fixes.map((each, index) => ({
    title: each.title,
    kind: CodeActionKind.QuickFix,
    diagnostics: [diagnostic],
    isPreferred: index === 0,
    edit: { changes: changesOf(each) },
  }));
}

function changesOf({ edits }: DiagnosticFix): Record<string, TextEdit[]> {
  const changes: Record<string, TextEdit[]> = {};
  for (const { uri, range, newText } of edits) (changes[uri] ??= []).push({ range, newText });
  return changes;
}

function fix(
  uri: string,
  diagnostic: Diagnostic,
  title: string,
  edits: TextEdit[],
  isPreferred: boolean,
): CodeAction {
  return {
    title,
    kind: CodeActionKind.QuickFix,
    diagnostics: [diagnostic],
    isPreferred,
    edit: { changes: { [uri]: edits } },
  };
}

/** The first line of the lines that backslashes join to one, 1-based. */
function firstJoinedLine(analysis: Analysis, file: string, line: number): number {
  let first = line;
  while (first > 1 && isContinued(analysis, file, first - 1)) first -= 1;
  return first;
}

/** A comment behind the line, or above it where one behind would not be read. */
function allowEdit(
  analysis: Analysis,
  file: string,
  diagnostic: Diagnostic,
  code: string,
): TextEdit {
  const line = diagnostic.range.start.line + 1;
  const first = firstJoinedLine(analysis, file, line);
  const text = analysis.lineText(file, first);
  const isJoined = first !== line || isContinued(analysis, file, line);
  // A second comment inside one is not read.
  const hasComment = analysis.tokensOn(file, line).some((token) => token.kind === "comment");
  const comment = `; ringside: allow(${code})`;
  if (!hasComment && !isJoined) {
    const start = { line: line - 1, character: text.trimEnd().length };
    return {
      range: { start, end: { ...start, character: text.length } },
      newText: ` ${comment}`,
    };
  }
  const indent = /^\s*/.exec(text)?.[0] ?? "";
  const start = { line: first - 1, character: 0 };
  return { range: { start, end: start }, newText: `${indent}${comment}\n` };
}

const SIZE_WORDS = ["byte", "word", "dword", "qword"] as const;

/** "operation size not specified": the sizes with which the line assembles, in front of the memory operand. */
function sizeFixes(
  analysis: Analysis,
  file: string,
  uri: string,
  diagnostic: Diagnostic,
): CodeAction[] {
  if (diagnostic.message !== "operation size not specified") return [];
  const failed = analysis
    .statementsOn(file, diagnostic.range.start.line + 1)
    .find((each) => each.failed && each.macroTrail.length === 0);
  const memory = failed?.operands.find(({ text }) => text.startsWith("["));
  if (memory === undefined || !canTest(analysis, SIZE_WORDS.length)) return [];
  const { start } = toRange(memory.range);
  return SIZE_WORDS.flatMap((word) => {
    const edits = [{ range: { start, end: start }, newText: `${word} ` }];
    return removesError(analysis, file, edits)
      ? [fix(uri, diagnostic, `Write ${word}`, edits, false)]
      : [];
  });
}

export function codeActions(
  analysis: Analysis,
  file: string,
  uri: string,
  diagnostics: readonly Diagnostic[],
): CodeAction[] {
  return diagnostics.flatMap((diagnostic) => {
    if (diagnostic.source !== DIAGNOSTIC_SOURCE) return [];
    const actions: CodeAction[] = [];
    const replacement = replacementOf(diagnostic);
    if (replacement !== undefined)
      actions.push(
        fix(
          uri,
          diagnostic,
          `Write ${replacement}`,
          [{ range: diagnostic.range, newText: replacement }],
          true,
        ),
      );
    actions.push(...ruleFixes(diagnostic));
    actions.push(...sizeFixes(analysis, file, uri, diagnostic));
    const code = String(diagnostic.code);
    if (RULE_IDS.has(code))
      actions.push(
        fix(
          uri,
          diagnostic,
          `Allow ${code} on this line`,
          [allowEdit(analysis, file, diagnostic, code)],
          false,
        ),
      );
    return actions;
  });
}
