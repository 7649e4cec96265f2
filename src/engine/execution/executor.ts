/** Drives one processor: the interpreter for plain instructions, TypeScript for system events, and what happens between instructions. */
import { InvariantError } from "../base/errors";
import { INSTRUCTIONS } from "../isa/table";
import { DB, debugException, exception, gp, isCpuAbort, RUN_ALONE } from "../cpu/abort";
import { dataAccess, readForUpdate, readMemory, writeLinear, writeMemory } from "../cpu/dataAccess";
import { DEBUG_CAUSE, instructionBreakpoints } from "../cpu/debugRegisters";
import { carryOut, deliver, raiseFault } from "../cpu/delivery";
import { EVENT } from "../cpu/event";
import { PENDING, RAM_BASE, STATE } from "../cpu/layout";
import type { Linear } from "../cpu/linear";
import type { Processor } from "../cpu/processor";
import { eventRow, executeSystemEvent } from "../cpu/system";
import { ACTIVITY, RFLAGS } from "../cpu/systemState";
import { boundaryExit, needsSingleStep, nextVmxDeadline } from "../cpu/vmx/boundary";
import { performVmExit } from "../cpu/vmx/exit";
import type { SegmentIndex } from "../isa/registers";
import { BlockCache } from "./blocks";
import { buildInterpreter, type InterpreterCode } from "./interpreter";
import { RegionTable } from "./regions/regionTable";
import { STATUS, type Status } from "./interpreterStatus";
import { hpaOfMissCode } from "./missCode";

/** V8 replaces a function's code by optimised code only when it is called: a loop must come back now and then. */
const MAX_SLICE = 100_000;

function debugTrapText(bits: number): string {
  if (bits & DEBUG_CAUSE.taskSwitch) return "task-switch trap";
  return bits & DEBUG_CAUSE.singleStep ? "single-step trap" : "data breakpoint";
}

/** Why `run` came back before its budget was used up. */
export type RunEnd = "budget" | "breakpoint" | "idle" | "shutdown" | "interrupted";

interface CompiledInterpreter {
  readonly module: WebAssembly.Module;
  readonly handlers: InterpreterCode["handlers"];
  readonly kinds: InterpreterCode["kinds"];
}

const compiledByPages = new Map<number, CompiledInterpreter>();

/** The interpreter's code does not depend on the machine, only on how much memory it declares. */
function compiledInterpreter(memoryPages: number): CompiledInterpreter {
  const known = compiledByPages.get(memoryPages);
  if (known) return known;
  const { bytes, handlers, kinds } = buildInterpreter(INSTRUCTIONS, memoryPages);
  const compiled = { module: new WebAssembly.Module(bytes), handlers, kinds };
  compiledByPages.set(memoryPages, compiled);
  return compiled;
}

export class Executor {
  readonly blocks: BlockCache;
  private readonly interpret: (budget: number) => Status;
  /** Tick before which the interpreter must come back; asked before every slice, because a port write may move it. */
  deadline: () => number = () => Infinity;
  /** Linear address of the operand of the last loadForUpdate, for the store that follows. */
  private updateAddress: Linear = 0;
  /** Set from outside (an observer, a watchpoint): leave as soon as the current instruction is done. */
  private stopRequested = false;
  /** The next instruction reaches a device in memory: it must be the only one of its slice. */
  private runsAlone = false;

  constructor(
    private readonly cpu: Processor,
    memory: WebAssembly.Memory,
  ) {
    const code = compiledInterpreter(memory.buffer.byteLength / 65536);
    const regions = new RegionTable(cpu, memory, code.kinds);
    const instance = new WebAssembly.Instance(code.module, {
      env: { memory, table: regions.table, ...this.slowPaths() },
    });
    this.interpret = instance.exports.run as (budget: number) => Status;
    this.blocks = new BlockCache(cpu, code.handlers, regions);
  }

  /** Ends the current run after the instruction in progress. */
  requestStop(): void {
    this.stopRequested = true;
    this.cpu.setPending(PENDING.leave);
  }

