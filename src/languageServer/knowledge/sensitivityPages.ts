/** docs/sensitive: a page for each family of sensitive and privileged instructions, made from the instruction table and the sensitivity facts. */
import {
  INSTRUCTIONS,
  operationText,
  sensitivityFact,
  TECHNIQUES,
  type InstructionForm,
  type SensitivityFact,
  type TechniqueName,
} from "../../engine/language";
import { paravirtualDefinition } from "./paravirtualMacros";
import { CLASS_TEXT, exitText, TECHNIQUE_TEXT } from "./sensitivityCard";

/** What a family is called by; several mnemonics may share facts, and MOV has several families. */
function nameOf(form: InstructionForm): string {
  return form.semantics ?? form.mnemonic;
}

/** The page of a sensitive instruction, below docs/ and without its ending. */
export function sensitivePage(form: InstructionForm): string {
  return `sensitive/${nameOf(form)}`;
}

const SEVERITY_TEXT = {
  error: "does not work",
  warning: "take care",
  info: "to know",
  ok: "works",
} as const;

/** Forms whose mnemonic alone does not say which instruction is meant. */
const QUALIFIERS: Readonly<Record<string, string>> = {
  mov_to_cr: "to a control register",
  mov_from_cr: "from a control register",
  mov_to_dr: "to a debug register",
  mov_from_dr: "from a debug register",
  mov_to_sreg: "to a segment register",
  mov_from_sreg: "from a segment register",
  push_sreg: "of a segment register",
  pop_sreg: "of a segment register",
  call_far: "far",
  jmp_far: "far",
};

function title(name: string, forms: readonly InstructionForm[]): string {
  const words = new Set(forms.flatMap(({ mnemonic, aliases }) => [mnemonic, ...aliases]));
  const mnemonics = [...words].map((word) => word.toUpperCase()).join(", ");
  const qualifier = QUALIFIERS[name];
  return qualifier === undefined ? mnemonics : `${mnemonics} ${qualifier}`;
}

function statements(fact: SensitivityFact): string[] {
  return [
    `- At CPL > 0: ${fact.deprivileged}`,
    ...(fact.silentFailure === undefined ? [] : [`- Without a trap: ${fact.silentFailure}`]),
    ...(fact.trappableBy === undefined ? [] : [`- Can be made to trap by: ${fact.trappableBy}`]),
    ...(fact.onPentiumList
      ? ["- On Robin and Irvine's list of the Pentium's sensitive instructions (2000)"]
      : []),
    ...(fact.svm === undefined ? [] : [`- SVM: ${fact.svm}`]),
  ];
}

/** Techniques that a page in docs/techniques explains. */
const EXPLAINED: readonly TechniqueName[] = ["trap-and-emulate", "hardware-assisted"];

function techniqueLink(technique: TechniqueName): string {
  const text = TECHNIQUE_TEXT[technique];
  return EXPLAINED.includes(technique) ? `[${text}](../techniques/${technique}.md)` : text;
}

function techniqueTable(fact: SensitivityFact): string[] {
  return [
    "| Technique | | What happens |",
    "| --- | --- | --- |",
    ...TECHNIQUES.map((technique) => {
      const { severity, text } = fact.techniques[technique];
      return `| ${techniqueLink(technique)} | ${SEVERITY_TEXT[severity]} | ${text} |`;
    }),
  ];
}

function pageText(name: string, forms: readonly InstructionForm[], fact: SensitivityFact): string {
  const [form] = forms;
  if (form === undefined) return "";
  const operations = [...new Set(forms.map(({ mnemonic }) => operationText(mnemonic)))];
  const exits = [...new Set(forms.map(exitText))].flatMap((text) => text ?? []);
  const macro = forms.map(paravirtualDefinition).find((text) => text !== undefined);
  const lines = [
    `# ${title(name, forms)}`,
    "",
    ...operations.flatMap((text) => (text === undefined ? [] : [`\`${text}\``, ""])),
    `Class: ${CLASS_TEXT[form.sensitivity]}.`,
    "",
    ...statements(fact),
    ...exits.map((text) => `- VMX: ${text}`),
    "",
    ...techniqueTable(fact),
    "",
    ...(macro === undefined ? [] : macroPart(macro)),
    "Rules: [VMM1](../rules/VMM1.md), [VMM2](../rules/VMM2.md), [VMM5](../rules/VMM5.md). This page is made from the instruction table by `npm run sensitive-pages`.",
  ];
  return `${lines.join("\n")}\n`;
}

function macroPart(macro: string): string[] {
  const intro =
    "In a paravirtual kernel a quick fix puts this macro in its place. The number of the hypercall is your VMM's.";
  return [intro, "", "```nasm", macro.trimEnd(), "```", ""];
}

/** All pages by their file name. */
export function sensitivityPages(): ReadonlyMap<string, string> {
  const families = new Map<string, InstructionForm[]>();
  for (const form of INSTRUCTIONS) {
    if (form.sensitivity === "innocuous") continue;
    const name = nameOf(form);
    families.set(name, [...(families.get(name) ?? []), form]);
  }
  const pages = new Map<string, string>();
  const rows: string[] = [];
  for (const [name, forms] of [...families].sort(([a], [b]) => a.localeCompare(b, "en"))) {
    const fact = sensitivityFact(forms[0]!);
    if (fact === undefined) continue;
    pages.set(`${name}.md`, pageText(name, forms, fact));
    rows.push(`- [${title(name, forms)}](${name}.md): ${CLASS_TEXT[forms[0]!.sensitivity]}`);
  }
  const head = [
    "# Sensitive and privileged instructions",
    "",
    "What each does when a kernel runs deprivileged, and under each technique.",
    "",
  ];
  pages.set("README.md", `${[...head, ...rows].join("\n")}\n`);
  return pages;
}
