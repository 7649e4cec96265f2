/** What the guest believes right now, for whoever looks: a processor beside the VCPU, whose writes go nowhere. Looking changes nothing. */
import type { CpuModel } from "../../cpu/cpuModel";
import type { Processor } from "../../cpu/processor";
import { learn, runningContext, type HardwareContext } from "./belief";
import { PretendedMemory } from "./guestPhysicalMemory";
import { loadProcessor, makeVirtualProcessor, saveProcessor } from "./virtualProcessor";
import type { Vm } from "./vm";

export class Lens {
  private readonly processor: Processor;
  private readonly memory: PretendedMemory;

  constructor(
    private readonly vm: Vm,
    model: CpuModel,
  ) {
    const { cpu, guest } = vm.parts;
    this.memory = new PretendedMemory(cpu.buffer, cpu.ram, guest);
    this.processor = makeVirtualProcessor(this.memory, model);
  }

  /** The guest as it is; while it runs, with what it has changed by itself. */
  look(): Processor {
    const { state, cpu } = this.vm;
    return this.lookAt(state.holdsGuest ? undefined : runningContext(cpu));
  }

  /** The guest with the context of a frame on the VMM's stack. */
  lookAt(context: HardwareContext | undefined): Processor {
    const { vm, processor } = this;
    this.memory.written.clear();
    loadProcessor(processor, saveProcessor(vm.vcpu));
    if (context) learn(vm, processor, context);
    return processor;
  }

  /** Bytes that the processor has written since, by GPA. */
  get written(): ReadonlyMap<number, number> {
    return this.memory.written;
  }
}
