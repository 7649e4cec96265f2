/** The part of host memory that the VMM keeps for itself, given out page by page. The structures in it are real: the processor reads them. */
import { InvariantError } from "../base/errors";
import type { PhysicalMemory } from "../cpu/physicalMemory";

export const PAGE_BYTES = 4096;

/** Plain data: part of the supervisor's state. */
export interface HostMemoryState {
  /** HPA of the first page that was never given out. */
  next: number;
  /** Pages given back. */
  free: number[];
}

/** Page 0 is never used, so that no pointer to a structure is 0. */
export function initialHostMemory(firstHpa: number): HostMemoryState {
  return { next: firstHpa === 0 ? PAGE_BYTES : firstHpa, free: [] };
}

const ZEROS = new Uint8Array(PAGE_BYTES);

export class HostMemory {
  constructor(
    private readonly ram: PhysicalMemory,
    /** First HPA behind the VMM's memory. */
    private readonly end: number,
    private readonly state: () => HostMemoryState,
  ) {}

  /** HPA of a zeroed page, or undefined when there is none left. */
  tryAllocate(): number | undefined {
    const state = this.state();
    let hpa = state.free.pop();
    if (hpa === undefined) {
      if (state.next + PAGE_BYTES > this.end) return undefined;
      hpa = state.next;
      state.next += PAGE_BYTES;
    }
    this.ram.writeBytes(hpa, ZEROS);
    return hpa;
  }

  allocate(): number {
    const hpa = this.tryAllocate();
    if (hpa === undefined) throw new InvariantError("the memory reserved for the VMM is used up");
    return hpa;
  }

  release(hpa: number): void {
    this.state().free.push(hpa);
  }
}
