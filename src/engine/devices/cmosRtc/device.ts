/**
 * The real-time clock and its battery-backed RAM (Motorola MC146818A datasheet, "Register A" to
 * "Register D", "Interrupts", "Update Cycle"). It starts at a fixed date and counts virtual time:
 * the host's clock is never asked, so a run repeats exactly.
 */
import { byteWindow } from "../../bus/byteWindow";
import { countAtTick, tickOfCount } from "../../bus/frequency";
import { TICKS_PER_SECOND } from "../../bus/types";
import type { Alarm, Clock, Device, InterruptLine, Window } from "../../bus/types";
import { fromSeconds, toSeconds, weekday, type CivilTime } from "./calendar";
import { writeMemoryFields } from "./memoryFields";

export const PORTS = { registers: { base: 0x70, length: 2 } } as const;

/** The date of every power-on. */
export const START_OF_TIME: CivilTime = {
  year: 2000,
  month: 1,
  day: 1,
  hour: 0,
  minute: 0,
  second: 0,
};

const REGISTER = {
  SECONDS: 0x00,
  SECONDS_ALARM: 0x01,
  MINUTES: 0x02,
  MINUTES_ALARM: 0x03,
  HOURS: 0x04,
  HOURS_ALARM: 0x05,
  WEEKDAY: 0x06,
  DAY: 0x07,
  MONTH: 0x08,
  YEAR: 0x09,
  A: 0x0a,
  B: 0x0b,
  C: 0x0c,
  D: 0x0d,
  /** Beside the chip's own registers, by PC convention; always BCD. */
  CENTURY: 0x32,
} as const;

/** Register A: update in progress; time base 32,768 Hz and 1024 periodic interrupts a second. */
const A_UIP = 0x80;
const A_INITIAL = 0x26;
/** Divider values 11x hold the clock in reset. */
const A_DIVIDER_RESET = 0x60;
/** Register B: SET stops updates; interrupts enabled; binary instead of BCD; 24 hours instead of 12. */
const B = { SET: 0x80, PIE: 0x40, AIE: 0x20, UIE: 0x10, DM: 0x04, HOURS_24: 0x02 } as const;
/** Register C: interrupt request, and the flags that make it, at the places of their enables. */
const C = { IRQF: 0x80, PF: 0x40, AF: 0x20, UF: 0x10 } as const;
/** Register D: valid RAM and time. */
const D_VRT = 0x80;

const CRYSTAL_HERTZ = 32_768;
/** UIP is set this long before an update. */
const UPDATE_WARNING_TICKS = (244 * TICKS_PER_SECOND) / 1_000_000;
const PM = 0x80;
/** An alarm byte from C0h up matches every value. */
const ANY = 0xc0;
const RAM_BYTES = 128;
const SECONDS_PER_DAY = 86_400;

export interface CmosState {
  index: number;
  /** All bytes; the time registers' are used only while SET stops the clock. */
  ram: readonly number[];
  /** The time at `baseTick`, in seconds from 1970. */
  baseSeconds: number;
  baseTick: number;
  /** Added to the calendar's weekday when a guest keeps its own. */
  weekdayOffset: number;
  /** Register C. */
  flags: number;
  /** Whole seconds and periods already turned into flags. */
  seenSeconds: number;
  seenPeriods: number;
}

export interface CmosConfig {
  readonly clock: Clock;
  /** IRQ8. */
  readonly irq: InterruptLine;
  readonly memorySizeBytes: number;
  /** Prefix of the alarm's name, for several clocks on one virtual clock. */
  readonly alarmPrefix?: string;
}

export class CmosRtc implements Device<CmosState> {
  readonly name = "cmosRtc";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  private readonly alarm: Alarm;
  private state: CmosState;

  constructor(private readonly config: CmosConfig) {
    const { clock } = config;
    const ram = Array.from({ length: RAM_BYTES }, () => 0);
    writeMemoryFields(ram, config.memorySizeBytes);
    ram[REGISTER.A] = A_INITIAL;
    ram[REGISTER.B] = B.HOURS_24;
    this.state = {
      index: 0,
      ram,
      baseSeconds: toSeconds(START_OF_TIME),
      baseTick: clock.now,
      weekdayOffset: 0,
      flags: 0,
      seenSeconds: 0,
      seenPeriods: 0,
    };
    this.state.seenPeriods = this.periods();
    this.alarm = clock.alarm(`${config.alarmPrefix ?? ""}cmos.event`, () => this.update());
    this.windows = {
      registers: byteWindow({
        // The index cannot be read back.
        read: (offset) => (offset === 0 ? 0xff : this.read(this.state.index)),
        write: (offset, value) => {
          // Bit 7 masks NMIs; this machine raises none through it.
          if (offset === 0) this.state.index = value & 0x7f;
          else this.write(this.state.index, value);
        },
      }),
    };
  }

