/** Far CALL, JMP, RET, IRET, INT n, SYSCALL, SYSENTER and their returns. SDM Vol. 2; Vol. 3A, "Protection". */
import { AR, decodeGate } from "../../isa/descriptors";
import { RCX, RDX, RSP, SS } from "../../isa/registers";
import type { Instruction } from "../../codec/types";
import { BP, DB, OF, gp, np, ss as stackFault, ud } from "../abort";
import { readImplicit, readMemory } from "../dataAccess";
import { deliver, stackFromTss, stackFromTss64 } from "../delivery";
import { EVENT } from "../event";
import { canonicalLinear } from "../linear";
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
  loadRealModeCs,
  setCodeSegment,
  type FaultMaker,
  type FetchedDescriptor,
} from "../segmentation";
import { StackFrame } from "../stack";
import { EFER, RFLAGS, type SegmentRegister } from "../systemState";
import { farToTask, returnToTask } from "../taskSwitch";
import { writableFlags } from "./flags";
import { effectiveAddress, nextRip, operand, readOperand, type SystemEvent } from "./systemEvent";

interface FarPointer {
  readonly selector: number;
  readonly offset: bigint;
}

/** The far pointer of the operand: immediate or in memory. */
function farPointer(cpu: Processor, instruction: Instruction): FarPointer {
  const op = operand(instruction, 0);
  if (op.kind === "far") return { selector: op.selector, offset: BigInt(op.offset >>> 0) };
  if (op.kind !== "mem") throw ud("a far transfer needs a far pointer");
  const bytes = instruction.operandSize / 8;
  const ea = effectiveAddress(cpu, instruction, op);
  const offset = readMemory(cpu, op.segment, ea, bytes);
  const at = BigInt.asUintN(op.addressSize, ea + BigInt(bytes));
  return { selector: Number(readMemory(cpu, op.segment, at, 2)), offset };
}

/** Checks a target offset against the code segment that it is for. */
function checkOffset(cpu: Processor, cs: { limit: number; ar: number }, offset: bigint): void {
  if (cpu.longMode && cs.ar & AR.L) {
    if (canonicalLinear(offset) === undefined) throw gp(0, "the target is not canonical");
  } else if (offset > BigInt(cs.limit))
    throw gp(0, "the target is beyond the code segment's limit");
}

function checkCodeAttributes(cpu: Processor, { ar, selector }: FetchedDescriptor): void {
  if (cpu.longMode && ar & AR.L && ar & AR.DB)
    throw gp(selector & 0xfffc, "a code segment may not have both L and D");
}

/** A direct far JMP or CALL to a code segment: conforming at DPL <= CPL, else DPL = CPL and RPL <= CPL. */
function directTarget(
  cpu: Processor,
  descriptor: FetchedDescriptor,
  selector: number,
): SegmentRegister {
  const code = selector & 0xfffc;
  const { ar } = descriptor;
  const dpl = dplOf(ar);
  if (isConforming(ar)) {
    if (dpl > cpu.cpl) throw gp(code, `conforming segment with DPL ${dpl} above CPL ${cpu.cpl}`);
  } else if ((selector & 3) > cpu.cpl || dpl !== cpu.cpl) {
    throw gp(code, `segment DPL ${dpl} differs from CPL ${cpu.cpl}`);
  }
  checkCodeAttributes(cpu, descriptor);
  if (!(ar & AR.P)) throw np(code, "the code segment is not present");
  return cacheOf(cpu, descriptor, selector);
}

function jumpRealMode(cpu: Processor, target: FarPointer): void {
  if (target.offset > BigInt(cpu.cs.limit))
    throw gp(0, "the target is beyond the code segment's limit");
  loadRealModeCs(cpu, target.selector);
  cpu.rip = target.offset;
  cpu.refresh();
}

function targetDescriptor(cpu: Processor, selector: number): FetchedDescriptor {
  if (isNull(selector)) throw gp(0, "far transfer to a null selector");
  return fetchDescriptor(cpu, selector);
}

const TASK_TYPES: readonly number[] = [1, 3, 5, 9, 0xb];

