/**
 * Clocks of other rates against the virtual clock, exactly: products stay below 2^53 and quotients keep
 * enough bits for rates up to 33 MHz, so a count is right after any length of time, without drift.
 */
import { TICKS_PER_SECOND } from "./types";

/** Periods of a `hertz` clock completed by `tick`. */
export function countAtTick(tick: number, hertz: number): number {
  const seconds = Math.floor(tick / TICKS_PER_SECOND);
  const rest = tick - seconds * TICKS_PER_SECOND;
  return seconds * hertz + Math.floor((rest * hertz) / TICKS_PER_SECOND);
}

/** The first tick at which `count` periods of a `hertz` clock are complete. */
export function tickOfCount(count: number, hertz: number): number {
  const seconds = Math.floor(count / hertz);
  const rest = count - seconds * hertz;
  return seconds * TICKS_PER_SECOND + Math.ceil((rest * TICKS_PER_SECOND) / hertz);
}
