/** What device tests stand on: a clock, recorders for lines and outputs, and byte access to windows. */
import { VirtualClock } from "../../src/engine/bus/virtualClock";
import type { DeviceOutput, InterruptLine, Window } from "../../src/engine/bus/types";
import { createStandardPc, type StandardPc } from "../../src/engine/devices/standardPc";

/** A line that remembers its level and counts its rising edges. */
export class LineRecorder implements InterruptLine {
  level = false;
  rises = 0;

  set(level: boolean): void {
    if (level && !this.level) this.rises++;
    this.level = level;
  }
}

export class OutputRecorder implements DeviceOutput {
  readonly log: string[] = [];

  byte(source: "serial" | "debug-console", value: number): void {
    this.log.push(`${source} ${value.toString(16)}`);
  }

  debugExit(value: number): void {
    this.log.push(`exit ${value.toString(16)}`);
  }

  reset(): void {
    this.log.push("reset");
  }
}

export function inb(window: Window, offset: number): number {
  return window.read(offset, 1);
}

export function outb(window: Window, offset: number, value: number): void {
  window.write(offset, 1, value);
}

export interface PcRig {
  readonly clock: VirtualClock;
  readonly pc: StandardPc;
  readonly intr: LineRecorder;
  readonly output: OutputRecorder;
}

export function pcRig(firmware = true): PcRig {
  const clock = new VirtualClock();
  const intr = new LineRecorder();
  const output = new OutputRecorder();
  const pc = createStandardPc({ clock, output, intr, memorySizeBytes: 64 << 20, firmware });
  return { clock, pc, intr, output };
}
