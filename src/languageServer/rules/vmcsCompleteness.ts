/** VMM15: fields that every VM entry needs and that nothing writes. VMM16: a VM-exit handler after which the same instruction exits for ever. */
import type { VmcsFieldName } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { immediateOf } from "../knowledge/registerFlow";
import { isWholeProgram, systemWritesOf } from "../knowledge/systemWrites";
import { valueWritten, vmcsAccessesOf, writesOfField } from "../knowledge/vmcsAccesses";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

/**
 * VMCLEAR leaves fields undefined, and no entry succeeds by luck with these. SDM Vol. 3C, "Checks on Host Control Registers, MSRs, and SSP",
 * "Checks on Guest State".
 */
const NEEDED: readonly VmcsFieldName[] = [
  "PIN_BASED_CONTROLS", "PRIMARY_PROCESSOR_BASED_CONTROLS", "VM_EXIT_CONTROLS", "VM_ENTRY_CONTROLS", "VMCS_LINK_POINTER",
  "HOST_CR0", "HOST_CR3", "HOST_CR4", "HOST_RIP", "HOST_RSP", "HOST_CS_SELECTOR", "HOST_TR_SELECTOR",
  "GUEST_CR0", "GUEST_CR3", "GUEST_CR4", "GUEST_RIP", "GUEST_RFLAGS", "GUEST_CS_ACCESS_RIGHTS", "GUEST_TR_ACCESS_RIGHTS",
]; // prettier-ignore
const MOST_NAMES = 6;

/** All VMWRITEs are in the program, and each says which field it writes. */
function knowsAllFields(analysis: Analysis): boolean {
  return (
    isWholeProgram(analysis) &&
    vmcsAccessesOf(analysis).every((each) => !each.writes || each.encoding !== undefined)
  );
}

function incomplete({ analysis }: RuleContext): Finding[] {
  const [launch] = systemWritesOf(analysis).indicesOf("vmlaunch");
  const accesses = vmcsAccessesOf(analysis);
  if (launch === undefined || !accesses.some(({ writes }) => writes)) return [];
  if (!knowsAllFields(analysis)) return [];
  const written = new Set(accesses.filter(({ writes }) => writes).map(({ field }) => field?.name));
  const missing = NEEDED.filter((name) => !written.has(name));
  if (missing.length === 0) return [];
  const statement = analysis.model.statements[launch]!;
  const more = missing.length > MOST_NAMES ? ` and ${missing.length - MOST_NAMES} more` : "";
  const finding: Finding = {
    code: "VMM15",
    severity: "warning",
    message: `VM entry needs fields that nothing in this program writes: ${missing.slice(0, MOST_NAMES).join(", ")}${more}. After VMCLEAR they are undefined.`,
    range: statement.range,
  };
  return [withCall(finding, statement)];
}

export const incompleteVmcs: Rule = {
  id: "VMM15",
  title: "VMLAUNCH with fields that were never written",
  run: incomplete,
};

/** Exits after which the guest goes on by itself: interrupts, windows, faults that the handler repairs. SDM Vol. 3D, "VMX Basic Exit Reasons". */
const NOT_BY_INSTRUCTION: ReadonlySet<bigint> = new Set([0n, 1n, 2n, 7n, 8n, 33n, 34n, 37n, 48n, 49n, 52n]); // prettier-ignore

/** Statements that the handler can reach; undefined where control goes to places that are not known. */
function handlerCode(analysis: Analysis, entry: number): ReadonlySet<number> | undefined {
  const flow = controlFlowOf(analysis);
  const reached = flow.reachableFrom([entry]);
  for (const index of reached) if (!flow.isComplete(index)) return undefined;
  return reached;
}

/** Whether the handler picks out exits that need no step over an instruction, and no others. */
function onlyOtherReasons(analysis: Analysis, handler: ReadonlySet<number>): boolean {
  const compared = [...handler].flatMap((index) => {
    const { form, operands } = analysis.model.statements[index]!;
    const value = immediateOf(operands[1]?.value);
    return form?.mnemonic === "cmp" && value !== undefined ? [value] : [];
  });
  return compared.length > 0 && compared.every((value) => NOT_BY_INSTRUCTION.has(value));
}

function endless({ analysis }: RuleContext): Finding[] {
  const resumes = systemWritesOf(analysis).indicesOf("vmresume");
  const entries = writesOfField(analysis, "HOST_RIP").map(valueWritten);
  const [address] = entries;
  if (resumes.length === 0 || address === undefined || entries.length > 1) return [];
  const entry = controlFlowOf(analysis).indexAt(Number(address));
  if (entry === undefined || !knowsAllFields(analysis)) return [];
  const handler = handlerCode(analysis, entry);
  const resume = handler && resumes.find((index) => handler.has(index));
  if (handler === undefined || resume === undefined) return [];
  const moves = writesOfField(analysis, "GUEST_RIP").some(({ index }) => handler.has(index));
  if (moves || onlyOtherReasons(analysis, handler)) return [];
  const statement = analysis.model.statements[resume]!;
  const finding: Finding = {
    code: "VMM16",
    severity: "warning",
    message:
      "The handler resumes the guest without writing GUEST_RIP: after an exit by an instruction (CPUID, HLT, I/O, VMCALL ...) RIP still points at it, and it exits again for ever. Add VM_EXIT_INSTRUCTION_LENGTH (0x440c) to GUEST_RIP.",
    range: statement.range,
    related: [{ message: "VM exits arrive here", range: analysis.model.statements[entry]!.range }],
  };
  return [withCall(finding, statement)];
}

export const endlessExit: Rule = {
  id: "VMM16",
  title: "VM-exit handler that does not pass the instruction",
  run: endless,
};
