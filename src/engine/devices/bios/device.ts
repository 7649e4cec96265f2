/**
 * The services of the BIOS, behind a port. The BIOS's entry code for a software interrupt (machine/bios/romSource.ts) is
 * real-mode code in the ROM area: it pushes the caller's registers and writes SS:SP to this port. The device then carries
 * the service out on guest memory and on the ports of the other devices, changes the pushed registers, and the entry code
 * pops them and returns with IRET. No processor has such a port; everything else is as on a PC.
 */
import type { PortSpace } from "../../bus/portSpace";
import type { Clock, Device, Window } from "../../bus/types";
import { CallFrame } from "./callFrame";
import { DataArea } from "./dataArea";
import { DISK } from "./disk";
import { DiskImage, type DiskState } from "./diskImage";
import { KEYBOARD, keyArrived } from "./keyboard";
import { MemoryBus, type FirmwareMemory } from "./memory";
import { SERIAL } from "./serial";
import { hexByte, type BiosCall, type BiosWait, type Service, type ServiceTable } from "./service";
import { bootstrap, noBootDevice } from "./start";
import { equipment, memorySize, SYSTEM } from "./system";
import { TIME } from "./time";
import { VIDEO } from "./video";

/** A doubleword: SS in the high half, SP in the low one. */
export const PORTS = { call: { base: 0x5b10, length: 4 } } as const;

export const DEFAULT_BOOT_DRIVE = 0x80;

/** By vector. Port writes with another vector in the frame are nobody's and do nothing. */
const SERVICES: Readonly<Record<number, Service | ServiceTable>> = {
  0x09: keyArrived,
  0x10: VIDEO,
  0x11: equipment,
  0x12: memorySize,
  0x13: DISK,
  0x14: SERIAL,
  0x15: SYSTEM,
  0x16: KEYBOARD,
  0x18: noBootDevice,
  0x19: bootstrap,
  0x1a: TIME,
};

/** INT n is two bytes. */
const INT_BYTES = 2;

export interface BiosState {
  readonly wait: BiosWait | undefined;
  /** What has been said to be missing. */
  readonly missed: readonly string[];
  readonly disk: DiskState;
}

export interface BiosConfig {
  readonly clock: Clock;
  readonly ports: PortSpace;
  readonly memory: FirmwareMemory;
  readonly memorySizeBytes: number;
  /** Contents of the disk that drives 00h and 80h are. */
  readonly disk: Uint8Array;
  /** What DL is when the boot sector starts again. */
  readonly bootDrive: number;
  /** Something that a program asked for is not provided. */
  readonly notice: (text: string) => void;
}

export class Bios implements Device<BiosState> {
  readonly name = "bios";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  private readonly memory: MemoryBus;
  private readonly data: DataArea;
  private readonly disk: DiskImage;
  private wait: BiosWait | undefined;
  private missed: readonly string[] = [];

  constructor(private readonly config: BiosConfig) {
    this.memory = new MemoryBus(config.memory);
    this.data = new DataArea(this.memory);
    this.disk = new DiskImage(config.disk);
    this.windows = {
      call: {
        read: () => 0xffffffff,
        write: (offset, size, value) => {
          if (offset === 0 && size === 4) this.serve(value >>> 0);
        },
      },
    };
  }

  /** Tick since which a program waits in INT 16h for a key, while it does. */
  get waitsForKeySince(): number | undefined {
    return this.wait?.for === "key" ? this.wait.since : undefined;
  }

  save(): BiosState {
    return {
      wait: this.wait && { ...this.wait },
      missed: [...this.missed],
      disk: this.disk.save(),
    };
  }

  load(state: BiosState): void {
    this.wait = state.wait && { ...state.wait };
    this.missed = [...state.missed];
    this.disk.load(state.disk);
  }

  private serve(pointer: number): void {
    const frame = new CallFrame(this.memory, pointer);
    const vector = frame.get8("vector");
    const service = SERVICES[vector];
    if (!service) return;
    frame.set8("again", 0);
    const call = this.callOf(frame);
    if (typeof service === "function") service(call);
    else this.dispatch(call, vector, service);
    this.wait = call.wait;
  }

  private dispatch(call: BiosCall, vector: number, table: ServiceTable): void {
    const { ah } = call.frame;
    const service = table.functions[ah];
    if (service) {
      service(call);
      return;
    }
    call.missing(`int ${hexByte(vector)} AH=${hexByte(ah)}`);
    table.otherwise(call);
  }

  private callOf(frame: CallFrame): BiosCall {
    const { ports, clock, memorySizeBytes, bootDrive } = this.config;
    const { memory, data, disk, wait } = this;
    return {
      frame,
      memory,
      data,
      ports,
      clock,
      disk,
      memorySizeBytes,
      bootDrive,
      wait,
      callAgain: () => {
        frame.set8("again", 1);
      },
      missing: (what) => {
        this.miss(what, frame);
      },
    };
  }

  /** Once for each thing: programs ask in loops. */
  private miss(what: string, frame: CallFrame): void {
    if (this.missed.includes(what)) return;
    this.missed = [...this.missed, what];
    const at = (frame.get16("ip") - INT_BYTES) & 0xffff;
    const place = [frame.get16("cs"), at].map((word) => word.toString(16).padStart(4, "0"));
    this.config.notice(`The BIOS does not provide ${what}, asked for at ${place.join(":")}.`);
  }
}
