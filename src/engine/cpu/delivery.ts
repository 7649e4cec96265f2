/** Delivery of exceptions and interrupts through the IDT. SDM Vol. 3A, "Interrupt and Exception Handling". */
import { AR, type Gate } from "../isa/descriptors";
import { combineExceptions, pushesErrorCode, vectorName } from "../isa/exceptions";
import { RSP, SS } from "../isa/registers";
import {
  DB,
  DF,
  PF,
  gp,
  isCpuAbort,
  np,
  ss as stackFault,
  ts,
  type CpuAbort,
  type GuestFault,
} from "./abort";
import type { FetchedDescriptor } from "./decodedTables";
import { enterDebugException } from "./debugRegisters";
import { EVENT, type DeliveredEvent } from "./event";
import { readImplicit, readImplicit32, tableLinear } from "./implicitAccess";
import type { Processor } from "./processor";
import {
  cacheOf,
  checkStackSegment,
  dplOf,
  fetchDescriptor,
  isCode,
  isConforming,
  isNull,
  loadRealModeCs,
  nullStack,
  setCodeSegment,
} from "./segmentation";
import { StackFrame } from "./stack";
import { interruptToTask } from "./taskSwitch";
import { ACTIVITY, RFLAGS, type SegmentRegister } from "./systemState";
import { performVmExit } from "./vmx/exit";
import {
  beginVectoring,
  endVectoring,
  exceptionIntercept,
  tripleFaultIntercept,
} from "./vmx/exceptionIntercept";

function isSoftware(event: DeliveredEvent): boolean {
  return event.type === EVENT.software || event.type === EVENT.softwareException;
}

/** EXT bit of error codes made during delivery. */
function ext(event: DeliveredEvent): number {
  return isSoftware(event) ? 0 : 1;
}

const HEX = 16;
const TASK_GATE = 5;

/** SDM Vol. 3A, "8086 emulation": real-address-mode delivery through the interrupt vector table. */
function deliverRealMode(cpu: Processor, event: DeliveredEvent): void {
  const { idtr } = cpu.system;
  const offset = event.vector * 4;
  if (offset + 3 > idtr.limit)
    throw gp(0, `vector 0x${event.vector.toString(HEX)} is outside the IVT`);
  const entry = readImplicit32(cpu, tableLinear(cpu, idtr, offset), 4);
  const stack = StackFrame.current(cpu);
  stack.push32(2, cpu.rflags);
  stack.push32(2, cpu.cs.selector);
  stack.push(2, event.returnRip);
  stack.commit();
  cpu.flagSystem &= ~(RFLAGS.IF | RFLAGS.TF | RFLAGS.AC);
  loadRealModeCs(cpu, entry >>> 16);
  cpu.rip = BigInt(entry & 0xffff);
  cpu.refresh();
}

const GATES_IN_LONG_MODE: readonly number[] = [0xe, 0xf];
const GATES: readonly number[] = [TASK_GATE, 6, 7, 0xe, 0xf];
/** S of a descriptor's high dword: a gate has it clear. */
const NOT_SYSTEM = 0x1000;

function entryName(vector: number): string {
  return `IDT entry ${vector} (${vectorName(vector)})`;
}

/** The gate of a vector, with the checks that precede any use of it. */
function fetchGate(cpu: Processor, event: DeliveredEvent): Gate {
  const { idtr } = cpu.system;
  const { vector } = event;
  const { longMode } = cpu;
  const width = longMode ? 16 : 8;
  const code = vector * 8 + 2 + ext(event);
  if (vector * width + width - 1 > idtr.limit)
    throw gp(code, `${entryName(vector)} is outside the IDT limit 0x${idtr.limit.toString(HEX)}`);
  const address = tableLinear(cpu, idtr, vector * width);
  const low = readImplicit32(cpu, address, 4);
  const high = readImplicit32(cpu, address + 4, 4);
  const third = longMode ? readImplicit32(cpu, address + 8, 4) : undefined;
  const gate = cpu.decoded.gate(vector, low, high, third);
  if (high & NOT_SYSTEM || !(longMode ? GATES_IN_LONG_MODE : GATES).includes(gate.type))
    throw gp(code, `${entryName(vector)} is not an interrupt, trap or task gate`);
  if (gate.dpl < cpu.cpl && isSoftware(event))
    throw gp(code, `${entryName(vector)}: gate DPL ${gate.dpl} is below CPL ${cpu.cpl}`);
  if (!gate.present) throw np(code, `${entryName(vector)} is not present`);
  return gate;
}

