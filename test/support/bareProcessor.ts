// eslint-disable-next-line @typescript-eslint/triple-slash-reference -- a global declaration: there is nothing to import
/// <reference path="../../src/engine/wasm/wasmApi.d.ts" />
/** A processor with memory and nothing else: flat segments, no paging, ring 0, in any code size. */
import { CURRENT_MODEL } from "../../src/engine/cpu/cpuModel";
import { RAM_BASE } from "../../src/engine/cpu/layout";
import { PhysicalMemory } from "../../src/engine/cpu/physicalMemory";
import { Processor } from "../../src/engine/cpu/processor";
import { CR0, EFER } from "../../src/engine/cpu/systemState";
import { Executor } from "../../src/engine/execution/executor";
import type { Bits } from "../../src/engine/isa/types";

export interface BareProcessor {
  readonly cpu: Processor;
  readonly executor: Executor;
}

const CODE: Readonly<Record<Bits, number>> = { 16: 0x009b, 32: 0xc09b, 64: 0xa09b };
const DATA: Readonly<Record<Bits, number>> = { 16: 0x0093, 32: 0xc093, 64: 0xc093 };

export function bareProcessor(bits: Bits, ramBytes: number): BareProcessor {
  const pages = Math.ceil((RAM_BASE + ramBytes) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const ram = new PhysicalMemory(memory.buffer, ramBytes);
  const cpu = new Processor(memory.buffer, ram, CURRENT_MODEL);
  const executor = new Executor(cpu, memory);
  enter(cpu, bits);
  return { cpu, executor };
}

/** Flat segments of a code size; 64-bit mode without page tables, which no real processor has but which translates nothing. */
export function enter(cpu: Processor, bits: Bits): void {
  const { system } = cpu;
  system.cr0 = CR0.PE | CR0.ET;
  system.efer = bits === 64 ? EFER.LME | EFER.LMA : 0;
  system.cpl = 0;
  const limit = bits === 16 ? 0xffff : 0xffffffff;
  const segment = (selector: number, ar: number) => ({ selector, base: 0n, limit, ar });
  system.segments = [0, 1, 2, 3, 4, 5].map((i) =>
    i === 1 ? segment(8, CODE[bits]) : segment(16, DATA[bits]),
  );
  cpu.refresh();
  cpu.translationChanged();
}
