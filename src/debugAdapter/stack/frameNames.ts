/** Names of stack frames: where, mode and ring, so that a world or ring switch is seen at a glance. */
import { hex } from "../../engine/index";
import type { CpuMode, World } from "../../engine/index";
import { symbolText } from "../sources/program";
import type { Program } from "../sources/program";

const MODE_NAMES: Readonly<Record<CpuMode, string>> = {
  real16: "16-bit real mode",
  virtual8086: "virtual-8086 mode",
  protected16: "16-bit",
  protected32: "32-bit",
  compatibility: "32-bit compatibility mode",
  long64: "64-bit",
};

/** "32-bit, ring 0"; real mode has no rings. `root` marks VMX root operation of a hypervisor that the user wrote. */
export function modeText(mode: CpuMode, cpl: number, world: World): string {
  const ring = mode === "real16" ? "" : `, ring ${cpl}`;
  return `${MODE_NAMES[mode]}${ring}${world === "root" ? ", root" : ""}`;
}

/** "kmain+0x12 [32-bit, ring 0]". `place` is an address in the frame's function: a caller's own may be the next function's first. */
export function frameName(
  program: Program,
  address: bigint,
  mode: string,
  place = address,
): string {
  return `${placeText(program, address, place)} [${mode}]`;
}

/** "kmain+0x12", or the bare address. */
export function placeText(program: Program, address: bigint, place = address): string {
  const symbol = program.nameAt(place);
  const inside = symbol && symbolText({ ...symbol, offset: symbol.offset + (address - place) });
  return inside ?? hex(address, 8);
}
