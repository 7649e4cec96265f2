/** INT 10h AH=10h: palette registers and the colours of the digital-to-analog converter (IBM VGA Technical Reference, "Video BIOS", "Set Palette Registers"). */
import { linear } from "./memory";
import { hexByte, type BiosCall, type Service } from "./service";

const ATTRIBUTE_PORT = 0x3c0;
const ATTRIBUTE_DATA = 0x3c1;
const INPUT_STATUS = 0x3da;
const DAC = { mask: 0x3c6, readIndex: 0x3c7, writeIndex: 0x3c8, data: 0x3c9 } as const;
/** The attribute controller drives the screen only with this bit in its index. */
const SHOW = 0x20;
const OVERSCAN = 0x11;
const MODE_CONTROL = 0x10;
const BLINK = 0x08;
const PALETTE_REGISTERS = 16;

export function writeAttribute({ ports }: BiosCall, register: number, value: number): void {
  // Reading the input status makes the next write the index.
  ports.read(INPUT_STATUS, 1);
  ports.write(ATTRIBUTE_PORT, 1, register);
  ports.write(ATTRIBUTE_PORT, 1, value);
  ports.write(ATTRIBUTE_PORT, 1, SHOW);
}

function readAttribute({ ports }: BiosCall, register: number): number {
  ports.read(INPUT_STATUS, 1);
  ports.write(ATTRIBUTE_PORT, 1, register);
  const value = ports.read(ATTRIBUTE_DATA, 1);
  ports.read(INPUT_STATUS, 1);
  ports.write(ATTRIBUTE_PORT, 1, SHOW);
  return value;
}

function writeColor({ ports }: BiosCall, index: number, rgb: readonly number[]): void {
  ports.write(DAC.writeIndex, 1, index & 0xff);
  for (const value of rgb) ports.write(DAC.data, 1, value & 0x3f);
}

function readColor({ ports }: BiosCall, index: number): readonly number[] {
  ports.write(DAC.readIndex, 1, index & 0xff);
  return [0, 1, 2].map(() => ports.read(DAC.data, 1));
}

const setAll: Service = (call) => {
  const table = linear(call.frame.get16("es"), call.frame.dx);
  for (let register = 0; register < PALETTE_REGISTERS; register++)
    writeAttribute(call, register, call.memory.read8(table + register));
  writeAttribute(call, OVERSCAN, call.memory.read8(table + PALETTE_REGISTERS));
};

const setBlink: Service = (call) => {
  const mode = readAttribute(call, MODE_CONTROL);
  writeAttribute(call, MODE_CONTROL, call.frame.bl & 1 ? mode | BLINK : mode & ~BLINK);
};

const setColors: Service = (call) => {
  const { frame, memory } = call;
  const table = linear(frame.get16("es"), frame.dx);
  for (let index = 0; index < frame.cx; index++)
    writeColor(call, frame.bx + index, [...memory.read(table + 3 * index, 3)]);
};

const getColor: Service = (call) => {
  const { frame } = call;
  [frame.dh, frame.ch, frame.cl] = readColor(call, frame.bl) as [number, number, number];
};

const getColors: Service = (call) => {
  const { frame, memory } = call;
  const table = linear(frame.get16("es"), frame.dx);
  for (let index = 0; index < frame.cx; index++)
    memory.write(table + 3 * index, Uint8Array.from(readColor(call, frame.bx + index)));
};

/** Subfunctions in AL. */
const SUBFUNCTIONS: Readonly<Record<number, Service>> = {
  0x00: (call) => {
    writeAttribute(call, call.frame.bl & 0x1f, call.frame.bh);
  },
  0x01: (call) => {
    writeAttribute(call, OVERSCAN, call.frame.bh);
  },
  0x02: setAll,
  0x03: setBlink,
  0x07: (call) => {
    call.frame.bh = readAttribute(call, call.frame.bl & 0x1f);
  },
  0x08: (call) => {
    call.frame.bh = readAttribute(call, OVERSCAN);
  },
  0x10: (call) => {
    const { bx, dh, ch, cl } = call.frame;
    writeColor(call, bx, [dh, ch, cl]);
  },
  0x12: setColors,
  0x15: getColor,
  0x17: getColors,
  0x18: ({ ports, frame }) => {
    ports.write(DAC.mask, 1, frame.bl);
  },
  0x19: ({ ports, frame }) => {
    frame.bl = ports.read(DAC.mask, 1);
  },
};

export const palette: Service = (call) => {
  const { al } = call.frame;
  const subfunction = SUBFUNCTIONS[al];
  if (subfunction) subfunction(call);
  else call.missing(`int 10h AX=10${hexByte(al)}`);
};
