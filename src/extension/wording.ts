/** The words for modes, worlds and techniques: one place, used by every view. */
import type { CpuMode, MmuKind, StateBody, VmmKind, World } from "../debugAdapter/protocol";

export const MODE_TEXT: Readonly<Record<CpuMode, string>> = {
  real16: "real mode",
  virtual8086: "virtual-8086",
  protected16: "16-bit protected",
  protected32: "32-bit",
  compatibility: "compatibility",
  long64: "64-bit",
};

export const WORLD_TEXT: Readonly<Record<World, string>> = {
  bare: "bare metal",
  guest: "guest",
  root: "VMX root",
  vmm: "VMM",
};

export const VMM_TEXT: Readonly<Record<VmmKind, string>> = {
  none: "no VMM",
  "trap-and-emulate": "trap-and-emulate",
  "binary-translation": "binary translation",
  paravirtual: "paravirtual",
  "hardware-assisted": "VMX",
};

export const MMU_TEXT: Readonly<Record<MmuKind, string>> = {
  nested: "nested page tables",
  "shadow-lazy": "shadow page tables, filled lazily",
  "shadow-write-protect": "shadow page tables, write-protected",
  direct: "direct paging",
};

/** "guest · 64-bit · ring 0". */
export function whereText(state: StateBody): string {
  return `${WORLD_TEXT[state.world]} · ${MODE_TEXT[state.mode]} · ring ${state.cpl}`;
}