  private miss(low: number, high: number, code: number): number {
    const { cpu } = this;
    try {
      const hpa = hpaOfMissCode(cpu, low, high, code);
      if (typeof hpa === "number") return hpa < 0 ? 0 : RAM_BASE + hpa;
      cpu.abort(hpa);
    } catch (problem) {
      if (!isCpuAbort(problem)) throw problem;
      cpu.abort(problem);
    }
    return STATE.nowhere;
  }

  private slowPaths(): Record<string, unknown> {
    const { cpu } = this;
    const guarded = <Result>(fallback: Result, action: () => Result): Result => {
      try {
        return action();
      } catch (problem) {
        if (problem === RUN_ALONE) {
          this.runsAlone = true;
          cpu.setPending(PENDING.abort);
          return fallback;
        }
        if (!isCpuAbort(problem)) throw problem;
        cpu.abort(problem);
        return fallback;
      }
    };
    return {
      miss: (low: number, high: number, code: number) => this.miss(low, high, code),
      load: (segment: SegmentIndex, offset: bigint, bytes: number) =>
        guarded(0n, () => readMemory(cpu, segment, offset, bytes)),
      store: (segment: SegmentIndex, offset: bigint, value: bigint, bytes: number) => {
        guarded(undefined, () => {
          writeMemory(cpu, segment, offset, bytes, value);
        });
      },
      loadForUpdate: (segment: SegmentIndex, offset: bigint, bytes: number) =>
        guarded(0n, () => {
          const { linear, value } = readForUpdate(cpu, segment, offset, bytes);
          this.updateAddress = linear;
          return value;
        }),
      storeUpdate: (value: bigint, bytes: number) => {
        writeLinear(cpu, this.updateAddress, bytes, value, dataAccess(cpu, true));
      },
      raise: (vector: number) => {
        cpu.abort(
          vector === 13
            ? gp(0, "the branch target is outside the code segment or not canonical")
            : exception(vector, vector === 0 ? "division error" : `exception ${vector}`),
        );
      },
    };
  }

  /**
   * Runs until `budget` ticks have passed, or something ends the run. `ignoreBreakpoint`: a breakpoint at the first instruction does not stop it.
   */
  run(budget: number, ignoreBreakpoint = false): RunEnd {
    const { cpu } = this;
    const end = cpu.ticks + budget;
    this.stopRequested = false;
    let ignore = ignoreBreakpoint;
    while (cpu.ticks < end) {
      const boundary = this.boundary();
      if (boundary === "idle" || boundary === "shutdown") return boundary;
      if (boundary === "event") cpu.ticks++;
      if (this.stopRequested) return "interrupted";
      if (boundary === "event") continue;
      const single = this.mustSingleStep();
      const deadline = this.deadline();
      if (deadline <= cpu.ticks) return "budget";
      const limit = Math.min(end, deadline, nextVmxDeadline(cpu)) - cpu.ticks;
      const before = cpu.ticks;
      if (single) this.beforeSingleStep();
      const alone = this.runsAlone;
      const budget = single || alone ? 1 : Math.max(1, Math.min(limit, MAX_SLICE));
      const result = this.slice(budget, ignore);
      if (alone && cpu.ticks !== before) this.runsAlone = false;
      if (single) this.afterSingleStep(cpu.ticks !== before);
      if (result === "breakpoint") return "breakpoint";
      if (cpu.ticks !== before) ignore = false;
      if (this.stopRequested) return "interrupted";
    }
    return "budget";
  }

  /** Interrupt shadow, TF, debug registers, MTF: one instruction at a time. */
  private mustSingleStep(): boolean {
    const { cpu } = this;
    const { system } = cpu;
    return (
      system.shadow !== "none" ||
      (cpu.flagSystem & (RFLAGS.TF | RFLAGS.RF)) !== 0 ||
      (system.dr7 & 0xff) !== 0 ||
      needsSingleStep(cpu)
    );
  }

  /** Interpreter, once; then what it stopped for. */
  private slice(budget: number, ignoreBreakpoint: boolean): "done" | "breakpoint" {
    const { cpu } = this;
    cpu.clearPending();
    let transient = false;
    let status: Status;
    if (ignoreBreakpoint) {
      try {
        transient = this.blocks.prepare(true);
      } catch (problem) {
        return this.abortWith(problem);
      }
      status = this.enter(1);
    } else status = this.enter(budget);
    if (transient) this.blocks.dropTransient();
    return this.handle(status);
  }

