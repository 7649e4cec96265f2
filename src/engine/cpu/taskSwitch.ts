/** Hardware task switches: JMP, CALL, IRET and task gates. SDM Vol. 3A, "Task Management". They do not exist in IA-32e mode. */
import { AR, decodeGate, type Gate } from "../isa/descriptors";
import { SS, type SegmentIndex } from "../isa/registers";
import { gp, np, ss as stackFault, ts, type GuestFault } from "./abort";
import { ACCESS } from "./access";
import { hpaFor } from "./dataAccess";
import type { FetchedDescriptor } from "./decodedTables";
import { DEBUG_CAUSE } from "./debugRegisters";
import { readImplicit32, tableLinear, writeImplicit, type Table } from "./implicitAccess";
import type { Processor } from "./processor";
import {
  cacheOf,
  checkStackSegment,
  dplOf,
  fetchDescriptor,
  isCode,
  isConforming,
  isNull,
  setTypeByte,
  type FaultMaker,
} from "./segmentation";
import { StackFrame } from "./stack";
import { writeCr3 } from "./system/controlRegisters";
import { CR0, RFLAGS, type SegmentRegister } from "./systemState";
import { interceptTaskSwitch, TASK_SWITCH_SOURCE } from "./vmx/intercepts";

export type TaskSwitchSource = keyof typeof TASK_SWITCH_SOURCE;

/** How one width of TSS is laid out. SDM Vol. 3A, "Task-State Segment (TSS)" and "16-Bit Task-State Segment (TSS)". */
interface TssLayout {
  readonly size: 2 | 4;
  /** Bytes that the segment must have at least. */
  readonly bytes: number;
  readonly ip: number;
  readonly flags: number;
  /** First of the eight general registers in their numbering. */
  readonly registers: number;
  /** ES CS SS DS (FS GS), then LDTR. */
  readonly selectors: number;
  readonly selectorCount: 4 | 6;
  readonly cr3: number | undefined;
  readonly trap: number | undefined;
}

const TSS16: TssLayout = {
  size: 2,
  bytes: 0x2c,
  ip: 0xe,
  flags: 0x10,
  registers: 0x12,
  selectors: 0x22,
  selectorCount: 4,
  cr3: undefined,
  trap: undefined,
};

const TSS32: TssLayout = {
  size: 4,
  bytes: 0x68,
  ip: 0x20,
  flags: 0x24,
  registers: 0x28,
  selectors: 0x48,
  selectorCount: 6,
  cr3: 0x1c,
  trap: 0x64,
};

const BUSY = 2;
const layoutOf = (ar: number): TssLayout => (ar & 8 ? TSS32 : TSS16);
const isTss = (ar: number): boolean => !(ar & AR.S) && (ar & 5) === 1;

/** A switch whose target has passed the checks that are the old task's. */
export interface TaskSwitch {
  readonly source: TaskSwitchSource;
  readonly target: FetchedDescriptor;
  /** EIP that the old task continues at. */
  readonly returnRip: bigint;
  /** Pushed on the new task's stack. */
  readonly errorCode?: number | undefined;
  /** EXT bit of error codes. */
  readonly ext: number;
  /** Of the instruction, if one asked for the switch. */
  readonly length?: number;
}

// ------------------------------------------------------------------ checks in the old task

/** The TSS descriptor that a selector names. `fault` is #TS for IRET, #GP for all others. */
function fetchTss(
  cpu: Processor,
  selector: number,
  busy: boolean,
  ext: number,
  fault: FaultMaker,
): FetchedDescriptor {
  const code = (selector & 0xfffc) | ext;
  if (selector & 4 || isNull(selector)) throw fault(code, "the TSS selector must be in the GDT");
  const descriptor = fetchDescriptor(cpu, selector, (_code, why) => fault(code, why));
  checkTss(descriptor, selector, busy, ext, fault);
  return descriptor;
}