/** A TSS or a task gate; in IA-32e mode there are no tasks. */
function isTask(cpu: Processor, { ar }: FetchedDescriptor): boolean {
  return !cpu.longMode && !(ar & AR.S) && TASK_TYPES.includes(ar & AR.TYPE);
}

/** Gate types reached by far CALL and JMP. */
const CALL_GATE_16 = 4;
const CALL_GATE_32 = 0xc;

interface GateTarget {
  readonly selector: number;
  readonly offset: bigint;
  readonly parameterCount: number;
  /** Bytes of a stack slot. */
  readonly width: 2 | 4 | 8;
  readonly code: FetchedDescriptor;
}

/** Follows a call gate. SDM Vol. 3A, "Accessing a Code Segment Through a Call Gate". */
function throughGate(cpu: Processor, descriptor: FetchedDescriptor, selector: number): GateTarget {
  const error = selector & 0xfffc;
  const type = descriptor.ar & AR.TYPE;
  if (type !== CALL_GATE_32 && (type !== CALL_GATE_16 || cpu.longMode)) {
    throw gp(error, "the selector names neither code nor a call gate");
  }
  const third = cpu.longMode ? Number(readImplicit(cpu, descriptor.address + 8n, 4)) : undefined;
  const gate = decodeGate(descriptor.low, descriptor.high, third);
  if (gate.dpl < cpu.cpl || gate.dpl < (selector & 3))
    throw gp(error, `call-gate DPL ${gate.dpl} is below CPL or RPL`);
  if (!gate.present) throw np(error, "the call gate is not present");
  if (isNull(gate.selector)) throw gp(0, "the call gate holds a null selector");
  const code = fetchDescriptor(cpu, gate.selector);
  const codeError = gate.selector & 0xfffc;
  if (!isCode(code.ar) || dplOf(code.ar) > cpu.cpl)
    throw gp(codeError, "the gate's target is not code of an equal or inner ring");
  if (cpu.longMode && (!(code.ar & AR.L) || code.ar & AR.DB))
    throw gp(codeError, "the gate's target is not 64-bit code");
  if (!(code.ar & AR.P)) throw np(codeError, "the gate's target is not present");
  return {
    selector: gate.selector,
    offset: type === CALL_GATE_16 ? gate.offset & 0xffffn : gate.offset,
    parameterCount: gate.parameterCount,
    width: cpu.longMode ? 8 : type === CALL_GATE_32 ? 4 : 2,
    code,
  };
}

const jmpFar: SystemEvent = (cpu, instruction) => {
  const target = farPointer(cpu, instruction);
  if (cpu.realOrVirtual8086) {
    jumpRealMode(cpu, target);
    return "jumped";
  }
  const descriptor = targetDescriptor(cpu, target.selector);
  if (isCode(descriptor.ar)) {
    const cs = directTarget(cpu, descriptor, target.selector);
    checkOffset(cpu, cs, target.offset);
    setCodeSegment(cpu, cs, cpu.cpl);
    cpu.rip = target.offset;
    return "jumped";
  }
  if (isTask(cpu, descriptor)) {
    const from = { returnRip: nextRip(cpu, instruction), length: instruction.length };
    farToTask(cpu, "jmp", descriptor, target.selector, from);
    return "jumped";
  }
  const gate = throughGate(cpu, descriptor, target.selector);
  if (!isConforming(gate.code.ar) && dplOf(gate.code.ar) !== cpu.cpl) {
    throw gp(gate.selector & 0xfffc, "JMP through a gate cannot change the ring");
  }
  const cs = cacheOf(cpu, gate.code, gate.selector);
  checkOffset(cpu, cs, gate.offset);
  setCodeSegment(cpu, cs, cpu.cpl);
  cpu.rip = gate.offset;
  return "jumped";
};

