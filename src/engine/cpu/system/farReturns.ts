/** Far RET and IRET. SDM Vol. 2, "RET", "IRET/IRETD/IRETQ". */
import { AR } from "../../isa/descriptors";
import { RSP, SS } from "../../isa/registers";
import type { Instruction } from "../../codec/types";
import { gp, np, ss as stackFault } from "../abort";
import type { FetchedDescriptor } from "../decodedTables";
import type { Processor } from "../processor";
import {
  cacheOf,
  checkStackSegment,
  dplOf,
  dropInaccessibleSegments,
  fetchDescriptor,
  isCode,
  isConforming,
  isNull,
  nullStack,
  setCodeSegment,
  type FaultMaker,
} from "../segmentation";
import { StackFrame } from "../stack";
import { RFLAGS, type SegmentRegister } from "../systemState";
import { returnToTask } from "../taskSwitch";
import { unblockNmis } from "../vmx/nmiUnblocking";
import { checkCodeAttributes, checkOffset, jumpRealMode, type FarPointer } from "./farTarget";
import { writableFlags } from "./flags";
import { nextRip, readOperand, type SystemEvent } from "./systemEvent";
import { loadVirtualFlags, usesVme } from "./virtualInterrupts";

/** The code segment that a return leads to; nothing has changed yet. */
function returnTarget(cpu: Processor, { selector, offset }: FarPointer): FetchedDescriptor {
  if (isNull(selector)) throw gp(0, "return to a null code selector");
  const error = selector & 0xfffc;
  const descriptor = fetchDescriptor(cpu, selector);
  const ring = selector & 3;
  const dpl = dplOf(descriptor.ar);
  if (!isCode(descriptor.ar)) throw gp(error, "return to a segment that is not code");
  if (ring < cpu.cpl) throw gp(error, `return to inner ring ${ring} from ring ${cpu.cpl}`);
  if (isConforming(descriptor.ar) ? dpl > ring : dpl !== ring)
    throw gp(error, "the segment's DPL does not fit the selector's RPL");
  checkCodeAttributes(cpu, descriptor);
  if (!(descriptor.ar & AR.P)) throw np(error, "return to a segment that is not present");
  checkOffset(cpu, descriptor, offset);
  return descriptor;
}

/** The outer stack that a return restores. */
function outerStack(
  cpu: Processor,
  selector: number,
  ring: number,
  to64: boolean,
  absent: FaultMaker,
): SegmentRegister {
  if (isNull(selector)) {
    if (to64 && ring !== 3) return nullStack(selector, ring);
    throw gp(0, "return to a null stack selector");
  }
  const descriptor = fetchDescriptor(cpu, selector);
  checkStackSegment(descriptor, selector, ring, gp, absent);
  return cacheOf(cpu, descriptor);
}

const retFar: SystemEvent = (cpu, instruction) => {
  const width = (instruction.operandSize / 8) as 2 | 4 | 8;
  const release = instruction.operands.length > 0 ? Number(readOperand(cpu, instruction, 0)) : 0;
  const stack = StackFrame.current(cpu);
  const offset = stack.pop(width);
  const selector = stack.pop32(width) & 0xffff;
  if (cpu.realOrVirtual8086) {
    jumpRealMode(cpu, { selector, offset });
    stack.skip(release);
    stack.commit();
    return "jumped";
  }
  const target = returnTarget(cpu, { selector, offset });
  const ring = selector & 3;
  const to64 = cpu.longMode && (target.ar & AR.L) !== 0;
  stack.skip(release);
  if (ring === cpu.cpl) {
    const cs = cacheOf(cpu, target);
    stack.commit();
    setCodeSegment(cpu, cs, ring);
  } else {
    const rsp = stack.pop(width);
    const ssSelector = stack.pop32(width) & 0xffff;
    const newSs = outerStack(cpu, ssSelector, ring, to64, stackFault);
    const cs = cacheOf(cpu, target);
    setOuterStack(cpu, newSs, rsp + BigInt(release), to64);
    setCodeSegment(cpu, cs, ring);
    dropInaccessibleSegments(cpu);
  }
  cpu.rip = offset;
  return "jumped";
};

function setOuterStack(cpu: Processor, newSs: SegmentRegister, rsp: bigint, to64: boolean): void {
  cpu.system.segments[SS] = newSs;
  cpu.setGpr(RSP, rsp, to64 ? 64 : newSs.ar & AR.DB ? 32 : 16);
}

const IRET_FLAGS =
  RFLAGS.CF |
  RFLAGS.PF |
  RFLAGS.AF |
  RFLAGS.ZF |
  RFLAGS.SF |
  RFLAGS.OF |
  RFLAGS.TF |
  RFLAGS.DF |
  RFLAGS.NT;

