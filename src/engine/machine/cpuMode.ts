import type { Processor } from "../cpu/processor";
import type { CpuMode } from "./types";

/** The processor's mode by name. SDM Vol. 3A, "Modes of Operation". */
export function cpuMode(cpu: Processor): CpuMode {
  if (!cpu.protectedMode) return "real16";
  if (cpu.virtual8086) return "virtual8086";
  if (cpu.longMode) return cpu.is64 ? "long64" : "compatibility";
  return cpu.bits === 32 ? "protected32" : "protected16";
}

export const MODE_TITLES: Readonly<Record<CpuMode, string>> = {
  real16: "real-address mode",
  virtual8086: "virtual-8086 mode",
  protected16: "16-bit protected mode",
  protected32: "32-bit protected mode",
  compatibility: "compatibility mode",
  long64: "64-bit mode",
};
