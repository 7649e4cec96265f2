/** INT 14h: the serial port (IBM BIOS Interface Technical Reference, "INT 14h"). */
import { unchanged, type BiosCall, type Service, type ServiceTable } from "./service";

/** Registers of the 16550 from the port's base. */
const DATA = 0;
const INTERRUPT_ENABLE = 1;
const LINE_CONTROL = 3;
const LINE_STATUS = 5;
const MODEM_STATUS = 6;
const DIVISOR_LATCH = 0x80;
const DATA_READY = 0x01;
const TIMEOUT = 0x80;
/** 110 to 9600 bits a second, by the top three bits of AL. */
const DIVISORS = [0x417, 0x300, 0x180, 0xc0, 0x60, 0x30, 0x18, 0x0c] as const;

const base = ({ data }: BiosCall): number => data.get("serialPort");

/** There is COM1 only. */
function onPort(service: Service): Service {
  return (call) => {
    if (call.frame.dx === 0) service(call);
    else call.frame.ah = TIMEOUT;
  };
}

function tellStatus(call: BiosCall): void {
  call.frame.ah = call.ports.read(base(call) + LINE_STATUS, 1);
  call.frame.al = call.ports.read(base(call) + MODEM_STATUS, 1);
}

const initialize = onPort((call) => {
  const { frame, ports } = call;
  const divisor = DIVISORS[(frame.al >> 5) as 0];
  const port = base(call);
  ports.write(port + LINE_CONTROL, 1, DIVISOR_LATCH);
  ports.write(port + DATA, 1, divisor);
  ports.write(port + INTERRUPT_ENABLE, 1, divisor >> 8);
  ports.write(port + LINE_CONTROL, 1, frame.al & 0x1f);
  ports.write(port + INTERRUPT_ENABLE, 1, 0);
  tellStatus(call);
});

const send = onPort((call) => {
  call.ports.write(base(call) + DATA, 1, call.frame.al);
  call.frame.ah = call.ports.read(base(call) + LINE_STATUS, 1);
});

/** A byte that is there; waiting for one ends with a timeout at once. */
const receive = onPort((call) => {
  const { frame, ports } = call;
  const status = ports.read(base(call) + LINE_STATUS, 1);
  if (status & DATA_READY) {
    frame.al = ports.read(base(call) + DATA, 1);
    frame.ah = status & 0x1e;
  } else frame.ah = TIMEOUT | (status & 0x7f);
});

export const SERIAL: ServiceTable = {
  functions: { 0x00: initialize, 0x01: send, 0x02: receive, 0x03: onPort(tellStatus) },
  otherwise: unchanged,
};
