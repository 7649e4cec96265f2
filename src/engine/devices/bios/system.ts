/** INT 11h, 12h and 15h: what the computer has, its memory, the A20 gate, waiting (INT 15h: IBM BIOS Interface Technical Reference; ACPI specification, "INT 15H, E820H"). */
import { TICKS_PER_SECOND } from "../../bus/types";
import { readCmos, writeCmos } from "./cmos";
import { memoryMap } from "./memoryMap";
import { linear } from "./memory";
import { BIOS_TABLES, ROM_SEGMENT } from "./romLayout";
import {
  hexByte,
  succeed,
  unsupported,
  type BiosCall,
  type Service,
  type ServiceTable,
} from "./service";

const KIB = 1024;
const MIB = 1024 * KIB;

export const equipment: Service = ({ frame, data }) => {
  frame.ax = data.get("equipment");
};

export const memorySize: Service = ({ frame, data }) => {
  frame.ax = data.get("memoryKb");
};

// ------------------------------------------------------------------------------------------------- A20

const FAST_A20 = 0x92;
const A20 = 0x02;
/** Both the keyboard controller and port 92h switch it. */
const A20_SUPPORT = 0x03;

function setA20({ ports }: BiosCall, open: boolean): void {
  // Bit 0 would reset the computer.
  const other = ports.read(FAST_A20, 1) & ~(A20 | 1);
  ports.write(FAST_A20, 1, open ? other | A20 : other);
}

const a20: Service = (call) => {
  const { frame, ports } = call;
  switch (frame.al) {
    case 0x00:
    case 0x01:
      setA20(call, frame.al === 1);
      break;
    case 0x02:
      frame.al = ports.read(FAST_A20, 1) & A20 ? 1 : 0;
      break;
    case 0x03:
      frame.bx = A20_SUPPORT;
      break;
    default:
      notProvided(call, "24", frame.al);
      return;
  }
  succeed(call);
};

/** A function whose AL names a subfunction that is not there. */
function notProvided(call: BiosCall, ah: string, al: number): void {
  call.missing(`int 15h AX=${ah}${hexByte(al)}`);
  unsupported(call);
}

// ------------------------------------------------------------------------------------------------- waiting

const PERIODIC_INTERRUPT = 0x40;

/** The clock's 1024 interrupts a second wake the processor while it waits, as on the PC/AT. */
function setPeriodicInterrupt(call: BiosCall, on: boolean): void {
  const value = readCmos(call, "B");
  writeCmos(call, "B", on ? value | PERIODIC_INTERRUPT : value & ~PERIODIC_INTERRUPT);
}

const TICKS_PER_MICROSECOND = TICKS_PER_SECOND / 1_000_000;

/** CX:DX microseconds. */
const wait: Service = (call) => {
  const { frame, clock } = call;
  if (call.wait?.for !== "time") {
    const microseconds = frame.cx * 0x10000 + frame.dx;
    call.wait = { for: "time", until: clock.now + microseconds * TICKS_PER_MICROSECOND };
    setPeriodicInterrupt(call, true);
  }
  if (clock.now < call.wait.until) {
    call.callAgain();
    return;
  }
  call.wait = undefined;
  setPeriodicInterrupt(call, false);
  frame.carry = false;
};

// ------------------------------------------------------------------------------------------------- memory

/** Base address in a descriptor of the table at ES:SI. */
function descriptorBase({ memory }: BiosCall, descriptor: number): number {
  return (memory.read32(descriptor + 2) & 0xffffff) + memory.read8(descriptor + 7) * 0x1000000;
}

const blockMove: Service = (call) => {
  const { frame, memory } = call;
  const table = linear(frame.get16("es"), frame.get16("esi"));
  const source = descriptorBase(call, table + 0x10);
  const target = descriptorBase(call, table + 0x18);
  memory.write(target, memory.read(source, frame.cx * 2));
  succeed(call);
};

/** Kilobytes above 1 MiB; the register does not reach beyond 64 MiB. */
const extendedMemory: Service = (call) => {
  const { frame } = call;
  const above = Math.max(0, call.memorySizeBytes - MIB);
  succeed(call);
  frame.ax = Math.min(above, 63 * MIB) / KIB;
};

const configuration: Service = (call) => {
  call.frame.set16("es", ROM_SEGMENT);
  call.frame.bx = BIOS_TABLES.configuration;
  succeed(call);
};

const ebda: Service = (call) => {
  call.frame.set16("es", call.data.get("ebdaSegment"));
  succeed(call);
};

/** AX and CX: kilobytes from 1 to 16 MiB; BX and DX: 64 KiB blocks above. */
function e801({ frame, memorySizeBytes }: BiosCall): void {
  const low = Math.max(0, Math.min(memorySizeBytes, 16 * MIB) - MIB) / KIB;
  const high = Math.max(0, memorySizeBytes - 16 * MIB) / (64 * KIB);
  frame.ax = low;
  frame.cx = low;
  frame.bx = high;
  frame.dx = high;
  frame.carry = false;
}

const SMAP = 0x534d4150;
const MAP_ENTRY_BYTES = 20;

/** One range of the map; EBX counts them. */
function e820(call: BiosCall): void {
  const { frame, memory } = call;
  const map = memoryMap(call.memorySizeBytes);
  const index = frame.get32("ebx");
  const range = map[index];
  if (!range || frame.get32("edx") !== SMAP || frame.get32("ecx") < MAP_ENTRY_BYTES) {
    unsupported(call);
    return;
  }
  const buffer = linear(frame.get16("es"), frame.get16("edi"));
  memory.write64(buffer, range.base);
  memory.write64(buffer + 8, range.length);
  memory.write32(buffer + 16, range.type);
  frame.set32("eax", SMAP);
  frame.set32("ecx", MAP_ENTRY_BYTES);
  frame.set32("ebx", index + 1 < map.length ? index + 1 : 0);
  frame.carry = false;
}

const memoryFunctions: Service = (call) => {
  const { al } = call.frame;
  if (al === 0x01) e801(call);
  else if (al === 0x20) e820(call);
  else notProvided(call, "E8", al);
};

export const SYSTEM: ServiceTable = {
  functions: {
    0x24: a20,
    // Keyboard intercept: carry lets INT 09h go on with the key.
    0x4f: unsupported,
    0x86: wait,
    0x87: blockMove,
    0x88: extendedMemory,
    // Device busy and interrupt complete: hooks for multitasking.
    0x90: succeed,
    0x91: succeed,
    0xc0: configuration,
    0xc1: ebda,
    0xe8: memoryFunctions,
  },
  otherwise: unsupported,
};
