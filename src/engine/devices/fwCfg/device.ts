/**
 * QEMU's firmware configuration interface: a key goes to 0x510 as a word, its bytes come from 0x511 one at a time.
 * Bare-metal test images and firmware ask it for the memory size and the number of processors.
 */
import type { Device, Window } from "../../bus/types";
import { ITEMS, type PlatformFacts } from "./items";

export const PORTS = { selectorAndData: { base: 0x510, length: 2 } } as const;

/** Keys have 14 bits. Bit 14 asks to write, which nothing here allows; bit 15 leads to another set of keys, empty here. */
const WRITE_CHANNEL = 0x4000;

export interface FwCfgState {
  readonly key: number;
  /** Bytes of the item read since it was selected. */
  readonly offset: number;
}

export class FwCfg implements Device<FwCfgState> {
  readonly name = "fwCfg";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  private readonly bytesByKey: ReadonlyMap<number, readonly number[]>;
  private key = 0;
  private offset = 0;

  constructor(facts: PlatformFacts) {
    this.bytesByKey = new Map(
      Object.values(ITEMS).map((item) => [item.key, item.bytes(facts)] as const),
    );
    this.windows = {
      selectorAndData: {
        // Only bytes can be read, and both ports give data; a word or more meets nothing that answers.
        read: (_offset, size) => (size === 1 ? this.nextByte() : 0xffff_ffff >>> (32 - 8 * size)),
        // A byte written is data for an item, and none can be written.
        write: (_offset, size, value) => {
          if (size === 2) this.select(value);
        },
      },
    };
  }

  save(): FwCfgState {
    return { key: this.key, offset: this.offset };
  }

  load({ key, offset }: FwCfgState): void {
    this.key = key;
    this.offset = offset;
  }

  private select(value: number): void {
    this.key = value & ~WRITE_CHANNEL;
    this.offset = 0;
  }

  /** Zeros behind the end of an item, and for a key that does not exist. */
  private nextByte(): number {
    const bytes = this.bytesByKey.get(this.key) ?? [];
    if (this.offset >= bytes.length) return 0;
    return bytes[this.offset++]!;
  }
}
