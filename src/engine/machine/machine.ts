/** A physical computer: processor, memory, devices and perhaps a supervisor, wired together and run. */
import { hex } from "../base/hex";
import { InvariantError } from "../base/errors";
import type { FoundWindow } from "../bus/mmioSpace";
import { VirtualClock } from "../bus/virtualClock";
import { machineCpuModel } from "./cpuChoice";
import { RAM_BASE } from "../cpu/layout";
import type { ObservedEvent } from "../cpu/observation";
import type { LocalApicPort } from "../cpu/localApicPort";
import { PhysicalMemory } from "../cpu/physicalMemory";
import { Processor } from "../cpu/processor";
import { RFLAGS } from "../cpu/systemState";
import { UnsupportedFeature } from "../cpu/unsupported";
import { readVmcs } from "../cpu/vmx/vmcs";
import type { FirmwareMemory } from "../devices/bios/memory";
import { createStandardPc, type LocalApicFacts, type StandardPc } from "../devices/standardPc";
import { Executor } from "../execution/executor";
import { startProcessor, type GuestStart } from "../vmm/guestStart";
import type { Supervisor, TrapReport } from "../vmm/supervisor";
import { guestStart } from "./boot";
import { cpuMode } from "./cpuMode";
import { exitKey, machineEvent } from "./events";
import { VMM_BYTES, checkTechnique, createMachineSupervisor } from "./supervisorChoice";
import type {
  AddressSpace,
  CpuMode,
  MachineConfig,
  MachineEvent,
  RunControl,
  Stop,
  World,
} from "./types";
import { translate } from "./translation";
import { Watcher } from "./watcher";

export class Machine {
  readonly memory: WebAssembly.Memory;
  readonly cpu: Processor;
  readonly ram: PhysicalMemory;
  readonly executor: Executor;
  readonly clock = new VirtualClock();
  readonly pc: StandardPc;
  readonly supervisor: Supervisor | undefined;
  readonly watcher: Watcher;
  /** VMM steps so far. */
  vmmSteps = 0;
  /** Bytes that left through COM1 and the debug console. */
  serialBytes: number[] = [];
  /** Called for every output byte. */
  onOutput: (source: "serial" | "debug-console", byte: number) => void = () => undefined;
  /** Every event, before anyone is asked whether to stop. */
  onEvent: (event: MachineEvent) => void = () => undefined;
  /** Whether `onEvent` still looks at events of a kind: making one costs more than what it tells of. */
  wantsEvent: (kind: MachineEvent["kind"]) => boolean = () => true;
  /** Set when the program is over. */
  finalStop: Stop | undefined;
  /** The machine itself asked for attention: input arrived while a VM runs. */
  hostInterrupt = false;
  /** VM exits by key, however they were handled. */
  exitCounts = new Map<string, number>();
  /** Position at which the processor went idle, while it is. */
  idleSince: number | undefined;
  /** Ticks that passed while the processor was halted. */
  idleTicks = 0;
  private intr = false;
  /** Number of the physical page with the local APIC's registers; -1 while it is off. */
  private apicPage = -1;
  /** Level of the PC's INTR line; under a VMM that of the virtual machine's interrupt controller. */
  readonly interruptRequested = (): boolean => this.intr;
  private mode: CpuMode = "real16";
  private control: RunControl | undefined;
  private eventStop: Stop | undefined;

  constructor(readonly config: MachineConfig) {
    checkTechnique(config.vmm, config.mmu, config.image.entry);
    const hosted = config.vmm !== "none";
    const ramBytes = config.memoryBytes + (hosted ? VMM_BYTES : 0);
    const pages = Math.ceil((RAM_BASE + ramBytes) / 65536);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.ram = new PhysicalMemory(this.memory.buffer, ramBytes);
    this.cpu = new Processor(this.memory.buffer, this.ram, machineCpuModel(config));
    this.pc = this.createPc();
    this.executor = new Executor(this.cpu, this.memory);
    if (config.hotAfter !== undefined) this.executor.blocks.hotAfter = config.hotAfter;
    this.executor.deadline = () => this.clock.nextDue();
    this.cpu.observe = this.guestEvent;
    this.wirePins(hosted);
    const start = guestStart(config.image, config.memoryBytes);
    this.supervisor = hosted ? this.startHosted(start) : undefined;
    if (!hosted) this.startBare(start);
    this.watcher = new Watcher(this);
    this.mode = cpuMode(this.cpu);
  }

