/**
 * The A20 gate: one flip-flop that the keyboard controller's output port and port 0x92 both read and
 * write; the last writer wins (as on QEMU and Bochs). Open at power-on, as their firmware leaves it.
 */
import type { InterruptLine } from "../../bus/types";

export class A20Gate {
  private open = true;

  /** `line` is the processor's A20M# pin, true when address bit 20 passes. */
  constructor(private readonly line?: InterruptLine) {}

  get isOpen(): boolean {
    return this.open;
  }

  set(open: boolean): void {
    if (open === this.open) return;
    this.open = open;
    this.line?.set(open);
  }

  /** Sets the gate and the pin, whatever they were: for restoring a snapshot. */
  restore(open: boolean): void {
    this.open = open;
    this.line?.set(open);
  }
}
