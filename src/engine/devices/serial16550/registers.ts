/**
 * Register bits of the 16550D. National Semiconductor PC16550D datasheet (RRD-B30M75), section 8
 * "Registers": 8.1 LCR, 8.3 LSR, 8.4 FCR, 8.5 IIR, 8.6 IER, 8.7 MCR, 8.8 MSR.
 */

/** Register offsets; DLL and DLM replace the first two while LCR.DLAB is set. */
export const RBR_THR = 0;
export const IER_OFFSET = 1;
export const IIR_FCR = 2;
export const LCR_OFFSET = 3;
export const MCR_OFFSET = 4;
export const LSR_OFFSET = 5;
export const MSR_OFFSET = 6;

export const IER = {
  /** Received data available (and, with FIFOs, character time-out). */
  ERBFI: 0x01,
  /** Transmitter holding register empty. */
  ETBEI: 0x02,
  /** Receiver line status. */
  ELSI: 0x04,
  /** Modem status. */
  EDSSI: 0x08,
} as const;

/** Interrupt identification, in falling priority. */
export const IIR = {
  LINE_STATUS: 0x06,
  DATA_AVAILABLE: 0x04,
  CHARACTER_TIMEOUT: 0x0c,
  THR_EMPTY: 0x02,
  MODEM_STATUS: 0x00,
  NONE: 0x01,
  FIFOS_ENABLED: 0xc0,
} as const;

export const FCR = { ENABLE: 0x01, CLEAR_RECEIVER: 0x02 } as const;

/** Bytes in the receiver FIFO that raise "data available", by FCR bits 7 and 6. */
export const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

export const LCR = { WORD_LENGTH: 0x03, STOP_BITS: 0x04, PARITY: 0x08, DLAB: 0x80 } as const;

export const MCR = {
  DTR: 0x01,
  RTS: 0x02,
  OUT1: 0x04,
  /** On a PC this output opens the gate between the chip and its interrupt line. */
  OUT2: 0x08,
  LOOP: 0x10,
  WRITABLE: 0x1f,
} as const;

export const LSR = {
  DR: 0x01,
  OE: 0x02,
  THRE: 0x20,
  TEMT: 0x40,
} as const;

export const MSR = {
  DCTS: 0x01,
  DDSR: 0x02,
  TERI: 0x04,
  DDCD: 0x08,
  CTS: 0x10,
  DSR: 0x20,
  RI: 0x40,
  DCD: 0x80,
} as const;

/** The crystal, divided by 16 in the chip. */
export const BAUD_CLOCK_HERTZ = 1_843_200;
export const CLOCKS_PER_BIT = 16;
export const FIFO_DEPTH = 16;
/** Power-on divisor; the datasheet leaves it undefined, firmware and emulators use 9600 baud. */
export const RESET_DIVISOR = 12;
