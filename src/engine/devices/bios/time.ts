/** INT 1Ah: ticks since midnight, and the clock's time and date in BCD (IBM BIOS Interface Technical Reference, "INT 1Ah"). */
import { readCmos, writeCmos, type CmosRegister } from "./cmos";
import { succeed, unsupported, type BiosCall, type Service, type ServiceTable } from "./service";

const DAYLIGHT_SAVING = 0x01;
const SET = 0x80;

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
  frame.ch = readCmos(call, "hours");
  frame.cl = readCmos(call, "minutes");
  frame.dh = readCmos(call, "seconds");
  frame.dl = readCmos(call, "B") & DAYLIGHT_SAVING;
  frame.al = frame.ch;
  succeed(call);
};

const readDate: Service = (call) => {
  const { frame } = call;
  frame.ch = readCmos(call, "century");
  frame.cl = readCmos(call, "year");
  frame.dh = readCmos(call, "month");
  frame.dl = readCmos(call, "day");
  frame.al = frame.ch;
  succeed(call);
};

/** The clock stands still while its registers are set. */
function setClock(call: BiosCall, values: readonly (readonly [CmosRegister, number])[]): void {
  const control = readCmos(call, "B");
  writeCmos(call, "B", control | SET);
  for (const [register, value] of values) writeCmos(call, register, value);
  writeCmos(call, "B", control & ~SET);
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
