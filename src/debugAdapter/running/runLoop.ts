/** Runs an activity in slices of a few milliseconds, so that requests (and `pause` above all) are served in between. */
import type { Stop } from "../../engine/index";

/** One slice of a run, step or reverse run; undefined: not there yet; IDLE: the guest sleeps, there is no hurry. */
export type Slice = (maxTicks: number) => Stop | typeof IDLE | undefined;
export const IDLE = "idle";

/** Why an activity ended: the machine said so, or the user asked for a pause. */
export type Outcome = Stop | { readonly reason: "pause" };

const SLICE_MS = 10;
/** Pause between two slices of a sleeping guest: its time passes some times faster than ours, and the host's processor rests. */
const IDLE_MS = 10;
const MIN_TICKS = 1_000;
const MAX_TICKS = 4_000_000;

interface Running {
  readonly slice: Slice;
  readonly done: (outcome: Outcome) => void;
  readonly failed: (error: unknown) => void;
}

export class RunLoop {
  private current: Running | undefined;
  private pauseWanted = false;
  private ticks = 50_000;

  /** `afterSlice` is called between slices (batched output goes out there). */
  constructor(private readonly afterSlice: () => void) {}

  get running(): boolean {
    return this.current !== undefined;
  }

  /** Starts an activity. The first slice runs at once, so that short steps end before the caller returns. */
  start(slice: Slice): Promise<Outcome> {
    return new Promise((done, failed) => {
      this.current = { slice, done, failed };
      this.pauseWanted = false;
      this.turn();
    });
  }

  /** Ends the activity before its next slice. */
  pause(): void {
    this.pauseWanted = true;
  }

  /** Pauses and waits until nothing runs. */
  async halt(): Promise<void> {
    this.pause();
    while (this.current) await new Promise((done) => setImmediate(done));
  }

  private turn(): void {
    const running = this.current;
    if (!running) return;
    try {
      const outcome = this.pauseWanted ? ({ reason: "pause" } as const) : this.slices(running);
      this.afterSlice();
      if (outcome === IDLE) {
        setTimeout(() => this.turn(), IDLE_MS);
        return;
      }
      if (!outcome) {
        setImmediate(() => this.turn());
        return;
      }
      this.current = undefined;
      running.done(outcome);
    } catch (error) {
      this.current = undefined;
      running.failed(error);
    }
  }

  /** Slices until SLICE_MS are over; their length adapts to the speed of the machine. */
  private slices(running: Running): ReturnType<Slice> {
    const start = performance.now();
    for (;;) {
      const before = performance.now();
      const stop = running.slice(this.ticks);
      if (stop) return stop;
      const now = performance.now();
      if (now - before < SLICE_MS / 4) this.ticks = Math.min(MAX_TICKS, this.ticks * 2);
      else if (now - before > SLICE_MS) this.ticks = Math.max(MIN_TICKS, this.ticks >> 1);
      if (now - start >= SLICE_MS) return undefined;
    }
  }
}
