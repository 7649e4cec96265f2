/** What all far transfers check about their target. SDM Vol. 3A, "Protection". */
import { AR } from "../../isa/descriptors";
import { gp } from "../abort";
import type { FetchedDescriptor } from "../decodedTables";
import { canonicalLinear } from "../linear";
import type { Processor } from "../processor";
import { loadRealModeCs } from "../segmentation";

export interface FarPointer {
  readonly selector: number;
  readonly offset: bigint;
}

/** Checks a target offset against the code segment that it is for. */
export function checkOffset(
  cpu: Processor,
  cs: { limit: number; ar: number },
  offset: bigint,
): void {
  if (cpu.longMode && cs.ar & AR.L) {
    if (canonicalLinear(offset) === undefined) throw gp(0, "the target is not canonical");
  } else if (Number(offset) > cs.limit)
    throw gp(0, "the target is beyond the code segment's limit");
}

export function checkCodeAttributes(cpu: Processor, { ar, selector }: FetchedDescriptor): void {
  if (cpu.longMode && ar & AR.L && ar & AR.DB)
    throw gp(selector & 0xfffc, "a code segment may not have both L and D");
}

export function jumpRealMode(cpu: Processor, target: FarPointer): void {
  if (target.offset > BigInt(cpu.cs.limit))
    throw gp(0, "the target is beyond the code segment's limit");
  loadRealModeCs(cpu, target.selector);
  cpu.rip = target.offset;
  cpu.refresh();
}
