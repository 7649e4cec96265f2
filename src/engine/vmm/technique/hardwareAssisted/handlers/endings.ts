/** VM exits after which the guest does not go on. */
import { EVENT_TYPES } from "../../../../isa/vmx/fieldLayouts";
import { decodeExitQualification } from "../../../../isa/vmx/exitQualification";
import { EXIT, exitReasonByNumber } from "../../../../isa/vmx/exitReasons";
import { explainCurrentEntry, READ_EXIT, SAVE_REGISTERS } from "../steps";
import type { Handler, Step, Vm } from "../vm";

function ending(
  name: string,
  text: string,
  reason: "error" | "shutdown",
  code: string,
  explain: (vm: Vm) => string,
): Step {
  return {
    name,
    text,
    run: (vm) => {
      vm.stop(reason, code, explain(vm));
    },
  };
}

const TRIPLE_FAULT: Handler = {
  key: "TRIPLE_FAULT",
  title: "Triple fault",
  steps: [
    SAVE_REGISTERS,
    READ_EXIT,
    ending(
      "Stop the virtual machine",
      "A fault while a double fault was delivered: a physical processor shuts down, and a PC resets.",
      "shutdown",
      "triple-fault",
      () => "The guest's processor shut down: triple fault.",
    ),
  ],
};

const TASK_SWITCH: Handler = {
  key: "TASK_SWITCH",
  title: "Task switch",
  steps: [
    SAVE_REGISTERS,
    READ_EXIT,
    ending(
      "Stop: task switches are not simulated",
      "VMX leaves hardware task switches to the VMM, which would save and load both task-state segments itself.",
      "error",
      "unsupported-feature",
      ({ exit }) =>
        `Hardware task switches are not simulated yet (${decodeExitQualification(EXIT.TASK_SWITCH, exit.qualification).text}).`,
    ),
  ],
};

/** The guest was never entered, so its registers are those of the VCPU record. */
function entryFailure(key: string, title: string, text: string): Handler {
  const stop = ending("Stop: the VM entry failed", text, "error", "vm-entry-failed", (vm) => {
    const { reason, qualification } = vm.exit;
    return `${explainCurrentEntry(vm)} Exit reason ${reason & 0xffff}, qualification ${qualification}.`;
  });
  return { key, title, steps: [READ_EXIT, stop] };
}

const ENTRY_FAILURE_GUEST_STATE = entryFailure(
  "ENTRY_FAILURE_GUEST_STATE",
  "VM-entry failure: invalid guest state",
  "The processor found guest state that no running processor could have; an error of the VMM.",
);

const ENTRY_FAILURE_MSR_LOADING = entryFailure(
  "ENTRY_FAILURE_MSR_LOADING",
  "VM-entry failure: MSR loading",
  "An entry of the VM-entry MSR-load area could not be loaded; this VMM uses none.",
);

/** Stops for everything but the page faults of shadow paging. */
export const CHECK_EVENT: Step = {
  name: "See which event exited",
  text: "Exceptions are the guest's own, except #PF under shadow paging. An NMI would be the host's, and this host has no source of NMIs.",
  run: (vm) => {
    const { interruption } = vm.exit;
    const vector = interruption & 0xff;
    const isException = ((interruption >>> 8) & 7) === EVENT_TYPES.hardwareException;
    if (isException && (vm.memory.exceptionBitmap >>> vector) & 1) return;
    vm.stop("error", "unexpected-event", `A VM exit for vector ${vector}, which this VMM does not ask for.`); // prettier-ignore
  },
};

/** Under nested paging no exception exits. */
export const EXCEPTION_NMI: Handler = {
  key: "EXCEPTION_NMI",
  title: "Exception or NMI",
  steps: [SAVE_REGISTERS, READ_EXIT, CHECK_EVENT],
};

/** Exits that the controls do not ask for. */
export const UNEXPECTED_EXIT: Handler = {
  key: "UNEXPECTED_EXIT",
  title: "An exit without a handler",
  steps: [
    SAVE_REGISTERS,
    READ_EXIT,
    ending(
      "Stop: nobody handles this exit",
      "To go on behind an instruction that nobody carried out would be silently wrong.",
      "error",
      "unexpected-exit",
      ({ exit }) => {
        const known = exitReasonByNumber(exit.reason);
        return `VM exit ${exit.reason & 0xffff} (${known?.title ?? "unknown reason"}) has no handler.`;
      },
    ),
  ],
};

export const ENDING_HANDLERS: readonly Handler[] = [
  TRIPLE_FAULT,
  TASK_SWITCH,
  ENTRY_FAILURE_GUEST_STATE,
  ENTRY_FAILURE_MSR_LOADING,
];
