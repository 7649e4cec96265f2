/**
 * From what the hardware holds to what the guest believes. While the guest runs, it changes general registers, arithmetic flags, EIP and, without a trap,
 * segment registers; everything else changes only in the VMM and stands in the VCPU.
 */
import { CS, RSP, SS, type SegmentIndex } from "../../isa/registers";
import type { Processor } from "../../cpu/processor";
import { isNull } from "../../cpu/segmentation";
import { RFLAGS, type SegmentRegister } from "../../cpu/systemState";
import { AR } from "../../isa/descriptors";
import { guestDescriptor, slotOf } from "./descriptorTables";
import { registerOf } from "./shadowDescriptor";
import type { Vm } from "./vm";

/** RFLAGS bits that belong to the VMM while the guest runs: the hardware's are not the guest's. */
export const VIRTUAL_FLAGS = RFLAGS.IF | RFLAGS.IOPL | RFLAGS.VIF | RFLAGS.VIP;

const VIRTUAL_8086_RIGHTS = 0xf3;

/** What a running guest can change by itself, from its stack frame or from the processor; general registers are in the processor either way. */
export interface HardwareContext {
  readonly eip: bigint;
  readonly esp: bigint;
  readonly eflags: number;
  /** ES CS SS DS FS GS. */
  readonly selectors: readonly number[];
}

/** The context of a guest that is running. */
export function runningContext(cpu: Processor): HardwareContext {
  return {
    eip: cpu.rip,
    esp: cpu.gpr(RSP, 32),
    eflags: cpu.rflags,
    selectors: cpu.system.segments.map(({ selector }) => selector),
  };
}

function segment8086(selector: number): SegmentRegister {
  return { selector, base: BigInt(selector << 4), limit: 0xffff, ar: VIRTUAL_8086_RIGHTS };
}

/** A segment register whose selector the guest has loaded without the VMM. */
function loaded(vm: Vm, known: readonly SegmentRegister[], selector: number): SegmentRegister {
  if (isNull(selector)) return { selector, base: 0n, limit: 0, ar: AR.UNUSABLE };
  const slot = slotOf(selector);
  // A selector of the VMM's that the guest has copied from CS or SS.
  if (slot !== undefined) return { ...known[slot]!, selector };
  return registerOf(guestDescriptor(vm, selector), selector);
}

/** CS and SS: the RPL is the hardware's ring. */
function ringRegister(
  vm: Vm,
  known: readonly SegmentRegister[],
  index: SegmentIndex,
  selector: number,
  ring: number,
): SegmentRegister {
  if (selector === vm.state.leftSelectors[index]) return known[index]!;
  return loaded(vm, known, (selector & 0xfffc) | ring);
}

function segmentsOf(
  vm: Vm,
  known: readonly SegmentRegister[],
  { selectors, eflags }: HardwareContext,
  ring: number,
): SegmentRegister[] {
  if (eflags & RFLAGS.VM) return selectors.map(segment8086);
  return selectors.map((selector, i) => {
    const index = i as SegmentIndex;
    if (index === CS || index === SS) return ringRegister(vm, known, index, selector, ring);
    return selector === vm.state.leftSelectors[index] ? known[index]! : loaded(vm, known, selector);
  });
}

/** The guest's ring. It changes in the VMM alone, but for what a silent instruction can do: a return through a conforming segment. */
function ringOf({ vcpu, parts }: Vm, { selectors, eflags }: HardwareContext): number {
  const hardware = eflags & RFLAGS.VM ? 3 : selectors[CS]! & 3;
  return hardware === 3 && parts.kernelRing !== 3 ? 3 : vcpu.cpl;
}

function flagsOf(vm: Vm, { eflags, eip }: HardwareContext): number {
  const { step, resumedAt } = vm.state;
  const own = vm.vcpu.flagSystem & VIRTUAL_FLAGS;
  const real = eflags & ~VIRTUAL_FLAGS;
  // Under the VMM's single step TF is the VMM's, unless the instruction has loaded it.
  if (!step || (step.loadsFlags && eip !== resumedAt)) return real | own;
  return (real & ~RFLAGS.TF) | own | (step.guestTrapFlag ? RFLAGS.TF : 0);
}

/** Puts what the guest believes into `target`, which starts from the VCPU (and may be it). */
export function learn(vm: Vm, target: Processor, context: HardwareContext): void {
  const { cpu, vcpu } = vm;
  const known = vcpu.system.segments;
  const ring = ringOf(vm, context);
  for (let register = 0; register < 8; register++)
    target.setGpr(register, register === RSP ? context.esp : cpu.gpr(register, 32), 32);
  target.rip = context.eip;
  target.rflags = flagsOf(vm, context);
  target.ticks = cpu.ticks;
  target.system.segments = segmentsOf(vm, known, context, ring);
  target.system.cpl = ring;
  if (context.eip !== vm.state.resumedAt) target.system.shadow = "none";
  target.refresh();
}
