/**
 * The first serial port, COM1: a 16550 UART (National Semiconductor PC16550D datasheet, section 8
 * "Registers" and section 8.5 "Interrupt Identification Register" for the order of interrupts).
 *
 * A transmitted byte leaves at once and LSR always says "empty", so polling never waits (as on QEMU);
 * the transmitter-empty interrupt comes a character time after the last byte, so that interrupt-driven
 * output has the pace of the line. Received bytes arrive a character time apart and wait on the line
 * while there is no room: the other end honours flow control, nothing is lost.
 */
import { byteWindow } from "../../bus/byteWindow";
import { TICKS_PER_SECOND } from "../../bus/types";
import type { Alarm, Clock, Device, DeviceOutput, InterruptLine, Window } from "../../bus/types";
import {
  BAUD_CLOCK_HERTZ,
  CLOCKS_PER_BIT,
  FCR,
  FIFO_DEPTH,
  IER,
  IER_OFFSET,
  IIR,
  IIR_FCR,
  LCR,
  LCR_OFFSET,
  LSR,
  LSR_OFFSET,
  MCR,
  MCR_OFFSET,
  MSR,
  MSR_OFFSET,
  RBR_THR,
  RESET_DIVISOR,
  TRIGGER_LEVELS,
} from "./registers";

export const PORTS = { registers: { base: 0x3f8, length: 8 } } as const;

export interface SerialState {
  divisor: number;
  ier: number;
  fcr: number;
  lcr: number;
  mcr: number;
  lsr: number;
  msr: number;
  scr: number;
  /** Received bytes that RBR will give, oldest first; only the last remains in RBR after it is read. */
  received: readonly number[];
  rbr: number;
  /** Bytes still on the line. */
  incoming: readonly number[];
  /** The transmitter-empty interrupt waits to be taken. */
  thrEmptyPending: boolean;
  /** Bytes have been lying in the FIFO for four character times. */
  timeoutPending: boolean;
}

export interface SerialConfig {
  readonly clock: Clock;
  /** IRQ4. */
  readonly irq: InterruptLine;
  readonly output: Pick<DeviceOutput, "byte">;
  /** Prefix of the alarms' names, for several ports on one clock. */
  readonly alarmPrefix?: string;
}

/** A terminal is connected and ready. */
const CONNECTED = MSR.CTS | MSR.DSR | MSR.DCD;

export class Serial16550 implements Device<SerialState> {
  readonly name = "serial16550";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  /** Bytes still on the line are `incoming` from `nextIncoming` on: input may be a whole file. */
  private incoming: number[] = [];
  private nextIncoming = 0;
  private state: Omit<SerialState, "incoming"> = {
    divisor: RESET_DIVISOR,
    ier: 0,
    fcr: 0,
    lcr: 0,
    mcr: 0,
    lsr: LSR.THRE | LSR.TEMT,
    msr: CONNECTED,
    scr: 0,
    received: [],
    rbr: 0,
    thrEmptyPending: false,
    timeoutPending: false,
  };
  private readonly transmitted: Alarm;
  private readonly arrival: Alarm;
  private readonly timeout: Alarm;

  constructor(private readonly config: SerialConfig) {
    const { clock, alarmPrefix = "" } = config;
    this.transmitted = clock.alarm(`${alarmPrefix}serial.transmitted`, () => {
      this.state.thrEmptyPending = true;
      this.update();
    });
    this.arrival = clock.alarm(`${alarmPrefix}serial.arrival`, () => this.takeFromLine());
    this.timeout = clock.alarm(`${alarmPrefix}serial.timeout`, () => {
      this.state.timeoutPending = true;
      this.update();
    });
    this.windows = {
      registers: byteWindow({
        read: (offset) => this.read(offset),
        write: (offset, value) => this.write(offset, value),
      }),
    };
  }

  /** A byte comes in from outside. */
  receive(byte: number): void {
    this.incoming.push(byte & 0xff);
    this.expectArrival();
  }

  save(): SerialState {
    const incoming = this.incoming.slice(this.nextIncoming);
    return { ...this.state, received: [...this.state.received], incoming };
  }

