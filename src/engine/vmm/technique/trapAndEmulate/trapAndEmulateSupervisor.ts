/** The hypervisor of technique `trap-and-emulate`: the guest kernel runs at ring 1 (or 3), and what it may not do there traps. */
import { clonePlain } from "../../../base/clone";
import { InvariantError } from "../../../base/errors";
import { hex } from "../../../base/hex";
import { decode } from "../../../codec/decode";
import { format } from "../../../codec/format";
import { EVENT, type DeliveredEvent } from "../../../cpu/event";
import type { CpuModel } from "../../../cpu/cpuModel";
import type { PhysicalMemory } from "../../../cpu/physicalMemory";
import type { Processor } from "../../../cpu/processor";
import { vectorName } from "../../../isa/exceptions";
import { TRAPS, trapOfVector, UNEXPECTED_TRAP } from "../../../isa/traps";
import { costProfileOf } from "../../costs";
import { GuestMemory } from "../../guestMemory";
import type { GuestStart } from "../../guestStart";
import { HandlerTable } from "../../handlerTable";
import { HostMemory, initialHostMemory } from "../../hostMemory";
import { initialShadowState } from "../../memory/shadowLazy/shadowState";
import { VmmArea } from "../../deprivileged/area";
import { isTraced } from "../../deprivileged/descriptorTables";
import { readFrame } from "../../deprivileged/frame";
import { fetchCode } from "../../deprivileged/emulation";
import { GuestPhysicalMemory } from "../../deprivileged/guestPhysicalMemory";
import { FidelityWatch } from "../../deprivileged/fidelity";
import { Lens } from "../../deprivileged/lens";
import { isGuestsOwn } from "../../deprivileged/pageFaults";
import { powerOnHandler } from "../../deprivileged/powerOn";
import type { KernelRing } from "../../deprivileged/rings";
import { resumeAfterChange, takeGuest } from "../../deprivileged/steps";
import { shadowSpaceOf } from "../../deprivileged/shadowMemory";
import { initialState, type DeprivilegedState, type Trap, type VirtualProcessorState } from "../../deprivileged/state"; // prettier-ignore
import {
  guestModel,
  linearRip,
  loadProcessor,
  makeVirtualProcessor,
  saveProcessor,
} from "../../deprivileged/virtualProcessor";
import { Vm, type Handler, type VirtualInterpreter } from "../../deprivileged/vm";
import type {
  ExitCounter,
  Supervisor,
  SupervisorContext,
  SupervisorStop,
  TrapReport,
  VmmHandler,
  VmmPosition,
} from "../../supervisor";
import type { VirtualDevices, VirtualTime } from "../../virtualDevices";
import { HANDLERS, LAUNCH_HANDLER } from "./handlers";

export interface TrapAndEmulateContext extends SupervisorContext {
  readonly start: GuestStart;
  readonly pc: VirtualDevices;
  readonly clock: VirtualTime;
  readonly interruptRequested: () => boolean;
  readonly costProfile?: string;
  readonly makeInterpreter: InterpreterMaker;
  readonly kernelRing: KernelRing;
}

/** Makes a processor of a model over a memory, with an interpreter that runs it. */
export type InterpreterMaker = (memory: PhysicalMemory, model: CpuModel) => VirtualInterpreter;

const IDT_BIT = 2;
const PAGE_FAULT = 14;
const GENERAL_PROTECTION = 13;
const NO_EXIT_NUMBER = -1;

/** State and VCPU: what a snapshot holds of the supervisor. */
interface Saved {
  readonly state: DeprivilegedState;
  readonly vcpu: VirtualProcessorState;
}

export class TrapAndEmulateSupervisor implements Supervisor {
  readonly handlers: readonly VmmHandler[];
  private readonly vm: Vm;
  private readonly table = new HandlerTable(HANDLERS);
  private readonly powerOn: Handler;
  private readonly lens: Lens;

  constructor(context: TrapAndEmulateContext) {
    const { cpu } = context;
    const { ldtr, tr } = cpu.system;
    this.powerOn = powerOnHandler(context.start, { ldtr, tr });
    this.handlers = [this.powerOn, ...HANDLERS];
    this.vm = makeVm(context);
    this.lens = new Lens(this.vm, cpu.model);
    const fidelity = new FidelityWatch(this.vm, this.lens);
    cpu.systemEventWatcher = (instruction) => fidelity.before(instruction);
  }

  start(): void {
    for (const step of this.powerOn.steps) step.run(this.vm);
    this.vm.state.position = { key: LAUNCH_HANDLER.key, step: 0 };
  }

  exited(): void {
    throw new InvariantError("a VM exit without VMX");
  }

  trapped({ vector, errorCode, type }: DeliveredEvent): TrapReport {
    const { vm } = this;
    const { state } = vm;
    const trap = { vector, errorCode, address: vm.cpu.system.cr2, key: UNEXPECTED_TRAP };
    const key = this.keyOf(trap, type);
    state.trap = { ...trap, key };
    state.position = { key, step: 0 };
    const { costs } = vm.parts;
    vm.charge(key, (vector === PAGE_FAULT ? costs.pageFault : costs.trap).cycles);
    state.counters[key]!.count++;
    return { key, number: NO_EXIT_NUMBER, describe: () => this.describe() };
  }

  private keyOf(trap: Trap, type: DeliveredEvent["type"]): string {
    const { vector, errorCode = 0 } = trap;
    if (type === EVENT.external) return "TRAP_INTERRUPT";
    if (vector === PAGE_FAULT)
      return isGuestsOwn(this.vm, trap) ? "TRAP_PF_TRUE" : "TRAP_PF_HIDDEN";
    if (vector === GENERAL_PROTECTION && errorCode & IDT_BIT) return "TRAP_INT";
    return trapOfVector(vector) ?? UNEXPECTED_TRAP;
  }

