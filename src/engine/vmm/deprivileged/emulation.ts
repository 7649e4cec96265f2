/** The VMM carries out an instruction that the hardware refused, on the virtual processor: at the guest's own ring, with the guest's own tables. */
import { MAX_INSTRUCTION_LENGTH } from "../../codec/decode";
import type { Instruction } from "../../codec/types";
import { isCpuAbort } from "../../cpu/abort";
import { ACCESS } from "../../cpu/access";
import { readLinear } from "../../cpu/dataAccess";
import { DEBUG_CAUSE } from "../../cpu/debugRegisters";
import { carryOut } from "../../cpu/delivery";
import { executeSystemEvent, SYSTEM_EVENTS } from "../../cpu/system";
import { effectiveAddress, memoryOperand } from "../../cpu/system/systemEvent";
import type { Processor } from "../../cpu/processor";
import { RFLAGS } from "../../cpu/systemState";
import { deliverDebugTrap } from "./events";
import { linearRip, loadProcessor, saveProcessor } from "./virtualProcessor";
import type { Vm } from "./vm";

/** Bytes at the guest's CS:EIP as its instruction fetch reads them; fewer where the next page cannot be fetched. */
export function fetchCode(vcpu: Processor): number[] {
  const bytes: number[] = [];
  const start = Number(linearRip(vcpu));
  const access = ACCESS.fetch | (vcpu.cpl === 3 ? ACCESS.user : 0);
  try {
    for (let i = 0; i < MAX_INSTRUCTION_LENGTH; i++)
      bytes.push(Number(readLinear(vcpu, (start + i) % 2 ** 32, 1, access)));
  } catch (problem) {
    if (!isCpuAbort(problem)) throw problem;
  }
  return bytes;
}

/** True for instructions that the VMM can carry out: all that have system semantics. */
export function canEmulate({ form }: Instruction): boolean {
  return form.semantics !== undefined && form.semantics in SYSTEM_EVENTS;
}

/** Notes what the guest's instruction flushes, before it runs: the shadow tables are the guest's TLB. */
function noteInvalidation(vm: Vm, instruction: Instruction): void {
  const { vcpu } = vm;
  const { semantics } = instruction.form;
  if (semantics === "invpcid") vm.state.work.invalidatedAll = true;
  if (semantics !== "invlpg") return;
  const memory = memoryOperand(instruction, 0);
  const offset = effectiveAddress(vcpu, instruction, memory);
  vm.state.work.invalidated = BigInt.asUintN(32, vcpu.segment(memory.segment).base + offset);
}

/** Any instruction, by the VMM's interpreter: for those that the hardware refused because of a cut-off segment. */
export function interpret(vm: Vm): void {
  const { vcpu } = vm;
  const { processor, runOne } = vm.parts.interpreter();
  loadProcessor(processor, saveProcessor(vcpu));
  processor.ticks = vcpu.ticks;
  processor.observe = vcpu.observe;
  processor.ports = vcpu.ports;
  runOne();
  loadProcessor(vcpu, saveProcessor(processor));
  deliverDebugTrap(vm);
}

/** One instruction with everything that its end does: the shadow of STI or MOV SS, the trap flag, breakpoints. What it throws is the guest's exception. */
export function emulate(vm: Vm, instruction: Instruction): void {
  const { vcpu } = vm;
  const { system } = vcpu;
  const before = { shadow: system.shadow, flags: vcpu.flagSystem, deliveries: vcpu.deliveries };
  noteInvalidation(vm, instruction);
  // RF covers the instruction that has just been refused, and what the instruction itself loads stays.
  vcpu.flagSystem &= ~RFLAGS.RF;
  const abort = executeSystemEvent(vcpu, instruction);
  if (abort) {
    carryOut(vcpu, abort);
    return;
  }
  if (before.shadow !== "none" && system.shadow === before.shadow) system.shadow = "none";
  if (vcpu.deliveries !== before.deliveries) return;
  if (before.flags & RFLAGS.TF) system.pendingDebug |= DEBUG_CAUSE.singleStep;
  deliverDebugTrap(vm);
}