function checkTss(
  descriptor: FetchedDescriptor,
  selector: number,
  busy: boolean,
  ext: number,
  fault: FaultMaker,
): void {
  const { ar, limit } = descriptor;
  const code = (selector & 0xfffc) | ext;
  if (!isTss(ar)) throw fault(code, "the selector does not name a TSS");
  if (((ar & BUSY) !== 0) !== busy) throw fault(code, `the TSS is ${busy ? "not " : ""}busy`);
  if (!(ar & AR.P)) throw np(code, "the TSS is not present");
  if (limit < layoutOf(ar).bytes - 1) throw ts(code, "the TSS is too small");
}

/** JMP or CALL to a TSS descriptor or through a task gate. SDM Vol. 2A, "CALL"; "JMP". */
export function farToTask(
  cpu: Processor,
  source: "call" | "jmp",
  descriptor: FetchedDescriptor,
  selector: number,
  { returnRip, length }: { returnRip: bigint; length: number },
): void {
  const code = selector & 0xfffc;
  const { ar } = descriptor;
  if (dplOf(ar) < cpu.cpl || dplOf(ar) < (selector & 3))
    throw gp(code, `the DPL ${dplOf(ar)} of the task is below CPL or RPL`);
  let target = descriptor;
  if ((ar & AR.TYPE) === 5) {
    if (!(ar & AR.P)) throw np(code, "the task gate is not present");
    const gate = decodeGate(descriptor.low, descriptor.high);
    target = fetchTss(cpu, gate.selector, false, 0, gp);
  } else checkTss(descriptor, selector, false, 0, gp);
  switchTask(cpu, { source, target, returnRip, ext: 0, length });
}

/** IRET with NT set: back to the task that the link names. SDM Vol. 2A, "IRET". */
export function returnToTask(cpu: Processor, returnRip: bigint, length: number): void {
  const link = readImplicit32(cpu, tableLinear(cpu, cpu.system.tr, 0), 2);
  const target = fetchTss(cpu, link, true, 0, ts);
  switchTask(cpu, { source: "iret", target, returnRip, ext: 0, length });
}

/** An interrupt or exception through a task gate, whose own checks have passed. */
export function interruptToTask(
  cpu: Processor,
  gate: Gate,
  event: Pick<TaskSwitch, "returnRip" | "errorCode" | "ext" | "length">,
): void {
  const target = fetchTss(cpu, gate.selector, false, event.ext, gp);
  switchTask(cpu, { ...event, source: "taskGate", target });
}

// ------------------------------------------------------------------ the switch

/** What a TSS holds. */
interface TaskState {
  readonly cr3: number | undefined;
  readonly rip: bigint;
  readonly flags: number;
  readonly registers: readonly bigint[];
  /** ES CS SS DS FS GS. */
  readonly selectors: readonly number[];
  readonly ldt: number;
  readonly trap: boolean;
}

function readState(cpu: Processor, tss: Table, layout: TssLayout): TaskState {
  const { size, selectorCount } = layout;
  const word = (offset: number, bytes: 2 | 4): number =>
    readImplicit32(cpu, tableLinear(cpu, tss, offset), bytes);
  const selector = (i: number): number => word(layout.selectors + i * size, 2);
  return {
    cr3: layout.cr3 === undefined ? undefined : word(layout.cr3, 4),
    rip: BigInt(word(layout.ip, size)),
    flags: word(layout.flags, size),
    registers: Array.from({ length: 8 }, (_, i) => BigInt(word(layout.registers + i * size, size))),
    selectors: Array.from({ length: 6 }, (_, i) => (i < selectorCount ? selector(i) : 0)),
    ldt: selector(selectorCount),
    trap: layout.trap !== undefined && (word(layout.trap, 2) & 1) !== 0,
  };
}

/** Makes sure that writes to a range will not fault half-way. */
function probe(cpu: Processor, tss: Table, bytes: number): void {
  for (const offset of [0, bytes - 1])
    hpaFor(cpu, tableLinear(cpu, tss, offset), ACCESS.implicit | ACCESS.write);
}

