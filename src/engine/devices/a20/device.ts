/**
 * System control port A at 0x92: the fast A20 gate and the fast reset
 * (IBM PS/2 Hardware Interface Technical Reference, "System Control Port A"; bits 1 and 0).
 * It owns the gate's place in snapshots.
 */
import { byteWindow } from "../../bus/byteWindow";
import type { Device, DeviceOutput, Window } from "../../bus/types";
import type { A20Gate } from "./gate";

export const PORTS = { control: { base: 0x92, length: 1 } } as const;

const FAST_RESET = 0x01;
const A20 = 0x02;

export interface A20State {
  readonly isOpen: boolean;
  readonly fastReset: boolean;
}

export interface A20Config {
  readonly gate: A20Gate;
  readonly output: Pick<DeviceOutput, "reset">;
}

export class A20Port implements Device<A20State> {
  readonly name = "a20";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  private fastReset = false;

  constructor(private readonly config: A20Config) {
    this.windows = {
      control: byteWindow({
        read: () => (config.gate.isOpen ? A20 : 0) | (this.fastReset ? FAST_RESET : 0),
        write: (_offset, value) => this.write(value),
      }),
    };
  }

  save(): A20State {
    return { isOpen: this.config.gate.isOpen, fastReset: this.fastReset };
  }

  load(state: A20State): void {
    this.config.gate.restore(state.isOpen);
    this.fastReset = state.fastReset;
  }

  private write(value: number): void {
    const { gate, output } = this.config;
    gate.set((value & A20) !== 0);
    const asks = (value & FAST_RESET) !== 0;
    const rose = asks && !this.fastReset;
    this.fastReset = asks;
    // The pulse comes from the rising edge of the bit.
    if (rose) output.reset();
  }
}
