/** Step over and step out, as runs with a goal. DESIGN: over stays in this world and ring; out goes to the caller, past IRET or to the VM entry. */
import { decode } from "../codec/decode";
import type { Instruction } from "../codec/types";
import type { Debuggee, StepPlan } from "../machine/debuggee";
import type { ProcessorView, RunControl, Stop, World } from "../machine/types";

/** Where a plan began. */
interface Place {
  readonly world: World;
  readonly cpl: number;
  readonly rsp: bigint;
  readonly address: bigint;
}

function linearRip(view: ProcessorView): bigint {
  const rip = view.registers.rip ?? 0n;
  return view.mode === "long64" ? rip : BigInt.asUintN(32, view.segments.cs.base + rip);
}

function placeOf(machine: Debuggee): Place {
  const view = machine.cpu();
  return {
    world: machine.world,
    cpl: view.cpl,
    rsp: view.registers.rsp ?? 0n,
    address: linearRip(view),
  };
}

function instructionAt(machine: Debuggee): Instruction | undefined {
  const view = machine.cpu();
  const bytes = machine.readMemory("gva", linearRip(view), 15);
  const result = decode(bytes, 0, view.bits);
  return "failure" in result ? undefined : result;
}

/** Families that go somewhere and come back. */
const CALLS = new Set([
  "call_near",
  "call_far",
  "int",
  "int3",
  "int1",
  "into",
  "syscall",
  "sysenter",
  "vmlaunch",
  "vmresume",
]);
const RETURNS = new Set(["ret_near", "ret_far", "iret", "sysret", "sysexit"]);

function sameLevel(now: Place, start: Place): boolean {
  return now.world === start.world && now.cpl === start.cpl;
}

/** Runs with extra breakpoints that only count where `isGoal` holds. */
function runToGoal(
  machine: Debuggee,
  ticks: number,
  control: RunControl,
  goals: readonly bigint[],
  isGoal: (now: Place) => boolean,
): { stop: Stop | undefined; reached: boolean } {
  let reached = false;
  const stop = machine.run(ticks, {
    ...control,
    breakpoints: new Set([...control.breakpoints, ...goals]),
    onBreakpoint: (address) => {
      if (goals.includes(address) && isGoal(placeOf(machine))) {
        reached = true;
        return true;
      }
      return control.breakpoints.has(address) && (control.onBreakpoint?.(address) ?? true);
    },
  });
  return { stop, reached: reached && stop?.reason === "breakpoint" };
}

const STEP: Stop = { reason: "step" };

export class StepOver implements StepPlan {
  private readonly start: Place;
  private readonly next: bigint | undefined;
  private readonly comesBack: boolean;
  private readonly repeats: boolean;
  private begun = false;

  constructor(private readonly machine: Debuggee) {
    this.start = placeOf(machine);
    const instruction = machine.world === "vmm" ? undefined : instructionAt(machine);
    this.next = instruction && this.start.address + BigInt(instruction.length);
    this.comesBack = instruction !== undefined && CALLS.has(instruction.form.semantics ?? "");
    this.repeats =
      instruction !== undefined && instruction.repeat !== 0 && instruction.form.repeat !== "none";
  }

  slice(maxTicks: number, control: RunControl): Stop | undefined {
    const { machine } = this;
    if (!this.begun) {
      this.begun = true;
      const first = machine.step(control);
      if (first.reason !== "step" || this.start.world === "vmm") return first;
      if (this.isDone()) return STEP;
    }
    const { stop, reached } = runToGoal(machine, maxTicks, control, this.goals(), (now) =>
      this.isBack(now),
    );
    if (!stop) return undefined;
    if (!reached) return stop;
    // Back at the instruction itself (it faulted, exited or was interrupted): once more.
    if (placeOf(machine).address !== this.start.address) return STEP;
    this.begun = false;
    return undefined;
  }

  /** After the first step: nothing to wait for. */
  private isDone(): boolean {
    const now = placeOf(this.machine);
    if (this.repeats) return now.address !== this.start.address && sameLevel(now, this.start);
    if (this.comesBack) return now.address === this.next && sameLevel(now, this.start);
    // A jump, or the next instruction; an interrupt or exception pushes a frame and is waited for.
    return sameLevel(now, this.start) && !this.wasInterrupted();
  }

  private wasInterrupted(): boolean {
    const { machine, start } = this;
    for (const { position, event } of [...machine.timeline()].reverse()) {
      if (position < machine.position - 1) return false;
      if (event.kind === "interrupt" || (event.kind === "exception" && event.rip === start.address))
        return true;
    }
    return false;
  }

  private goals(): readonly bigint[] {
    return this.next === undefined ? [this.start.address] : [this.next, this.start.address];
  }

  private isBack(now: Place): boolean {
    if (!sameLevel(now, this.start)) return false;
    return now.rsp >= this.start.rsp || now.address === this.start.address;
  }
}

export class StepOut implements StepPlan {
  private readonly start: Place;

  constructor(private readonly machine: Debuggee) {
    this.start = placeOf(machine);
  }

  slice(maxTicks: number, control: RunControl): Stop | undefined {
    if (this.start.world === "vmm") return this.toEntry(maxTicks, control);
    const end = this.machine.position + Math.min(maxTicks, STEPS_PER_SLICE);
    while (this.machine.position < end) {
      const returning = this.atReturn();
      const stop = this.oneStep(control);
      if (stop.reason !== "step") return stop;
      if (returning) return STEP;
    }
    return undefined;
  }

  /** One instruction with breakpoints in force. */
  private oneStep(control: RunControl): Stop {
    return this.machine.run(1, control) ?? STEP;
  }

  /** At a return of this frame (or of an outer one), in this world. */
  private atReturn(): boolean {
    const now = placeOf(this.machine);
    if (now.world !== this.start.world || now.rsp < this.start.rsp) return false;
    return RETURNS.has(instructionAt(this.machine)?.form.semantics ?? "");
  }

  private toEntry(maxTicks: number, control: RunControl): Stop | undefined {
    for (let i = 0; i < maxTicks && this.machine.world === "vmm"; i++) {
      const stop = this.machine.run(1, control);
      if (stop) return stop;
    }
    return this.machine.world === "vmm" ? undefined : STEP;
  }
}

/** Step out looks at every instruction: this many per slice keep `pause` prompt. */
const STEPS_PER_SLICE = 20_000;