const nests = (source: TaskSwitchSource): boolean => source === "call" || source === "taskGate";

/** Steps 5 to 11 of "Task Switching" happen here; a fault until then is the old task's, one in `enterTask` the new one's. */
function switchTask(cpu: Processor, change: TaskSwitch): void {
  const { source, target, ext } = change;
  interceptTaskSwitch(cpu, target.selector, TASK_SWITCH_SOURCE[source], change.length);
  const { tr } = cpu.system;
  const oldLayout = layoutOf(tr.ar);
  if (tr.limit < oldLayout.bytes - 1)
    throw ts((tr.selector & 0xfffc) | ext, "the outgoing TSS is too small");
  const state = readState(cpu, target, layoutOf(target.ar));
  probe(cpu, tr, oldLayout.bytes);
  if (nests(source)) probe(cpu, target, 2);
  if (!nests(source)) endBusy(cpu, tr.selector);
  saveState(cpu, tr, oldLayout, change);
  if (nests(source)) writeImplicit(cpu, tableLinear(cpu, target, 0), 2, BigInt(tr.selector));
  const busy = target.ar | BUSY;
  setTypeByte(cpu, target, busy);
  cpu.system.tr = {
    selector: target.selector,
    base: target.base,
    limit: target.limit,
    ar: busy,
  };
  enterTask(cpu, state, change);
}

function endBusy(cpu: Processor, selector: number): void {
  const descriptor = fetchDescriptor(cpu, selector);
  setTypeByte(cpu, descriptor, descriptor.ar & ~BUSY);
}

/** Only the dynamic fields: not CR3, LDTR and the inner stacks. */
function saveState(cpu: Processor, tss: Table, layout: TssLayout, change: TaskSwitch): void {
  const { size } = layout;
  const put = (offset: number, value: bigint, bytes = size): void => {
    const kept = BigInt.asUintN(8 * bytes, value);
    writeImplicit(cpu, tableLinear(cpu, tss, offset), bytes, kept);
  };
  const leaves = change.source === "iret" ? RFLAGS.NT : 0;
  put(layout.ip, change.returnRip);
  put(layout.flags, BigInt((cpu.rflags & ~leaves) >>> 0));
  for (let i = 0; i < 8; i++) put(layout.registers + i * size, cpu.gpr(i, 32));
  for (let i = 0; i < layout.selectorCount; i++)
    put(layout.selectors + i * size, BigInt(cpu.segment(i as SegmentIndex).selector), 2);
}

const LOADABLE_FLAGS = 0x3f7fd5;
const LOCAL_BREAKPOINTS = 0x155;
const UNLOADED = { base: 0n, limit: 0, ar: AR.UNUSABLE };

/** Steps 12 to 16, in the context of the new task. */
function enterTask(cpu: Processor, state: TaskState, change: TaskSwitch): void {
  const { system } = cpu;
  const from = cpu.cpl;
  system.cr0 |= CR0.TS;
  system.dr7 &= ~LOCAL_BREAKPOINTS;
  cpu.rip = state.rip;
  cpu.rflags = (state.flags & LOADABLE_FLAGS) | (nests(change.source) ? RFLAGS.NT : 0);
  state.registers.forEach((value, i) => {
    cpu.setGpr(i, value, 32);
  });
  system.cpl = state.flags & RFLAGS.VM ? 3 : state.selectors[1]! & 3;
  system.segments = state.selectors.map((selector) => ({ selector, ...UNLOADED }));
  system.ldtr = { selector: state.ldt, ...UNLOADED };
  cpu.refresh();
  if (from !== cpu.cpl) cpu.observe({ kind: "ring-change", from, to: cpu.cpl });
  if (state.cr3 !== undefined && cpu.paging) writeCr3(cpu, BigInt(state.cr3));
  loadLdt(cpu, state.ldt, change.ext);
  loadSegments(cpu, state, change.ext);
  cpu.refresh();
  if (change.errorCode !== undefined) {
    const stack = StackFrame.current(cpu);
    stack.push(layoutOf(change.target.ar).size, BigInt(change.errorCode));
    stack.commit();
  }
  if (state.trap) system.pendingDebug |= DEBUG_CAUSE.taskSwitch;
  if (cpu.rip > BigInt(cpu.cs.limit))
    throw gp(change.ext, "the new task's EIP is beyond its code segment's limit");
}

