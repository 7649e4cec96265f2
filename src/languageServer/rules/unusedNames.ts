/** ASM4: names that nothing refers to. */
import type { MacroDefinition, NameOccurrence } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf, goesOn } from "../knowledge/controlFlow";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

/** Names that a linker, a loader or a reader looks for. */
const ENTRY = /^(_?_?start|_?main|_?boot|begin|entry|_?kmain|.*_end|.*_start|end|.*end|.*start)$/i;

const WORDS: Readonly<Record<string, string>> = {
  label: "label",
  "local-label": "label",
  equ: "constant",
  define: "define",
  macro: "macro",
};

function isConstant({ kind }: NameOccurrence): boolean {
  return kind === "equ" || kind === "define";
}

/** Constants one below the other are a table: it is complete, also where not every row is used. */
function isInTable(analysis: Analysis, name: NameOccurrence): boolean {
  const { file, line } = name.range;
  return [line - 2, line - 1, line + 1, line + 2].some((near) =>
    /\bequ\b|^\s*%(x|i|xi)?(define|assign)\b/i.test(analysis.lineText(file, near)),
  );
}

/** The parameter block of a file system, and headers that loaders read: named for the reader. */
function isInHeader(analysis: Analysis, name: NameOccurrence): boolean {
  const { origin, image } = analysis.model.assembly;
  const isJumpedOver = image[0] === 0xeb || image[0] === 0xe9;
  const address = Number(analysis.symbol(name.name)?.value ?? -1n);
  return isJumpedOver && address >= origin && address < origin + 0x60;
}

/** A name whose value is only known after a body is expanded may be put together anywhere. */
function mayBePasted(definitions: readonly MacroDefinition[]): boolean {
  return definitions.some(({ body }) => /%\d\s*%?\+|%\+|%\{?\d+\}?[\w.]|[\w.]%\{?\d/.test(body));
}

/** Data that is named for the reader (fields of a header, entries of a table) has its use; text that nobody prints has none. */
function isNamedForReader(analysis: Analysis, name: NameOccurrence): boolean {
  const flow = controlFlowOf(analysis);
  const { line, file, column } = name.range;
  const statement = analysis.statementAt({ file, line, column });
  if (statement === undefined) return true;
  const start = analysis.indexOf(statement);
  let at: number | undefined = start;
  while (at !== undefined && analysis.model.statements[at]!.length === 0) at = flow.next(at);
  const named = analysis.model.statements[at ?? -1];
  if (named?.kind === "data")
    return (
      statement !== named ||
      !/^["'`]/.test(named.operands[0]?.text ?? "") ||
      isInHeader(analysis, name)
    );
  if (named?.form === undefined) return true;
  // A label in the middle of a way says what comes next.
  const before = flow.previous(start);
  const isPassed = before !== undefined && goesOn(flow.transfers[before]!.kind);
  return isPassed && name.kind === "label";
}

function isUnused(analysis: Analysis, name: NameOccurrence): boolean {
  const all = analysis.occurrences(name.id);
  if (all.length !== 1 || name.pasted || ENTRY.test(name.spelled)) return false;
  // A name in an included file is there for every program that includes it.
  if (name.range.file !== analysis.root) return false;
  if (analysis.symbol(name.name)?.global === true) return false;
  if (isConstant(name)) return !isInTable(analysis, name);
  return name.kind === "macro" || !isNamedForReader(analysis, name);
}

function unused(analysis: Analysis): Finding[] {
  const { names, macroDefinitions, statements, assembly } = analysis.model;
  // A file without code of its own is there to be included, and perhaps one without an origin: its functions are for others.
  if (!statements.some(({ form }) => form !== undefined)) return [];
  const isProgram = assembly.originGiven;
  const pasted = mayBePasted(macroDefinitions);
  return names.flatMap((name) => {
    const word = WORDS[name.kind];
    if (name.role !== "definition" || word === undefined || !isUnused(analysis, name)) return [];
    if (pasted && word !== "macro") return [];
    if (!isProgram && name.kind !== "local-label") return [];
    return [
      {
        code: "ASM4",
        severity: "hint" as const,
        message: `Nothing refers to the ${word} ${name.spelled}.`,
        range: name.range,
        unnecessary: true,
      },
    ];
  });
}

export const unusedNames = addressRule("ASM4", "Name that nothing refers to", unused);
