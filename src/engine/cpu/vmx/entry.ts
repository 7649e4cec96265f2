/** VM entries. SDM Vol. 3C, "VM Entries". */
import { EXIT } from "../../isa/vmx/exitReasons";
import { EVENT_TYPES } from "../../isa/vmx/fieldLayouts";
import { vmInstructionError } from "../../isa/vmx/vmInstructionErrors";
import { deliver } from "../delivery";
import { EVENT, type DeliveredEvent } from "../event";
import { refreshTlbTag } from "../paging";
import type { Processor } from "../processor";
import { checkLaunch, type EntryOutcome } from "./entryChecks/checkVmEntry";
import type { Violation } from "./entryChecks/violation";
import { explainEntry } from "./entryContext";
import { currentEntryOutcome } from "./entryMemo";
import { linearRip, performEntryFailure, settle } from "./exit";
import { loadNonRegisterState } from "./guestNonRegister";
import { loadGuestRegisters } from "./guestState";
import { ENTRY_LOAD_AREA, loadMsrArea, type MsrAreaFailure } from "./msrAreas";
import { vmFailInvalid, vmFailValid } from "./outcome";
import { adoptEpt, flushOnTransition } from "./translationTags";
import { controlBit, hasControl, launchState, readVmcs32, setLaunchState } from "./vmcs";

const MONITOR_TRAP_FLAG = controlBit("primary", "monitorTrapFlag");

/**
 * "enter": the guest was entered (delivery of an injected event may have exited again at once). "fail-…": VMfail, the flags say so and nothing else
 * changed. "entry-failure": the processor continues at HOST_RIP, as after a VM exit.
 */
export interface EntryResult {
  readonly outcome: EntryOutcome;
  /** All rules that do not hold. */
  readonly violations: readonly Violation[];
}

type EventType = DeliveredEvent["type"];

/** A problem that no rule on fields stands for, in the same form. */
function problem(rule: string, section: string, sentence: string, hint: string): Violation {
  const sdm = `SDM Vol. 3C, "${section}"`;
  const rest = { fields: [], fix: [], qualification: 0 } as const;
  return { rule, area: "controls", sdm, title: sentence, sentence, hint, ...rest };
}

function launchProblem(outcome: EntryOutcome): Violation {
  if (outcome.kind !== "fail-valid")
    return problem(
      "no-current-vmcs",
      "Basic VM-Entry Checks",
      "There is no current VMCS.",
      "VMCLEAR and VMPTRLD a VMCS region first.",
    );
  const error = vmInstructionError(outcome.error);
  return problem(
    `vm-instruction-error-${outcome.error}`,
    "Basic VM-Entry Checks",
    `${error?.text ?? `error ${outcome.error}`}.`,
    error?.advice ?? "",
  );
}

function msrProblem({ why }: MsrAreaFailure): Violation {
  return problem(
    "entry-msr-load-area",
    "Loading MSRs",
    why,
    "Correct the entry of the VM-entry MSR-load area, or shorten its count.",
  );
}

/** Carries out a refusal: VMfail, or the way back through the host state. */
function refuse(
  cpu: Processor,
  outcome: EntryOutcome,
  violations: readonly Violation[],
): EntryResult {
  cpu.observe({ kind: "vm-entry-failure", violations });
  if (outcome.kind === "fail-invalid") vmFailInvalid(cpu);
  else if (outcome.kind === "fail-valid") vmFailValid(cpu, outcome.error);
  else if (outcome.kind === "entry-failure")
    performEntryFailure(cpu, outcome.reason, BigInt(outcome.qualification));
  return { outcome, violations };
}

interface Injection {
  readonly type: number;
  readonly vector: number;
  readonly errorCode?: number;
}

function injection(cpu: Processor): Injection | undefined {
  const information = readVmcs32(cpu, "VM_ENTRY_INTERRUPTION_INFORMATION");
  if (information >>> 31 === 0) return undefined;
  const common = { type: (information >>> 8) & 7, vector: information & 0xff };
  if (!(information & 0x800)) return common;
  return { ...common, errorCode: readVmcs32(cpu, "VM_ENTRY_EXCEPTION_ERROR_CODE") };
}

