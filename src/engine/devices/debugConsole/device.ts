/**
 * The debug console: a byte written to port 0xe9 goes out. Reading gives 0xe9, which tells a guest that
 * the console exists (Bochs user manual, "port_e9_hack"; QEMU `-debugcon`).
 */
import { byteWindow } from "../../bus/byteWindow";
import type { Device, DeviceOutput, Window } from "../../bus/types";

export const PORTS = { data: { base: 0xe9, length: 1 } } as const;

const PRESENCE = 0xe9;

export interface DebugConsoleConfig {
  readonly output: Pick<DeviceOutput, "byte">;
}

export class DebugConsole implements Device<null> {
  readonly name = "debugConsole";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;

  constructor({ output }: DebugConsoleConfig) {
    this.windows = {
      data: byteWindow({
        read: () => PRESENCE,
        write: (_offset, value) => output.byte("debug-console", value),
      }),
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
