/** MODE6: what IA-32e mode needs before CR0.PG. MODE13: SYSCALL without its MSRs. SDM Vol. 3A, "Initializing IA-32e Mode"; SDM Vol. 2B, "SYSCALL". */
import { CR4, EFER, MSR } from "../../engine/language";
import { isWholeProgram, systemWritesOf } from "../knowledge/systemWrites";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

function incomplete({ analysis }: RuleContext): Finding[] {
  const writes = systemWritesOf(analysis);
  if (writes.setsMsrBit(MSR.EFER, EFER.LME) !== "yes" || !isWholeProgram(analysis)) return [];
  const [paging] = writes.pagingSwitches;
  if (paging === undefined || writes.setsControlBit(4, CR4.PAE) !== "no") return [];
  const { statement } = paging;
  const finding: Finding = {
    code: "MODE6",
    severity: "warning",
    message:
      "Setting CR0.PG with EFER.LME = 1 raises #GP(0) unless CR4.PAE is 1, and nothing in this program sets PAE (CR4 bit 5).",
    range: statement.range,
  };
  return [withCall(finding, statement)];
}

export const longModeOrder: Rule = {
  id: "MODE6",
  title: "IA-32e mode without CR4.PAE",
  run: incomplete,
};

const NEEDED = {
  syscall: ["STAR", "LSTAR"],
  sysret: ["STAR"],
} as const;

function withoutSetup({ analysis }: RuleContext): Finding[] {
  const writes = systemWritesOf(analysis);
  // A program that leaves EFER alone runs on what something else has set up.
  if (writes.writesMsr(MSR.EFER) !== "yes" || !isWholeProgram(analysis)) return [];
  return (["syscall", "sysret"] as const).flatMap((mnemonic) => {
    const [first] = writes.indicesOf(mnemonic);
    if (first === undefined) return [];
    const statement = analysis.model.statements[first]!;
    const isOff = writes.setsMsrBit(MSR.EFER, EFER.SCE) === "no";
    const missing = NEEDED[mnemonic].filter((name) => writes.writesMsr(MSR[name]) === "no");
    if (!isOff && missing.length === 0) return [];
    const why = isOff
      ? "this program writes EFER and never sets SCE (bit 0): it raises #UD"
      : `nothing writes ${missing.map((name) => `IA32_${name}`).join(" and ")}, where it takes its selectors and its target from`;
    const finding: Finding = {
      code: "MODE13",
      severity: "warning",
      message: `${mnemonic.toUpperCase()} is not set up: ${why}.`,
      range: statement.range,
    };
    return [withCall(finding, statement)];
  });
}

export const syscallSetup: Rule = {
  id: "MODE13",
  title: "SYSCALL or SYSRET not set up",
  run: withoutSetup,
};