  save(): CmosState {
    return { ...this.state, ram: [...this.state.ram] };
  }

  load(state: CmosState): void {
    this.state = { ...state, ram: [...state.ram] };
  }

  private get registerA(): number {
    return this.state.ram[REGISTER.A]!;
  }

  private get registerB(): number {
    return this.state.ram[REGISTER.B]!;
  }

  private get isStopped(): boolean {
    const inReset = (this.registerA & A_DIVIDER_RESET) === A_DIVIDER_RESET;
    return inReset || (this.registerB & B.SET) !== 0;
  }

  /** Whole seconds since `baseTick`. */
  private elapsed(): number {
    if (this.isStopped) return 0;
    return Math.floor((this.config.clock.now - this.state.baseTick) / TICKS_PER_SECOND);
  }

  private seconds(): number {
    return this.state.baseSeconds + this.elapsed();
  }

  /** Crystal periods of one periodic interrupt; undefined when the rate selects none. */
  private periodLength(): number | undefined {
    const rate = this.registerA & 0x0f;
    if (rate === 0) return undefined;
    // Rates 1 and 2 give what 8 and 9 give, with this time base.
    return 1 << ((rate <= 2 ? rate + 7 : rate) - 1);
  }

  private periods(): number {
    const length = this.periodLength();
    if (length === undefined) return 0;
    return Math.floor(countAtTick(this.config.clock.now, CRYSTAL_HERTZ) / length);
  }

  /** Turns what has passed into flags, drives the line, and sets the alarm for what comes. */
  private update(): void {
    const { state } = this;
    const periods = this.periods();
    if (periods > state.seenPeriods) state.flags |= C.PF;
    state.seenPeriods = periods;
    const elapsed = this.elapsed();
    if (elapsed > state.seenSeconds) {
      state.flags |= C.UF;
      if (this.alarmMatched(state.seenSeconds, elapsed)) state.flags |= C.AF;
    }
    state.seenSeconds = elapsed;
    const isAsking = (state.flags & this.registerB & (C.PF | C.AF | C.UF)) !== 0;
    state.flags = isAsking ? state.flags | C.IRQF : state.flags & ~C.IRQF;
    this.config.irq.set(isAsking);
    this.schedule();
  }

  private schedule(): void {
    const { state, registerB } = this;
    let due = Infinity;
    const length = this.periodLength();
    if (registerB & B.PIE && length !== undefined)
      due = tickOfCount((state.seenPeriods + 1) * length, CRYSTAL_HERTZ);
    if (registerB & (B.UIE | B.AIE) && !this.isStopped)
      due = Math.min(due, state.baseTick + (state.seenSeconds + 1) * TICKS_PER_SECOND);
    if (due === Infinity) this.alarm.cancel();
    else this.alarm.set(due);
  }

  /** Whether one of the seconds after `from` up to `to` matched the alarm registers. */
  private alarmMatched(from: number, to: number): boolean {
    const { state } = this;
    const wanted = [REGISTER.HOURS_ALARM, REGISTER.MINUTES_ALARM, REGISTER.SECONDS_ALARM].map(
      (register) => state.ram[register]!,
    );
    for (let second = Math.max(from + 1, to - SECONDS_PER_DAY); second <= to; second++) {
      const time = fromSeconds(state.baseSeconds + second);
      const shown = [
        this.encodeHour(time.hour),
        this.encode(time.minute),
        this.encode(time.second),
      ];
      if (shown.every((byte, index) => wanted[index]! >= ANY || wanted[index] === byte))
        return true;
    }
    return false;
  }

  private read(index: number): number {
    const { state } = this;
    this.update();
    if (index === REGISTER.A) return this.registerA | (this.isUpdating() ? A_UIP : 0);
    if (index === REGISTER.C) {
      const { flags } = state;
      state.flags = 0;
      this.update();
      return flags;
    }
    if (index === REGISTER.D) return D_VRT;
    if (this.isStopped) return state.ram[index]!;
    return this.timeRegister(index) ?? state.ram[index]!;
  }

  private isUpdating(): boolean {
    if (this.isStopped) return false;
    const inSecond = (this.config.clock.now - this.state.baseTick) % TICKS_PER_SECOND;
    return inSecond >= TICKS_PER_SECOND - UPDATE_WARNING_TICKS;
  }

