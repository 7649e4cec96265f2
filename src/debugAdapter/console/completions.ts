/** Completions in the debug console and in condition boxes. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { EVENT_VARIABLE_NAMES } from "../expressions/eventVariables";
import { MEMORY_SIZES } from "../expressions/parser";
import { FLAG_NAMES, REGISTER_NAMES } from "../expressions/registers";
import type { Target } from "../session/target";
import { COMMANDS } from "./commands";

const MAX_ITEMS = 200;

/** `before` is the line up to the cursor. */
export function completionsFor(target: Target, before: string): DebugProtocol.CompletionItem[] {
  const word = /[\w.$@?]*$/.exec(before)?.[0] ?? "";
  const items = candidates(target, before.slice(0, before.length - word.length));
  const lower = word.toLowerCase();
  return items
    .filter(({ label }) => label.toLowerCase().startsWith(lower))
    .slice(0, MAX_ITEMS)
    .map((item) => ({ ...item, start: before.length - word.length, length: word.length }));
}

function candidates(target: Target, before: string): DebugProtocol.CompletionItem[] {
  const items: DebugProtocol.CompletionItem[] = [];
  const first = before.trim() === "";
  if (first) items.push(...COMMANDS.map(({ name, usage }) => ({ label: name, type: "keyword" as const, detail: usage }))); // prettier-ignore
  const command = COMMANDS.find(({ name }) => new RegExp(`^\\s*${name}\\b`).test(before));
  const own = command?.complete?.(target);
  if (own) return own.map((label) => ({ label, type: "field" }));
  items.push(...labels(target));
  for (const name of [...REGISTER_NAMES.keys(), ...FLAG_NAMES.keys()]) items.push({ label: name, type: "variable" }); // prettier-ignore
  for (const name of ["gva:", "gpa:", "hpa:", ...Object.keys(MEMORY_SIZES)]) items.push({ label: name, type: "keyword" }); // prettier-ignore
  if (!first)
    for (const name of EVENT_VARIABLE_NAMES) items.push({ label: name, type: "property" });
  return items;
}

function labels({ program }: Target): DebugProtocol.CompletionItem[] {
  return program.symbols.map(({ name, kind }) => ({
    label: name,
    type: kind === "label" ? "function" : "value",
  }));
}
