/**
 * A `Debuggee` in miniature for tests of the debug adapter alone: flat 32-bit guests of a few instructions, and a VMM that handles CPUID in
 * three steps. Time travel is a list of all states. Only the adapter's behaviour is tested with it, never the machine's.
 */
import type {
  AddressSpace,
  Debuggee,
  MachineConfig,
  MachineEvent,
  ProcessorView,
  RunControl,
  SegmentView,
  Stop,
  TimelineEntry,
  Translation,
} from "../../src/engine/index";
import { UserError } from "../../src/engine/index";
import { decode } from "../../src/engine/language";
import type { DecodedOperand, Instruction } from "../../src/engine/language";

/** Where GPA 0 lies in host memory. */
const HOST_BASE = 0x1000000n;
const HANDLER = {
  handler: "CPUID",
  title: "CPUID",
  steps: [
    { name: "read registers", text: "take EAX and ECX from the VCPU" },
    { name: "compute leaf", text: "look the leaf up" },
    { name: "advance", text: "skip the instruction and enter the guest" },
  ],
} as const;

interface State {
  registers: Record<string, bigint>;
  memory: Uint8Array;
  vmmStep: number | undefined;
  exits: number;
  position: number;
  instructions: number;
}

const FLAT: SegmentView = { selector: 0x10, base: 0n, limit: 0xffffffff, accessRights: 0xc093 };
const CODE: SegmentView = { selector: 8, base: 0n, limit: 0xffffffff, accessRights: 0xc09b };
const NONE: SegmentView = { selector: 0, base: 0n, limit: 0, accessRights: 0x10000 };
const NAMES = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] as const;

export function fakeDebuggee(config: MachineConfig): Debuggee {
  return new FakeDebuggee(config);
}

class FakeDebuggee implements Debuggee {
  onOutput: Debuggee["onOutput"];
  private state: State;
  private readonly states: State[] = [];
  private output = "";
  private readonly happened: TimelineEntry[] = [];
  private farthest = 0;

  constructor(readonly config: MachineConfig) {
    const memory = new Uint8Array(0x200000);
    memory.set(config.image.bytes, config.image.loadAddress);
    const registers: Record<string, bigint> = Object.fromEntries(NAMES.map((name) => [name, 0n]));
    for (const name of ["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"]) registers[name] = 0n;
    for (const name of ["cr2", "cr3", "cr4", "cr8", "efer", "dr0", "dr1", "dr2", "dr3"]) registers[name] = 0n; // prettier-ignore
    Object.assign(registers, { rip: BigInt(config.image.entryPoint), rflags: 2n, cr0: 0x11n, rsp: 0x80000n, dr6: 0xffff0ff0n, dr7: 0x400n }); // prettier-ignore
    this.state = { registers, memory, vmmStep: undefined, exits: 0, position: 0, instructions: 0 };
    this.states[0] = structuredClone(this.state);
  }

  get position(): number {
    return this.state.position;
  }
  get instructions(): number {
    return this.state.instructions;
  }
  get cycles(): number {
    return this.state.instructions * 2 + this.state.exits * 1000;
  }
  get world(): "guest" | "vmm" {
    return this.state.vmmStep === undefined ? "guest" : "vmm";
  }
  get horizon(): number {
    return this.farthest;
  }

  run(maxTicks: number, control: RunControl): Stop | undefined {
    for (let tick = 0; tick < maxTicks; tick++) {
      const before = this.checkHere(control);
      if (before) return before;
      const events: MachineEvent[] = [];
      const stop = this.tick(events, control);
      if (stop) return stop;
      const event = events.find((candidate) => control.onEvent?.(candidate));
      if (event) return { reason: "event", event };
    }
    return undefined;
  }

  private checkHere(control: RunControl): Stop | undefined {
    if (this.state.vmmStep !== undefined) {
      const key = `CPUID:${this.state.vmmStep}`;
      if (control.vmmBreakpoints?.has(key)) return { reason: "vmm-breakpoint", handler: "CPUID", step: this.state.vmmStep }; // prettier-ignore
      return undefined;
    }
    const rip = this.register("rip");
    if (control.breakpoints.has(rip) && (control.onBreakpoint?.(rip) ?? true)) return { reason: "breakpoint", address: rip }; // prettier-ignore
    return undefined;
  }

  step(): Stop {
    return this.tick([], undefined) ?? { reason: "step" };
  }