  private createPc(): StandardPc {
    const { image } = this.config;
    return createStandardPc({
      clock: this.clock,
      memory: this.firmwareMemory(),
      disk: image.disk ?? image.bytes,
      ...(image.bootDrive === undefined ? {} : { bootDrive: image.bootDrive }),
      notice: (text) => {
        this.report({ kind: "firmware", text });
      },
      memorySizeBytes: this.config.memoryBytes,
      intr: {
        set: (level) => {
          this.intr = level;
        },
      },
      ...(this.hasLocalApic ? { localApic: this.localApicFacts() } : {}),
      // A hypervisor's guest has the gate to read and write, but its addresses are not masked.
      ...(this.config.vmm === "none" ? { a20: { set: (level) => { this.cpu.setA20(level); } } } : {}), // prettier-ignore
      output: {
        byte: (source, value) => {
          this.serialBytes.push(value);
          this.onOutput(source, value);
        },
        debugExit: (value) => {
          this.finish({ reason: "debug-exit", code: value });
        },
        reset: () => {
          this.finish({
            reason: "shutdown",
            text: "the guest reset the computer through the keyboard controller",
          });
        },
      },
    });
  }

  /** A guest of the deprivileging techniques has none. */
  private get hasLocalApic(): boolean {
    const { vmm } = this.config;
    return (vmm === "none" || vmm === "hardware-assisted") && this.cpu.model.features.has("apic");
  }

  /** The processor's local APIC; under a VMM that of the virtual processor. */
  private localApicFacts(): LocalApicFacts {
    const { cpu, config } = this;
    const isBare = config.vmm === "none";
    return {
      nmi: () => {
        if (isBare) cpu.system.nmiPending = true;
        else this.supervisor?.raiseNmi?.();
      },
      tsc: {
        get offset() {
          const { msrs, vmx } = cpu.system;
          return isBare || vmx.current < 0
            ? msrs.tscOffset
            : msrs.tscOffset + readVmcs(cpu, "TSC_OFFSET");
        },
      },
      hasTscDeadline: cpu.model.features.has("tscdeadline"),
      baseChanged: () => {
        if (isBare) this.placeLocalApic();
      },
    };
  }

  get guestLocalApic(): LocalApicPort {
    return this.pc.localApic ?? this.cpu.localApic;
  }

  /** The registers answer at IA32_APIC_BASE, where they hide RAM. */
  private placeLocalApic(): void {
    const apic = this.pc.localApic;
    const page = apic?.isEnabled === true ? apic.address / PAGE_BYTES : -1;
    this.apicPage = page;
    this.ram.coveredPage = page;
    this.cpu.tlb.flushL0();
    this.cpu.translationChanged();
  }

  /** Guest-physical memory as a device reaches it: past the processor's segments and pages. */
  private firmwareMemory(): FirmwareMemory {
    const { ram } = this;
    return {
      read8: (gpa) => {
        const hpa = this.guestToHost(gpa);
        return hpa === undefined ? 0xff : ram.read8(hpa);
      },
      write8: (gpa, value) => {
        const hpa = this.guestToHost(gpa);
        if (hpa !== undefined) ram.write8(hpa, value);
      },
      writeBytes: (gpa, bytes) => {
        for (let done = 0; done < bytes.length;) {
          const count = Math.min(bytes.length - done, PAGE_BYTES - ((gpa + done) % PAGE_BYTES));
          const hpa = this.guestToHost(gpa + done);
          if (hpa !== undefined) ram.writeBytes(hpa, bytes.subarray(done, done + count));
          done += count;
        }
      },
    };
  }

  /** On the bare machine the PC is the physical one; under a VMM it is the virtual machine's, and input reaches the VMM as a physical interrupt. */
  private wirePins(hosted: boolean): void {
    const { cpu, pc, clock } = this;
    const now = (): void => {
      clock.advanceTo(Math.max(cpu.ticks, clock.now));
    };
    if (hosted) {
      const hostPending = (): boolean => this.hostInterrupt || this.hostTimerRings();
      cpu.interrupts = {
        get pending() {
          return hostPending();
        },
        acknowledge: () => this.acknowledgeHost(),
      };
      return;
    }
    const isPending = (): boolean => this.intr;
    cpu.interrupts = {
      get pending() {
        return isPending();
      },
      acknowledge: () => pc.acknowledgeInterrupt(),
    };
    if (pc.localApic) cpu.localApic = pc.localApic;
    this.placeLocalApic();
    const windowAt = (hpa: number): FoundWindow | undefined => {
      const apic = pc.localApic;
      if (!apic || Math.floor(hpa / PAGE_BYTES) !== this.apicPage) return pc.mmio.find(hpa);
      return { window: apic.memoryWindow, offset: hpa % PAGE_BYTES, name: apic.name };
    };
    this.ram.windows = {
      has: (hpa) => windowAt(hpa) !== undefined,
      read: (hpa, size) => {
        const found = windowAt(hpa);
        if (!found) return undefined;
        now();
        return found.window.read(found.offset, size);
      },
      write: (hpa, size, value) => {
        const found = windowAt(hpa);
        if (!found) return false;
        now();
        found.window.write(found.offset, size, value);
        return true;
      },
      peek: (hpa) => {
        if (!pc.localApic || Math.floor(hpa / PAGE_BYTES) !== this.apicPage) return undefined;
        return pc.localApic.peek(hpa % PAGE_BYTES);
      },
    };
    cpu.ports = {
      read: (port, size) => {
        now();
        return pc.ports.read(port, size);
      },
      write: (port, size, value) => {
        now();
        pc.ports.write(port, size, value);
      },
    };
  }

