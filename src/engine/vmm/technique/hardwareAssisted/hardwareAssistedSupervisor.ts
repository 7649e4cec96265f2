/** The hypervisor of technique `hardware-assisted`: VMX, with nested or shadow paging. */
import { UserError } from "../../../base/errors";
import { clonePlain } from "../../../base/clone";
import type { VmExit } from "../../../cpu/vmx/vmExit";
import { EXIT_REASONS, exitReasonByNumber } from "../../../isa/vmx/exitReasons";
import { costProfileOf } from "../../costs";
import { GuestMemory } from "../../guestMemory";
import type { GuestStart } from "../../guestStart";
import { HandlerTable } from "../../handlerTable";
import { HostMemory, initialHostMemory } from "../../hostMemory";
import type {
  ExitCounter,
  Supervisor,
  SupervisorContext,
  SupervisorStop,
  VmmHandler,
  VmmPosition,
} from "../../supervisor";
import { UNEXPECTED_EXIT } from "./handlers/endings";
import { handlersOf, LAUNCH_HANDLER } from "./handlers";
import { allocateHostPages } from "./hostPages";
import { powerOnHandler } from "./powerOn";
import { initialVirtualCpu, type VmState } from "./state";
import { believedControlRegisters } from "./believedRegisters";
import type { VirtualDevices, VirtualTime } from "../../virtualDevices";
import { Vm, type Handler, type MemoryVirtualization } from "./vm";

/** What the technique needs besides what every supervisor is given. */
export interface HardwareAssistedContext extends SupervisorContext {
  readonly start: GuestStart;
  /** The virtual machine's emulated PC. */
  readonly pc: VirtualDevices;
  /** The virtual clock; the machine advances it before each step. */
  readonly clock: VirtualTime;
  /** Level of the emulated interrupt controller's INTR output. */
  readonly interruptRequested: () => boolean;
  /** Name of a cost profile; default P4-2006. */
  readonly costProfile?: string;
}

export class HardwareAssistedSupervisor implements Supervisor {
  readonly handlers: readonly VmmHandler[];
  private readonly vm: Vm;
  private readonly table: HandlerTable<Vm>;
  private readonly powerOn: Handler;

  constructor(context: HardwareAssistedContext, memory: MemoryVirtualization) {
    const { cpu, reserved, guestMemoryBytes } = context;
    const { ram } = cpu;
    checkStart(memory, context.start);
    const { ldtr, tr } = cpu.system;
    this.powerOn = powerOnHandler(context.start, { ldtr, tr });
    const handlers = handlersOf(memory);
    this.handlers = [this.powerOn, ...handlers];
    this.table = new HandlerTable(handlers);
    const state = initialState(memory, reserved.hpa);
    const end = reserved.hpa + reserved.bytes;
    // A restored snapshot replaces the state: ask the virtual machine for it once there is one.
    const current: { vm?: Vm } = {};
    const host = new HostMemory(ram, end, () => (current.vm?.state ?? state).host);
    this.vm = new Vm(
      {
        cpu,
        ram,
        devices: context.pc,
        clock: context.clock,
        interruptRequested: context.interruptRequested,
        guest: new GuestMemory(ram, end, guestMemoryBytes),
        host,
        pages: allocateHostPages(host),
        memory,
        costs: costProfileOf(context.costProfile),
      },
      state,
    );
    current.vm = this.vm;
  }

  start(): void {
    for (const step of this.powerOn.steps) step.run(this.vm);
    this.vm.state.position = { key: LAUNCH_HANDLER.key, step: 0 };
  }

  exited(exit: VmExit): void {
    const { state } = this.vm;
    const reason = exitReasonByNumber(exit.reason);
    const key = reason?.key ?? UNEXPECTED_EXIT.key;
    state.cause = exit;
    state.charged = key;
    (state.counters[key] ??= { count: 0, cycles: 0 }).count++;
    this.vm.charge(this.vm.parts.costs.vmExit.cycles);
    state.position = { key: this.table.has(key) ? key : UNEXPECTED_EXIT.key, step: 0 };
  }

  runStep(): void {
    this.table.runStep(this.vm);
  }

  get position(): VmmPosition | undefined {
    return this.table.position(this.vm, this.vm.state.cause);
  }

  get stopped(): SupervisorStop | undefined {
    return this.vm.state.stopped;
  }

  /** By exit number; the launch is no exit and is counted in `cycles` alone. */
  get counters(): readonly ExitCounter[] {
    const { counters } = this.vm.state;
    return EXIT_REASONS.flatMap(({ key, number, title }) => {
      const counter = counters[key];
      return counter && counter.count > 0 ? [{ key, number, title, ...counter }] : [];
    });
  }

  /** One a tick, and what the events cost by the profile. */
  get cycles(): number {
    const costs = Object.values(this.vm.state.counters).reduce((sum, each) => sum + each.cycles, 0);
    return this.vm.cpu.ticks + costs;
  }

  guestToHost(gpa: number): number | undefined {
    return this.vm.parts.guest.toHost(gpa);
  }

  get hardwareRoot(): { readonly kind: "nested" | "shadow"; readonly hpa: number } {
    const { memory } = this.vm;
    return { kind: memory.kind, hpa: memory.hardwareRoot(this.vm) };
  }

  shadowFormat(): "4-level" | "pae" {
    const { memory } = this.vm.state;
    return memory.kind === "shadow" ? memory.format : "4-level";
  }

  guestControlRegisters(): ReturnType<typeof believedControlRegisters> {
    return believedControlRegisters(this.vm);
  }

  guestRegisters(): readonly bigint[] | undefined {
    const { vcpu } = this.vm.state;
    return vcpu.holdsRegisters ? vcpu.registers : undefined;
  }

  raiseNmi(): void {
    this.vm.state.vcpu.nmiPending = true;
  }

  save(): unknown {
    return clonePlain(this.vm.state);
  }

  load(state: unknown): void {
    this.vm.state = clonePlain(state) as VmState;
  }
}

function initialState(memory: MemoryVirtualization, firstHpa: number): VmState {
  return {
    position: undefined,
    cause: undefined,
    exit: undefined,
    work: {},
    exception: undefined,
    vcpu: initialVirtualCpu(),
    memory: memory.initialState(),
    host: initialHostMemory(firstHpa),
    isLaunched: false,
    counters: {},
    charged: LAUNCH_HANDLER.key,
    stopped: undefined,
  };
}

/** A guest that cannot even start is refused before anything is built. */
function checkStart(memory: MemoryVirtualization, start: GuestStart): void {
  const refusal = memory.refuses(start);
  if (refusal !== undefined) throw new UserError("real-mode-needs-nested", refusal);
}