  beginStepOver(): { slice(maxTicks: number, control: RunControl): Stop | undefined } {
    const instruction = this.instruction();
    const next = this.register("rip") + BigInt(instruction.length);
    const inVmm = this.state.vmmStep !== undefined;
    const runs = !inVmm && ["call", "cpuid"].includes(instruction.form.mnemonic);
    return {
      slice: (maxTicks, control) => {
        if (!runs) return this.step();
        const first = this.tick([], undefined);
        if (first) return first;
        const stop = this.run(maxTicks, { ...control, breakpoints: new Set([...control.breakpoints, next]), onBreakpoint: (at) => at === next || (control.onBreakpoint?.(at) ?? true) }); // prettier-ignore
        return stop?.reason === "breakpoint" && stop.address === next ? { reason: "step" } : stop;
      },
    };
  }

  beginStepOut(): { slice(maxTicks: number, control: RunControl): Stop | undefined } {
    const sp = this.register("rsp");
    return {
      slice: (maxTicks) => {
        for (let tick = 0; tick < maxTicks; tick++) {
          const returning = this.state.vmmStep === undefined && this.instruction().form.mnemonic === "ret"; // prettier-ignore
          const inVmm = this.state.vmmStep !== undefined;
          const stop = this.tick([], undefined);
          if (stop) return stop;
          if (inVmm && this.world === "guest") return { reason: "step" };
          if (returning && this.register("rsp") > sp) return { reason: "step" };
        }
        return undefined;
      },
    };
  }

  stepBack(): Stop {
    return this.position === 0 ? { reason: "history-start" } : this.travelTo(this.position - 1);
  }

  runBackSlice(control: RunControl): Stop | undefined {
    while (this.position > 0) {
      const events = this.happened.filter(({ position }) => position === this.position);
      if (this.stepBack().reason === "history-start") break;
      const here = this.checkHere(control);
      if (here) return here;
      const event = events.find((entry) => control.onEvent?.(entry.event));
      if (event) {
        this.travelTo(this.position + 1);
        return { reason: "event", event: event.event };
      }
      const stop = this.wouldWrite(control);
      if (stop) return stop;
    }
    return { reason: "history-start" };
  }

  private wouldWrite(control: RunControl): Stop | undefined {
    if (!control.watchPoints?.length) return undefined;
    const events: MachineEvent[] = [];
    const stop = this.tick(events, control);
    if (stop?.reason === "data-breakpoint") return stop;
    this.travelTo(this.position - 1);
    return undefined;
  }

  travelTo(position: number): Stop {
    const state = this.states[position];
    if (!state) throw new UserError("bad-position", "not recorded");
    this.state = structuredClone(state);
    return { reason: "step" };
  }

