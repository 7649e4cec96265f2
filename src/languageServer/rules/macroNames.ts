/** ASM8: macros that take the name of an instruction, a register or a directive. */
import { keywordOf, type MacroDefinition } from "../../engine/language";
import { once } from "./once";
import type { Finding, Rule } from "./rule";

const KINDS: Readonly<Record<string, string>> = {
  register: "a register",
  instruction: "an instruction",
  data: "a data directive",
  reserve: "a data directive",
  prefix: "a prefix",
  size: "a size",
  special: "a word of NASM",
};

function isPassedOn({ body, name }: MacroDefinition): boolean {
  return new RegExp(`\\b${name.replace(/\W/g, "\\$&")}\\b`, "i").test(body);
}

function shadowed(definition: MacroDefinition): Finding[] {
  const { name, nameRange, kind } = definition;
  const keyword = keywordOf(name.toLowerCase());
  const what = KINDS[keyword?.kind ?? ""];
  // A macro around an instruction (`%macro push 1-*`) means it.
  if (keyword === undefined || what === undefined || isPassedOn(definition)) return [];
  if (keyword.kind === "instruction" && (!keyword.supported || kind === "macro")) return [];
  return [
    {
      code: "ASM8",
      severity: "information",
      message: `${name} is ${what}: from here on it means \`${definition.body.trim().split("\n")[0] ?? ""}\`.`,
      range: nameRange,
    },
  ];
}

export const shadowingMacro: Rule = {
  id: "ASM8",
  title: "Macro with the name of an instruction or register",
  run: ({ analysis }) => once(analysis.model.macroDefinitions.flatMap(shadowed)),
};
