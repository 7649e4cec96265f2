/** Which handler answers which VM exit. An exit reason is in exactly one of the two tables: handled, or unreachable for a reason. */
import { EXIT_REASONS, type ExitReasonKey } from "../../../isa/vmx/exitReasons";
import { CONTROL_REGISTER_HANDLERS } from "./handlers/controlRegisters";
import { ENDING_HANDLERS, EXCEPTION_NMI, UNEXPECTED_EXIT } from "./handlers/endings";
import { INSTRUCTION_HANDLERS } from "./handlers/instructions";
import { INTERRUPT_HANDLERS } from "./handlers/interrupts";
import { IO_HANDLERS } from "./handlers/io";
import { MSR_HANDLERS } from "./handlers/msrs";
import { CHOOSE_EVENT, LAUNCH } from "./steps";
import type { Handler, MemoryVirtualization } from "./vm";

export const LAUNCH_HANDLER: Handler = {
  key: "VM_LAUNCH",
  title: "Start of the virtual machine",
  steps: [CHOOSE_EVENT, LAUNCH],
};

const COMMON: readonly Handler[] = [
  ...INSTRUCTION_HANDLERS,
  ...CONTROL_REGISTER_HANDLERS,
  ...IO_HANDLERS,
  ...MSR_HANDLERS,
  ...INTERRUPT_HANDLERS,
  ...ENDING_HANDLERS,
];

/** All handlers of a virtual machine with this kind of memory, the launch first. */
export function handlersOf(memory: MemoryVirtualization): readonly Handler[] {
  const own = memory.handlers;
  const nmi = own.some(({ key }) => key === EXCEPTION_NMI.key) ? [] : [EXCEPTION_NMI];
  return [LAUNCH_HANDLER, ...COMMON, ...own, ...nmi, UNEXPECTED_EXIT];
}

/** Exits that this processor produces but this VMM does not ask for. */
export const UNREACHABLE_EXITS: Readonly<Partial<Record<ExitReasonKey, string>>> = {
  RDPMC: '"RDPMC exiting" is 0: the processor raises the #GP itself',
  RDTSC: '"RDTSC exiting" is 0: a TSC offset is enough',
  RDTSCP: '"RDTSC exiting" is 0',
  MOV_DR: '"MOV-DR exiting" is 0: debug registers belong to the guest',
  MWAIT: '"MWAIT exiting" is 0',
  MONITOR: '"MONITOR exiting" is 0',
  PAUSE: '"PAUSE exiting" is 0: there is one virtual processor',
  GDTR_IDTR_ACCESS: '"descriptor-table exiting" is 0',
  LDTR_TR_ACCESS: '"descriptor-table exiting" is 0',
  WBINVD: '"WBINVD exiting" is 0: writing caches back harms nobody',
  RDRAND: '"RDRAND exiting" is 0',
  RDSEED: '"RDSEED exiting" is 0',
  VMFUNC: '"enable VM functions" is 0: the processor raises #UD itself',
  PML_FULL: '"enable PML" is 0: no log is kept',
};

/** Exits of the other kind of memory. */
export const ONLY_NESTED: readonly ExitReasonKey[] = ["EPT_VIOLATION", "EPT_MISCONFIGURATION"];
export const ONLY_SHADOW: readonly ExitReasonKey[] = ["INVLPG", "INVPCID"];

/** Reasons that the processor can produce. */
export const PRODUCED_EXITS = EXIT_REASONS.filter(({ supported }) => supported);
