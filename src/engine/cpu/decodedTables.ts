/**
 * Descriptors and gates as they were decoded last. Memory is read at each use; what follows from the bytes alone is worked out once, and a segment
 * register that is loaded again gets the same object, so that nothing derived from it need be derived anew.
 */
import { decodeGate, segmentCacheOf, type Gate } from "../isa/descriptors";
import type { Linear } from "./linear";
import type { SegmentRegister } from "./systemState";

/** A descriptor as fetched from the GDT or LDT. */
export class FetchedDescriptor {
  readonly base: bigint;
  readonly limit: number;
  /** VMX access-rights format. */
  readonly ar: number;
  /** By RPL. */
  private readonly loaded: (SegmentRegister | undefined)[] = [
    undefined,
    undefined,
    undefined,
    undefined,
  ];

  constructor(
    readonly selector: number,
    /** Of its first byte. */
    readonly address: Linear,
    readonly low: number,
    readonly high: number,
  ) {
    const { base, limit, accessRights } = segmentCacheOf(low, high);
    this.base = base;
    this.limit = limit;
    this.ar = accessRights;
  }

  /** What a segment register holds that is loaded with it: the descriptor has been accessed then. */
  segment(rpl: number): SegmentRegister {
    return (this.loaded[rpl] ??= {
      selector: (this.selector & 0xfffc) | rpl,
      base: this.base,
      limit: this.limit,
      ar: this.ar | 1,
    });
  }
}

interface KnownGate {
  readonly low: number;
  readonly high: number;
  readonly third: number | undefined;
  readonly gate: Gate;
}

/** A segment register by what it holds; of its base the two halves. */
interface KnownSegment {
  readonly baseLow: number;
  readonly baseHigh: number;
  readonly segment: SegmentRegister;
}

const SLOTS = 256;

export class DecodedTables {
  /** By the low byte of the selector. */
  private readonly descriptors = new Array<FetchedDescriptor | undefined>(SLOTS).fill(undefined);
  /** By vector. */
  private readonly gates = new Array<KnownGate | undefined>(SLOTS).fill(undefined);

  /** By who loads it. */
  private readonly segments: (KnownSegment | undefined)[] = [];

  /** A segment register that is loaded with all its parts, as by VM entries and exits; `slot` tells who loads it. */
  segment(
    slot: number,
    selector: number,
    baseLow: number,
    baseHigh: number,
    limit: number,
    ar: number,
  ): SegmentRegister {
    const known = this.segments[slot];
    if (known?.baseLow === baseLow && known.baseHigh === baseHigh) {
      const { segment } = known;
      if (segment.selector === selector && segment.limit === limit && segment.ar === ar)
        return segment;
    }
    const base = (BigInt(baseHigh) << 32n) | BigInt(baseLow);
    const segment = { selector, base, limit, ar };
    this.segments[slot] = { baseLow, baseHigh, segment };
    return segment;
  }

  descriptor(selector: number, address: Linear, low: number, high: number): FetchedDescriptor {
    const known = this.descriptors[selector % SLOTS];
    if (
      known?.selector === selector &&
      known.low === low &&
      known.high === high &&
      known.address === address
    )
      return known;
    const fetched = new FetchedDescriptor(selector, address, low, high);
    this.descriptors[selector % SLOTS] = fetched;
    return fetched;
  }

  /** `third`: the third dword of a 16-byte gate. */
  gate(vector: number, low: number, high: number, third: number | undefined): Gate {
    const known = this.gates[vector];
    if (known?.low === low && known.high === high && known.third === third) return known.gate;
    const gate = decodeGate(low, high, third);
    this.gates[vector] = { low, high, third, gate };
    return gate;
  }
}
