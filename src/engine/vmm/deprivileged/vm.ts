/** A virtual machine with a deprivileged guest as the VMM's steps see it. */
import { InvariantError } from "../../base/errors";
import { decode } from "../../codec/decode";
import type { Instruction } from "../../codec/types";
import type { ObservedEvent } from "../../cpu/observation";
import type { Processor } from "../../cpu/processor";
import type { CostProfile } from "../costs";
import type { GuestMemory } from "../guestMemory";
import type { HostMemory } from "../hostMemory";
import type { ShadowSpace } from "../memory/shadowLazy/shadowSpace";
import type { HandlerOf, StepOf } from "../handlerTable";
import type { SupervisorStop } from "../supervisor";
import type { VirtualDevices, VirtualTime } from "../virtualDevices";
import type { VmmArea } from "./area";
import type { KernelRing } from "./rings";
import type { DeprivilegedState, Trap } from "./state";

export type Step = StepOf<Vm>;
export type Handler = HandlerOf<Vm>;

/** A processor over guest-physical memory, and who runs it. */
export interface VirtualInterpreter {
  readonly processor: Processor;
  /** One instruction, with the delivery of what it raises. */
  readonly runOne: () => void;
}

export interface VmParts {
  /** The hardware. */
  readonly cpu: Processor;
  /** The virtual processor. */
  readonly vcpu: Processor;
  readonly devices: VirtualDevices;
  readonly clock: VirtualTime;
  /** Level of the virtual INTR pin. */
  readonly interruptRequested: () => boolean;
  readonly guest: GuestMemory;
  readonly host: HostMemory;
  readonly area: VmmArea;
  /** The hardware's ring for the guest's kernel. */
  readonly kernelRing: KernelRing;
  /** HPA of the page that stands in for addresses without RAM: all ones. */
  readonly scratch: number;
  /** The VMM's interpreter, made when it is first needed. */
  readonly interpreter: () => VirtualInterpreter;
  readonly costs: CostProfile;
  /** What the guest goes through, for whoever watches. */
  readonly observe: (event: ObservedEvent) => void;
}

export class Vm {
  /** Set once the parts are there: they need the virtual machine. */
  space!: ShadowSpace;

  constructor(
    readonly parts: VmParts,
    public state: DeprivilegedState,
  ) {}

  get cpu(): Processor {
    return this.parts.cpu;
  }

  get vcpu(): Processor {
    return this.parts.vcpu;
  }

  get trap(): Trap {
    const { trap } = this.state;
    if (!trap) throw new InvariantError("nothing has brought the processor into the VMM");
    return trap;
  }

  /** The guest's instruction, from the bytes that a step has fetched; undefined if they are none. */
  get instruction(): Instruction | undefined {
    const { code } = this.state.work;
    if (!code) throw new InvariantError("no step has fetched the guest's instruction");
    const decoded = decode(Uint8Array.from(code), 0, this.vcpu.bits);
    return "failure" in decoded ? undefined : decoded;
  }

  charge(key: string, cycles: number): void {
    (this.state.counters[key] ??= { count: 0, cycles: 0 }).cycles += cycles;
  }

  /** The guest cannot go on; the machine stops before the next step. */
  stop(reason: SupervisorStop["reason"], code: string, text: string): void {
    this.state.stopped ??= { reason, code, text };
  }
}
