/** What hover says about a sensitive or privileged instruction. */
import {
  exitReasonByKey,
  sensitivityFact,
  TECHNIQUES,
  type InstructionForm,
  type Sensitivity,
  type SensitivitySeverity,
} from "../../engine/language";
import type { Technique } from "../techniques";

export const TECHNIQUE_TEXT: Readonly<Record<Technique, string>> = {
  none: "no hypervisor",
  "trap-and-emulate": "trap-and-emulate",
  "binary-translation": "binary translation",
  paravirtual: "paravirtualization",
  "hardware-assisted": "hardware-assisted virtualization",
};

export const CLASS_TEXT: Readonly<Record<Sensitivity, string>> = {
  innocuous: "innocuous",
  privileged: "privileged: faults at every CPL above 0",
  "iopl-sensitive": "faults when CPL > IOPL",
  "sensitive-unprivileged": "sensitive, but not privileged: no trap tells the VMM",
  conditional: "sensitive; traps only where a control bit asks for it",
  transfer: "transfers control to entry points that the VMM owns",
  "vm-instruction": "virtualization instruction",
};

const MARK: Readonly<Record<SensitivitySeverity, string>> = {
  error: "✗",
  warning: "!",
  info: "i",
  ok: "✓",
};

/** "VM exit CPUID (10), always". */
export function exitText(form: InstructionForm): string | undefined {
  if (form.vmExit === undefined) return undefined;
  const reason = exitReasonByKey(form.vmExit.reason);
  const title = reason === undefined ? form.vmExit.reason : `${reason.key} (${reason.number})`;
  return form.vmExit.when === "always"
    ? `VM exit: ${title}, always`
    : `VM exit: ${title}, when: ${form.vmExit.when}`;
}

/** Markdown; undefined for an innocuous row. The line of the technique in force is bold. */
export function sensitivityCard(form: InstructionForm, technique: Technique): string | undefined {
  const fact = sensitivityFact(form);
  if (form.sensitivity === "innocuous" || fact === undefined) return undefined;
  const lines = [
    `**Sensitivity:** ${CLASS_TEXT[form.sensitivity]}  `,
    `At CPL > 0: ${fact.deprivileged}`,
  ];
  if (fact.onPentiumList) lines.push("\nOn Robin and Irvine's list for the Pentium (2000).");
  if (fact.trappableBy !== undefined) lines.push(`\nCan be made to trap by ${fact.trappableBy}.`);
  lines.push("");
  for (const name of TECHNIQUES) {
    const { severity, text } = fact.techniques[name];
    const row = `${MARK[severity]} ${TECHNIQUE_TEXT[name]}: ${text}`;
    lines.push(name === technique ? `- **${row}**` : `- ${row}`);
  }
  if (fact.svm !== undefined) lines.push("", `SVM: ${fact.svm}`);
  return lines.join("\n");
}