  load({ incoming, ...state }: SerialState): void {
    this.state = { ...state, received: [...state.received] };
    this.incoming = [...incoming];
    this.nextIncoming = 0;
  }

  private get fifosEnabled(): boolean {
    return (this.state.fcr & FCR.ENABLE) !== 0;
  }

  private get capacity(): number {
    return this.fifosEnabled ? FIFO_DEPTH : 1;
  }

  private get isDlab(): boolean {
    return (this.state.lcr & LCR.DLAB) !== 0;
  }

  private get isLoop(): boolean {
    return (this.state.mcr & MCR.LOOP) !== 0;
  }

  /** Duration of a character: start, data, parity and stop bits at the divisor's rate. */
  private get characterTicks(): number {
    const { lcr, divisor } = this.state;
    const bits =
      1 + 5 + (lcr & LCR.WORD_LENGTH) + (lcr & LCR.PARITY ? 1 : 0) + (lcr & LCR.STOP_BITS ? 2 : 1);
    const clocks = bits * CLOCKS_PER_BIT * Math.max(1, divisor);
    return Math.ceil((clocks * TICKS_PER_SECOND) / BAUD_CLOCK_HERTZ);
  }

  private read(offset: number): number {
    const { state } = this;
    switch (offset) {
      case RBR_THR:
        return this.isDlab ? state.divisor & 0xff : this.readReceiver();
      case IER_OFFSET:
        return this.isDlab ? state.divisor >> 8 : state.ier;
      case IIR_FCR:
        return this.readIdentification();
      case LCR_OFFSET:
        return state.lcr;
      case MCR_OFFSET:
        return state.mcr;
      case LSR_OFFSET:
        return this.readLineStatus();
      case MSR_OFFSET:
        return this.readModemStatus();
      default:
        return state.scr;
    }
  }

