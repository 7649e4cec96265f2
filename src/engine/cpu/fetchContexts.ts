/**
 * Numbers for the contexts that instructions are fetched in: block look-ups of one context see the same bytes at the same RIP. A context is a
 * generation of translations and the rules that hold for CS; 0 is never one.
 */
import { CodeSegmentNumbers } from "./codeSegmentNumbers";
import { LOOKUP_BASE, LOOKUP_BYTES } from "./layout";
import type { SegmentRegister } from "./systemState";

/** Numbers of rules in a generation; a context has 32 bits. */
const RULES = 2 ** 12;
const GENERATIONS = 2 ** 20;

export class FetchContexts {
  private generation = 1;
  private readonly rules = new CodeSegmentNumbers();
  private readonly lookups: Uint8Array;
  /** Linear pages that look-ups of this generation lie in. */
  private readonly pages = new Set<number>();

  constructor(buffer: ArrayBuffer) {
    this.lookups = new Uint8Array(buffer, LOOKUP_BASE, LOOKUP_BYTES);
  }

  /** No look-up holds any more. */
  nextGeneration(): void {
    this.generation++;
    this.pages.clear();
    if (this.generation < GENERATIONS) return;
    this.generation = 1;
    this.lookups.fill(0);
  }

  notePage(page: number): void {
    this.pages.add(page);
  }

  hasPage(page: number): boolean {
    return this.pages.has(page);
  }

  /** `mode`: a small number for what decides about a fetch besides CS. */
  context(cs: SegmentRegister, mode: number): number {
    const rule = this.rules.numberOf(cs, mode);
    if (rule < RULES) return this.generation * RULES + rule;
    this.rules.clear();
    this.nextGeneration();
    return this.context(cs, mode);
  }
}
