/** What the guest believes right now, for whoever looks: a processor beside the VCPU, whose writes go nowhere. Looking changes nothing. */
import type { CpuModel } from "../../cpu/cpuModel";
import type { Processor } from "../../cpu/processor";
import type { SystemState } from "../../cpu/systemState";
import { learn, runningContext, type HardwareContext } from "./belief";
import { PretendedMemory } from "./guestPhysicalMemory";
import { forgetTranslations, makeVirtualProcessor } from "./virtualProcessor";
import type { Vm } from "./vm";

/** A copy for somebody who executes unprivileged instructions only: deeper parts never change. */
function copyOf(system: SystemState): SystemState {
  const { segments, vmx, msrs, dr } = system;
  return { ...system, segments: [...segments], vmx: { ...vmx }, msrs: { ...msrs }, dr: [...dr] };
}

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
    const { vcpu } = vm;
    processor.system = copyOf(vcpu.system);
    forgetTranslations(processor);
    if (context) learn(vm, processor, context);
    else this.copyRegisters();
    return processor;
  }

  private copyRegisters(): void {
    const { vm, processor } = this;
    const { vcpu } = vm;
    for (let register = 0; register < 8; register++)
      processor.setGpr(register, vcpu.gpr(register, 32), 32);
    processor.rip = vcpu.rip;
    processor.rflags = vcpu.rflags;
    processor.ticks = vcpu.ticks;
    processor.refresh();
  }

  /** Bytes that the processor has written since, by GPA. */
  get written(): ReadonlyMap<number, number> {
    return this.memory.written;
  }
}
