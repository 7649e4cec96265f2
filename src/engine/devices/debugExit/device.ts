/**
 * The debug exit: a write of any size at 0xf4 ends the run with the value written
 * (QEMU `-device isa-debug-exit,iobase=0xf4,iosize=0x04`). Reading gives 0, as there.
 */
import type { Device, DeviceOutput, Window } from "../../bus/types";

export const PORTS = { exit: { base: 0xf4, length: 4 } } as const;

export interface DebugExitConfig {
  readonly output: Pick<DeviceOutput, "debugExit">;
}

export class DebugExit implements Device<null> {
  readonly name = "debugExit";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;

  constructor({ output }: DebugExitConfig) {
    this.windows = {
      exit: {
        read: () => 0,
        write: (_offset, _size, value) => output.debugExit(value),
      },
    };
  }

  /** It remembers nothing. */
  save(): null {
    return null;
  }

  load(_state: null): void {
    // Nothing to restore.
  }
}
