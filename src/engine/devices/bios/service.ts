/** What a service of the BIOS is, and what it works with. */
import type { PortSpace } from "../../bus/portSpace";
import type { Clock } from "../../bus/types";
import type { CallFrame } from "./callFrame";
import type { DataArea } from "./dataArea";
import type { DiskImage } from "./diskImage";
import type { MemoryBus } from "./memory";

/** A wait that a service is in; the entry code halts and calls it again until it is over. */
export type BiosWait =
  | { readonly for: "key"; readonly since: number }
  | { readonly for: "time"; readonly until: number };

/** One call: the caller's registers and the computer. */
export interface BiosCall {
  readonly frame: CallFrame;
  readonly memory: MemoryBus;
  readonly data: DataArea;
  /** Firmware drives the devices through their ports, like any program. */
  readonly ports: PortSpace;
  readonly clock: Clock;
  readonly disk: DiskImage;
  readonly memorySizeBytes: number;
  readonly bootDrive: number;
  wait: BiosWait | undefined;
  /** The service cannot finish yet: the entry code halts until an interrupt and calls again. */
  callAgain(): void;
  /** Says once that something is not provided: "int 10h, mode 12h". */
  missing(what: string): void;
}

export type Service = (call: BiosCall) => void;

/** Functions of one software interrupt, by AH. */
export interface ServiceTable {
  readonly functions: Readonly<Record<number, Service>>;
  /** What a caller gets for a function that is not there. */
  readonly otherwise: Service;
}

/** "0Ah": a byte as these documents write it. */
export function hexByte(value: number): string {
  return `${value.toString(16).toUpperCase().padStart(2, "0")}h`;
}

/** The usual answer to an unknown function: carry, AH = 86h. */
export const unsupported: Service = ({ frame }) => {
  frame.ah = 0x86;
  frame.carry = true;
};

/** Where a service changes nothing for an unknown function. */
export const unchanged: Service = () => undefined;

export function succeed({ frame }: BiosCall): void {
  frame.ah = 0;
  frame.carry = false;
}
