/**
 * VMM5: instructions that a paravirtual kernel leaves to hypercalls, with the macro that does both. VMM6: a hypercall whose number is what the
 * last one answered.
 */
import { sensitivityFact, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { sensitivePage } from "../knowledge/sensitivityPages";
import { throughMacros, withCall } from "./expansions";
import { hasBothWays, paravirtualFix } from "./paravirtualFix";
import type { Finding, Rule, RuleContext } from "./rule";

function rawInstruction(analysis: Analysis, statement: Statement): Finding | undefined {
  const { form, mnemonic, bits } = statement;
  if (form === undefined || mnemonic === undefined || bits !== 32) return undefined;
  if (form.sensitivity !== "privileged" && form.sensitivity !== "iopl-sensitive") return undefined;
  const fact = sensitivityFact(form)?.techniques.paravirtual;
  if (fact?.severity !== "warning" || hasBothWays(analysis, statement)) return undefined;
  const fix = paravirtualFix(analysis, statement);
  return {
    code: "VMM5",
    severity: "warning",
    message: `${mnemonic.text.toUpperCase()} faults at ring 1, and a paravirtual VMM does not promise to emulate it: ${fact.text}`,
    range: mnemonic.range,
    page: sensitivePage(form),
    ...(fix === undefined ? {} : { fixes: [fix] }),
  };
}

export const rawPrivileged: Rule = {
  id: "VMM5",
  title: "Privileged instruction in a paravirtual kernel",
  run: ({ analysis, technique }) =>
    technique === "paravirtual"
      ? throughMacros(analysis, (statement) => rawInstruction(analysis, statement))
      : [],
};

const A = 0;
const FARTHEST = 24;
const RESULTS = /^(vmcall|vmmcall|cpuid|rdmsr|rdtsc|in|rdpmc)$/;

function namesAccumulator(statement: Statement): boolean {
  return statement.operands.some(({ value }) => {
    if (value?.kind !== "reg" || value.register.class !== "gpr") return false;
    return value.register.number === A;
  });
}

/** The instruction whose result is still in EAX when the hypercall begins; undefined when anything else may have loaded it. */
function staleResult(statements: readonly Statement[], at: number): Statement | undefined {
  if (statements[at]?.label !== undefined) return undefined;
  for (let i = at - 1; i >= 0 && i >= at - FARTHEST; i--) {
    const before = statements[i]!;
    const { form } = before;
    if (form === undefined) return undefined;
    if (RESULTS.test(form.mnemonic)) return before;
    if (before.label !== undefined || namesAccumulator(before)) return undefined;
    // Anything that writes EAX without naming it, or leaves the straight line.
    if (!/^(mov|lea|push|add|sub|xor|or|and|inc|dec|nop|movzx|shl|shr|pause)$/.test(form.mnemonic))
      return undefined;
  }
  return undefined;
}

function callNumbers({ analysis }: RuleContext): Finding[] {
  const { statements } = analysis.model;
  return statements.flatMap((statement, at) => {
    if (!/^(vmcall|vmmcall)$/.test(statement.form?.mnemonic ?? "")) return [];
    const stale = staleResult(statements, at);
    if (stale === undefined) return [];
    const register = statement.bits === 64 ? "RAX" : "EAX";
    const finding: Finding = {
      code: "VMM6",
      severity: "warning",
      message: `${register} selects the hypercall, and here it still holds what ${stale.form?.mnemonic.toUpperCase() ?? ""} left in it: load the number before each ${statement.form?.mnemonic.toUpperCase() ?? ""}.`,
      range: statement.range,
      related: [{ message: `${register} was last written here`, range: stale.range }],
    };
    return [withCall(finding, statement)];
  });
}

export const hypercallNumber: Rule = {
  id: "VMM6",
  title: "Hypercall number not loaded",
  run: callNumbers,
};