/** Where a handler's stack begins. */
interface NewStack {
  readonly ss: SegmentRegister;
  /** ESP or SP. */
  readonly pointer: number;
}

/** Stack of an inner ring from a 16- or 32-bit TSS. SDM Vol. 3A, "Stack Switching". */
export function stackFromTss(cpu: Processor, ring: number, extBit: number): NewStack {
  const { tr } = cpu.system;
  const is32 = (tr.ar & 8) !== 0;
  const offset = is32 ? 4 + ring * 8 : 2 + ring * 4;
  const size = is32 ? 4 : 2;
  if (offset + size + 1 > tr.limit)
    throw ts((tr.selector & 0xfffc) | extBit, "the TSS has no stack for this ring");
  const pointer = readImplicit32(cpu, tableLinear(cpu, tr, offset), size);
  const selector = readImplicit32(cpu, tableLinear(cpu, tr, offset + size), 2);
  if (isNull(selector)) throw ts(extBit, "the TSS holds a null SS for this ring");
  const fault = (code: number, why: string): GuestFault => ts(code | extBit, why);
  const descriptor = fetchDescriptor(cpu, selector, fault);
  checkStackSegment(descriptor, selector, ring, fault, (code, why) =>
    stackFault(code | extBit, why),
  );
  return { ss: cacheOf(cpu, descriptor), pointer };
}

/** RSPn or ISTn from a 64-bit TSS. SDM Vol. 3A, "64-Bit Mode Stack Frame" and "Interrupt Stack Table". */
export function stackFromTss64(cpu: Processor, ring: number, ist: number): bigint {
  const { tr } = cpu.system;
  const offset = ist === 0 ? 4 + ring * 8 : 0x1c + ist * 8;
  if (offset + 7 > tr.limit) throw ts(tr.selector & 0xfffc, "the TSS has no such stack pointer");
  return readImplicit(cpu, tableLinear(cpu, tr, offset), 8);
}

function handlerCode(cpu: Processor, gate: Gate, extBit: number): FetchedDescriptor {
  if (isNull(gate.selector)) throw gp(extBit, "the gate holds a null code selector");
  const descriptor = fetchDescriptor(cpu, gate.selector, (code, why) => gp(code | extBit, why));
  const code = (gate.selector & 0xfffc) | extBit;
  const { ar } = descriptor;
  if (!isCode(ar)) throw gp(code, "the gate's selector is not a code segment");
  if (dplOf(ar) > cpu.cpl) throw gp(code, "the handler's segment is less privileged than CPL");
  if (cpu.longMode && (!(ar & AR.L) || ar & AR.DB))
    throw gp(code, "the handler's segment is not 64-bit code");
  if (!(ar & AR.P)) throw np(code, "the handler's segment is not present");
  return descriptor;
}

/** RFLAGS as the frame holds them: an INT instruction has completed, so RF is clear. */
function savedFlags(cpu: Processor, event: DeliveredEvent): number {
  return (isSoftware(event) ? cpu.rflags & ~RFLAGS.RF : cpu.rflags) >>> 0;
}

/** Pushes the error code, if the event has one; `bytes` is the gate's width. */
function pushErrorCode(stack: StackFrame, bytes: 2 | 4 | 8, event: DeliveredEvent): void {
  if (event.errorCode !== undefined) stack.push32(bytes, event.errorCode);
}

function enterHandler(
  cpu: Processor,
  cs: SegmentRegister,
  ring: number,
  rip: bigint,
  gate: Gate,
): void {
  const clear = RFLAGS.TF | RFLAGS.NT | RFLAGS.RF | RFLAGS.VM | (gate.type & 1 ? 0 : RFLAGS.IF);
  cpu.flagSystem &= ~clear;
  setCodeSegment(cpu, cs, ring);
  cpu.rip = rip;
}

