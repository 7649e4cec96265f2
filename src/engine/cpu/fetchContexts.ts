/**
 * Numbers for the contexts that instructions are fetched in: block look-ups of one context see the same bytes at the same RIP. A context is a
 * generation of translations and the rules that hold for CS; 0 is never one.
 */
import { AR } from "../isa/descriptors";
import { LOOKUP_BASE, LOOKUP_BYTES } from "./layout";
import type { SegmentRegister } from "./systemState";

/** Numbers of rules in a generation; a context has 32 bits. */
const RULES = 2 ** 12;
const GENERATIONS = 2 ** 20;
/** Segment registers whose rules are kept at hand. */
const MAX_SEGMENTS = 64;

export class FetchContexts {
  private generation = 1;
  /** By limit and mode, then by CS base. */
  private readonly rules = new Map<number, Map<number, number>>();
  private count = 0;
  /** By segment register, then by mode: segment registers are replaced, never changed in place. */
  private readonly bySegment = new Map<SegmentRegister, number[]>();
  private readonly lookups: Uint8Array;

  constructor(buffer: ArrayBuffer) {
    this.lookups = new Uint8Array(buffer, LOOKUP_BASE, LOOKUP_BYTES);
  }

  /** No look-up holds any more. */
  nextGeneration(): void {
    this.generation++;
    if (this.generation < GENERATIONS) return;
    this.generation = 1;
    this.lookups.fill(0);
  }

  /** `mode`: a small number for what decides about a fetch besides CS. */
  context(cs: SegmentRegister, mode: number): number {
    const rule = this.bySegment.get(cs)?.[mode] ?? this.keep(cs, mode);
    return this.generation * RULES + rule;
  }

  private keep(cs: SegmentRegister, mode: number): number {
    if (this.count === RULES) {
      this.rules.clear();
      this.bySegment.clear();
      this.count = 0;
      this.nextGeneration();
    }
    if (this.bySegment.size === MAX_SEGMENTS) this.bySegment.clear();
    let byMode = this.bySegment.get(cs);
    if (!byMode) this.bySegment.set(cs, (byMode = []));
    return (byMode[mode] = this.ruleOf(cs, mode));
  }

  private ruleOf(cs: SegmentRegister, mode: number): number {
    const size = cs.ar & (AR.L | AR.DB);
    const key = cs.limit + 2 ** 32 * (size + mode);
    let byBase = this.rules.get(key);
    if (!byBase) this.rules.set(key, (byBase = new Map<number, number>()));
    const base = Number(cs.base);
    let rule = byBase.get(base);
    if (rule === undefined) byBase.set(base, (rule = this.count++));
    return rule;
  }
}