  /** The one-shot timer of the host, for a VMM that has no timer of its own. */
  private hostTimerRings(): boolean {
    return this.cpu.ticks >= (this.supervisor?.timerDue ?? Infinity);
  }

  private acknowledgeHost(): number {
    if (this.hostTimerRings()) {
      this.supervisor?.acknowledgeTimer?.();
      return HOST_TIMER_VECTOR;
    }
    this.hostInterrupt = false;
    return HOST_INPUT_VECTOR;
  }

  private startBare(start: GuestStart): void {
    const { cpu } = this;
    for (const { gpa, bytes } of start.memory) this.ram.writeBytes(gpa, bytes);
    startProcessor(cpu, start);
    cpu.translationChanged();
  }

  private startHosted(start: GuestStart): Supervisor {
    const supervisor = createMachineSupervisor(this, start);
    if (supervisor.trapped) this.wireTraps(supervisor.trapped.bind(supervisor));
    supervisor.start();
    return supervisor;
  }

  /** What the processor delivers goes to the VMM; what the guest gets, the VMM tells. */
  private wireTraps(trapped: NonNullable<Supervisor["trapped"]>): void {
    const { cpu } = this;
    cpu.observe = (event) => {
      if (event.kind === "triple-fault") this.guestEvent(event);
    };
    cpu.delivered = (event) => {
      this.trap(trapped(event));
    };
  }

  // ------------------------------------------------------------------ state

  /** Time: ticks of the processor plus VMM steps. */
  get position(): number {
    return this.cpu.ticks + this.vmmSteps;
  }

  get world(): World {
    if (this.supervisor) return this.supervisor.position ? "vmm" : "guest";
    const { vmx } = this.cpu.system;
    if (vmx.nonRoot) return "guest";
    return vmx.vmxon >= 0 ? "root" : "bare";
  }

  /** HPA of a guest-physical address in RAM, or of a device's registers; on the bare machine the same number. */
  guestToHost(gpa: number): number | undefined {
    if (this.supervisor) return this.supervisor.guestToHost(gpa);
    return this.ram.isVisible(gpa) ? gpa : undefined;
  }

  private finish(stop: Stop): void {
    this.finalStop ??= stop;
    this.executor.requestStop();
  }

  // ------------------------------------------------------------------ events

  /** Also for events that the supervisor tells of. */
  readonly guestEvent = (event: ObservedEvent): void => {
    this.observed(event);
  };

  private observed(observed: ObservedEvent): void {
    const { kind } = observed;
    if (observed.kind === "vm-exit") {
      const key = exitKey(observed.exit);
      this.exitCounts.set(key, (this.exitCounts.get(key) ?? 0) + 1);
    }
    const isAsked = this.control?.onEvent !== undefined || this.wantsEvent(kind);
    if (isAsked || kind === "triple-fault") this.tell(observed);
    if (observed.kind === "vm-exit" && this.supervisor) {
      this.supervisor.exited(observed.exit);
      this.executor.requestStop();
    }
  }

  private tell(observed: ObservedEvent): void {
    const event = machineEvent(this.cpu, observed, { from: this.mode, to: cpuMode(this.cpu) });
    if (event.kind === "triple-fault") this.tripleFault = event.text;
    this.report(event);
  }

  private trap({ key, number, describe }: TrapReport): void {
    this.exitCounts.set(key, (this.exitCounts.get(key) ?? 0) + 1);
    this.executor.requestStop();
    if (this.control?.onEvent === undefined && !this.wantsEvent("vm-exit")) return;
    this.report({ kind: "vm-exit", key, number, qualification: 0n, ...describe() });
  }