function loadLdt(cpu: Processor, selector: number, ext: number): void {
  if (isNull(selector)) return;
  const code = (selector & 0xfffc) | ext;
  if (selector & 4) throw ts(code, "the new task's LDT selector must be in the GDT");
  const descriptor = fetchDescriptor(cpu, selector, (_code, why) => ts(code, why));
  const { ar, base, limit } = descriptor;
  if (ar & AR.S || (ar & AR.TYPE) !== 2 || !(ar & AR.P))
    throw ts(code, "the new task's LDT selector does not name a present LDT");
  cpu.system.ldtr = { selector, base, limit, ar };
}

function loadSegments(cpu: Processor, { selectors, flags }: TaskState, ext: number): void {
  const { segments } = cpu.system;
  if (flags & RFLAGS.VM) {
    selectors.forEach((selector, i) => {
      segments[i] = { selector, base: BigInt(selector << 4), limit: 0xffff, ar: 0xf3 };
    });
    return;
  }
  segments[1] = codeSegment(cpu, selectors[1]!, ext);
  segments[SS] = stackSegment(cpu, selectors[SS]!, ext);
  for (const i of [3, 0, 4, 5] as const) segments[i] = dataSegment(cpu, selectors[i]!, ext);
}

const invalidTss =
  (ext: number) =>
  (code: number, why: string): GuestFault =>
    ts(code | ext, why);

function codeSegment(cpu: Processor, selector: number, ext: number): SegmentRegister {
  const code = (selector & 0xfffc) | ext;
  if (isNull(selector)) throw ts(code, "the new task's CS is null");
  const descriptor = fetchDescriptor(cpu, selector, invalidTss(ext));
  const { ar } = descriptor;
  if (!isCode(ar)) throw ts(code, "the new task's CS is not a code segment");
  const rpl = selector & 3;
  if (isConforming(ar) ? dplOf(ar) > rpl : dplOf(ar) !== rpl)
    throw ts(code, "the DPL of the new task's CS does not fit its RPL");
  if (!(ar & AR.P)) throw np(code, "the new task's code segment is not present");
  return cacheOf(cpu, descriptor);
}

function stackSegment(cpu: Processor, selector: number, ext: number): SegmentRegister {
  if (isNull(selector)) throw ts((selector & 0xfffc) | ext, "the new task's SS is null");
  const descriptor = fetchDescriptor(cpu, selector, invalidTss(ext));
  checkStackSegment(descriptor, selector, cpu.cpl, invalidTss(ext), (code, why) =>
    stackFault(code | ext, why),
  );
  return cacheOf(cpu, descriptor);
}

function dataSegment(cpu: Processor, selector: number, ext: number): SegmentRegister {
  if (isNull(selector)) return { selector, ...UNLOADED };
  const code = (selector & 0xfffc) | ext;
  const descriptor = fetchDescriptor(cpu, selector, invalidTss(ext));
  const { ar } = descriptor;
  if (!(ar & AR.S) || (ar & 0xa) === 8)
    throw ts(code, "a data segment of the new task is neither data nor readable code");
  const shared = isCode(ar) && isConforming(ar);
  if (!shared && (dplOf(ar) < cpu.cpl || dplOf(ar) < (selector & 3)))
    throw ts(code, "a data segment of the new task is more privileged than the task");
  if (!(ar & AR.P)) throw np(code, "a data segment of the new task is not present");
  return cacheOf(cpu, descriptor);
}
