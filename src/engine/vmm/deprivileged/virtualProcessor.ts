/**
 * The VCPU: a processor of the same make whose RAM is guest-physical memory, and whose state is what the guest believes. The VMM carries out on it what
 * the hardware refused: the semantics of an instruction and of the delivery of an event have one definition.
 */
import { clonePlain } from "../../base/clone";
import type { CpuModel } from "../../cpu/cpuModel";
import { LOOKUP_BASE, LOOKUP_BYTES } from "../../cpu/layout";
import { Processor } from "../../cpu/processor";
import { RFLAGS } from "../../cpu/systemState";
import type { GuestPagingState } from "../guestPaging";
import type { GuestPhysicalMemory } from "./guestPhysicalMemory";
import type { KernelRing } from "./rings";
import type { VirtualProcessorState } from "./state";

/** Registers, TLB and look-ups of a processor that no interpreter runs: what lies before the micro-ops. */
const BUFFER_BYTES = LOOKUP_BASE + LOOKUP_BYTES;

/** Features that this VMM does not offer, though CPUID tells of them: it runs without a trap. */
const NOT_OFFERED: Readonly<Record<KernelRing, readonly string[]>> = {
  1: ["vmx"],
  // At ring 3 the hardware has no supervisor whose accesses to user pages it could refuse, and POPF changes AC without a trap.
  3: ["vmx", "smep", "smap"],
};

/** The processor that the guest gets. */
export function guestModel(model: CpuModel, kernelRing: KernelRing): CpuModel {
  const features = new Set(model.features);
  for (const feature of NOT_OFFERED[kernelRing]) features.delete(feature);
  return { ...model, features };
}

export function makeVirtualProcessor(memory: GuestPhysicalMemory, model: CpuModel): Processor {
  return new Processor(new ArrayBuffer(BUFFER_BYTES), memory, model);
}

/** Forgets translations: the VMM walks the guest's tables anew each time. */
export function forgetTranslations(vcpu: Processor): void {
  vcpu.tlb.flushAll();
}

export function saveProcessor(vcpu: Processor): VirtualProcessorState {
  return {
    system: clonePlain(vcpu.system),
    registers: Array.from({ length: 8 }, (_, register) => vcpu.gpr(register, 32)),
    rip: vcpu.rip,
    rflags: vcpu.rflags,
  };
}

export function loadProcessor(vcpu: Processor, state: VirtualProcessorState): void {
  vcpu.system = clonePlain(state.system);
  state.registers.forEach((value, register) => {
    vcpu.setGpr(register, value, 32);
  });
  vcpu.rip = state.rip;
  vcpu.rflags = state.rflags;
  forgetTranslations(vcpu);
  vcpu.refresh();
}

/** The guest's paging as its own instructions see it. */
export function pagingOf({ system, flagSystem, model }: Processor): GuestPagingState {
  return {
    cr0: system.cr0,
    cr3: system.cr3,
    cr4: system.cr4,
    efer: system.efer,
    pdptes: system.pdptes,
    alignmentCheck: (flagSystem & RFLAGS.AC) !== 0,
    physicalAddressBits: model.physicalAddressBits,
  };
}

/** Linear address of the next instruction. */
export function linearRip(vcpu: Processor): bigint {
  return BigInt.asUintN(32, vcpu.cs.base + vcpu.rip);
}