  private report(event: MachineEvent): void {
    this.onEvent(event);
    if (this.eventStop === undefined && this.control?.onEvent?.(event)) {
      this.eventStop = { reason: "event", event };
      this.executor.requestStop();
    }
  }

  /** Mode changes are noticed at slice ends and after system events. */
  private noteMode(): void {
    const to = cpuMode(this.cpu);
    if (to === this.mode) return;
    const from = this.mode;
    this.mode = to;
    if (this.world === "vmm") return;
    this.report(machineEvent(this.cpu, { kind: "mode-change" }, { from, to }));
  }

  // ------------------------------------------------------------------ running

  /**
   * Runs until `ticks` have passed, or something ends the run; undefined means time is up. `skipBreakpoint`: what stands at the current position does not stop
   * the run. Also returns `waiting` while an idle guest has nothing due before the end of the slice.
   */
  run(ticks: number, control: RunControl, skipBreakpoint: boolean): Stop | undefined {
    this.control = control;
    this.eventStop = undefined;
    this.executor.blocks.setBreakpoints(control.breakpoints);
    this.watcher.arm(control);
    const end = this.position + ticks;
    let skip = skipBreakpoint;
    try {
      while (this.position < end) {
        const before = this.position;
        const stop = this.advance(end - this.position, control, skip);
        if (stop) return stop;
        if (this.position !== before) skip = false;
      }
      return this.finalStop;
    } catch (problem) {
      return this.problem(problem);
    } finally {
      this.control = undefined;
    }
  }

  private problem(problem: unknown): Stop {
    if (!(problem instanceof UnsupportedFeature)) throw problem;
    this.finalStop = {
      reason: "error",
      code: problem.code,
      text: `At ${hex(this.cpu.rip)}: ${problem.message}.`,
    };
    return this.finalStop;
  }

  /** One piece: a VMM step, or a run of the processor up to the next clock event. */
  private advance(ticks: number, control: RunControl, skip: boolean): Stop | undefined {
    if (this.finalStop) return this.finalStop;
    if (this.supervisor?.position) return this.vmmStep(control, skip);
    const { cpu, clock } = this;
    clock.advanceTo(Math.max(clock.now, cpu.ticks));
    const sliceEnd = cpu.ticks + ticks;
    const restarts = this.supervisor?.restartsInstruction === true;
    const end = this.executor.run(ticks, skip || restarts);
    if (end !== "idle") this.idleSince = undefined;
    this.noteMode();
    if (this.finalStop) return this.finalStop;
    if (this.eventStop) return this.eventStop;
    if (this.watcher.hit) return this.watcher.take();
    switch (end) {
      case "budget":
      case "interrupted":
        return undefined;
      case "breakpoint":
        return this.breakpoint(control);
      case "idle":
        return this.idle(sliceEnd);
      case "shutdown":
        this.finalStop = {
          reason: "shutdown",
          text: this.tripleFault ?? "the processor shut down",
        };
        return this.finalStop;
    }
  }

  /** Words of the last triple fault. */
  private tripleFault: string | undefined;

  private breakpoint(control: RunControl): Stop | undefined {
    const address = this.linearRip();
    if (control.onBreakpoint?.(address) ?? true) return { reason: "breakpoint", address };
    // Not wanted this time: go past it.
    this.executor.run(1, true);
    return undefined;
  }

  /** HPA of an address in a space, without side effects; gva through the guest's paging. */
  hostAddress(space: AddressSpace, address: bigint): number | undefined {
    const { hpa } = translate(this, space, address);
    return hpa === undefined ? undefined : Number(hpa);
  }

  /** Linear address of the next instruction. */
  linearRip(): bigint {
    const { cpu } = this;
    return cpu.is64 ? cpu.rip : BigInt.asUintN(32, cpu.cs.base + cpu.rip);
  }

  private vmmStep(control: RunControl, skip: boolean): Stop | undefined {
    const supervisor = this.supervisor!;
    const position = supervisor.position!;
    const key = `${position.handler.key}:${position.step}`;
    if (!skip && control.vmmBreakpoints?.has(key)) {
      return { reason: "vmm-breakpoint", handler: position.handler.key, step: position.step };
    }
    this.clock.advanceTo(Math.max(this.clock.now, this.cpu.ticks));
    supervisor.runStep();
    this.vmmSteps++;
    if (supervisor.stopped) this.finalStop ??= this.supervisorStop(supervisor.stopped);
    if (!supervisor.position) this.mode = cpuMode(this.cpu);
    if (this.finalStop) return this.finalStop;
    if (this.watcher.hit) return this.watcher.take();
    return this.eventStop;
  }

