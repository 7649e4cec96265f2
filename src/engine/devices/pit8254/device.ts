/**
 * The PC's interval timer: an 8254 (Intel datasheet, order 231164) with the glue around it at port 0x61
 * (Intel 82371SB (PIIX3) datasheet, "NMIS: NMI Status and Control Register"). Counter 0 drives IRQ0,
 * counter 1 stood for memory refresh, counter 2 drives the speaker and can be read and gated at 0x61.
 */
import { byteWindow } from "../../bus/byteWindow";
import { countAtTick, tickOfCount } from "../../bus/frequency";
import type { Alarm, Clock, Device, InterruptLine, Window } from "../../bus/types";
import { Counter, type CounterState } from "./counter";

export const PORTS = {
  counters: { base: 0x40, length: 4 },
  control: { base: 0x61, length: 1 },
} as const;

/** The input clock of all three counters. */
export const PIT_HERTZ = 1_193_182;

/** Clocks between two refresh requests, as the PC/AT's firmware set counter 1 (15.09 µs). */
const REFRESH_CLOCKS = 18;

/** Port 0x61. */
const SPEAKER_GATE = 0x01;
const WRITABLE = 0x0f;
const REFRESH_TOGGLE = 0x10;
const OUT2 = 0x20;

export interface PitState {
  readonly counters: readonly CounterState[];
  readonly control: number;
}

export interface PitConfig {
  readonly clock: Clock;
  /** IRQ0. */
  readonly irq: InterruptLine;
  /** Prefix of the alarm's name, for several timers on one clock. */
  readonly alarmPrefix?: string;
}

export class Pit8254 implements Device<PitState> {
  readonly name = "pit8254";
  readonly windows: Readonly<Record<keyof typeof PORTS, Window>>;
  private readonly counters = [new Counter(true), new Counter(true), new Counter(false)] as const;
  private control = 0;
  private readonly alarm: Alarm;

  constructor(private readonly config: PitConfig) {
    this.alarm = config.clock.alarm(`${config.alarmPrefix ?? ""}pit.counter0`, () => this.update());
    this.windows = {
      counters: byteWindow({
        read: (offset) => this.readCounter(offset),
        write: (offset, value) => this.writeCounter(offset, value),
      }),
      control: byteWindow({
        read: () => this.readControl(),
        write: (_offset, value) => this.writeControl(value),
      }),
    };
    for (const counter of this.counters) counter.start(this.clockCount());
    this.update();
  }

  save(): PitState {
    return { counters: this.counters.map((counter) => counter.save()), control: this.control };
  }

  load(state: PitState): void {
    this.counters.forEach((counter, index) => {
      const saved = state.counters[index];
      if (saved) counter.load(saved);
    });
    this.control = state.control;
  }

  /** Half-periods and all: the level on OUT of a counter now. */
  out(index: 0 | 1 | 2): boolean {
    this.synchronize();
    return this.counters[index].out;
  }

  private clockCount(): number {
    return countAtTick(this.config.clock.now, PIT_HERTZ);
  }

  private synchronize(): void {
    const clock = this.clockCount();
    const [counter0, counter1, counter2] = this.counters;
    // IRQ0 sees every edge, also when several fell due since the last look.
    for (let change = counter0.nextChange(); change <= clock; change = counter0.nextChange()) {
      counter0.advanceTo(change);
      this.config.irq.set(counter0.out);
    }
    counter0.advanceTo(clock);
    counter1.advanceTo(clock);
    counter2.advanceTo(clock);
  }

  /** Brings line and alarm in step with the counters. */
  private update(): void {
    this.synchronize();
    this.config.irq.set(this.counters[0].out);
    const change = this.counters[0].nextChange();
    if (change === Infinity) this.alarm.cancel();
    else this.alarm.set(tickOfCount(change, PIT_HERTZ));
  }

  private readCounter(offset: number): number {
    const counter = this.counters[offset];
    if (!counter) return 0xff; // The control word cannot be read.
    this.synchronize();
    return counter.read();
  }

  private writeCounter(offset: number, value: number): void {
    this.synchronize();
    const counter = this.counters[offset];
    if (counter) counter.write(value);
    else this.writeControlWord(value);
    this.update();
  }

  private writeControlWord(value: number): void {
    const select = value >> 6;
    if (select === 3) {
      // Read-back command: bits 5 and 4 are active low.
      this.counters.forEach((counter, index) => {
        if ((value & (2 << index)) === 0) return;
        if ((value & 0x20) === 0) counter.latchCount();
        if ((value & 0x10) === 0) counter.latchStatus();
      });
      return;
    }
    const counter = this.counters[select]!;
    if ((value & 0x30) === 0) counter.latchCount();
    else counter.writeControl(value);
  }

  private readControl(): number {
    this.synchronize();
    const refreshes = Math.floor(this.clockCount() / REFRESH_CLOCKS);
    return this.control | (refreshes & 1 ? REFRESH_TOGGLE : 0) | (this.counters[2].out ? OUT2 : 0);
  }

  private writeControl(value: number): void {
    this.synchronize();
    this.control = value & WRITABLE;
    this.counters[2].setGate((value & SPEAKER_GATE) !== 0);
  }
}
