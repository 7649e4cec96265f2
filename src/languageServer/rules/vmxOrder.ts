/** VMM7: what a hypervisor must do before its first VM entry, and VMCS fields that do not exist or cannot be written. */
import { accessedField, decodeFieldEncoding, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { isWholeProgram } from "../knowledge/systemWrites";
import { fieldOperandConstant } from "../knowledge/vmcsOperands";
import { throughMacros } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

function firstOf(analysis: Analysis, ...mnemonics: string[]): Statement | undefined {
  return analysis.model.statements.find((each) => mnemonics.includes(each.form?.mnemonic ?? ""));
}

function writesCr4(statement: Statement): boolean {
  const target = statement.operands[0]?.value;
  return (
    statement.form?.mnemonic === "mov" &&
    target?.kind === "reg" &&
    target.register.class === "cr" &&
    target.register.number === 4
  );
}

function finding(statement: Statement, message: string): Finding[] {
  return [{ code: "VMM7", severity: "warning", message, range: statement.callRange }];
}

function order(analysis: Analysis): Finding[] {
  const vmxon = firstOf(analysis, "vmxon");
  // Without VMXON this is a part of a hypervisor, and the rest is elsewhere.
  if (vmxon === undefined || !isWholeProgram(analysis)) return [];
  const found: Finding[] = [];
  if (!analysis.model.statements.some(writesCr4))
    found.push(
      ...finding(
        vmxon,
        "VMXON raises #UD unless CR4.VMXE is 1, and nothing in this program writes CR4.",
      ),
    );
  const entry = firstOf(analysis, "vmlaunch", "vmresume");
  const access = firstOf(analysis, "vmwrite", "vmread");
  const current = firstOf(analysis, "vmptrld");
  const user = entry ?? access;
  if (current === undefined && user !== undefined)
    found.push(
      ...finding(
        user,
        `${upper(user)} needs a current VMCS, and nothing in this program runs VMPTRLD: it fails with CF = 1 (VMfailInvalid).`,
      ),
    );
  if (current !== undefined && entry !== undefined && firstOf(analysis, "vmclear") === undefined)
    found.push(
      ...finding(
        current,
        "Nothing in this program runs VMCLEAR: the launch state of this VMCS is undefined, and VMLAUNCH needs it to be clear.",
      ),
    );
  const resume = firstOf(analysis, "vmresume");
  if (resume !== undefined && firstOf(analysis, "vmlaunch") === undefined)
    found.push(
      ...finding(
        resume,
        "VMRESUME needs a launched VMCS, and nothing in this program runs VMLAUNCH: it fails with VM-instruction error 5.",
      ),
    );
  return found;
}

function upper(statement: Statement): string {
  return statement.form?.mnemonic.toUpperCase() ?? "";
}

function fieldFinding(analysis: Analysis, statement: Statement): Finding | undefined {
  const known = fieldOperandConstant(analysis, statement);
  if (known === undefined) return undefined;
  const { value, range } = known;
  const number = Number(BigInt.asUintN(32, value));
  const digits = `0x${number.toString(16)}`;
  const accessed = accessedField(number);
  const base = { code: "VMM7", severity: "warning", range } as const;
  if (decodeFieldEncoding(number) === undefined)
    return {
      ...base,
      message: `${digits} is no VMCS field encoding: reserved bits are set. It fails with VM-instruction error 12.`,
    };
  if (accessed === undefined)
    return {
      ...base,
      severity: "information",
      message: `This processor has no VMCS field ${digits}: it fails with VM-instruction error 12.`,
    };
  if (statement.form?.mnemonic === "vmwrite" && accessed.field.readOnly)
    return {
      ...base,
      message: `${accessed.field.name} holds VM-exit information and is read-only: VMWRITE fails with VM-instruction error 13.`,
    };
  return undefined;
}

function run({ analysis }: RuleContext): readonly Finding[] {
  return [
    ...order(analysis),
    ...throughMacros(analysis, (statement) => fieldFinding(analysis, statement)),
  ];
}

export const vmxOrder: Rule = { id: "VMM7", title: "Order of VMX instructions, VMCS fields", run };