  vcpu(): ProcessorView {
    return {
      mode: "protected32",
      cpl: 0,
      bits: 32,
      registers: { ...this.state.registers },
      segments: {
        es: FLAT,
        cs: CODE,
        ss: FLAT,
        ds: FLAT,
        fs: FLAT,
        gs: FLAT,
        ldtr: NONE,
        tr: NONE,
      },
      gdtr: { base: 0x500n, limit: 0x17 },
      idtr: { base: 0n, limit: 0 },
      halted: false,
      interruptShadow: "none",
    };
  }
  cpu(): ProcessorView {
    const view = this.vcpu();
    return { ...view, registers: { ...view.registers, cr0: 0x31n, cr4: 0x2000n } };
  }
  vmm() {
    const { vmmStep } = this.state;
    if (vmmStep === undefined) return undefined;
    return { ...HANDLER, step: vmmStep, event: this.exitEvent(this.register("rip")) };
  }
  vmmHandlers() {
    return [HANDLER];
  }
  entryViolations() {
    return [];
  }
  msrs() {
    return [{ name: "IA32_EFER", number: 0xc0000080, value: 0n }];
  }
  vmcs() {
    return {
      address: 0x5000n,
      launchState: "launched" as const,
      current: true,
      fields: [{ name: "GUEST_RIP", title: "Guest RIP", encoding: 0x681e, area: "guest" as const, group: "register", value: this.register("rip"), width: 64, decoded: "" }], // prettier-ignore
    };
  }
  exits() {
    return [{ key: "CPUID", number: 10, title: "CPUID", count: this.state.exits, cycles: this.state.exits * 1000 }]; // prettier-ignore
  }
  timeline() {
    return this.happened;
  }
  translate(space: AddressSpace, address: bigint): Translation {
    const gpa = space === "hpa" ? address - HOST_BASE : address;
    if (gpa < 0n || gpa >= BigInt(this.state.memory.length)) {
      return { gva: address, steps: [{ stage: "nested", level: "EPT PTE", entryAddress: 0x2000n, entryHpa: 0x2000n, value: 0n, flags: [], target: 0n, refused: "not present" }], failure: "EPT violation" }; // prettier-ignore
    }
    const step = { stage: "nested", level: "EPT PTE", entryAddress: 0x2000n, entryHpa: 0x2000n, value: HOST_BASE | 7n, flags: ["R", "W", "X"], target: HOST_BASE } as const; // prettier-ignore
    return { gva: gpa, gpa, hpa: gpa + HOST_BASE, pageSize: 4096, rights: "rwx s", steps: [step] };
  }
  pageTable() {
    return { rows: [{ level: "EPT PTE", index: 0, from: 0n, size: 0x1000n, entryAddress: 0x2000n, value: HOST_BASE | 7n, flags: ["R", "W", "X"], target: HOST_BASE, leaf: true }] }; // prettier-ignore
  }
  readMemory(space: AddressSpace, address: bigint, length: number): Uint8Array {
    const start = Number(space === "hpa" ? address - HOST_BASE : address);
    if (!(start >= 0) || start >= this.state.memory.length) return new Uint8Array(0);
    return this.state.memory.slice(start, start + length);
  }
  writeMemory(space: AddressSpace, address: bigint, bytes: Uint8Array): number {
    const start = Number(space === "hpa" ? address - HOST_BASE : address);
    const room = Math.max(0, Math.min(bytes.length, this.state.memory.length - start));
    this.state.memory.set(bytes.subarray(0, room), start);
    this.diverged();
    return room;
  }
  setRegister(name: string, value: bigint): void {
    if (!(name in this.state.registers)) throw new UserError("unknown-register", `There is no register "${name}".`); // prettier-ignore
    this.state.registers[name] = value;
    this.diverged();
  }
  serialText(): string {
    return this.output;
  }
  screenText(): string {
    return "";
  }
  sendSerial(): void {
    this.diverged();
  }
  sendKeys(): void {
    this.diverged();
  }

  private diverged(): void {
    this.states.length = this.position;
    this.states[this.position] = structuredClone(this.state);
    this.farthest = this.position;
  }

  private register(name: string): bigint {
    return this.state.registers[name] ?? 0n;
  }

  private instruction(): Instruction {
    const rip = this.register("rip");
    const result = decode(this.readMemory("gva", rip, 15), 0, 32);
    if ("failure" in result) throw new UserError("fake-limit", `cannot decode at ${rip}`);
    return result;
  }

  private exitEvent(rip: bigint): MachineEvent {
    return { kind: "vm-exit", key: "CPUID", number: 10, qualification: 0n, text: `CPUID leaf ${this.register("rax")}`, rip }; // prettier-ignore
  }

  private tick(events: MachineEvent[], control: RunControl | undefined): Stop | undefined {
    const first = this.position === this.farthest;
    if (this.state.vmmStep !== undefined) this.vmmTick(events);
    else {
      const stop = this.guestTick(events, first, control);
      if (stop) return stop.reason === "data-breakpoint" ? this.advance(first, events, stop) : stop;
    }
    return this.advance(first, events, undefined);
  }

  private advance(
    first: boolean,
    events: MachineEvent[],
    stop: Stop | undefined,
  ): Stop | undefined {
    this.state.position++;
    if (first) {
      this.farthest = this.state.position;
      this.states[this.position] = structuredClone(this.state);
      for (const event of events) this.happened.push({ position: this.position, event });
    }
    return stop;
  }

  private vmmTick(events: MachineEvent[]): void {
    const step = this.state.vmmStep ?? 0;
    if (step === 1) Object.assign(this.state.registers, { rax: 0x16n, rbx: 0x756e6547n });
    if (step < 2) {
      this.state.vmmStep = step + 1;
      return;
    }
    this.state.vmmStep = undefined;
    this.state.registers["rip"] = this.register("rip") + 2n;
    events.push({ kind: "vm-entry", rip: this.register("rip"), text: "resume" });
  }

