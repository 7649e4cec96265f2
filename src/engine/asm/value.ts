/**
 * What an expression evaluates to: NASM's vector of a plain number, registers with factors (in effective addresses), segment bases with factors
 * (addresses in sections), and "unknown" for a forward reference.
 */
import type { RegisterKeyword } from "./keywords";
import { NO_SEGMENT, SEGMENT_ABSOLUTE } from "./symbols";

export interface RegisterTerm {
  readonly register: RegisterKeyword;
  readonly factor: bigint;
}
export interface SegmentTerm {
  readonly segment: number;
  readonly factor: bigint;
}

const NO_REGISTERS: readonly RegisterTerm[] = [];
const NO_SEGMENTS: readonly SegmentTerm[] = [];

export class Value {
  constructor(
    /** Whether there is a plain number at all: sums of two such terms count for base hints. */
    readonly hasNumber: boolean,
    readonly number: bigint,
    /** Factor of "unknown": the difference of two forward references has none left, and NASM takes it for 0 at first. */
    readonly unknownFactor: bigint,
    /** Sorted by rank. */
    readonly registers: readonly RegisterTerm[] = NO_REGISTERS,
    /** Sorted by number. */
    readonly segments: readonly SegmentTerm[] = NO_SEGMENTS,
    readonly wrt?: number,
  ) {}

  static number(value: bigint): Value {
    return new Value(true, value, 0n);
  }

  static register(register: RegisterKeyword): Value {
    return new Value(false, 0n, 0n, [{ register, factor: 1n }]);
  }

  static address(segment: number, offset: bigint): Value {
    if (segment === NO_SEGMENT) return Value.number(offset);
    return new Value(true, offset, 0n, NO_REGISTERS, [{ segment, factor: 1n }]);
  }

  get unknown(): boolean {
    return this.unknownFactor !== 0n;
  }

  private get hasRegister(): boolean {
    return this.registers.some((term) => term.factor !== 0n);
  }

  /** A plain number; a far absolute counts. */
  get isSimple(): boolean {
    if (this.unknown || this.wrt !== undefined) return false;
    if (this.registers.length === 0 && this.segments.length === 0) return true;
    if (this.hasRegister) return false;
    const ordinary = this.segments.some((t) => t.factor !== 0n && t.segment < SEGMENT_ABSOLUTE);
    return !ordinary && (this.segments.length === 0 || (this.hasNumber && this.number !== 0n));
  }

  /** A plain number and nothing else. */
  get isReallySimple(): boolean {
    if (this.unknown || this.wrt !== undefined || this.hasRegister) return false;
    return !this.segments.some((term) => term.factor !== 0n);
  }

  get isJustUnknown(): boolean {
    return this.unknown && !this.hasRegister;
  }

  /** The plain number of a value without registers. */
  get scalar(): bigint {
    return this.unknown || this.hasRegister ? 0n : this.number;
  }

  /** The segment of an address, or NO_SEGMENT. */
  get segment(): number {
    return this.segments.find((term) => term.factor === 1n)?.segment ?? NO_SEGMENT;
  }

  /** A number, plus at most one segment base, minus perhaps the current one's. */
  isRelocatable(here: number): boolean {
    if (this.unknown || this.hasRegister) return false;
    let plus = false;
    let minus = false;
    for (const { segment, factor } of this.segments) {
      if (factor === 1n) {
        if (plus) return false;
        plus = true;
      } else if (factor === -1n) {
        if (segment !== here || minus) return false;
        minus = true;
      }
    }
    return true;
  }

  /** Has the current segment's base subtracted. */
  isSelfRelative(here: number): boolean {
    return this.segments.some((term) => term.segment === here && term.factor === -1n);
  }
}

export const UNKNOWN = new Value(false, 0n, 1n);

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);

/** The sum, and whether two terms of one kind met (which makes NASM forget its base hint). */
export function addValues(a: Value, b: Value): { readonly sum: Value; readonly met: boolean } {
  if (isPlain(a) && isPlain(b)) {
    const total = wrap(a.number + b.number);
    return { sum: Value.number(total), met: a.hasNumber && b.hasNumber && total !== 0n };
  }
  const registers = mergeTerms(a.registers, b.registers, (term) => term.register.rank);
  if (a.unknown || b.unknown) {
    const factor = wrap(a.unknownFactor + b.unknownFactor);
    const met = registers.met || (a.unknown && b.unknown && factor !== 0n);
    return { sum: new Value(false, 0n, factor, registers.terms), met };
  }
  const number = wrap(a.number + b.number);
  const both = a.hasNumber && b.hasNumber;
  const keepFar = a.isReallySimple || b.isReallySimple;
  const near = (term: SegmentTerm): boolean => keepFar || term.segment < SEGMENT_ABSOLUTE;
  const segments = mergeTerms(a.segments.filter(near), b.segments.filter(near), (t) => t.segment);
  const has = both ? number !== 0n : a.hasNumber || b.hasNumber;
  const sum = new Value(has, number, 0n, registers.terms, segments.terms, a.wrt ?? b.wrt);
  return { sum, met: registers.met || segments.met || (both && number !== 0n) };
}

function isPlain(value: Value): boolean {
  return (
    !value.unknown &&
    value.registers.length === 0 &&
    value.segments.length === 0 &&
    value.wrt === undefined
  );
}

function mergeTerms<T extends { readonly factor: bigint }>(
  a: readonly T[],
  b: readonly T[],
  key: (term: T) => number,
): { readonly terms: readonly T[]; readonly met: boolean } {
  if (a.length === 0) return { terms: b, met: false };
  if (b.length === 0) return { terms: a, met: false };
  const terms: T[] = [...a];
  let met = false;
  for (const term of b) {
    const at = terms.findIndex((other) => key(other) >= key(term));
    const same = at >= 0 && key(terms[at]!) === key(term) ? terms[at] : undefined;
    if (same === undefined) terms.splice(at < 0 ? terms.length : at, 0, term);
    else {
      const factor = wrap(same.factor + term.factor);
      if (factor === 0n) terms.splice(at, 1);
      else {
        terms[at] = { ...same, factor };
        met = true;
      }
    }
  }
  return { terms, met };
}

/** Multiplies all terms; the segment of a far absolute is lost. */
export function scale(value: Value, factor: bigint): Value {
  if (isPlain(value)) {
    return new Value(value.hasNumber, wrap(value.number * factor), 0n);
  }
  return new Value(
    value.hasNumber,
    wrap(value.number * factor),
    wrap(value.unknownFactor * factor),
    value.registers.map((term) => ({ ...term, factor: wrap(term.factor * factor) })),
    value.segments
      .filter((term) => term.segment < SEGMENT_ABSOLUTE)
      .map((term) => ({ ...term, factor: wrap(term.factor * factor) })),
    value.wrt,
  );
}
