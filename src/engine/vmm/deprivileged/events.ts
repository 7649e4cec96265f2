/** Events for the guest, delivered through its own IDT: the VCPU's, not the hardware's. */
import { debugException, type GuestFault } from "../../cpu/abort";
import { deliver, raiseFault } from "../../cpu/delivery";
import { EVENT } from "../../cpu/event";
import { RFLAGS } from "../../cpu/systemState";
import type { Instruction } from "../../codec/types";
import type { SingleStep } from "./state";
import type { Vm } from "./vm";

/** A guest that leaves interrupts on in its handlers may take several at once; more than there are lines would be an endless loop. */
const MOST_AT_ONCE = 16;

/** Gives the guest an exception of its own. */
export function reflect(vm: Vm, fault: GuestFault): void {
  raiseFault(vm.vcpu, fault);
}

/** Debug traps that wait for the end of an instruction. */
export function deliverDebugTrap(vm: Vm): void {
  const { system } = vm.vcpu;
  if (system.pendingDebug === 0 || system.shadow === "mov-ss") return;
  const bits = system.pendingDebug;
  system.pendingDebug = 0;
  reflect(vm, debugException(bits, "debug trap"));
}

function wantsInterrupt({ vcpu, parts }: Vm): boolean {
  return parts.interruptRequested() && (vcpu.flagSystem & RFLAGS.IF) !== 0;
}

function inject(vm: Vm): void {
  const { vcpu } = vm;
  const vector = vm.parts.devices.acknowledgeInterrupt();
  vcpu.observe({ kind: "interrupt", vector, source: "external" });
  deliver(vcpu, { vector, type: EVENT.external, returnRip: vcpu.rip });
}

/** One instruction of the guest under the trap flag. */
export function startStep(vm: Vm, reason: SingleStep["reason"], instruction?: Instruction): void {
  const semantics = instruction?.form.semantics ?? "";
  vm.state.step ??= {
    reason,
    guestTrapFlag: (vm.vcpu.flagSystem & RFLAGS.TF) !== 0,
    loadsFlags: semantics === "popf" || semantics === "iret",
    pushesFlags: semantics === "pushf",
  };
}

/** The instruction is over, or something else came first: nothing of the VMM's own is left in the guest. */
export function endStep(vm: Vm): void {
  vm.state.step = undefined;
  vm.space.closeHoles();
}

/** Virtual interrupts, as long as the guest accepts them. In the shadow of STI or MOV SS they wait for one instruction. */
export function chooseEvent(vm: Vm): void {
  const { vcpu, state } = vm;
  // While an instruction runs under the trap flag for a hole, nothing may come between.
  if (state.step) return;
  // A trap that MOV SS held back comes in front of the handler of what followed.
  deliverDebugTrap(vm);
  for (let i = 0; i < MOST_AT_ONCE && wantsInterrupt(vm); i++) {
    if (vcpu.system.shadow !== "none") {
      startStep(vm, "window");
      return;
    }
    inject(vm);
  }
  if (vcpu.system.pendingDebug !== 0) startStep(vm, "window");
}
