/** The virtual machine's PC as a VMM drives it. */
import type { LocalApic } from "../devices/localApic/device";

export interface VirtualDevices {
  readonly ports: {
    read(port: number, size: 1 | 2 | 4): number;
    write(port: number, size: 1 | 2 | 4, value: number): void;
  };
  acknowledgeInterrupt(): number;
  readonly localApic: LocalApic | undefined;
}

/** The virtual clock: when the next alarm of a device rings, in ticks; Infinity if none is set. */
export interface VirtualTime {
  nextDue(): number;
}
