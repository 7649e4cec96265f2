import { UserError } from "../base/errors";
import { CPU_MODELS, CURRENT_MODEL, cpuModel, type CpuModel } from "../cpu/cpuModel";
import type { MachineConfig } from "./types";

/** The processor that a machine's configuration asks for. Refuses what that processor cannot do; the message says why. */
export function machineCpuModel({ cpu, vmm, image }: MachineConfig): CpuModel {
  if (cpu === undefined) return CURRENT_MODEL;
  const model = cpuModel(cpu);
  if (!model) {
    const names = CPU_MODELS.map(({ name }) => name).join(", ");
    throw new UserError("bad-cpu", `"${cpu}" is not a value of cpu.`, `Use one of ${names}.`);
  }
  if (vmm === "hardware-assisted" && !model.features.has("vmx")) {
    throw new UserError(
      "cpu-without-vmx",
      `The processor ${cpu} has no VMX, which the technique hardware-assisted is made of.`,
      "Use vmm none, or another cpu.",
    );
  }
  if (vmm === "trap-and-emulate" && !model.features.has("pae")) {
    throw new UserError(
      "cpu-without-pae",
      `The processor ${cpu} has no PAE, in whose format this VMM makes its shadow page tables.`,
      "Use vmm none, or another cpu.",
    );
  }
  if (image.entry === "long64" && !model.features.has("lm")) {
    throw new UserError(
      "cpu-without-long-mode",
      `The processor ${cpu} has no 64-bit mode.`,
      "Use entry real16 or protected32, or another cpu.",
    );
  }
  return model;
}