  /** Before the first step: the guest is in its frame on the VMM's stack. */
  private describe(): { readonly text: string; readonly rip: bigint } {
    const { vm } = this;
    const { key, vector, errorCode, address } = vm.trap;
    const guest = this.lens.lookAt(vm.state.holdsGuest ? undefined : readFrame(vm, vm.trap));
    const rip = linearRip(guest);
    if (key === "TRAP_INTERRUPT") return { rip, text: `interrupt of the host, vector ${hex(vector)}` }; // prettier-ignore
    const code = errorCode === undefined ? "" : `(${hex(errorCode)})`;
    const where = vector === PAGE_FAULT ? ` at ${hex(address)}` : "";
    return { rip, text: `${vectorName(vector)}${code}${where}: ${instructionText(guest, rip)}` };
  }

  runStep(): void {
    this.table.runStep(this.vm);
  }

  get position(): VmmPosition | undefined {
    return this.table.position(this.vm, undefined);
  }

  get stopped(): SupervisorStop | undefined {
    return this.vm.state.stopped;
  }

  get counters(): readonly ExitCounter[] {
    const { counters } = this.vm.state;
    return TRAPS.flatMap(({ key, title }) => {
      const counter = counters[key];
      return counter && counter.count > 0 ? [{ key, number: NO_EXIT_NUMBER, title, ...counter }] : []; // prettier-ignore
    });
  }

  get cycles(): number {
    const costs = Object.values(this.vm.state.counters).reduce((sum, each) => sum + each.cycles, 0);
    return this.vm.cpu.ticks + costs;
  }

  get timerDue(): number {
    return this.vm.state.timerDue;
  }

  acknowledgeTimer(): void {
    this.vm.state.timerDue = Infinity;
  }

  guestToHost(gpa: number): number | undefined {
    return this.vm.parts.guest.toHost(gpa);
  }

  get hardwareRoot(): { readonly kind: "shadow"; readonly hpa: number } {
    return { kind: "shadow", hpa: this.vm.state.memory.root };
  }

  shadowFormat(): "pae" | "4-level" {
    return this.vm.state.memory.format;
  }

  guestProcessor(): Processor {
    return this.lens.look();
  }

  changeGuest(change: (vcpu: Processor) => void): void {
    const { vm } = this;
    if (vm.state.holdsGuest) {
      change(vm.vcpu);
      return;
    }
    takeGuest(vm);
    try {
      change(vm.vcpu);
    } finally {
      resumeAfterChange(vm);
    }
  }

  get restartsInstruction(): boolean {
    const { state, cpu } = this.vm;
    return state.restartedAt === cpu.ticks;
  }

  guestControlRegisters(): { readonly cr0: bigint; readonly cr3: bigint; readonly cr4: bigint } {
    const { cr0, cr3, cr4 } = this.vm.vcpu.system;
    return { cr0: BigInt(cr0 >>> 0), cr3: BigInt(cr3), cr4: BigInt(cr4 >>> 0) };
  }

  save(): unknown {
    const { vm } = this;
    return { state: clonePlain(vm.state), vcpu: saveProcessor(vm.vcpu) } satisfies Saved;
  }

  load(saved: unknown): void {
    const { state, vcpu } = saved as Saved;
    this.vm.state = clonePlain(state);
    loadProcessor(this.vm.vcpu, vcpu);
  }
}

function instructionText(guest: Processor, rip: bigint): string {
  const decoded = decode(Uint8Array.from(fetchCode(guest)), 0, guest.bits);
  return "failure" in decoded ? "no instruction" : format(decoded, rip);
}

function makeVm(context: TrapAndEmulateContext): Vm {
  const { cpu, reserved, guestMemoryBytes } = context;
  const { ram } = cpu;
  const end = reserved.hpa + reserved.bytes;
  const state = initialState(initialHostMemory(reserved.hpa), initialShadowState());
  const guest = new GuestMemory(ram, end, guestMemoryBytes);
  const memory = new GuestPhysicalMemory(cpu.buffer, ram, guest);
  const { kernelRing } = context;
  const model = guestModel(cpu.model, kernelRing);
  const vcpu = makeVirtualProcessor(memory, model);
  // A restored snapshot replaces the state: ask the virtual machine for it once there is one.
  const current: { vm?: Vm } = {};
  const host = new HostMemory(ram, end, () => (current.vm?.state ?? state).host);
  const vm = new Vm(
    {
      cpu,
      vcpu,
      devices: context.pc,
      clock: context.clock,
      interruptRequested: context.interruptRequested,
      guest,
      host,
      area: new VmmArea(ram, host),
      scratch: host.allocate(),
      interpreter: lazily(() => context.makeInterpreter(memory, model)),
      kernelRing,
      costs: costProfileOf(context.costProfile),
      observe: context.observe,
    },
    state,
  );
  current.vm = vm;
  vm.space = shadowSpaceOf(vm);
  wireVirtualProcessor(vm, memory);
  return vm;
}

function lazily<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}

function wireVirtualProcessor(vm: Vm, memory: GuestPhysicalMemory): void {
  const { vcpu, parts } = vm;
  vcpu.ports = parts.devices.ports;
  vcpu.observe = (event) => {
    if (event.kind === "cr3-load") vm.state.work.cr3Loaded = true;
    parts.observe(event);
  };
  memory.onWrite = (gpa) => {
    if (isTraced(vm, gpa)) vm.state.tables.isStale = true;
  };
}