const callFar: SystemEvent = (cpu, instruction) => {
  const target = farPointer(cpu, instruction);
  const width = (instruction.operandSize / 8) as 2 | 4 | 8;
  const back = nextRip(cpu, instruction);
  if (cpu.realOrVirtual8086) {
    const stack = StackFrame.current(cpu);
    stack.push(width, BigInt(cpu.cs.selector));
    stack.push(width, back);
    jumpRealMode(cpu, target);
    stack.commit();
    return "jumped";
  }
  const descriptor = targetDescriptor(cpu, target.selector);
  if (isTask(cpu, descriptor)) {
    const from = { returnRip: back, length: instruction.length };
    farToTask(cpu, "call", descriptor, target.selector, from);
    return "jumped";
  }
  if (!isCode(descriptor.ar)) {
    callThroughGate(cpu, throughGate(cpu, descriptor, target.selector), back);
    return "jumped";
  }
  const cs = directTarget(cpu, descriptor, target.selector);
  checkOffset(cpu, cs, target.offset);
  const stack = StackFrame.current(cpu);
  stack.push(width, BigInt(cpu.cs.selector));
  stack.push(width, back);
  stack.commit();
  setCodeSegment(cpu, cs, cpu.cpl);
  cpu.rip = target.offset;
  return "jumped";
};

function callThroughGate(cpu: Processor, gate: GateTarget, back: bigint): void {
  const ring = isConforming(gate.code.ar) ? cpu.cpl : dplOf(gate.code.ar);
  const old = { ss: cpu.ss, cs: cpu.cs.selector, rsp: cpu.gpr(RSP) };
  if (ring === cpu.cpl) {
    const stack = StackFrame.current(cpu);
    stack.push(gate.width, BigInt(old.cs));
    stack.push(gate.width, back);
    const cs = cacheOf(cpu, gate.code, gate.selector);
    checkOffset(cpu, cs, gate.offset);
    stack.commit();
    setCodeSegment(cpu, cs, ring);
    cpu.rip = gate.offset;
    return;
  }
  const target = cpu.longMode
    ? {
        ss: { selector: ring, base: 0n, limit: 0, ar: AR.UNUSABLE | (ring << 5) },
        pointer: stackFromTss64(cpu, ring, 0),
      }
    : stackFromTss(cpu, ring, 0);
  const stack = new StackFrame(cpu, target.ss, target.pointer, ring, cpu.longMode);
  const parameters = StackFrame.current(cpu);
  const copied = Array.from({ length: gate.parameterCount }, () => parameters.pop(gate.width));
  stack.push(gate.width, BigInt(old.ss.selector));
  stack.push(gate.width, old.rsp);
  for (const value of copied.reverse()) stack.push(gate.width, value);
  stack.push(gate.width, BigInt(old.cs));
  stack.push(gate.width, back);
  const cs = cacheOf(cpu, gate.code, gate.selector);
  checkOffset(cpu, cs, gate.offset);
  cpu.system.segments[SS] = target.ss;
  cpu.setGpr(RSP, stack.top, cpu.longMode ? 64 : target.ss.ar & AR.DB ? 32 : 16);
  setCodeSegment(cpu, cs, ring);
  cpu.rip = gate.offset;
}

/** What far RET and IRET return to. */
interface Return {
  readonly selector: number;
  readonly offset: bigint;
}

function returnTarget(
  cpu: Processor,
  { selector, offset }: Return,
): { cs: SegmentRegister; ring: number } {
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
  const cs = cacheOf(cpu, descriptor, selector);
  checkOffset(cpu, cs, offset);
  return { cs, ring };
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
    if (to64 && ring !== 3) return { selector, base: 0n, limit: 0, ar: AR.UNUSABLE | (ring << 5) };
    throw gp(0, "return to a null stack selector");
  }
  const descriptor = fetchDescriptor(cpu, selector);
  checkStackSegment(descriptor, selector, ring, gp, absent);
  return cacheOf(cpu, descriptor, selector);
}

