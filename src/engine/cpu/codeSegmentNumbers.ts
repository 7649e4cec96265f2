/** Small numbers for what a code segment and a mode say of the instructions fetched through it: the same for the same limit, size, base and mode. */
import { AR } from "../isa/descriptors";
import type { SegmentRegister } from "./systemState";

/** Segment registers whose numbers are kept at hand. */
const MAX_SEGMENTS = 64;

export class CodeSegmentNumbers {
  /** By limit, size and mode, then by base. */
  private readonly numbers = new Map<number, Map<number, number>>();
  /** By segment register, then by mode: segment registers are replaced, never changed in place. */
  private readonly bySegment = new Map<SegmentRegister, number[]>();
  /** Numbers given so far. */
  count = 0;

  /** `mode`: a small number for what counts besides CS. */
  numberOf(cs: SegmentRegister, mode: number): number {
    return this.bySegment.get(cs)?.[mode] ?? this.keep(cs, mode);
  }

  private keep(cs: SegmentRegister, mode: number): number {
    if (this.bySegment.size === MAX_SEGMENTS) this.bySegment.clear();
    let byMode = this.bySegment.get(cs);
    if (!byMode) this.bySegment.set(cs, (byMode = []));
    return (byMode[mode] = this.find(cs, mode));
  }

  private find(cs: SegmentRegister, mode: number): number {
    const key = cs.limit + 2 ** 32 * ((cs.ar & (AR.L | AR.DB)) + mode);
    let byBase = this.numbers.get(key);
    if (!byBase) this.numbers.set(key, (byBase = new Map<number, number>()));
    const base = Number(cs.base);
    let number = byBase.get(base);
    if (number === undefined) byBase.set(base, (number = this.count++));
    return number;
  }

  clear(): void {
    this.numbers.clear();
    this.bySegment.clear();
    this.count = 0;
  }
}
