/** The interpreter that a VMM runs a virtual processor with: the machine's own, on a memory of its own that holds nothing but the processor. */
import type { CpuModel } from "../cpu/cpuModel";
import { RAM_BASE } from "../cpu/layout";
import type { PhysicalMemory } from "../cpu/physicalMemory";
import { Processor } from "../cpu/processor";
import { Executor } from "../execution/executor";

const PAGES = RAM_BASE / 65536;

export function makeInterpreter(
  ram: PhysicalMemory,
  model: CpuModel,
): { readonly processor: Processor; readonly runOne: () => void } {
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const processor = new Processor(memory.buffer, ram, model);
  const executor = new Executor(processor, memory);
  return {
    processor,
    runOne() {
      executor.run(1, true);
    },
  };
}
