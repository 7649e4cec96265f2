/**
 * What devices and processor share: port and memory-mapped spaces, interrupt lines, and the virtual clock.
 * A device sees offsets in its own window, never absolute addresses; it never imports the CPU.
 */

/** Access width in bytes. */
export type AccessSize = 1 | 2 | 4 | 8;

/** A device window in the port space or in physical memory (HPA on the physical machine, GPA inside a VM). */
export interface Window {
  /** Value zero-extended; 8-byte accesses arrive as two 4-byte ones. `size` is 1, 2 or 4. */
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

/** One input of an interrupt controller, or the INTR pin of the processor. Level-triggered; edges are the receiver's business. */
export interface InterruptLine {
  set(level: boolean): void;
}

/** Time is the count of instructions retired by the physical CPU (ticks). One tick is 10 ns of guest time. */
export const TICKS_PER_SECOND = 100_000_000;

/** A named alarm on the virtual clock; its due time is part of every snapshot under that name. */
export interface Alarm {
  /** Due tick, or undefined. */
  readonly due: number | undefined;
  /** Rings once when the clock reaches `tick` (at once, before the next instruction, if that is past). Replaces an earlier due time. */
  set(tick: number): void;
  cancel(): void;
}

export interface Clock {
  /** Current tick. */
  readonly now: number;
  /** Creates the alarm; names are unique in one clock ("pit.channel0"). */
  alarm(name: string, ring: () => void): Alarm;
}

/** What every device has. State is plain data (structured-cloneable): it goes into snapshots as it is. */
export interface Device<State = unknown> {
  readonly name: string;
  save(): State;
  load(state: State): void;
}

/** What a device says to the outside: serial bytes, debug-console bytes, a debug exit. */
export interface DeviceOutput {
  /** A byte left through the serial port or the debug console. */
  byte(source: "serial" | "debug-console", value: number): void;
  /** The guest wrote `value` to the debug-exit port. */
  debugExit(value: number): void;
  /** The guest asked the keyboard controller to pulse the reset line. */
  reset(): void;
}