const retFar: SystemEvent = (cpu, instruction) => {
  const width = (instruction.operandSize / 8) as 2 | 4 | 8;
  const release = instruction.operands.length > 0 ? Number(readOperand(cpu, instruction, 0)) : 0;
  const stack = StackFrame.current(cpu);
  const offset = stack.pop(width);
  const selector = Number(stack.pop(width) & 0xffffn);
  if (cpu.realOrVirtual8086) {
    jumpRealMode(cpu, { selector, offset });
    stack.skip(release);
    stack.commit();
    return "jumped";
  }
  const { cs, ring } = returnTarget(cpu, { selector, offset });
  stack.skip(release);
  if (ring === cpu.cpl) {
    stack.commit();
    setCodeSegment(cpu, cs, ring);
  } else {
    const rsp = stack.pop(width);
    const ssSelector = Number(stack.pop(width) & 0xffffn);
    const newSs = outerStack(cpu, ssSelector, ring, (cs.ar & AR.L) !== 0, stackFault);
    setOuterStack(cpu, newSs, rsp + BigInt(release), (cs.ar & AR.L) !== 0 && cpu.longMode);
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
  if (cpu.virtual8086 && cpu.iopl < 3) throw gp(0, "IRET in virtual-8086 mode needs IOPL 3");
  const width = (instruction.operandSize / 8) as 2 | 4;
  const stack = StackFrame.current(cpu);
  const offset = stack.pop(width);
  const selector = Number(stack.pop(width) & 0xffffn);
  const flags = Number(stack.pop(width) & 0xffffffffn);
  const keepIopl = cpu.virtual8086;
  jumpRealMode(cpu, { selector, offset });
  stack.commit();
  let mask = IRET_FLAGS | RFLAGS.IF | (keepIopl ? 0 : RFLAGS.IOPL);
  if (width === 4) mask |= RFLAGS.AC | RFLAGS.ID | RFLAGS.RF;
  cpu.rflags = (cpu.rflags & ~mask) | (flags & mask);
  cpu.refresh();
}

/** All flags that exist, without bit 1. */
const LOADABLE_FLAGS = 0x3f7fd5;

/** Return to virtual-8086 mode: the frame holds all segments. */
function iretToVirtual8086(cpu: Processor, stack: StackFrame, to: Return, flags: number): void {
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

const iret: SystemEvent = (cpu, instruction) => {
  cpu.system.nmiBlocked = false;
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
  const to = { offset: stack.pop(width), selector: Number(stack.pop(width) & 0xffffn) };
  const flags = Number(stack.pop(width) & 0xffffffffn);
  if (!cpu.longMode && operandSize === 32 && flags & RFLAGS.VM && executing === 0) {
    iretToVirtual8086(cpu, stack, to, flags);
    return "jumped";
  }
  const { cs, ring } = returnTarget(cpu, to);
  if (ring > executing || cpu.is64) {
    const rsp = stack.pop(width);
    const newSs = outerStack(
      cpu,
      Number(stack.pop(width) & 0xffffn),
      ring,
      cpu.longMode && (cs.ar & AR.L) !== 0,
      np,
    );
    restoreFlags(cpu, flags, operandSize, executing);
    setOuterStack(cpu, newSs, rsp, cpu.longMode && (cs.ar & AR.L) !== 0);
  } else {
    restoreFlags(cpu, flags, operandSize, executing);
    stack.commit();
  }
  setCodeSegment(cpu, cs, ring);
  if (ring > executing) dropInaccessibleSegments(cpu);
  cpu.rip = to.offset;
  return "jumped";
};

function softwareInterrupt(vector: number, type: 4 | 5 | 6): SystemEvent {
  return (cpu, instruction) => {
    // VME is not offered: INT n in virtual-8086 mode needs IOPL 3.
    if (type === EVENT.software && cpu.virtual8086 && cpu.iopl < 3)
      throw gp(0, "INT n in virtual-8086 mode needs IOPL 3");
    const actual = type === EVENT.software ? Number(readOperand(cpu, instruction, 0)) : vector;
    cpu.observe({ kind: "interrupt", vector: actual, source: "software" });
    deliver(cpu, {
      vector: actual,
      type,
      returnRip: nextRip(cpu, instruction),
      length: instruction.length,
    });
    return "jumped";
  };
}

const into: SystemEvent = (cpu, instruction) => {
  if (!(cpu.rflags & RFLAGS.OF)) return "next";
  return softwareInterrupt(OF, EVENT.softwareException)(cpu, instruction);
};

/** A flat segment as SYSCALL and SYSENTER load it: base and limit are fixed, the descriptor is not read. */
function flat(selector: number, type: number, ring: number, long: boolean): SegmentRegister {
  const mode = type & 8 && long ? AR.L : AR.DB;
  return {
    selector,
    base: 0n,
    limit: 0xffffffff,
    ar: AR.G | mode | AR.P | AR.S | (ring << 5) | type,
  };
}

function enterFlat(cpu: Processor, csSelector: number, ring: number, long: boolean): void {
  cpu.system.segments[SS] = flat((csSelector + 8) & 0xffff, 3, ring, false);
  setCodeSegment(cpu, flat(csSelector, 0xb, ring, long), ring);
}

const syscall: SystemEvent = (cpu, instruction) => {
  const { efer, msrs } = cpu.system;
  if (!(efer & EFER.SCE) || !cpu.is64) throw ud("SYSCALL needs EFER.SCE and 64-bit mode");
  cpu.setGpr(RCX, nextRip(cpu, instruction));
  cpu.setGpr(11, BigInt(cpu.rflags & ~RFLAGS.RF));
  cpu.rip = msrs.lstar;
  cpu.rflags &= ~(Number(msrs.fmask) | RFLAGS.RF);
  const selector = Number((msrs.star >> 32n) & 0xfffcn);
  enterFlat(cpu, selector, 0, true);
  return "jumped";
};

const sysret: SystemEvent = (cpu, instruction) => {
  const { efer, msrs } = cpu.system;
  if (!(efer & EFER.SCE) || !cpu.is64) throw ud("SYSRET needs EFER.SCE and 64-bit mode");
  const base = Number((msrs.star >> 48n) & 0xffffn);
  const to64 = instruction.operandSize === 64;
  const target = cpu.gpr(RCX);
  if (to64 && canonicalLinear(target) === undefined)
    throw gp(0, "SYSRET to an address that is not canonical");
  const flags = Number(cpu.gpr(11) & 0xffffffffn);
  cpu.rflags = (flags & 0x3c7fd7) | 2;
  cpu.rip = to64 ? target : target & 0xffffffffn;
  cpu.system.segments[SS] = flat((base + 8) | 3, 3, 3, false);
  setCodeSegment(cpu, flat((to64 ? base + 16 : base) | 3, 0xb, 3, to64), 3);
  return "jumped";
};

const sysenter: SystemEvent = (cpu) => {
  const { msrs } = cpu.system;
  const selector = Number(msrs.sysenterCs & 0xfffcn);
  if (!cpu.protectedMode) throw gp(0, "SYSENTER needs protected mode");
  if (selector === 0) throw gp(0, "IA32_SYSENTER_CS is null");
  cpu.flagSystem &= ~(RFLAGS.VM | RFLAGS.IF | RFLAGS.RF);
  const long = cpu.longMode;
  enterFlat(cpu, selector, 0, long);
  cpu.setGpr(RSP, long ? msrs.sysenterEsp : msrs.sysenterEsp & 0xffffffffn);
  cpu.rip = long ? msrs.sysenterEip : msrs.sysenterEip & 0xffffffffn;
  return "jumped";
};

const sysexit: SystemEvent = (cpu, instruction) => {
  const selector = Number(cpu.system.msrs.sysenterCs & 0xfffcn);
  if (!cpu.protectedMode || selector === 0)
    throw gp(0, "SYSEXIT needs protected mode and IA32_SYSENTER_CS");
  const to64 = instruction.operandSize === 64;
  const [rip, rsp] = [cpu.gpr(RDX), cpu.gpr(RCX)];
  if (to64 && (canonicalLinear(rip) === undefined || canonicalLinear(rsp) === undefined)) {
    throw gp(0, "SYSEXIT to an address that is not canonical");
  }
  const base = to64 ? selector + 32 : selector + 16;
  cpu.system.segments[SS] = flat((base + 8) | 3, 3, 3, false);
  setCodeSegment(cpu, flat(base | 3, 0xb, 3, to64), 3);
  cpu.setGpr(RSP, rsp, to64 ? 64 : 32);
  cpu.rip = to64 ? rip : rip & 0xffffffffn;
  return "jumped";
};

export const FAR_EVENTS: Readonly<Record<string, SystemEvent>> = {
  jmp_far: jmpFar,
  call_far: callFar,
  ret_far: retFar,
  iret,
  int: softwareInterrupt(0, EVENT.software),
  int3: softwareInterrupt(BP, EVENT.softwareException),
  int1: softwareInterrupt(DB, EVENT.privilegedSoftware),
  into,
  syscall,
  sysret,
  sysenter,
  sysexit,
};