  private guestTick(
    events: MachineEvent[],
    first: boolean,
    control: RunControl | undefined,
  ): Stop | undefined {
    const instruction = this.instruction();
    const next = this.register("rip") + BigInt(instruction.length);
    const [a, b] = instruction.operands;
    const { registers } = this.state;
    const result = (value: bigint): void => {
      const zero = BigInt.asUintN(32, value) === 0n ? 0x40n : 0n;
      registers["rflags"] = (this.register("rflags") & ~0x40n) | zero;
    };
    this.state.instructions++;
    registers["rip"] = next;
    switch (instruction.form.mnemonic) {
      case "nop":
        return undefined;
      case "mov":
        return this.write(a, this.read(b), control);
      case "add":
      case "inc":
      case "dec": {
        const by = instruction.form.mnemonic === "add" ? this.read(b) : instruction.form.mnemonic === "inc" ? 1n : -1n; // prettier-ignore
        result(this.read(a) + by);
        return this.write(a, this.read(a) + by, control);
      }
      case "push":
        this.push(this.read(a));
        return undefined;
      case "pop":
        return this.write(a, this.pop(), control);
      case "call":
        this.push(next);
        registers["rip"] = next + this.displacement(a);
        return undefined;
      case "ret":
        registers["rip"] = this.pop();
        return undefined;
      case "jmp":
        registers["rip"] = next + this.displacement(a);
        return undefined;
      case "jnz":
        if ((this.register("rflags") & 0x40n) === 0n) registers["rip"] = next + this.displacement(a); // prettier-ignore
        return undefined;
      case "out":
        return this.out(Number(this.read(a)), Number(this.register("rax") & 0xffn), first);
      case "cpuid":
        registers["rip"] = next - 2n;
        this.state.vmmStep = 0;
        this.state.exits++;
        events.push(this.exitEvent(next - 2n));
        return undefined;
      case "hlt":
        registers["rip"] = next - 1n;
        return {
          reason: "halt",
          text: "HLT with interrupts off: nothing can wake the processor.",
          wakeable: false,
        };
      default:
        return { reason: "error", code: "fake-limit", text: instruction.form.mnemonic };
    }
  }

  private out(port: number, value: number, first: boolean): Stop | undefined {
    if (port === 0xf4) return { reason: "debug-exit", code: value };
    if (first) {
      this.output += String.fromCharCode(value);
      this.onOutput?.("debug-console", value);
    }
    return undefined;
  }

  private displacement(operand: DecodedOperand | undefined): bigint {
    return operand?.kind === "rel" ? BigInt(operand.displacement) : 0n;
  }

  private push(value: bigint): void {
    this.state.registers["rsp"] = this.register("rsp") - 4n;
    this.store(this.register("rsp"), value);
  }

  private pop(): bigint {
    const value = this.load(this.register("rsp"));
    this.state.registers["rsp"] = this.register("rsp") + 4n;
    return value;
  }

  private view(): DataView {
    return new DataView(this.state.memory.buffer);
  }
  private load(address: bigint): bigint {
    return BigInt(this.view().getUint32(Number(address), true));
  }
  private store(address: bigint, value: bigint): void {
    this.view().setUint32(Number(address), Number(BigInt.asUintN(32, value)), true);
  }

  private place(operand: DecodedOperand & { kind: "mem" }): bigint {
    const base = operand.base < 0 ? 0n : this.register(NAMES[operand.base] ?? "");
    return BigInt.asUintN(32, base + BigInt(operand.displacement));
  }

  private read(operand: DecodedOperand | undefined): bigint {
    if (operand?.kind === "imm") return BigInt.asUintN(32, BigInt(operand.value));
    if (operand?.kind === "reg") return this.register(NAMES[operand.register] ?? "");
    return operand?.kind === "mem" ? this.load(this.place(operand)) : 0n;
  }

  private write(
    operand: DecodedOperand | undefined,
    value: bigint,
    control: RunControl | undefined,
  ): Stop | undefined {
    if (operand?.kind === "reg") {
      const name = NAMES[operand.register] ?? "rax";
      const mask = operand.size === 8 ? 0xffn : 0xffffffffn;
      this.state.registers[name] = (this.register(name) & ~mask & 0xffffffffn) | (value & mask);
      return undefined;
    }
    if (operand?.kind !== "mem") return undefined;
    const address = this.place(operand);
    const oldValue = this.load(address);
    this.store(address, value);
    const watch = control?.watchPoints?.find((one) => one.access !== "read" && address < one.address + BigInt(one.length) && one.address < address + 4n); // prettier-ignore
    if (!watch) return undefined;
    const stop = { reason: "data-breakpoint", id: watch.id, access: "write", address, oldValue, newValue: BigInt.asUintN(32, value) } as const; // prettier-ignore
    return (control?.onWatch?.(stop) ?? true) ? stop : undefined;
  }
}
