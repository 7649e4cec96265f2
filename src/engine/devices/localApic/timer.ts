/**
 * The local APIC's timer. SDM Vol. 3A, "APIC Timer". Its input clock is the machine's tick (100 MHz), divided by the
 * divide configuration; in TSC-deadline mode it watches the time-stamp counter.
 */
import type { Alarm, Clock } from "../../bus/types";
import { TIMER_MODE } from "./registers";

/** The processor's time-stamp counter, which counts ticks from a value that software sets. */
export interface TimeStampCounter {
  /** TSC at tick 0: added to the tick count, modulo 2^64, it is the TSC. */
  readonly offset: bigint;
}

export interface TimerState {
  readonly mode: number;
  readonly initialCount: number;
  /** Divide configuration register. */
  readonly divide: number;
  /** Tick at which the count was `countAtStart`; undefined while the timer stands. */
  readonly startTick: number | undefined;
  readonly countAtStart: number;
  /** IA32_TSC_DEADLINE; 0 disarmed. */
  readonly deadline: bigint;
}

export interface TimerConfig {
  readonly clock: Clock;
  readonly alarmName: string;
  readonly tsc: TimeStampCounter;
  /** The count has reached zero, or the TSC its deadline. */
  readonly expired: () => void;
}

export class ApicTimer {
  private mode: number = TIMER_MODE.oneShot;
  private initial = 0;
  private divide = 0;
  private startTick: number | undefined;
  private countAtStart = 0;
  private deadline = 0n;
  private readonly alarm: Alarm;

  constructor(private readonly config: TimerConfig) {
    this.alarm = config.clock.alarm(config.alarmName, () => {
      this.ring();
    });
  }

  /** As after power-on. */
  reset(): void {
    this.mode = TIMER_MODE.oneShot;
    this.divide = 0;
    this.deadline = 0n;
    this.start(0);
  }

  get initialCount(): number {
    return this.initial;
  }

  get divideConfiguration(): number {
    return this.divide;
  }

  /** IA32_TSC_DEADLINE: reads as 0 in the other modes and once the timer has fired. */
  get tscDeadline(): bigint {
    return this.deadline;
  }

  set tscDeadline(value: bigint) {
    if (this.mode !== TIMER_MODE.tscDeadline) return;
    this.deadline = value;
    this.arm();
  }

  /** A change to or from TSC-deadline mode disarms; between the others the count goes on. */
  setMode(mode: number): void {
    if (mode === this.mode) return;
    const isDeadline = mode === TIMER_MODE.tscDeadline || this.mode === TIMER_MODE.tscDeadline;
    this.mode = mode;
    if (isDeadline) {
      this.deadline = 0n;
      this.start(0);
    } else this.arm();
  }

  /** A write to the initial count starts the timer anew, or stops it with 0. In TSC-deadline mode it is ignored. */
  setInitialCount(value: number): void {
    if (this.mode !== TIMER_MODE.tscDeadline) this.start(value);
  }

  /** The count so far stays; what is left of it goes by in the new rate. */
  setDivideConfiguration(value: number): void {
    const count = this.currentCount();
    this.divide = value & 0b1011;
    if (this.startTick === undefined) return;
    this.startTick = this.config.clock.now;
    this.countAtStart = count;
    this.arm();
  }

  currentCount(): number {
    if (this.startTick === undefined) return 0;
    return this.countAtStart - Math.floor((this.config.clock.now - this.startTick) / this.divisor);
  }

  /** The time-stamp counter was set. */
  tscChanged(): void {
    if (this.mode === TIMER_MODE.tscDeadline) this.arm();
  }

  save(): TimerState {
    const { mode, divide, startTick, countAtStart, deadline } = this;
    return { mode, initialCount: this.initial, divide, startTick, countAtStart, deadline };
  }

  /** The alarm's due time is in the clock's state. */
  load(state: TimerState): void {
    this.mode = state.mode;
    this.initial = state.initialCount;
    this.divide = state.divide;
    this.startTick = state.startTick;
    this.countAtStart = state.countAtStart;
    this.deadline = state.deadline;
  }

  /** Bits 3, 1 and 0 are a number: 0 is 2, 6 is 128, 7 is 1. */
  private get divisor(): number {
    const code = ((this.divide >> 1) & 4) | (this.divide & 3);
    return code === 7 ? 1 : 2 << code;
  }

  private start(count: number): void {
    this.initial = count;
    this.countAtStart = count;
    this.startTick = count === 0 ? undefined : this.config.clock.now;
    this.arm();
  }

  private arm(): void {
    const due = this.mode === TIMER_MODE.tscDeadline ? this.deadlineTick() : this.zeroTick();
    if (due === undefined) this.alarm.cancel();
    else this.alarm.set(due);
  }

  private zeroTick(): number | undefined {
    if (this.startTick === undefined) return undefined;
    return this.startTick + this.countAtStart * this.divisor;
  }

  /** The first tick whose TSC is not below the deadline; a past one rings at once. */
  private deadlineTick(): number | undefined {
    if (this.deadline === 0n) return undefined;
    const { now } = this.config.clock;
    const tsc = BigInt.asUintN(64, BigInt(now) + this.config.tsc.offset);
    return this.deadline <= tsc ? now : now + Number(this.deadline - tsc);
  }

  private ring(): void {
    if (this.mode === TIMER_MODE.tscDeadline) this.deadline = 0n;
    else if (this.mode === TIMER_MODE.periodic) {
      this.startTick = this.config.clock.now;
      this.countAtStart = this.initial;
      this.arm();
    } else this.startTick = undefined;
    this.config.expired();
  }
}
