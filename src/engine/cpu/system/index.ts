import { exception, gp, NM, ud, type GuestFault } from "../abort";
import type { Instruction } from "../../codec/types";
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
import { nextRip, type SystemEvent } from "./systemEvent";

const hlt: SystemEvent = (cpu, instruction) => {
  intercept(cpu, instruction);
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

/** What the row itself demands: feature, mode, privilege. */
export function checkRow(cpu: Processor, { form }: Instruction): void {
  if (
    form.feature !== undefined &&
    !cpu.model.features.has(form.feature) &&
    !(cpu.model.features.has("lm") && PRESENT_WITH_LONG_MODE.has(form.feature))
  ) {
    throw ud(`this processor has no ${form.feature.toUpperCase()}`);
  }
  if (form.protectedOnly && cpu.realOrVirtual8086)
    throw ud(`${form.mnemonic.toUpperCase()} needs protected mode`);
  // VMX instructions check CPL themselves: in a guest the exit comes first.
  if (form.cpl === 0 && cpu.cpl > 0 && form.sensitivity !== "vm-instruction")
    throw gp(0, `${form.mnemonic.toUpperCase()} is privileged (CPL ${cpu.cpl})`);
}

/** Executes a system event completely. Throws a CpuAbort; RIP has not moved then. */
export function executeSystemEvent(cpu: Processor, instruction: Instruction): void {
  const { semantics } = instruction.form;
  const event = semantics === undefined ? undefined : SYSTEM_EVENTS[semantics];
  if (!event) throw absent(cpu, instruction);
  checkRow(cpu, instruction);
  const next = nextRip(cpu, instruction);
  if (event(cpu, instruction) === "next") cpu.rip = next;
}
