/**
 * The port space: 65,536 byte ports, decoded to device windows (SDM Vol. 1, "I/O Port Addressing").
 * An access inside one window arrives whole; one that crosses a window's border is split into bytes,
 * as a PC's chipset splits an access wider than what answers. Nothing answers: all ones.
 */
import { InvariantError } from "../base/errors";
import { hex } from "../base/hex";
import type { AccessSize, Window } from "./types";

/** Port accesses are never wider than four bytes. */
export type PortSize = Exclude<AccessSize, 8>;

/** Where a device's window sits. */
export interface PortRange {
  readonly base: number;
  readonly length: number;
}

/** A window in its place, for display. */
export interface PlacedWindow extends PortRange {
  readonly name: string;
}

interface Mapping extends PlacedWindow {
  readonly window: Window;
}

const PORT_COUNT = 0x10000;

export class PortSpace {
  private readonly mappings: Mapping[] = [];
  /** One entry a port: port accesses are frequent in polling loops, and few ports answer. */
  private readonly byPort = new Map<number, Mapping>();

  /** Places a window; ports that already answer are refused. */
  add(base: number, length: number, window: Window, name: string): void {
    if (!Number.isInteger(base) || base < 0 || length < 1 || base + length > PORT_COUNT)
      throw new InvariantError(
        `ports ${hex(base)}+${length} of ${name} are outside the port space`,
      );
    for (let port = base; port < base + length; port++) {
      const taken = this.byPort.get(port);
      if (taken)
        throw new InvariantError(`port ${hex(port)} of ${name} already answers for ${taken.name}`);
    }
    const mapping = { base, length, window, name };
    this.mappings.push(mapping);
    this.mappings.sort((a, b) => a.base - b.base);
    for (let port = base; port < base + length; port++) this.byPort.set(port, mapping);
  }

  /** Places the windows of a device by its table of ports; both have the same keys. */
  addDevice<Key extends string>(
    name: string,
    ranges: Readonly<Record<Key, PortRange>>,
    windows: Readonly<Record<Key, Window>>,
  ): void {
    for (const key of Object.keys(ranges) as Key[]) {
      const { base, length } = ranges[key];
      this.add(base, length, windows[key], `${name} ${key}`);
    }
  }

  read(port: number, size: PortSize): number {
    const mapping = this.byPort.get(port);
    if (mapping && port + size <= mapping.base + mapping.length)
      return mapping.window.read(port - mapping.base, size) >>> 0;
    if (size === 1) return 0xff;
    let value = 0;
    for (let index = 0; index < size; index++) value |= this.read(port + index, 1) << (8 * index);
    return value >>> 0;
  }

  write(port: number, size: PortSize, value: number): void {
    const mapping = this.byPort.get(port);
    if (mapping && port + size <= mapping.base + mapping.length) {
      mapping.window.write(
        port - mapping.base,
        size,
        size === 4 ? value >>> 0 : value & SIZE_MASK[size],
      );
      return;
    }
    if (size === 1) return;
    for (let index = 0; index < size; index++)
      this.write(port + index, 1, (value >>> (8 * index)) & 0xff);
  }

  /** Name of what answers at the port, for display and reports. */
  nameAt(port: number): string | undefined {
    return this.byPort.get(port)?.name;
  }

  /** Every window, by rising base. */
  list(): PlacedWindow[] {
    return this.mappings.map(({ base, length, name }) => ({ base, length, name }));
  }
}

const SIZE_MASK = { 1: 0xff, 2: 0xffff } as const;
