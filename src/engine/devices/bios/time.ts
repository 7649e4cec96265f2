/** INT 1Ah: ticks since midnight, and the clock's time and date in BCD (IBM BIOS Interface Technical Reference, "INT 1Ah"). */
import { succeed, unsupported, type BiosCall, type Service, type ServiceTable } from "./service";

const CMOS_INDEX = 0x70;
const CMOS_DATA = 0x71;
/** Registers of the clock. */
const CLOCK = { seconds: 0, minutes: 2, hours: 4, day: 7, month: 8, year: 9, century: 0x32, B: 0x0b } as const; // prettier-ignore
const DAYLIGHT_SAVING = 0x01;
const SET = 0x80;

function readClock({ ports }: BiosCall, register: keyof typeof CLOCK): number {
  ports.write(CMOS_INDEX, 1, CLOCK[register]);
  return ports.read(CMOS_DATA, 1);
}

function writeClock({ ports }: BiosCall, register: keyof typeof CLOCK, value: number): void {
  ports.write(CMOS_INDEX, 1, CLOCK[register]);
  ports.write(CMOS_DATA, 1, value);
}

const readTicks: Service = (call) => {
  const { frame, data } = call;
  const ticks = data.get("ticks");
  frame.cx = ticks >>> 16;
  frame.dx = ticks;
  frame.al = data.get("midnight");
  data.set("midnight", 0);
  succeed(call);
};

const setTicks: Service = (call) => {
  const { frame, data } = call;
  data.set("ticks", frame.cx * 0x10000 + frame.dx);
  data.set("midnight", 0);
  succeed(call);
};

const readTime: Service = (call) => {
  const { frame } = call;
  frame.ch = readClock(call, "hours");
  frame.cl = readClock(call, "minutes");
  frame.dh = readClock(call, "seconds");
  frame.dl = readClock(call, "B") & DAYLIGHT_SAVING;
  frame.al = frame.ch;
  succeed(call);
};

const readDate: Service = (call) => {
  const { frame } = call;
  frame.ch = readClock(call, "century");
  frame.cl = readClock(call, "year");
  frame.dh = readClock(call, "month");
  frame.dl = readClock(call, "day");
  frame.al = frame.ch;
  succeed(call);
};

/** The clock stands still while its registers are set. */
function setClock(
  call: BiosCall,
  values: readonly (readonly [keyof typeof CLOCK, number])[],
): void {
  const control = readClock(call, "B");
  writeClock(call, "B", control | SET);
  for (const [register, value] of values) writeClock(call, register, value);
  writeClock(call, "B", control & ~SET);
  call.frame.al = control & ~SET;
  succeed(call);
}

const setTime: Service = (call) => {
  const { ch, cl, dh } = call.frame;
  setClock(call, [["hours", ch], ["minutes", cl], ["seconds", dh]]); // prettier-ignore
};

const setDate: Service = (call) => {
  const { ch, cl, dh, dl } = call.frame;
  setClock(call, [["century", ch], ["year", cl], ["month", dh], ["day", dl]]); // prettier-ignore
};

export const TIME: ServiceTable = {
  functions: {
    0x00: readTicks,
    0x01: setTicks,
    0x02: readTime,
    0x03: setTime,
    0x04: readDate,
    0x05: setDate,
  },
  otherwise: unsupported,
};