function deliverProtected(cpu: Processor, event: DeliveredEvent): void {
  const gate = fetchGate(cpu, event);
  const extBit = ext(event);
  if (gate.type === TASK_GATE) {
    interruptToTask(cpu, gate, { ...event, ext: extBit });
    return;
  }
  const code = handlerCode(cpu, gate, extBit);
  const ring = isConforming(code.ar) ? cpu.cpl : dplOf(code.ar);
  const fromV86 = cpu.virtual8086;
  if (fromV86 && ring !== 0)
    throw gp(
      (gate.selector & 0xfffc) | extBit,
      "a handler for virtual-8086 code must run in ring 0",
    );
  const bytes = gate.type & 8 ? 4 : 2;
  const flags = savedFlags(cpu, event);
  const switches = ring < cpu.cpl;
  const target = switches ? stackFromTss(cpu, ring, extBit) : undefined;
  const stack = target
    ? StackFrame.inRing(cpu, target.ss, target.pointer, ring)
    : StackFrame.current(cpu);
  if (fromV86) for (const i of [5, 4, 3, 0] as const) stack.push32(bytes, cpu.segment(i).selector);
  if (target) {
    stack.push32(bytes, cpu.ss.selector);
    stack.push32(bytes, cpu.gpr32(RSP));
  }
  stack.push32(bytes, flags);
  stack.push32(bytes, cpu.cs.selector);
  stack.push32(bytes, Number(event.returnRip));
  pushErrorCode(stack, bytes, event);
  const rip = gate.type & 8 ? gate.offset : gate.offset & 0xffffn;
  if (Number(rip) > code.limit)
    throw gp(extBit, "the handler's entry point is beyond its segment's limit");
  const cs = cacheOf(cpu, code, ring);
  if (fromV86)
    for (const i of [0, 3, 4, 5] as const)
      cpu.system.segments[i] = { selector: 0, base: 0n, limit: 0, ar: AR.UNUSABLE };
  if (target) {
    cpu.system.segments[SS] = target.ss;
    // The outgoing stack's width does not matter for the new pointer.
    stack.commitAsNew();
  } else stack.commit();
  enterHandler(cpu, cs, ring, rip, gate);
}

function deliverLong(cpu: Processor, event: DeliveredEvent): void {
  const gate = fetchGate(cpu, event);
  const extBit = ext(event);
  const code = handlerCode(cpu, gate, extBit);
  const ring = isConforming(code.ar) ? cpu.cpl : dplOf(code.ar);
  const switches = ring < cpu.cpl || gate.ist !== 0;
  const old = { ss: cpu.ss.selector, rsp: cpu.gpr(RSP) };
  // IA-32e mode aligns the frame on 16 bytes.
  const top = (switches ? stackFromTss64(cpu, ring, gate.ist) : cpu.gpr(RSP)) & ~0xfn;
  const stack = StackFrame.in64Bit(cpu, top, ring);
  stack.push32(8, old.ss);
  stack.push(8, old.rsp);
  stack.push32(8, savedFlags(cpu, event));
  stack.push32(8, cpu.cs.selector);
  stack.push(8, event.returnRip);
  pushErrorCode(stack, 8, event);
  const cs = cacheOf(cpu, code, ring);
  if (ring < cpu.cpl) cpu.system.segments[SS] = nullStack(ring, ring);
  stack.commit();
  enterHandler(cpu, cs, ring, gate.offset, gate);
}

/** One attempt to deliver; throws what goes wrong on the way. */
function deliverOnce(cpu: Processor, event: DeliveredEvent): void {
  // Also where the delivery fails: a VM exit from it says that NMIs are blocked. SDM Vol. 3C, "Architectural State Before a VM Exit".
  if (event.type === EVENT.nmi) cpu.system.nmiBlocked = true;
  if (!cpu.protectedMode) deliverRealMode(cpu, event);
  else if (cpu.longMode) deliverLong(cpu, event);
  else deliverProtected(cpu, event);
  cpu.deliveries++;
  cpu.system.shadow = "none";
  cpu.system.activity = ACTIVITY.active;
}

/** The event that a fault turns into. Faults return to the faulting instruction. */
function eventOf(cpu: Processor, fault: GuestFault, returnRip: bigint): DeliveredEvent {
  // Real-address mode pushes no error codes.
  const hasCode = cpu.protectedMode && pushesErrorCode(fault.vector);
  const errorCode = hasCode ? (fault.errorCode ?? 0) : undefined;
  return { vector: fault.vector, type: EVENT.hardware, returnRip, errorCode };
}

/** Shutdown: a VM exit in a guest, the end of the machine on bare metal. SDM Vol. 3A, "Interrupt 8—Double Fault Exception (#DF)". */
function tripleFault(cpu: Processor, faults: readonly GuestFault[]): void {
  const exit = tripleFaultIntercept(cpu);
  cpu.observe({ kind: "triple-fault", chain: faults.map(describe) });
  if (exit) performVmExit(cpu, exit);
  else cpu.system.activity = ACTIVITY.shutdown;
}

