import { FS, type SegmentIndex } from "../../isa/registers";
import type { Processor } from "../processor";

/** Linear address of segment:offset without any check, as VM exits report it. */
export function operandLinear(cpu: Processor, segment: SegmentIndex, offset: bigint): bigint {
  if (!cpu.is64) return BigInt.asUintN(32, cpu.segment(segment).base + offset);
  return BigInt.asUintN(64, segment >= FS ? cpu.segment(segment).base + offset : offset);
}
