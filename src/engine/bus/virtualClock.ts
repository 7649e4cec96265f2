/**
 * The virtual clock: the current tick and the alarms of all devices. Alarms ring in the order of
 * (due tick, name), so a run does not depend on the order in which devices were created.
 */
import { InvariantError } from "../base/errors";
import type { Alarm, Clock } from "./types";

/** Due ticks by alarm name; alarms that are not set are left out. */
export interface ClockState {
  readonly now: number;
  readonly due: Readonly<Record<string, number>>;
}

class ClockAlarm implements Alarm {
  due: number | undefined;

  constructor(
    readonly name: string,
    readonly ring: () => void,
    private readonly changed: () => void,
  ) {}

  set(tick: number): void {
    if (Number.isNaN(tick)) throw new InvariantError(`alarm ${this.name} set to no number`);
    this.due = tick;
    this.changed();
  }

  cancel(): void {
    this.due = undefined;
    this.changed();
  }
}

export class VirtualClock implements Clock {
  private tick = 0;
  /** By rising name, so that the first of equally due alarms is the one to ring. */
  private readonly alarms: ClockAlarm[] = [];
  /** Earliest alarm, or "stale" when an alarm changed since it was looked up. */
  private earliest: ClockAlarm | undefined | "stale";

  get now(): number {
    return this.tick;
  }

  alarm(name: string, ring: () => void): Alarm {
    const alarm = new ClockAlarm(name, ring, () => (this.earliest = "stale"));
    const place = this.alarms.findIndex((other) => other.name >= name);
    if (place >= 0 && this.alarms[place]!.name === name)
      throw new InvariantError(`two alarms are named ${name}`);
    this.alarms.splice(place < 0 ? this.alarms.length : place, 0, alarm);
    return alarm;
  }

  /** Due tick of the next alarm (before `now` if one was set in the past); Infinity if none is set. */
  nextDue(): number {
    return this.next()?.due ?? Infinity;
  }

  /** Rings what is due up to and including `tick`, each with `now` at its due tick; then now is `tick`. */
  advanceTo(tick: number): void {
    if (!(tick >= this.tick))
      throw new InvariantError(`the clock cannot go back from ${this.tick} to ${tick}`);
    for (let alarm = this.next(); alarm && alarm.due! <= tick; alarm = this.next()) {
      this.tick = Math.max(this.tick, alarm.due!);
      alarm.cancel();
      alarm.ring();
    }
    this.tick = tick;
  }

  save(): ClockState {
    const due: Record<string, number> = {};
    for (const alarm of this.alarms) if (alarm.due !== undefined) due[alarm.name] = alarm.due;
    return { now: this.tick, due };
  }

  load(state: ClockState): void {
    const known = new Set(this.alarms.map(({ name }) => name));
    const stranger = Object.keys(state.due).find((name) => !known.has(name));
    if (stranger !== undefined)
      throw new InvariantError(`the snapshot has an alarm ${stranger} that this machine lacks`);
    this.tick = state.now;
    for (const alarm of this.alarms) alarm.due = state.due[alarm.name];
    this.earliest = "stale";
  }

  private next(): ClockAlarm | undefined {
    if (this.earliest !== "stale") return this.earliest;
    let first: ClockAlarm | undefined;
    for (const alarm of this.alarms)
      if (alarm.due !== undefined && (first?.due === undefined || alarm.due < first.due))
        first = alarm;
    this.earliest = first;
    return first;
  }
}