  private enter(budget: number): Status {
    const { cpu } = this;
    cpu.isAhead = budget > 1;
    const status = this.interpret(budget);
    cpu.isAhead = false;
    cpu.ticks += budget - cpu.view.getInt32(STATE.budgetLeft, true);
    return status;
  }

  private handle(status: Status): "done" | "breakpoint" {
    const { cpu } = this;
    switch (status) {
      case STATUS.budget:
      case STATUS.leave:
        return "done";
      case STATUS.breakpoint:
        return "breakpoint";
      case STATUS.lookup:
        // What a fetch would do belongs to the next instruction, and that to the next slice.
        if (cpu.view.getInt32(STATE.budgetLeft, true) === 0) return "done";
        try {
          if (this.blocks.prepare(false)) {
            const inner = this.enter(1);
            this.blocks.dropTransient();
            return this.handle(inner);
          }
        } catch (problem) {
          return this.abortWith(problem);
        }
        return "done";
      case STATUS.hot:
        this.blocks.makeRegion();
        return "done";
      case STATUS.system:
        return this.systemEvent();
      case STATUS.abort: {
        const cause = cpu.pendingAbort;
        cpu.pendingAbort = undefined;
        if (!cause && this.runsAlone) {
          cpu.clearPending();
          return "done";
        }
        if (!cause) throw new InvariantError("the interpreter aborted without a cause");
        return this.abortWith(cause);
      }
    }
  }

  private systemEvent(): "done" {
    const { cpu } = this;
    const instruction = this.blocks.instructionOf(cpu.view.getUint32(STATE.microOp, true));
    const row = eventRow(instruction.form);
    const completed = cpu.systemEventWatcher?.(instruction);
    const abort = executeSystemEvent(cpu, instruction, row);
    if (abort) return this.abortWith(abort);
    completed?.();
    cpu.ticks++;
    if (row.trapsByNewFlag) this.trapByNewFlag();
    return "done";
  }

  /** An instruction that faults or exits does not retire, but time must move: it counts as one tick. */
  private abortWith(problem: unknown): "done" {
    if (!isCpuAbort(problem)) throw problem;
    this.cpu.clearPending();
    this.cpu.ticks++;
    // Breakpoints on data trap after the instruction; one that faults has not matched. What MOV SS held back is still to come, but not after another #DB.
    const isDebug = problem.abort === "fault" && problem.vector === DB;
    this.cpu.system.pendingDebug = isDebug ? 0 : this.pendingDebugBefore;
    carryOut(this.cpu, problem);
    return "done";
  }

  // ------------------------------------------------------------------ between instructions

  private shadowBefore: "none" | "sti" | "mov-ss" = "none";
  private pendingDebugBefore = 0;
  private flagsBefore = 0;
  private ripBefore = 0n;
  private deliveriesBefore = 0;

  /**
   * What has to happen before the next instruction. SDM Vol. 3A, "Priority Among Concurrent Events": traps of the previous instruction, VM exits at the
   * boundary, NMI, external interrupts; then halt.
   */
  private boundary(): "run" | "event" | "idle" | "shutdown" {
    const { cpu } = this;
    if (cpu.system.activity === ACTIVITY.shutdown) return this.shutdown();
    if (this.boundaryEvent())
      return cpu.system.activity === ACTIVITY.shutdown ? "shutdown" : "event";
    const { activity, shadow } = cpu.system;
    if (activity === ACTIVITY.hlt || activity === ACTIVITY.waitForSipi) return "idle";
    this.shadowBefore = shadow;
    this.pendingDebugBefore = cpu.system.pendingDebug;
    return "run";
  }

  /** The end of a machine, but not of a guest that VM entry left in the shutdown state: a VM exit may wake its VMM. */
  private shutdown(): "event" | "idle" | "shutdown" {
    if (!this.cpu.system.vmx.nonRoot) return "shutdown";
    const exit = boundaryExit(this.cpu);
    if (!exit) return "idle";
    performVmExit(this.cpu, exit);
    return "event";
  }

