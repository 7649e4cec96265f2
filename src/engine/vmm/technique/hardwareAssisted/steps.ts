/** The steps that handlers share: the frame of every handler. */
import { explainEntry } from "../../../cpu/vmx/entryContext";
import { enterGuest } from "../../../cpu/vmx/entry";
import { RFLAGS } from "../../../cpu/systemState";
import { RSP } from "../../../isa/registers";
import { INTERRUPTIBILITY, PENDING_DEBUG } from "../../../isa/vmx/fieldLayouts";
import { armTimer, chooseEvent, setInterruptibility } from "./events";
import type { Step, Vm } from "./vm";

export const SAVE_REGISTERS: Step = {
  name: "Save the guest's general registers",
  text: "VM exits save RSP, RIP and RFLAGS in the VMCS but no other general register: the VMM's first instructions must.",
  run: (vm) => {
    const { vcpu } = vm.state;
    for (let register = 0; register < 16; register++)
      vcpu.registers[register] = vm.cpu.gpr(register);
    vcpu.registers[RSP] = vm.read("GUEST_RSP");
    vcpu.holdsRegisters = true;
  },
};

export const READ_EXIT: Step = {
  name: "Read the exit information",
  text: "VMREAD of the exit reason, the qualification, the instruction length, and the event whose delivery was interrupted.",
  run: (vm) => {
    vm.state.exit = {
      reason: vm.read32("EXIT_REASON"),
      qualification: vm.read("EXIT_QUALIFICATION"),
      instructionLength: vm.read32("VM_EXIT_INSTRUCTION_LENGTH"),
      instructionInformation: vm.read32("VM_EXIT_INSTRUCTION_INFORMATION"),
      interruption: vm.read32("VM_EXIT_INTERRUPTION_INFORMATION"),
      errorCode: vm.read32("VM_EXIT_INTERRUPTION_ERROR_CODE"),
      vectoring: vm.read32("IDT_VECTORING_INFORMATION"),
      vectoringErrorCode: vm.read32("IDT_VECTORING_ERROR_CODE"),
      guestLinear: vm.read("GUEST_LINEAR_ADDRESS"),
      guestPhysical: vm.read32("GUEST_PHYSICAL_ADDRESS"),
    };
  },
};

/** Moves RIP behind the instruction, with everything else that the end of an instruction does. */
export function advanceRip(vm: Vm): void {
  const next = vm.read("GUEST_RIP") + BigInt(vm.exit.instructionLength);
  vm.write("GUEST_RIP", BigInt.asUintN(vm.codeBits, next));
  setInterruptibility(vm, INTERRUPTIBILITY.STI | INTERRUPTIBILITY.MOV_SS, false);
  if (vm.read32("GUEST_RFLAGS") & RFLAGS.TF) vm.write("GUEST_PENDING_DEBUG_EXCEPTIONS", PENDING_DEBUG.BS); // prettier-ignore
}

export const ADVANCE_RIP: Step = {
  name: "Advance RIP",
  text: "Unless an exception is raised: RIP behind the instruction, the shadow of STI or MOV SS ends, and with RFLAGS.TF a single-step trap is pending.",
  run: (vm) => {
    if (vm.state.exception || vm.state.work.repeats) return;
    advanceRip(vm);
  },
};

export const CHOOSE_EVENT: Step = {
  name: "Choose the event to inject",
  text: "A raised exception, else the event whose delivery the exit interrupted, else an NMI, else a device's interrupt if the guest accepts it; otherwise ask for an NMI-window or interrupt-window exit. Arm the preemption timer for the next device alarm.",
  run: (vm) => {
    chooseEvent(vm);
    armTimer(vm);
  },
};

/** VMLAUNCH or VMRESUME; a refusal by VMfail ends the machine with the rule that was broken. */
function enter(vm: Vm, launch: boolean): void {
  const { cpu, state } = vm;
  vm.charge(vm.parts.costs.vmEntry.cycles);
  state.vcpu.holdsRegisters = false;
  state.exit = undefined;
  state.work = {};
  state.isLaunched = true;
  const { outcome, violations } = enterGuest(cpu, launch);
  if (outcome.kind === "fail-invalid" || outcome.kind === "fail-valid")
    vm.stop("error", "vm-entry-failed", entryFailureText(violations));
}

export function entryFailureText(violations: readonly { readonly sentence: string }[]): string {
  const [first] = violations;
  const more = violations.length > 1 ? ` (${violations.length - 1} more)` : "";
  return `VM entry failed: ${first?.sentence ?? "see the VM-instruction error"}${more}`;
}

/** All rules that the current VMCS breaks, in one sentence. */
export function explainCurrentEntry(vm: Vm): string {
  return entryFailureText(explainEntry(vm.cpu));
}

/** RSP comes from the VMCS. */
function restoreRegisters(vm: Vm): void {
  for (let register = 0; register < 16; register++)
    if (register !== RSP) vm.cpu.setGpr(register, vm.state.vcpu.registers[register]!);
}

export const RESUME: Step = {
  name: "Restore the general registers and VMRESUME",
  text: "The processor checks the VMCS, loads the guest's state from it, injects the event and goes on in VMX non-root operation.",
  run: (vm) => {
    restoreRegisters(vm);
    enter(vm, false);
  },
};

export const LAUNCH: Step = {
  name: "Load the general registers and VMLAUNCH",
  text: "The first entry with a VMCS whose launch state is clear; afterwards the state is launched and VMRESUME must be used.",
  run: (vm) => {
    restoreRegisters(vm);
    enter(vm, true);
  },
};

/** A handler of an exit that leaves the guest where it is: save, read, the steps given, choose the event, resume. */
export function around(...steps: readonly Step[]): readonly Step[] {
  return [SAVE_REGISTERS, READ_EXIT, ...steps, CHOOSE_EVENT, RESUME];
}

/** The same for an instruction that the VMM carries out. */
export function aroundInstruction(...steps: readonly Step[]): readonly Step[] {
  return around(...steps, ADVANCE_RIP);
}