function describe(fault: GuestFault): string {
  const code =
    fault.errorCode === undefined ? "" : ` error code 0x${fault.errorCode.toString(HEX)}`;
  return `${vectorName(fault.vector)}${code}: ${fault.why}`;
}

/**
 * Delivers an event, following it into double and triple fault and VM exits. The state that an abort leaves is that before the delivery.
 */
export function deliver(cpu: Processor, event: DeliveredEvent): void {
  runDelivery(cpu, event, []);
}

function runDelivery(cpu: Processor, first: DeliveredEvent, history: readonly GuestFault[]): void {
  let event = first;
  let chain = history;
  for (;;) {
    const problem = attempt(cpu, event);
    if (problem === undefined) {
      cpu.delivered?.(event);
      return;
    }
    if (problem.abort === "exit") {
      performVmExit(cpu, problem.exit);
      return;
    }
    chain = [...chain, problem];
    // The exception bitmap is asked about the second exception itself before it becomes a double or triple fault.
    const intercepted = exceptionIntercept(cpu, problem, event);
    if (intercepted) {
      performVmExit(cpu, intercepted);
      return;
    }
    if (problem.vector === PF && problem.address !== undefined) cpu.system.cr2 = problem.address;
    const combined =
      event.type === EVENT.hardware || event.vector === DF
        ? combineExceptions(event.vector, problem.vector)
        : "serially";
    if (combined === "triple-fault") {
      tripleFault(cpu, chain);
      return;
    }
    const next: GuestFault =
      combined === "double-fault"
        ? {
            abort: "fault",
            vector: DF,
            errorCode: 0,
            why: `while delivering ${vectorName(event.vector)}: ${problem.why}`,
          }
        : problem;
    const exit = next === problem ? undefined : exceptionIntercept(cpu, next, event);
    if (exit) {
      performVmExit(cpu, exit);
      return;
    }
    // RIP has not moved: a software interrupt that cannot be delivered is a fault of its INT instruction.
    noteException(cpu, next, cpu.rip);
    event = eventOf(cpu, next, cpu.rip);
  }
}

function attempt(cpu: Processor, event: DeliveredEvent): CpuAbort | undefined {
  const { shadow } = cpu.system;
  try {
    beginVectoring(cpu, event);
    deliverOnce(cpu, event);
    endVectoring(cpu);
    return undefined;
  } catch (problem) {
    if (!isCpuAbort(problem)) throw problem;
    cpu.system.shadow = shadow;
    return problem;
  }
}

function noteException(cpu: Processor, fault: GuestFault, rip: bigint): void {
  if (fault.vector === PF && fault.address !== undefined) cpu.system.cr2 = fault.address;
  cpu.observe({
    kind: "exception",
    vector: fault.vector,
    why: () => fault.why,
    rip,
    errorCode: fault.errorCode,
    address: fault.address,
  });
}

/** Raises a fault of the instruction at RIP: intercept, or CR2 and delivery. */
export function raiseFault(cpu: Processor, fault: GuestFault): void {
  const exit = exceptionIntercept(cpu, fault, undefined);
  if (exit) {
    performVmExit(cpu, exit);
    return;
  }
  if (fault.vector === DB) enterDebugException(cpu, fault.debugBits ?? 0);
  const rip = cpu.rip;
  noteException(cpu, fault, rip);
  // A fault's saved RFLAGS has RF set, so that an instruction breakpoint does not hit again on return; not that of the breakpoint itself, whose handler must set it. SDM Vol. 3B, "Instruction-Breakpoint Exception Condition".
  const before = cpu.flagSystem;
  if (fault.vector !== DB && cpu.protectedMode) cpu.flagSystem |= RFLAGS.RF;
  runDelivery(cpu, eventOf(cpu, fault, rip), [fault]);
  cpu.system.vmx.nmiUnblocking = false;
  if (cpu.rip === rip && cpu.system.activity === ACTIVITY.shutdown) cpu.flagSystem = before;
}

/** Carries out whatever ended an instruction. */
export function carryOut(cpu: Processor, abort: CpuAbort): void {
  if (abort.abort === "exit") performVmExit(cpu, abort.exit);
  else raiseFault(cpu, abort);
}
