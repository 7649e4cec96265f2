/**
 * VMM1 and VMM2: what becomes of sensitive and privileged instructions under the technique in force. VMM9: techniques that cannot run the
 * program.
 */
import {
  exitReasonByKey,
  sensitivityFact,
  type InstructionForm,
  type SensitivitySeverity,
  type Statement,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { TECHNIQUE_TEXT } from "../knowledge/sensitivityCard";
import { sensitivePage } from "../knowledge/sensitivityPages";
import type { Technique } from "../techniques";
import { throughMacros } from "./expansions";
import { hasBothWays, paravirtualFix } from "./paravirtualFix";
import type { Finding, Rule, RuleContext } from "./rule";

type Deprivileging = Exclude<Technique, "none" | "hardware-assisted">;

const SEVERITY: Readonly<Record<SensitivitySeverity, Finding["severity"] | undefined>> = {
  error: "error",
  warning: "warning",
  info: "information",
  ok: undefined,
};

function deprivileges(technique: Technique): technique is Deprivileging {
  return technique !== "none" && technique !== "hardware-assisted";
}

/**
 * Real-mode code is not judged: in virtual-8086 mode with IOPL < 3 the flag instructions trap, and a segment load names no descriptor.
 * 64-bit code is judged as a whole by VMM9.
 */
function isJudged(statement: Statement): boolean {
  return statement.bits === 32;
}

function sensitiveFinding(
  analysis: Analysis,
  statement: Statement,
  technique: Deprivileging,
): Finding | undefined {
  const { form, mnemonic } = statement;
  if (form === undefined || mnemonic === undefined || !isJudged(statement)) return undefined;
  if (form.sensitivity === "privileged" || form.sensitivity === "iopl-sensitive") return undefined;
  const fact = sensitivityFact(form)?.techniques[technique];
  const severity = fact === undefined ? undefined : SEVERITY[fact.severity];
  if (fact === undefined || severity === undefined) return undefined;
  const isParavirtual = technique === "paravirtual";
  if (isParavirtual && hasBothWays(analysis, statement)) return undefined;
  const fix = isParavirtual ? paravirtualFix(analysis, statement) : undefined;
  return {
    code: "VMM1",
    severity,
    message: `${mnemonic.text.toUpperCase()} under ${TECHNIQUE_TEXT[technique]}: ${fact.text}`,
    range: mnemonic.range,
    page: sensitivePage(form),
    ...(fix === undefined ? {} : { fixes: [fix] }),
  };
}

export const sensitiveInstruction: Rule = {
  id: "VMM1",
  title: "Sensitive instruction under the technique in force",
  run: ({ analysis, technique }) =>
    deprivileges(technique)
      ? throughMacros(analysis, (statement) => sensitiveFinding(analysis, statement, technique))
      : [],
};

/** What an instruction costs: a trap, a callout, a hypercall, or a VM exit with its reason. */
export function costText(
  form: InstructionForm,
  technique: Exclude<Technique, "none">,
): string | undefined {
  const fact = sensitivityFact(form)?.techniques[technique];
  if (technique !== "hardware-assisted") return fact?.text;
  if (form.vmExit === undefined) return fact?.text;
  const reason = exitReasonByKey(form.vmExit.reason);
  const title = reason === undefined ? form.vmExit.reason : `${reason.key} (${reason.number})`;
  const { when } = form.vmExit;
  return when === "always" ? `VM exit ${title}, always` : `VM exit ${title} when: ${when}`;
}

function privilegedFinding(
  statement: Statement,
  technique: Exclude<Technique, "none">,
): Finding | undefined {
  const { form, mnemonic } = statement;
  if (form === undefined || mnemonic === undefined) return undefined;
  if (deprivileges(technique) && !isJudged(statement)) return undefined;
  const traps = form.sensitivity === "privileged" || form.sensitivity === "iopl-sensitive";
  const exits = technique === "hardware-assisted" && form.vmExit !== undefined;
  if (!traps && !exits) return undefined;
  const cost = costText(form, technique);
  if (cost === undefined) return undefined;
  return {
    code: "VMM2",
    severity: "hint",
    message: `${mnemonic.text.toUpperCase()} under ${TECHNIQUE_TEXT[technique]}: ${cost}`,
    range: mnemonic.range,
    page: sensitivePage(form),
  };
}

export const privilegedInstruction: Rule = {
  id: "VMM2",
  title: "What a privileged instruction costs",
  run: ({ analysis, technique, showPrivileged }) =>
    // Of a paravirtual kernel VMM5 says more.
    showPrivileged && technique !== "none" && technique !== "paravirtual"
      ? throughMacros(analysis, (statement) => privilegedFinding(statement, technique))
      : [],
};

function wideCode({ analysis, technique }: RuleContext): readonly Finding[] {
  if (!deprivileges(technique)) return [];
  const first = analysis.model.statements.find(
    (each) => each.bits === 64 && each.form !== undefined && each.mnemonic !== undefined,
  );
  if (first?.mnemonic === undefined) return [];
  const message = `64-bit code does not run under ${TECHNIQUE_TEXT[technique]}: in 64-bit mode segment limits no longer protect the VMM from the guest. Use hardware-assisted virtualization or none.`;
  return [{ code: "VMM9", severity: "error", message, range: first.callRange }];
}

export const wideCodeUnderTechnique: Rule = {
  id: "VMM9",
  title: "64-bit code under a technique that cannot run it",
  run: wideCode,
};
