/** Far JMP and CALL: code segments, call gates, tasks. SDM Vol. 2A, "CALL", "JMP"; Vol. 3A, "Protection". */
import { AR, decodeGate } from "../../isa/descriptors";
import { RSP, SS } from "../../isa/registers";
import type { Instruction } from "../../codec/types";
import { gp, np, ud } from "../abort";
import { readMemory } from "../dataAccess";
import type { FetchedDescriptor } from "../decodedTables";
import { readImplicit32 } from "../implicitAccess";
import { stackFromTss, stackFromTss64 } from "../delivery";
import type { Processor } from "../processor";
import {
  cacheOf,
  dplOf,
  fetchDescriptor,
  isCode,
  isConforming,
  isNull,
  nullStack,
  setCodeSegment,
} from "../segmentation";
import { StackFrame } from "../stack";
import type { SegmentRegister } from "../systemState";
import { farToTask } from "../taskSwitch";
import { checkCodeAttributes, checkOffset, jumpRealMode, type FarPointer } from "./farTarget";
import { effectiveAddress, nextRip, operand, type SystemEvent } from "./systemEvent";

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

/** A direct far JMP or CALL to a code segment: conforming at DPL <= CPL, else DPL = CPL and RPL <= CPL. */
function checkDirectTarget(
  cpu: Processor,
  descriptor: FetchedDescriptor,
  { selector, offset }: FarPointer,
): void {
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
  checkOffset(cpu, descriptor, offset);
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
  const third = cpu.longMode ? readImplicit32(cpu, descriptor.address + 8, 4) : undefined;
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
    checkDirectTarget(cpu, descriptor, target);
    setCodeSegment(cpu, cacheOf(cpu, descriptor, cpu.cpl), cpu.cpl);
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
  checkOffset(cpu, gate.code, gate.offset);
  setCodeSegment(cpu, cacheOf(cpu, gate.code, cpu.cpl), cpu.cpl);
  cpu.rip = gate.offset;
  return "jumped";
};

const callFar: SystemEvent = (cpu, instruction) => {
  const target = farPointer(cpu, instruction);
  const width = (instruction.operandSize / 8) as 2 | 4 | 8;
  const back = nextRip(cpu, instruction);
  if (cpu.realOrVirtual8086) {
    const stack = StackFrame.current(cpu);
    stack.push32(width, cpu.cs.selector);
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
  checkDirectTarget(cpu, descriptor, target);
  const stack = StackFrame.current(cpu);
  stack.push32(width, cpu.cs.selector);
  stack.push(width, back);
  const cs = cacheOf(cpu, descriptor, cpu.cpl);
  stack.commit();
  setCodeSegment(cpu, cs, cpu.cpl);
  cpu.rip = target.offset;
  return "jumped";
};

interface InnerStack {
  readonly ss: SegmentRegister;
  readonly stack: StackFrame;
}

function longStack(cpu: Processor, ring: number): InnerStack {
  const pointer = stackFromTss64(cpu, ring, 0);
  return { ss: nullStack(ring, ring), stack: StackFrame.in64Bit(cpu, pointer, ring) };
}

function protectedStack(cpu: Processor, ring: number): InnerStack {
  const { ss, pointer } = stackFromTss(cpu, ring, 0);
  return { ss, stack: StackFrame.inRing(cpu, ss, pointer, ring) };
}

function callThroughGate(cpu: Processor, gate: GateTarget, back: bigint): void {
  const ring = isConforming(gate.code.ar) ? cpu.cpl : dplOf(gate.code.ar);
  const old = { ss: cpu.ss, cs: cpu.cs.selector, rsp: cpu.gpr(RSP) };
  if (ring === cpu.cpl) {
    const stack = StackFrame.current(cpu);
    stack.push32(gate.width, old.cs);
    stack.push(gate.width, back);
    checkOffset(cpu, gate.code, gate.offset);
    const cs = cacheOf(cpu, gate.code, ring);
    stack.commit();
    setCodeSegment(cpu, cs, ring);
    cpu.rip = gate.offset;
    return;
  }
  const target = cpu.longMode ? longStack(cpu, ring) : protectedStack(cpu, ring);
  const { stack } = target;
  const parameters = StackFrame.current(cpu);
  const copied = Array.from({ length: gate.parameterCount }, () => parameters.pop(gate.width));
  stack.push32(gate.width, old.ss.selector);
  stack.push(gate.width, old.rsp);
  for (const value of copied.reverse()) stack.push(gate.width, value);
  stack.push32(gate.width, old.cs);
  stack.push(gate.width, back);
  checkOffset(cpu, gate.code, gate.offset);
  const cs = cacheOf(cpu, gate.code, ring);
  cpu.system.segments[SS] = target.ss;
  stack.commitAsNew();
  setCodeSegment(cpu, cs, ring);
  cpu.rip = gate.offset;
}

export const FAR_EVENTS: Readonly<Record<string, SystemEvent>> = {
  jmp_far: jmpFar,
  call_far: callFar,
};
