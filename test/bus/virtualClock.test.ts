import assert from "node:assert/strict";
import fc from "fast-check";
import { countAtTick, tickOfCount } from "../../src/engine/bus/frequency";
import { VirtualClock } from "../../src/engine/bus/virtualClock";

describe("virtual clock", () => {
  it("rings in the order of due tick and name, with now at the due tick", () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const make = (name: string) => clock.alarm(name, () => log.push(`${name}@${clock.now}`));
    const [c, a, b] = [make("c"), make("a"), make("b")];
    a.set(20);
    b.set(20);
    c.set(10);
    assert.equal(clock.nextDue(), 10);
    clock.advanceTo(20);
    assert.deepEqual(log, ["c@10", "a@20", "b@20"]);
    assert.deepEqual([clock.now, clock.nextDue()], [20, Infinity]);
  });

  it("leaves alone what is due later", () => {
    const clock = new VirtualClock();
    let rings = 0;
    const alarm = clock.alarm("late", () => rings++);
    alarm.set(11);
    clock.advanceTo(10);
    assert.deepEqual([rings, alarm.due, clock.now], [0, 11, 10]);
    clock.advanceTo(11);
    assert.deepEqual([rings, alarm.due], [1, undefined]);
  });

  it("rings an alarm set in the past at the next advance, without going back", () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const alarm = clock.alarm("past", () => seen.push(clock.now));
    clock.advanceTo(100);
    alarm.set(5);
    assert.deepEqual([seen, clock.nextDue()], [[], 5]);
    clock.advanceTo(100);
    assert.deepEqual(seen, [100]);
  });

  it("rings what an alarm sets while it rings, if that is due too", () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const alarm = clock.alarm("periodic", () => {
      seen.push(clock.now);
      alarm.set(clock.now + 30);
    });
    alarm.set(30);
    clock.advanceTo(100);
    assert.deepEqual([seen, alarm.due], [[30, 60, 90], 120]);
  });

  it("replaces and cancels due times", () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const alarm = clock.alarm("one", () => seen.push(clock.now));
    alarm.set(10);
    alarm.set(20);
    clock.advanceTo(15);
    alarm.cancel();
    clock.advanceTo(30);
    assert.deepEqual([seen, clock.nextDue()], [[], Infinity]);
  });

  it("refuses two alarms of one name, going back, and a foreign snapshot", () => {
    const clock = new VirtualClock();
    clock.alarm("one", () => undefined);
    assert.throws(() => clock.alarm("one", () => undefined), /two alarms/);
    clock.advanceTo(5);
    assert.throws(() => clock.advanceTo(4), /cannot go back/);
    assert.throws(() => clock.load({ now: 0, due: { other: 1 } }), /lacks/);
  });

  it("continues from a snapshot as the uninterrupted run does", () => {
    const build = () => {
      const clock = new VirtualClock();
      const log: string[] = [];
      for (const [name, period] of [
        ["x", 7],
        ["y", 7],
        ["z", 10],
      ] as const) {
        const alarm = clock.alarm(name, () => {
          log.push(`${name}@${clock.now}`);
          alarm.set(clock.now + period);
        });
        alarm.set(period);
      }
      return { clock, log };
    };
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), (first, second) => {
        const whole = build();
        whole.clock.advanceTo(first);
        const saved = whole.clock.save();
        const kept = whole.log.length;
        whole.clock.advanceTo(first + second);
        const resumed = build();
        resumed.clock.load(saved);
        resumed.clock.advanceTo(first + second);
        assert.deepEqual(resumed.log, whole.log.slice(kept));
        assert.deepEqual(resumed.clock.save(), whole.clock.save());
      }),
    );
  });
});

describe("other rates on the virtual clock", () => {
  it("converts exactly, as big integers would, over a year of ticks", () => {
    const rates = fc.constantFrom(1_193_182, 32_768, 1_843_200, 28_322_000);
    fc.assert(
      fc.property(rates, fc.nat(3_155_760_000_000_000), (hertz, tick) => {
        const count = (BigInt(tick) * BigInt(hertz)) / 100_000_000n;
        assert.equal(BigInt(countAtTick(tick, hertz)), count);
        const due = tickOfCount(Number(count), hertz);
        assert.equal(countAtTick(due, hertz), Number(count));
        if (due > 0) assert.ok(countAtTick(due - 1, hertz) < Number(count));
      }),
    );
  });
});