  private write(offset: number, value: number): void {
    const { state } = this;
    switch (offset) {
      case RBR_THR:
        if (this.isDlab) state.divisor = (state.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case IER_OFFSET:
        if (this.isDlab) state.divisor = (value << 8) | (state.divisor & 0xff);
        else this.writeEnable(value & 0x0f);
        break;
      case IIR_FCR:
        this.writeFifoControl(value);
        break;
      case LCR_OFFSET:
        state.lcr = value;
        break;
      case MCR_OFFSET:
        state.mcr = value & MCR.WRITABLE;
        this.updateModemInputs();
        this.expectArrival();
        break;
      case LSR_OFFSET: // Factory test only; MSR likewise.
      case MSR_OFFSET:
        break;
      default:
        state.scr = value;
    }
    this.update();
  }

  private transmit(value: number): void {
    const { state, config } = this;
    state.thrEmptyPending = false;
    if (this.isLoop) this.takeByte(value);
    else config.output.byte("serial", value);
    this.transmitted.set(config.clock.now + this.characterTicks);
  }

  /** Enabling the transmitter-empty interrupt while the transmitter is empty raises it (section 8.6). */
  private writeEnable(value: number): void {
    const { state } = this;
    const newlySet = value & ~state.ier;
    state.ier = value;
    if (newlySet & IER.ETBEI) state.thrEmptyPending = true;
  }

  private writeFifoControl(value: number): void {
    const { state } = this;
    const toggles = ((value ^ state.fcr) & FCR.ENABLE) !== 0;
    if (toggles || (value & FCR.ENABLE && value & FCR.CLEAR_RECEIVER)) {
      state.received = [];
      state.lsr &= ~LSR.DR;
      this.stopTimeout();
    }
    // The other bits are kept only while the FIFOs are enabled (section 8.4).
    state.fcr = value & FCR.ENABLE ? value & 0xc9 : 0;
    this.expectArrival();
  }

  private readReceiver(): number {
    const { state } = this;
    const [first, ...rest] = state.received;
    if (first === undefined) return state.rbr;
    state.rbr = first;
    state.received = rest;
    if (rest.length === 0) state.lsr &= ~LSR.DR;
    this.stopTimeout();
    if (rest.length > 0) this.startTimeout();
    this.expectArrival();
    this.update();
    return first;
  }

  private readIdentification(): number {
    const { state } = this;
    const identification = this.identify();
    if (identification === IIR.THR_EMPTY) {
      state.thrEmptyPending = false;
      this.update();
    }
    return identification | (this.fifosEnabled ? IIR.FIFOS_ENABLED : 0);
  }

  private readLineStatus(): number {
    const { lsr } = this.state;
    this.state.lsr &= ~LSR.OE;
    this.update();
    return lsr;
  }

  private readModemStatus(): number {
    const { msr } = this.state;
    this.state.msr &= 0xf0;
    this.update();
    return msr;
  }

  /** Puts a byte that has arrived into the receiver; with no room the newest byte is the one that is lost. */
  private takeByte(byte: number): void {
    const { state } = this;
    if (state.received.length < this.capacity) state.received = [...state.received, byte];
    else {
      state.lsr |= LSR.OE;
      // Without FIFOs the newcomer overwrites RBR (section 8.3, "Overrun Error").
      if (!this.fifosEnabled) state.received = [byte];
    }
    state.lsr |= LSR.DR;
    this.stopTimeout();
    this.startTimeout();
    this.update();
  }

  /** Room for a byte from the line; in loop-back the receiver is cut off from it. */
  private get takesBytes(): boolean {
    return !this.isLoop && this.state.received.length < this.capacity;
  }

  private expectArrival(): void {
    const waits = this.nextIncoming < this.incoming.length;
    if (waits && this.takesBytes && this.arrival.due === undefined)
      this.arrival.set(this.config.clock.now + this.characterTicks);
  }

  private takeFromLine(): void {
    const byte = this.incoming[this.nextIncoming];
    if (byte === undefined || !this.takesBytes) return;
    this.nextIncoming++;
    if (this.nextIncoming === this.incoming.length) {
      this.incoming = [];
      this.nextIncoming = 0;
    }
    this.takeByte(byte);
    this.expectArrival();
  }

  private startTimeout(): void {
    if (this.fifosEnabled) this.timeout.set(this.config.clock.now + 4 * this.characterTicks);
  }

  private stopTimeout(): void {
    this.state.timeoutPending = false;
    this.timeout.cancel();
  }

  /** The modem inputs: the outputs in loop-back (section 8.7), else the terminal's. */
  private updateModemInputs(): void {
    const { state } = this;
    const { mcr } = state;
    const before = state.msr;
    const lines = this.isLoop
      ? (mcr & MCR.RTS ? MSR.CTS : 0) |
        (mcr & MCR.DTR ? MSR.DSR : 0) |
        (mcr & MCR.OUT1 ? MSR.RI : 0) |
        (mcr & MCR.OUT2 ? MSR.DCD : 0)
      : CONNECTED;
    const changed = (before ^ lines) & 0xf0;
    let deltas = (changed >> 4) & (MSR.DCTS | MSR.DDSR | MSR.DDCD);
    // TERI marks the trailing edge of RI only.
    if (changed & before & MSR.RI) deltas |= MSR.TERI;
    state.msr = lines | (before & 0x0f) | deltas;
  }

  /** The pending, enabled interrupt of the highest priority (section 8.5, table IV). */
  private identify(): number {
    const { state } = this;
    const { ier } = state;
    const trigger = this.fifosEnabled ? TRIGGER_LEVELS[(state.fcr >> 6) as 0 | 1 | 2 | 3] : 1;
    if (ier & IER.ELSI && state.lsr & LSR.OE) return IIR.LINE_STATUS;
    if (ier & IER.ERBFI && state.received.length >= trigger) return IIR.DATA_AVAILABLE;
    if (ier & IER.ERBFI && state.timeoutPending) return IIR.CHARACTER_TIMEOUT;
    if (ier & IER.ETBEI && state.thrEmptyPending) return IIR.THR_EMPTY;
    if (ier & IER.EDSSI && state.msr & 0x0f) return IIR.MODEM_STATUS;
    return IIR.NONE;
  }

  private update(): void {
    const isOpen = (this.state.mcr & MCR.OUT2) !== 0;
    this.config.irq.set(isOpen && this.identify() !== IIR.NONE);
  }
}
