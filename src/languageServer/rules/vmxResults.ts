/**
 * VMM10: CF and ZF say whether a VMX instruction failed; the next instruction that writes flags loses the answer. SDM Vol. 3C, "Conventions"
 * of VMX instructions.
 */
import type { InstructionForm } from "../../engine/language";
import type { Analysis } from "../analysis";
import { systemWritesOf } from "../knowledge/systemWrites";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

/** VMREAD and VMWRITE fail only for a wrong field or without a current VMCS; VMLAUNCH and VMRESUME go on only when they fail. */
const CHECKED = ["vmxon", "vmclear", "vmptrld", "invept", "invvpid"];
const FARTHEST = 12;

function readsResult({ flags, condition }: InstructionForm): boolean {
  return condition !== undefined || /[CZ]/.test(flags.read);
}

function losesResult({ flags }: InstructionForm): boolean {
  const changed = flags.written + flags.undefined + flags.cleared + flags.set;
  return changed.includes("C") && changed.includes("Z");
}

/** The instruction by which the result is lost; undefined where it may be looked at. */
function loser(analysis: Analysis, at: number): number | undefined {
  const { statements } = analysis.model;
  for (let i = at + 1; i <= at + FARTHEST && i < statements.length; i++) {
    const { form, kind, label } = statements[i]!;
    if (label !== undefined) return undefined;
    if (kind === "directive" || kind === "equ") continue;
    if (form === undefined || readsResult(form)) return undefined;
    // A callee or the caller may look at the flags.
    if (/^(call|ret|jmp|loop|j.?cxz|push[fa]|lahf|int|iret|hlt)/.test(form.mnemonic))
      return undefined;
    if (losesResult(form)) return i;
  }
  return undefined;
}

function unchecked({ analysis }: RuleContext): Finding[] {
  const { statements } = analysis.model;
  return systemWritesOf(analysis)
    .indicesOf(...CHECKED)
    .flatMap((at) => {
      const by = loser(analysis, at);
      if (by === undefined) return [];
      const statement = statements[at]!;
      const name = statement.form?.mnemonic.toUpperCase() ?? "";
      const finding: Finding = {
        code: "VMM10",
        severity: "warning",
        message: `Nothing looks at the result of ${name}: CF = 1 (no current VMCS) or ZF = 1 (error number in the VMCS) mean that it failed. Put \`jbe failed\` behind it.`,
        range: statement.range,
        related: [{ message: "the flags are overwritten here", range: statements[by]!.range }],
      };
      return [withCall(finding, statement)];
    });
}

export const vmxResult: Rule = {
  id: "VMM10",
  title: "Result of a VMX instruction not looked at",
  run: unchecked,
};
