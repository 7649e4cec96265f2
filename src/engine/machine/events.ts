/** From the processor's observations to events with a sentence for people. */
import { hex } from "../base/hex";
import type { ObservedEvent } from "../cpu/observation";
import type { Processor } from "../cpu/processor";
import type { VmExit } from "../cpu/vmx/vmExit";
import type { Violation } from "../cpu/vmx/entryChecks/violation";
import { vectorName } from "../isa/exceptions";
import { describeExit } from "../isa/vmx/describeExit";
import { exitReasonByNumber } from "../isa/vmx/exitReasons";
import { MODE_TITLES } from "./cpuMode";
import type { CpuMode, EntryViolation, MachineEvent } from "./types";

type ExitObservation = ObservedEvent & { kind: "vm-exit" };

/** What exits are counted by. */
export function exitKey({ reason }: VmExit): string {
  return exitReasonByNumber(reason)?.key ?? `EXIT_${reason & 0xffff}`;
}

function exitEvent(cpu: Processor, { exit, rip }: ExitObservation): MachineEvent {
  const text = describeExit({
    reason: exit.reason,
    qualification: exit.qualification,
    registers: Array.from({ length: 16 }, (_, register) => cpu.gpr(register)),
    ...(exit.interruptionInformation === undefined
      ? {}
      : { interruptionInformation: exit.interruptionInformation }),
    ...(exit.interruptionErrorCode === undefined
      ? {}
      : { interruptionErrorCode: exit.interruptionErrorCode }),
    ...(exit.instructionInformation === undefined
      ? {}
      : { instructionInformation: exit.instructionInformation }),
    ...(exit.guestLinearAddress === undefined
      ? {}
      : { guestLinearAddress: exit.guestLinearAddress }),
    ...(exit.guestPhysicalAddress === undefined
      ? {}
      : { guestPhysicalAddress: BigInt(exit.guestPhysicalAddress) }),
  });
  return {
    kind: "vm-exit",
    key: exitKey(exit),
    number: exit.reason & 0xffff,
    qualification: exit.qualification,
    text,
    rip,
    ...(exit.guestPhysicalAddress === undefined ? {} : { gpa: BigInt(exit.guestPhysicalAddress) }),
  };
}

const INTERRUPT_SOURCES = {
  external: "external interrupt",
  nmi: "NMI",
  software: "software interrupt",
  injected: "injected event",
} as const;

function exceptionEvent(event: ObservedEvent & { kind: "exception" }): MachineEvent {
  const code = event.errorCode === undefined ? "" : `, error code ${hex(event.errorCode)}`;
  const address = event.address === undefined ? "" : ` at ${hex(event.address)}`;
  return {
    kind: "exception",
    vector: event.vector,
    text: `${vectorName(event.vector)}${address}${code}: ${event.why()}`,
    rip: event.rip,
    ...(event.errorCode === undefined ? {} : { errorCode: event.errorCode }),
    ...(event.address === undefined ? {} : { address: event.address }),
  };
}

/** A violated rule as the front ends see it. */
export function entryViolation(violation: Violation): EntryViolation {
  const { rule, sdm, sentence, fields, hint } = violation;
  return {
    rule,
    sdm,
    text: sentence,
    fields: fields.map(({ name, value }) => ({ name, value })),
    hint,
  };
}

/** The event for an observation; `modes` are those before and now, for mode changes. */
export function machineEvent(
  cpu: Processor,
  observed: ObservedEvent,
  modes: { readonly from: CpuMode; readonly to: CpuMode },
): MachineEvent {
  switch (observed.kind) {
    case "vm-exit":
      return exitEvent(cpu, observed);
    case "vm-entry":
      return { kind: "vm-entry", rip: observed.rip, text: `VM entry at ${hex(observed.rip)}` };
    case "vm-entry-failure": {
      const first = observed.violations[0];
      const more =
        observed.violations.length > 1 ? ` (and ${observed.violations.length - 1} more)` : "";
      return {
        kind: "vm-entry-failure",
        text: `VM entry failed: ${first ? first.sentence : "see the VM-instruction error"}${more}`,
        violations: observed.violations.map(entryViolation),
      };
    }
    case "interrupt":
      return {
        kind: "interrupt",
        vector: observed.vector,
        text: `${INTERRUPT_SOURCES[observed.source]}, vector ${hex(observed.vector)}`,
      };
    case "exception":
      return exceptionEvent(observed);
    case "ring-change":
      return { ...observed, text: `ring ${observed.from} to ring ${observed.to}` };
    case "mode-change":
      return {
        kind: "mode-change",
        ...modes,
        text: `${MODE_TITLES[modes.from]} to ${MODE_TITLES[modes.to]}`,
      };
    case "cr3-load":
      return {
        kind: "cr3-load",
        value: BigInt(observed.value),
        text: `CR3 loaded with ${hex(observed.value)}`,
      };
    case "fidelity-lost": {
      const { semantics, rip, text } = observed;
      return { kind: "fidelity-lost", instruction: semantics, rip, text: `fidelity lost at ${text()}` }; // prettier-ignore
    }
    case "triple-fault":
      return { kind: "triple-fault", text: `triple fault: ${observed.chain.join(" → ")}` };
  }
}