  /** Carries out the event of highest priority; false if there is none. */
  private boundaryEvent(): boolean {
    const { cpu } = this;
    const { system } = cpu;
    const exit = boundaryExit(cpu);
    if (exit) {
      performVmExit(cpu, exit);
      return true;
    }
    if (system.pendingDebug !== 0 && system.shadow !== "mov-ss") {
      this.debugTrap();
      return true;
    }
    if (system.nmiPending && !system.nmiBlocked && system.shadow !== "mov-ss") {
      this.deliverNmi();
      return true;
    }
    if (cpu.interrupts.pending && this.interruptible()) {
      this.deliverInterrupt();
      return true;
    }
    return this.instructionBreakpoint();
  }

  private interruptible(): boolean {
    const { cpu } = this;
    return (cpu.flagSystem & RFLAGS.IF) !== 0 && cpu.system.shadow === "none";
  }

  private deliverInterrupt(): void {
    const { cpu } = this;
    const vector = cpu.interrupts.acknowledge();
    cpu.system.activity = ACTIVITY.active;
    cpu.observe({ kind: "interrupt", vector, source: "external" });
    deliver(cpu, { vector, type: EVENT.external, returnRip: cpu.rip });
  }

  private deliverNmi(): void {
    const { cpu } = this;
    cpu.system.nmiPending = false;
    cpu.system.activity = ACTIVITY.active;
    cpu.observe({ kind: "interrupt", vector: 2, source: "nmi" });
    deliver(cpu, { vector: 2, type: EVENT.nmi, returnRip: cpu.rip });
  }

  /** Data breakpoints and single-step traps collected during the last instruction. */
  private debugTrap(): void {
    const { cpu } = this;
    const bits = cpu.system.pendingDebug;
    cpu.system.pendingDebug = 0;
    raiseFault(cpu, debugException(bits, debugTrapText(bits)));
  }

  private instructionBreakpoint(): boolean {
    const { cpu } = this;
    if ((cpu.system.dr7 & 0xff) === 0 || cpu.flagSystem & RFLAGS.RF) return false;
    // SDM Vol. 3B, "Instruction-Breakpoint Exception Condition": not right behind MOV SS and POP SS.
    if (cpu.system.activity !== ACTIVITY.active || cpu.system.shadow === "mov-ss") return false;
    const hit = instructionBreakpoints(cpu);
    if (hit === 0) return false;
    raiseFault(cpu, debugException(hit, "instruction breakpoint"));
    return true;
  }

  /** RF covers exactly this instruction: it is off while it runs, so that what the instruction itself loads (IRET) stays. */
  private beforeSingleStep(): void {
    const { cpu } = this;
    this.flagsBefore = cpu.flagSystem;
    this.ripBefore = cpu.rip;
    this.deliveriesBefore = cpu.deliveries;
    cpu.flagSystem &= ~RFLAGS.RF;
  }

  /** After one instruction with a shadow, TF or RF: the shadow ends, TF traps. */
  private afterSingleStep(advanced: boolean): void {
    const { cpu } = this;
    const { system } = cpu;
    const resume = this.flagsBefore & RFLAGS.RF;
    if (!advanced) {
      cpu.flagSystem |= resume;
      return;
    }
    if (this.shadowBefore !== "none" && system.shadow === this.shadowBefore) system.shadow = "none";
    // Entering a handler discards the trap; it comes again when the handler returns.
    if (cpu.deliveries !== this.deliveriesBefore) return;
    if (resume && cpu.rip === this.ripBefore && this.isRepeating()) cpu.flagSystem |= RFLAGS.RF;
    if (this.flagsBefore & RFLAGS.TF) system.pendingDebug |= DEBUG_CAUSE.singleStep;
  }

  /** True if the instruction just executed was one iteration of a string instruction that goes on. */
  private isRepeating(): boolean {
    const microOp = this.cpu.view.getUint32(STATE.microOp, true);
    return this.blocks.isRepeated(microOp);
  }

  private trapByNewFlag(): void {
    const { cpu } = this;
    this.flagsBefore &= ~RFLAGS.TF;
    if (cpu.flagSystem & RFLAGS.TF) cpu.system.pendingDebug |= DEBUG_CAUSE.singleStep;
  }
}