  private supervisorStop(stopped: NonNullable<Supervisor["stopped"]>): Stop {
    switch (stopped.reason) {
      case "halt":
        return { reason: "halt", text: stopped.text, wakeable: false };
      case "shutdown":
        return { reason: "shutdown", text: this.tripleFault ?? stopped.text };
      case "error":
        return { reason: "error", code: stopped.code, text: stopped.text };
    }
  }

  /** Halted: time passes to the next alarm, or to the end of the slice. */
  private idle(sliceEnd: number): Stop | undefined {
    const { cpu, clock } = this;
    const { vmx } = cpu.system;
    this.idleSince ??= this.position;
    const due = Math.min(clock.nextDue(), vmx.nonRoot ? vmx.preemptionDue : Infinity);
    const masked = (cpu.flagSystem & RFLAGS.IF) === 0 && !vmx.nonRoot && !this.mayRaiseNmi;
    if (masked && !cpu.system.nmiPending) {
      this.finalStop = {
        reason: "halt",
        text: "HLT with interrupts off: nothing can wake the processor",
        wakeable: false,
      };
      return this.finalStop;
    }
    if (due === Infinity) {
      return {
        reason: "halt",
        text: "HLT: waiting for input, nothing else is due",
        wakeable: true,
      };
    }
    const wake = Math.min(Math.max(due, cpu.ticks + 1), sliceEnd);
    this.idleTicks += wake - cpu.ticks;
    cpu.ticks = wake;
    return undefined;
  }

  /** A device's interrupt could come as an NMI. */
  private get mayRaiseNmi(): boolean {
    return this.supervisor === undefined && this.pc.localApic?.turnsInterruptsIntoNmi === true;
  }

  // ------------------------------------------------------------------ input

  sendSerial(bytes: Uint8Array): void {
    this.pc.receiveSerial(bytes);
    this.raiseHost();
  }

  sendKeys(text: string): void {
    this.pc.typeKeys(text);
    this.raiseHost();
  }

  private raiseHost(): void {
    if (this.supervisor) this.hostInterrupt = true;
  }

  /** Video memory is guest RAM; the adapter's registers say which part shows. */
  screenText(): string {
    const at = this.guestToHost(VGA_TEXT);
    if (at === undefined) throw new InvariantError("video memory is not RAM");
    const { memoryWindow } = this.pc.vga;
    for (let offset = 0; offset < VGA_BYTES; offset += 4)
      memoryWindow.write(offset, 4, this.ram.read32(at + offset));
    return this.pc.screenText();
  }

  saveScalars(): MachineScalars {
    return {
      vmmSteps: this.vmmSteps,
      serialLength: this.serialBytes.length,
      finalStop: this.finalStop,
      hostInterrupt: this.hostInterrupt,
      intr: this.intr,
      tripleFault: this.tripleFault,
      idleSince: this.idleSince,
      idleTicks: this.idleTicks,
      exitCounts: [...this.exitCounts],
    };
  }

  loadScalars(scalars: MachineScalars): void {
    this.vmmSteps = scalars.vmmSteps;
    this.serialBytes.length = scalars.serialLength;
    this.finalStop = scalars.finalStop;
    this.hostInterrupt = scalars.hostInterrupt;
    this.intr = scalars.intr;
    this.tripleFault = scalars.tripleFault;
    this.idleSince = scalars.idleSince;
    this.idleTicks = scalars.idleTicks;
    this.exitCounts = new Map(scalars.exitCounts);
  }

  /** After a restored snapshot: the mode is that of the restored processor. */
  resetModeTracking(): void {
    this.mode = cpuMode(this.cpu);
  }
}

/** Small state of the machine itself, for snapshots. */
export interface MachineScalars {
  readonly vmmSteps: number;
  readonly serialLength: number;
  readonly finalStop: Stop | undefined;
  readonly hostInterrupt: boolean;
  readonly intr: boolean;
  readonly tripleFault: string | undefined;
  readonly idleSince: number | undefined;
  readonly idleTicks: number;
  readonly exitCounts: readonly (readonly [string, number])[];
}

/** Vector on which the host's input devices interrupt the VMM. */
const HOST_INPUT_VECTOR = 0x24;
const HOST_TIMER_VECTOR = 0x20;
const PAGE_BYTES = 4096;
const VGA_TEXT = 0xb8000;
const VGA_BYTES = 0x8000;
