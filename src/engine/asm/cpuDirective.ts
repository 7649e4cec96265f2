/** The words of the CPU directive (NASM manual, "CPU: Defining CPU Dependencies"). */
import type { Target } from "../codec/types";
import { EVERY_PROCESSOR, processorLevel } from "../isa/processors";

/** In NASM's order, each with the level that it sets: a word is known by how it begins, and the first that fits counts. */
const LEVELS: readonly (readonly [word: string, level: number])[] = [
  ["default", EVERY_PROCESSOR],
  ["8086", processorLevel("8086")],
  ["186", processorLevel("186")],
  ["286", processorLevel("286")],
  ["386", processorLevel("386")],
  ["486", processorLevel("486")],
  ["586", processorLevel("pentium")],
  ["pentium", processorLevel("pentium")],
  ["pentiummmx", processorLevel("pentium")],
  ["686", processorLevel("p6")],
  ["p6", processorLevel("p6")],
  ["ppro", processorLevel("p6")],
  ["pentiumpro", processorLevel("p6")],
  ["p2", processorLevel("p6")],
  ["pentiumii", processorLevel("p6")],
  ["p3", processorLevel("katmai")],
  ["katmai", processorLevel("katmai")],
  ["p4", processorLevel("willamette")],
  ["willamette", processorLevel("willamette")],
  ["prescott", processorLevel("prescott")],
  ["x64", processorLevel("x64")],
  ["x86-64", processorLevel("x64")],
  ["ia64", processorLevel("ia64")],
  ["ia-64", processorLevel("ia64")],
  ["itanium", processorLevel("ia64")],
  ["itanic", processorLevel("ia64")],
  ["merced", processorLevel("ia64")],
  ["nehalem", processorLevel("nehalem")],
  ["westmere", processorLevel("westmere")],
  ["sandybridge", processorLevel("sandybridge")],
  ["ivybridge", processorLevel("future")],
  ["any", EVERY_PROCESSOR],
  ["all", EVERY_PROCESSOR],
];

/** Flags leave the level alone. Only VEX changes anything here: without EVEX there is nothing to allow or to prefer. */
const FLAGS = ["latevex", "evex", "vex"] as const;

const EVERYTHING: Target = { level: EVERY_PROCESSOR, hasVex: true };

export interface CpuResult {
  readonly target: Target | undefined;
  /** The first word that means nothing; those before it count. */
  readonly unknown?: string;
}

/** What a list of words makes of the processor before it; undefined: everything is allowed. */
export function readCpu(text: string, before: Target | undefined): CpuResult {
  let target = before ?? EVERYTHING;
  let modifier = "+";
  for (const word of text.toLowerCase().split(/[ ,]/)) {
    const [modifiers = ""] = /^[-+*]*/.exec(word) ?? [];
    modifier = modifiers.at(-1) ?? modifier;
    let name = word.slice(modifiers.length);
    if (name === "") {
      if (modifiers.endsWith("*")) target = EVERYTHING;
      continue;
    }
    const isOff = name.length >= 3 && name.startsWith("no");
    if (isOff) name = name.slice(2);
    const level = LEVELS.find(([known]) => known.startsWith(name));
    const flag = level ?? FLAGS.find((known) => known.startsWith(name));
    if (level) target = { level: level[1], hasVex: true };
    else if (flag === "vex") target = { ...target, hasVex: isOff === (modifier !== "+") };
    else if (flag === undefined) return { target: settled(target), unknown: name };
  }
  return { target: settled(target) };
}

function settled(target: Target): Target | undefined {
  return target.level >= EVERY_PROCESSOR && target.hasVex ? undefined : target;
}

/** Whether code of a size can be assembled for it. */
export function allowsBits(target: Target | undefined, bits: 16 | 32 | 64): boolean {
  if (target === undefined || bits === 16) return true;
  return target.level >= processorLevel(bits === 32 ? "386" : "x64");
}

/** Equal for targets that allow the same. */
export function targetKey(target: Target | undefined): number {
  return target === undefined ? 0 : 2 * (target.level + 1) + (target.hasVex ? 1 : 0);
}
