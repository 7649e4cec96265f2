/** Comments that speak to this server: `; ringside: vmm=paravirtual`, `; ringside: allow(VMM1, MODE2)`, `; ringside: allow-file(VMM1)`. */
import type { SourceRange } from "../engine/language";
import type { Analysis } from "./analysis";
import { oncePerAnalysis } from "./oncePerAnalysis";

export type CommandComment =
  | { readonly kind: "vmm"; readonly value: string; readonly range: SourceRange }
  | {
      readonly kind: "allow";
      readonly codes: readonly string[];
      readonly wholeFile: boolean;
      /** Lines that it covers: its own, and the next statement's when nothing else stands on its line. */
      readonly lines: readonly number[];
      readonly range: SourceRange;
    };

const MARK = "ringside:";
/** Of the main file first, then of the included ones in the order of their use. */
export const commandComments = oncePerAnalysis((analysis): readonly CommandComment[] =>
  analysis.model.assembly.files.flatMap((file) => commandsOf(analysis, file)),
);

function commandsOf(analysis: Analysis, file: string): CommandComment[] {
  // Most files have none: then the tokens need not be made.
  if (analysis.model.textOf(file)?.toLowerCase().includes(MARK) !== true) return [];
  return analysis.tokensOf(file).flatMap((token) => {
    if (token.kind !== "comment") return [];
    const match = /^;+\s*ringside:\s*(.*)$/is.exec(token.text);
    if (match === null) return [];
    return commandsIn(match[1] ?? "", token.range, coveredLines(analysis, token.range));
  });
}

/** Whether a backslash joins a line to the next one. */
export function isContinued(analysis: Analysis, file: string, line: number): boolean {
  return analysis.lineText(file, line).endsWith("\\");
}

function coveredLines(analysis: Analysis, { file, line }: SourceRange): number[] {
  const isAlone = analysis.tokensOn(file, line).length === 1;
  if (!isAlone) return [line];
  const lines = [line, line + 1];
  while (isContinued(analysis, file, lines.at(-1)!)) lines.push(lines.at(-1)! + 1);
  return lines;
}

function commandsIn(text: string, range: SourceRange, lines: readonly number[]): CommandComment[] {
  const commands: CommandComment[] = [];
  for (const match of text.matchAll(/(vmm)\s*=\s*([\w-]+)|(allow(?:-file)?)\s*\(([^)]*)\)/gi)) {
    if (match[1] !== undefined) {
      commands.push({ kind: "vmm", value: (match[2] ?? "").toLowerCase(), range });
      continue;
    }
    commands.push({
      kind: "allow",
      codes: (match[4] ?? "").split(",").map((code) => code.trim().toLowerCase()),
      wholeFile: match[3]?.toLowerCase() === "allow-file",
      lines,
      range,
    });
  }
  return commands;
}

/** Whether the user has said that a finding is meant to be so. */
export function isAllowed(analysis: Analysis, code: string, range: SourceRange): boolean {
  const wanted = code.toLowerCase();
  return commandComments(analysis).some(
    (command) =>
      command.kind === "allow" &&
      command.range.file === range.file &&
      command.codes.includes(wanted) &&
      (command.wholeFile || command.lines.includes(range.line)),
  );
}
