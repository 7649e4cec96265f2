/** I/O ports of a PC: those of the simulated computer, and others that kernels touch. */

interface PortRow {
  readonly first: number;
  readonly last: number;
  readonly text: string;
}

// prettier-ignore
const PORTS: readonly PortRow[] = [
  { first: 0x20, last: 0x20, text: "first 8259 PIC: command" },
  { first: 0x21, last: 0x21, text: "first 8259 PIC: data, interrupt mask" },
  { first: 0x40, last: 0x42, text: "8254 timer: counter" },
  { first: 0x43, last: 0x43, text: "8254 timer: control word" },
  { first: 0x60, last: 0x60, text: "8042 keyboard controller: data" },
  { first: 0x61, last: 0x61, text: "system control port B: speaker gate, timer 2 output" },
  { first: 0x64, last: 0x64, text: "8042 keyboard controller: status, command" },
  { first: 0x70, last: 0x70, text: "CMOS and real-time clock: index, NMI mask" },
  { first: 0x71, last: 0x71, text: "CMOS and real-time clock: data" },
  { first: 0x80, last: 0x80, text: "POST code; used for short delays" },
  { first: 0x92, last: 0x92, text: "system control port A: fast A20 gate, reset" },
  { first: 0xa0, last: 0xa0, text: "second 8259 PIC: command" },
  { first: 0xa1, last: 0xa1, text: "second 8259 PIC: data, interrupt mask" },
  { first: 0xe9, last: 0xe9, text: "debug console" },
  { first: 0xf4, last: 0xf4, text: "debug exit: ends the run with (value << 1) | 1" },
  { first: 0x1f0, last: 0x1f7, text: "primary ATA channel" },
  { first: 0x170, last: 0x177, text: "secondary ATA channel" },
  { first: 0x2f8, last: 0x2ff, text: "serial port COM2 (16550)" },
  { first: 0x3c0, last: 0x3cf, text: "VGA: attribute, sequencer, DAC, graphics registers" },
  { first: 0x3d4, last: 0x3d4, text: "VGA CRT controller: index" },
  { first: 0x3d5, last: 0x3d5, text: "VGA CRT controller: data" },
  { first: 0x3da, last: 0x3da, text: "VGA input status 1" },
  { first: 0x3f2, last: 0x3f7, text: "floppy controller" },
  { first: 0x3f8, last: 0x3f8, text: "serial port COM1 (16550): data, divisor low" },
  { first: 0x3f9, last: 0x3f9, text: "serial port COM1 (16550): interrupt enable, divisor high" },
  { first: 0x3fa, last: 0x3fa, text: "serial port COM1 (16550): interrupt identification, FIFO control" },
  { first: 0x3fb, last: 0x3fb, text: "serial port COM1 (16550): line control" },
  { first: 0x3fc, last: 0x3fc, text: "serial port COM1 (16550): modem control" },
  { first: 0x3fd, last: 0x3fd, text: "serial port COM1 (16550): line status" },
  { first: 0x3fe, last: 0x3fe, text: "serial port COM1 (16550): modem status" },
  { first: 0x3ff, last: 0x3ff, text: "serial port COM1 (16550): scratch" },
  { first: 0xcf8, last: 0xcf8, text: "PCI configuration: address" },
  { first: 0xcfc, last: 0xcff, text: "PCI configuration: data" },
];

/** What lies behind a port; undefined where nothing usual does. */
export function portText(port: number): string | undefined {
  return PORTS.find((row) => row.first <= port && port <= row.last)?.text;
}
