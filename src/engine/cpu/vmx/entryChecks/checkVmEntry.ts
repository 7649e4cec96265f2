/**
 * Runs the VM-entry checks. The outcome is the processor's (the first area that fails decides); the list of violations is
 * complete, so that one attempt shows everything that is wrong.
 */
import { EXIT } from "../../../isa/vmx/exitReasons";
import { VM_ERROR } from "../../../isa/vmx/vmInstructionErrors";
import { CONTROL_RULES } from "./controlRules";
import { EntryState } from "./entryState";
import { GUEST_ACTIVITY_RULES } from "./guestActivityRules";
import {
  GUEST_CONTROL_REGISTER_RULES,
  GUEST_FLOW_RULES,
  GUEST_TABLE_RULES,
} from "./guestRegisterRules";
import { GUEST_SEGMENT_RULES } from "./guestSegmentRules";
import { HOST_RULES } from "./hostRules";
import type { EntryRule } from "./rule";
import type { CheckArea, EntryContext, EntryFailureQualification, Violation } from "./violation";

/** All rules by area, in the order they run. */
export const ENTRY_RULES: Readonly<Record<CheckArea, readonly EntryRule[]>> = {
  controls: CONTROL_RULES,
  host: HOST_RULES,
  guest: [
    ...GUEST_CONTROL_REGISTER_RULES,
    ...GUEST_SEGMENT_RULES,
    ...GUEST_TABLE_RULES,
    ...GUEST_FLOW_RULES,
    ...GUEST_ACTIVITY_RULES,
  ],
};

/** What VMLAUNCH or VMRESUME does. */
export type EntryOutcome =
  | { readonly kind: "enter" }
  /** CF = 1: there is no current VMCS. */
  | { readonly kind: "fail-invalid" }
  /** ZF = 1 and the VM-instruction error field is written. */
  | { readonly kind: "fail-valid"; readonly error: number }
  /** A VM exit with bit 31 of the exit reason set; guest state is not saved. */
  | {
      readonly kind: "entry-failure";
      readonly reason: number;
      readonly qualification: EntryFailureQualification;
    };

export interface EntryVerdict {
  readonly violations: readonly Violation[];
  readonly outcome: EntryOutcome;
}

function violationsIn(area: CheckArea, state: EntryState): Violation[] {
  return ENTRY_RULES[area].flatMap((rule) => rule.check(state) ?? []);
}

/** Checks everything and returns all violations, in order: controls, host, guest. */
export function checkVmEntry(context: EntryContext): EntryVerdict {
  const state = new EntryState(context);
  const violations = [
    ...violationsIn("controls", state),
    ...violationsIn("host", state),
    ...violationsIn("guest", state),
  ];
  return { violations, outcome: outcomeOf(violations[0]) };
}

/** What the processor does, without looking further than the first violation. */
export function vmEntryOutcome(context: EntryContext): EntryOutcome {
  const state = new EntryState(context);
  for (const area of ["controls", "host", "guest"] as const) {
    for (const rule of ENTRY_RULES[area]) {
      const violation = rule.check(state);
      if (violation !== undefined) return outcomeOf(violation);
    }
  }
  return { kind: "enter" };
}

function outcomeOf(first: Violation | undefined): EntryOutcome {
  if (first === undefined) return { kind: "enter" };
  switch (first.area) {
    case "controls":
      return { kind: "fail-valid", error: VM_ERROR.invalidControls };
    case "host":
      return { kind: "fail-valid", error: VM_ERROR.invalidHostState };
    case "guest":
      return {
        kind: "entry-failure",
        reason: EXIT.ENTRY_FAILURE_GUEST_STATE,
        qualification: first.qualification,
      };
  }
}

export interface LaunchContext {
  readonly instruction: "VMLAUNCH" | "VMRESUME";
  /** Undefined: no current VMCS. */
  readonly launchState: "clear" | "launched" | undefined;
  /** The instruction follows MOV SS or POP SS. */
  readonly blockedByMovSs: boolean;
}

/** What comes before the checks on fields. SDM Vol. 3C, "VM Entries", "Basic VM-Entry Checks". */
export function checkLaunch(context: LaunchContext): EntryOutcome {
  const { instruction, launchState, blockedByMovSs } = context;
  if (launchState === undefined) return { kind: "fail-invalid" };
  if (blockedByMovSs) return { kind: "fail-valid", error: VM_ERROR.blockedByMovSs };
  if (instruction === "VMLAUNCH" && launchState !== "clear") {
    return { kind: "fail-valid", error: VM_ERROR.vmlaunchNonClear };
  }
  if (instruction === "VMRESUME" && launchState !== "launched") {
    return { kind: "fail-valid", error: VM_ERROR.vmresumeNonLaunched };
  }
  return { kind: "enter" };
}
