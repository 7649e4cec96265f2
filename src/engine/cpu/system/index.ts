import { exception, gp, isCpuAbort, NM, ud, type CpuAbort, type GuestFault } from "../abort";
import type { Instruction } from "../../codec/types";
import type { InstructionForm } from "../../isa/types";
import type { Processor } from "../processor";
import { ACTIVITY, CR0 } from "../systemState";
import { VMX_EVENTS } from "../vmx/instructions";
import { intercept } from "../vmx/intercepts";
import { CONTROL_EVENTS } from "./controlRegisters";
import { RETURN_EVENTS } from "./farReturns";
import { FAR_EVENTS } from "./farTransfers";
import { FLAG_EVENTS } from "./flags";
import { INTEGER_EVENTS } from "./integer";
import { IO_EVENTS } from "./io";
import { MSR_EVENTS } from "./msrs";
import { SEGMENT_EVENTS } from "./segments";
import { INTERRUPT_EVENTS } from "./softwareInterrupts";
import { SYSTEM_CALL_EVENTS } from "./systemCalls";
import type { SystemEvent } from "./systemEvent";

const hlt: SystemEvent = (cpu, instruction) => {
  const exit = intercept(cpu, instruction);
  if (exit) return exit;
  cpu.system.activity = ACTIVITY.hlt;
  return "next";
};

/** SDM Vol. 2B, "WAIT/FWAIT": with CR0.MP and CR0.TS set #NM; no exception of x87 can be pending here. */
const fwait: SystemEvent = (cpu) => {
  const both = CR0.MP | CR0.TS;
  if ((cpu.system.cr0 & both) === both) throw exception(NM, "WAIT with CR0.MP and CR0.TS set");
  return "next";
};

/** Every instruction family that is a system event, by the `semantics` name of its rows. Emitted ones are in cpu/semantics. */
export const SYSTEM_EVENTS: Readonly<Record<string, SystemEvent>> = {
  ...FLAG_EVENTS,
  ...SEGMENT_EVENTS,
  ...IO_EVENTS,
  ...CONTROL_EVENTS,
  ...MSR_EVENTS,
  ...FAR_EVENTS,
  ...RETURN_EVENTS,
  ...INTERRUPT_EVENTS,
  ...SYSTEM_CALL_EVENTS,
  ...INTEGER_EVENTS,
  ...VMX_EVENTS,
  hlt,
  fwait,
};

/** What an instruction does that no part of this processor executes. SDM Vol. 3A, "Interrupt 7—Device Not Available Exception (#NM)". */
function absent(cpu: Processor, { form }: Instruction): GuestFault {
  const name = form.mnemonic.toUpperCase();
  if (form.feature === "fpu" && cpu.system.cr0 & (CR0.EM | CR0.TS))
    return exception(
      NM,
      `${name} with CR0.EM or CR0.TS set: software is to emulate or restore x87`,
    );
  return ud(`${name} is not executed by this processor`);
}

/** Features whose absence does not make an instruction undefined on a 64-bit processor: fences are harmless and every 64-bit kernel uses them. */
const PRESENT_WITH_LONG_MODE = new Set(["sse2", "clfsh"]);

/** What a row of the instruction table demands and does. */
export interface EventRow {
  readonly name: string;
  readonly event: SystemEvent | undefined;
  readonly feature: string | undefined;
  readonly protectedOnly: boolean;
  /** #GP(0) above CPL 0. VMX instructions check CPL themselves: in a guest the exit comes first. */
  readonly privileged: boolean;
  /** Single step looks at TF after it, so that a kernel masks it with IA32_FMASK and a user stepping over SYSCALL traps behind SYSRET. */
  readonly trapsByNewFlag: boolean;
}

const rows = new Map<InstructionForm, EventRow>();

export function eventRow(form: InstructionForm): EventRow {
  const known = rows.get(form);
  if (known) return known;
  const { semantics, feature, protectedOnly, cpl, sensitivity } = form;
  const row: EventRow = {
    name: form.mnemonic.toUpperCase(),
    event: semantics === undefined ? undefined : SYSTEM_EVENTS[semantics],
    feature,
    protectedOnly,
    privileged: cpl === 0 && sensitivity !== "vm-instruction",
    trapsByNewFlag: semantics === "syscall" || semantics === "sysret",
  };
  rows.set(form, row);
  return row;
}

/** What the row itself demands: feature, mode, privilege. */
function refusal(cpu: Processor, row: EventRow): GuestFault | undefined {
  const { name, feature } = row;
  if (
    feature !== undefined &&
    !cpu.model.features.has(feature) &&
    !(cpu.model.features.has("lm") && PRESENT_WITH_LONG_MODE.has(feature))
  ) {
    return ud(`this processor has no ${feature.toUpperCase()}`);
  }
  if (row.protectedOnly && cpu.realOrVirtual8086) return ud(`${name} needs protected mode`);
  if (row.privileged && cpu.cpl > 0) return gp(0, `${name} is privileged (CPL ${cpu.cpl})`);
  return undefined;
}

/** Executes a system event completely; returns what ends it otherwise. RIP has not moved then. */
export function executeSystemEvent(
  cpu: Processor,
  instruction: Instruction,
  row = eventRow(instruction.form),
): CpuAbort | undefined {
  if (!row.event) return absent(cpu, instruction);
  const fault = refusal(cpu, row);
  if (fault) return fault;
  try {
    const result = row.event(cpu, instruction);
    if (result === "next") cpu.advance(instruction);
    return typeof result === "string" ? undefined : result;
  } catch (problem) {
    if (!isCpuAbort(problem)) throw problem;
    return problem;
  }
}