/** Flags that IRET restores, by the ring that executes it. */
function restoreFlags(cpu: Processor, value: number, operandSize: number, executing: number): void {
  let mask = writableFlags(cpu, operandSize);
  if (operandSize !== 16) mask |= RFLAGS.RF;
  if (executing === 0 && operandSize !== 16) mask |= RFLAGS.VIF | RFLAGS.VIP;
  cpu.rflags = (cpu.rflags & ~mask) | (value & mask);
}

function iretRealMode(cpu: Processor, instruction: Instruction): void {
  const vme = instruction.operandSize === 16 && usesVme(cpu);
  if (!vme && cpu.virtual8086 && cpu.iopl < 3)
    throw gp(0, "IRET in virtual-8086 mode needs IOPL 3");
  const width = (instruction.operandSize / 8) as 2 | 4;
  const stack = StackFrame.current(cpu);
  const offset = stack.pop(width);
  const selector = stack.pop32(width) & 0xffff;
  const flags = stack.pop32(width);
  const keepIopl = cpu.virtual8086;
  if (vme) loadVirtualFlags(cpu, flags);
  jumpRealMode(cpu, { selector, offset });
  stack.commit();
  if (vme) return;
  let mask = IRET_FLAGS | RFLAGS.IF | (keepIopl ? 0 : RFLAGS.IOPL);
  if (width === 4) mask |= RFLAGS.AC | RFLAGS.ID | RFLAGS.RF;
  cpu.rflags = (cpu.rflags & ~mask) | (flags & mask);
  cpu.refresh();
}

/** All flags that exist, without bit 1. */
const LOADABLE_FLAGS = 0x3f7fd5;

/** Return to virtual-8086 mode: the frame holds all segments. */
function iretToVirtual8086(cpu: Processor, stack: StackFrame, to: FarPointer, flags: number): void {
  const esp = stack.pop(4);
  const selectors = [stack.pop(4), stack.pop(4), stack.pop(4), stack.pop(4), stack.pop(4)].map(
    (value) => Number(value & 0xffffn),
  );
  const [ss, es, ds, fs, gs] = selectors as [number, number, number, number, number];
  const segment = (selector: number): SegmentRegister => ({
    selector,
    base: BigInt(selector << 4),
    limit: 0xffff,
    ar: 0xf3,
  });
  cpu.rflags = flags & LOADABLE_FLAGS;
  cpu.system.segments = [es, to.selector, ss, ds, fs, gs].map(segment);
  cpu.setGpr(RSP, esp, 32);
  const from = cpu.cpl;
  cpu.system.cpl = 3;
  cpu.rip = to.offset & 0xffffn;
  cpu.refresh();
  cpu.observe({ kind: "ring-change", from, to: 3 });
}

/** NMIs are unblocked even if the rest of the instruction fails. */
const iret: SystemEvent = (cpu, instruction) => {
  unblockNmis(cpu);
  const next = returnFromInterrupt(cpu, instruction);
  cpu.system.vmx.nmiUnblocking = false;
  return next;
};

const returnFromInterrupt: SystemEvent = (cpu, instruction) => {
  if (cpu.realOrVirtual8086) {
    iretRealMode(cpu, instruction);
    return "jumped";
  }
  if (cpu.flagSystem & RFLAGS.NT) {
    if (cpu.longMode) throw gp(0, "IRET with NT set in IA-32e mode");
    returnToTask(cpu, nextRip(cpu, instruction), instruction.length);
    return "jumped";
  }
  const { operandSize } = instruction;
  const width = (operandSize / 8) as 2 | 4 | 8;
  const executing = cpu.cpl;
  const stack = StackFrame.current(cpu);
  const to = { offset: stack.pop(width), selector: stack.pop32(width) & 0xffff };
  const flags = stack.pop32(width);
  if (!cpu.longMode && operandSize === 32 && flags & RFLAGS.VM && executing === 0) {
    iretToVirtual8086(cpu, stack, to, flags);
    return "jumped";
  }
  const target = returnTarget(cpu, to);
  const ring = to.selector & 3;
  const to64 = cpu.longMode && (target.ar & AR.L) !== 0;
  let cs: SegmentRegister;
  if (ring > executing || cpu.is64) {
    const rsp = stack.pop(width);
    const newSs = outerStack(cpu, stack.pop32(width) & 0xffff, ring, to64, np);
    cs = cacheOf(cpu, target);
    restoreFlags(cpu, flags, operandSize, executing);
    setOuterStack(cpu, newSs, rsp, to64);
  } else {
    cs = cacheOf(cpu, target);
    restoreFlags(cpu, flags, operandSize, executing);
    stack.commit();
  }
  setCodeSegment(cpu, cs, ring);
  if (ring > executing) dropInaccessibleSegments(cpu);
  cpu.rip = to.offset;
  return "jumped";
};

export const RETURN_EVENTS: Readonly<Record<string, SystemEvent>> = {
  ret_far: retFar,
  iret,
};
