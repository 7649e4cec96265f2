/** What hover says about a macro: first what it becomes here, then its definition. */
import type { MacroDefinition, MacroInvocation, NameOccurrence } from "../../engine/language";
import type { Analysis } from "../analysis";
import { sameRange } from "../positions";
import { escaped, fencedCode } from "./markdown";

/** Lines of an expansion or a body that a hover shows. */
const MOST_LINES = 24;

function clipped(text: string): string {
  const lines = text.replace(/\n+$/, "").split("\n");
  if (lines.length <= MOST_LINES) return lines.join("\n");
  return [...lines.slice(0, MOST_LINES), `; … ${lines.length - MOST_LINES} more lines`].join("\n");
}

function fenced(text: string): string {
  return fencedCode(clipped(text), "nasm");
}

/** "2", "1-3", "1-*", "1+". */
export function arityText({ minArguments, maxArguments, greedy }: MacroDefinition): string {
  const most = maxArguments === Infinity ? "*" : String(maxArguments);
  const plus = greedy ? "+" : "";
  if (greedy && maxArguments === Infinity) return `${minArguments}+`;
  return minArguments === maxArguments
    ? `${minArguments}${plus}`
    : `${minArguments}-${most}${plus}`;
}

/** Names in a comment above the macro that shows its use: `; DESCRIPTOR base, limit, access, flags`. */
function documentedNames({ name, documentation }: MacroDefinition, count: number): string[] {
  for (const line of documentation?.split("\n") ?? []) {
    const [word, rest] = /^\s*([\w.?@~#$]+)\s+(.+?)\s*$/.exec(line)?.slice(1) ?? [];
    const names = (rest ?? "")
      .split(/[:.]\s/)[0]!
      .split(",")
      .map((each) => each.trim());
    if (
      word === name &&
      names.length === count &&
      names.every((each) => /^"?[\w -]+"?$/.test(each))
    )
      return names;
  }
  return [];
}

/** As a call is to be written: with the names of the comment above where it has some, else `%1`, `%2=default`. */
export function macroParameters(macro: MacroDefinition): string[] {
  if (macro.parameters !== undefined) return [...macro.parameters];
  const count = macro.maxArguments === Infinity ? macro.minArguments : macro.maxArguments;
  const documented = documentedNames(macro, count);
  const named = Array.from({ length: count }, (_, i) => {
    const name = documented[i] ?? `%${i + 1}`;
    const fallback = i >= macro.minArguments ? macro.defaults[i - macro.minArguments] : undefined;
    return fallback === undefined ? name : `${name}=${fallback}`;
  });
  return macro.maxArguments === Infinity || macro.greedy ? [...named, "…"] : named;
}

export function macroHead(macro: MacroDefinition): string {
  if (macro.kind === "macro") return `${macro.directive} ${macro.name} ${arityText(macro)}`;
  const parameters = macro.parameters === undefined ? "" : `(${macro.parameters.join(", ")})`;
  return `${macro.directive} ${macro.name}${parameters}`;
}

export function macroDefinitionCard(macro: MacroDefinition): string {
  const text =
    macro.kind === "macro"
      ? `${macroHead(macro)}\n${macro.body}\n%endmacro`
      : `${macroHead(macro)} ${macro.body}`;
  return macro.documentation === undefined
    ? fenced(text)
    : `${escaped(macro.documentation)}\n\n${fenced(text)}`;
}

/** The definition that a name refers to: the one whose place it gives. */
export function definitionOf(
  analysis: Analysis,
  name: NameOccurrence,
): MacroDefinition | undefined {
  const { definition } = name;
  if (definition === undefined) return undefined;
  return analysis.model.macroDefinitions.find((each) => sameRange(each.nameRange, definition));
}

export function macroCard(
  analysis: Analysis,
  name: NameOccurrence,
  call: MacroInvocation | undefined,
): string | undefined {
  const parts: string[] = [];
  const definition = call?.definition ?? definitionOf(analysis, name);
  if (call !== undefined && name.role === "reference") {
    const expansion = call.expansion();
    if (expansion !== "") parts.push(`**Expands to**\n\n${fenced(expansion)}`);
  }
  if (definition !== undefined) parts.push(macroDefinitionCard(definition));
  return parts.length === 0 ? undefined : parts.join("\n\n");
}