  private write(index: number, value: number): void {
    this.update();
    if (index === REGISTER.A) this.writeControl(index, value & ~A_UIP);
    // Setting SET also clears UIE (datasheet, "Register B").
    else if (index === REGISTER.B) this.writeControl(index, value & B.SET ? value & ~B.UIE : value);
    else if (index === REGISTER.C || index === REGISTER.D) return;
    else if (this.isStopped || this.timeRegister(index) === undefined) this.store(index, value);
    else {
      this.freeze();
      this.store(index, value);
      this.adoptTime(this.state.baseTick);
    }
    this.update();
  }

  private store(index: number, value: number): void {
    this.state.ram = this.state.ram.with(index, value);
  }

  /** Registers A and B: the time is kept in the registers while the clock stands still. */
  private writeControl(index: number, value: number): void {
    const wasStopped = this.isStopped;
    if (!wasStopped) this.freeze();
    this.store(index, value);
    if (this.isStopped) {
      this.state.seenSeconds = 0;
    } else if (wasStopped) {
      this.adoptTime(this.config.clock.now);
    }
    this.state.seenPeriods = this.periods();
  }

  /** Puts the running time into the registers, and makes now's second the base. */
  private freeze(): void {
    const { state } = this;
    const elapsed = this.elapsed();
    const ram = [...state.ram];
    for (const index of TIME_REGISTERS) ram[index] = this.timeRegister(index)!;
    state.ram = ram;
    state.baseSeconds += elapsed;
    state.baseTick += elapsed * TICKS_PER_SECOND;
    state.seenSeconds = 0;
  }

  /** Takes the time from the registers, as of `tick`. */
  private adoptTime(tick: number): void {
    const { state } = this;
    const byte = (register: number): number => this.decode(state.ram[register]!);
    state.baseSeconds = toSeconds({
      year: fromBcd(state.ram[REGISTER.CENTURY]!) * 100 + byte(REGISTER.YEAR),
      month: byte(REGISTER.MONTH),
      day: byte(REGISTER.DAY),
      hour: this.decodeHour(state.ram[REGISTER.HOURS]!),
      minute: byte(REGISTER.MINUTES),
      second: byte(REGISTER.SECONDS),
    });
    state.baseTick = tick;
    state.seenSeconds = 0;
    state.weekdayOffset = (byte(REGISTER.WEEKDAY) - weekday(state.baseSeconds) + 7) % 7;
  }

  /** A time register as the chip shows it now; undefined for every other register. */
  private timeRegister(index: number): number | undefined {
    const seconds = this.seconds();
    const time = fromSeconds(seconds);
    switch (index) {
      case REGISTER.SECONDS:
        return this.encode(time.second);
      case REGISTER.MINUTES:
        return this.encode(time.minute);
      case REGISTER.HOURS:
        return this.encodeHour(time.hour);
      case REGISTER.WEEKDAY:
        return this.encode(((weekday(seconds) - 1 + this.state.weekdayOffset) % 7) + 1);
      case REGISTER.DAY:
        return this.encode(time.day);
      case REGISTER.MONTH:
        return this.encode(time.month);
      case REGISTER.YEAR:
        return this.encode(time.year % 100);
      case REGISTER.CENTURY:
        return toBcd(Math.floor(time.year / 100));
      default:
        return undefined;
    }
  }

  private encode(value: number): number {
    return this.registerB & B.DM ? value : toBcd(value);
  }

  private decode(byte: number): number {
    return this.registerB & B.DM ? byte : fromBcd(byte);
  }

  private encodeHour(hour: number): number {
    if (this.registerB & B.HOURS_24) return this.encode(hour);
    return this.encode(hour % 12 === 0 ? 12 : hour % 12) | (hour >= 12 ? PM : 0);
  }

  private decodeHour(byte: number): number {
    if (this.registerB & B.HOURS_24) return this.decode(byte);
    return (this.decode(byte & ~PM) % 12) + (byte & PM ? 12 : 0);
  }
}

const TIME_REGISTERS = [
  REGISTER.SECONDS,
  REGISTER.MINUTES,
  REGISTER.HOURS,
  REGISTER.WEEKDAY,
  REGISTER.DAY,
  REGISTER.MONTH,
  REGISTER.YEAR,
  REGISTER.CENTURY,
] as const;

function toBcd(value: number): number {
  return (Math.floor(value / 10) << 4) | (value % 10);
}

function fromBcd(byte: number): number {
  return (byte >> 4) * 10 + (byte & 15);
}