/** Software events return behind the instruction that they stand for. SDM Vol. 3C, "Details of Vectored-Event Injection". */
function eventOf(cpu: Processor, { type, vector, errorCode }: Injection): DeliveredEvent {
  const isSoftware =
    type === EVENT_TYPES.softwareInterrupt ||
    type === EVENT_TYPES.privilegedSoftwareException ||
    type === EVENT_TYPES.softwareException;
  const length = isSoftware ? readVmcs32(cpu, "VM_ENTRY_INSTRUCTION_LENGTH") : 0;
  const next = BigInt.asUintN(cpu.bits, cpu.rip + BigInt(length));
  // Real-address mode pushes no error codes.
  const code = errorCode === undefined || !cpu.protectedMode ? {} : { errorCode };
  return {
    vector,
    type: type as EventType,
    returnRip: isSoftware ? next : cpu.rip,
    injected: true,
    ...(isSoftware ? { length } : {}),
    ...code,
  };
}

function observeInjection(cpu: Processor, event: DeliveredEvent): void {
  const { vector, errorCode, type } = event;
  if (type !== EVENT.hardware && type !== EVENT.softwareException) {
    cpu.observe({ kind: "interrupt", vector, source: "injected" });
    return;
  }
  const code = errorCode === undefined ? {} : { errorCode };
  const why = (): string => "injected by VM entry";
  cpu.observe({ kind: "exception", vector, why, rip: cpu.rip, ...code });
}

/** The guest's state, and VMX non-root operation. */
function loadGuest(cpu: Processor, injected: Injection | undefined): void {
  const { vmx } = cpu.system;
  flushOnTransition(cpu);
  vmx.nonRoot = true;
  loadGuestRegisters(cpu);
  loadNonRegisterState(cpu, injected?.type);
  vmx.vectoring = 0;
  vmx.firstBoundary = -1;
  // An injected event with "monitor trap flag", or the injection of just that, exits before the first instruction.
  vmx.mtf =
    injected !== undefined &&
    (injected.type === EVENT_TYPES.otherEvent || hasControl(cpu, MONITOR_TRAP_FLAG));
  adoptEpt(cpu);
  refreshTlbTag(cpu);
  settle(cpu);
}

/** VMLAUNCH (`launch`) or VMRESUME, from the first check to the delivery of an injected event; also the door for a VMM written in TypeScript. */
export function enterGuest(cpu: Processor, launch: boolean): EntryResult {
  const { vmx, shadow } = cpu.system;
  const before = checkLaunch({
    instruction: launch ? "VMLAUNCH" : "VMRESUME",
    launchState: vmx.current < 0 ? undefined : launchState(cpu, vmx.current),
    blockedByMovSs: shadow === "mov-ss",
  });
  if (before.kind !== "enter") return refuse(cpu, before, [launchProblem(before)]);
  const outcome = currentEntryOutcome(cpu);
  if (outcome.kind !== "enter") return refuse(cpu, outcome, explainEntry(cpu));
  const injected = injection(cpu);
  loadGuest(cpu, injected);
  const msrFailure = loadMsrArea(cpu, ENTRY_LOAD_AREA);
  if (msrFailure) return refuseMsrs(cpu, msrFailure);
  if (launch) setLaunchState(cpu, vmx.current, "launched");
  cpu.observe({ kind: "vm-entry", rip: linearRip(cpu) });
  if (injected && injected.type !== EVENT_TYPES.otherEvent) inject(cpu, eventOf(cpu, injected));
  return { outcome, violations: [] };
}

function refuseMsrs(cpu: Processor, failure: MsrAreaFailure): EntryResult {
  const violations = [msrProblem(failure)];
  cpu.observe({ kind: "vm-entry-failure", violations });
  performEntryFailure(cpu, EXIT.ENTRY_FAILURE_MSR_LOADING, BigInt(failure.entry));
  // The qualification is the number of the entry; EntryOutcome's type knows those of the guest-state checks only.
  const outcome = {
    kind: "entry-failure",
    reason: EXIT.ENTRY_FAILURE_MSR_LOADING,
    qualification: 0,
  } as const;
  return { outcome, violations };
}

function inject(cpu: Processor, event: DeliveredEvent): void {
  observeInjection(cpu, event);
  deliver(cpu, event);
}
