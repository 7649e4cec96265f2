import assert from "node:assert/strict";
import fc from "fast-check";
import { countAtTick, tickOfCount } from "../../src/engine/bus/frequency";
import { TICKS_PER_SECOND } from "../../src/engine/bus/types";
import { VirtualClock } from "../../src/engine/bus/virtualClock";
import { Counter } from "../../src/engine/devices/pit8254/counter";
import { PIT_HERTZ, Pit8254 } from "../../src/engine/devices/pit8254/device";
import { inb, LineRecorder, outb } from "./rig";

/** A counter with a control word and count written at clock 0. */
function programmed(control: number, count: number, gate = true): Counter {
  const counter = new Counter(gate);
  counter.writeControl(control);
  if ((control & 0x30) === 0x20) counter.write(count >> 8);
  else counter.write(count & 0xff);
  if ((control & 0x30) === 0x30) counter.write(count >> 8);
  return counter;
}

/** OUT after each of the next clocks, as the datasheet draws it: - high, _ low. */
function wave(counter: Counter, from: number, clocks: number): string {
  let drawing = "";
  for (let clock = from + 1; clock <= from + clocks; clock++) {
    counter.advanceTo(clock);
    drawing += counter.out ? "-" : "_";
  }
  return drawing;
}

function reading(counter: Counter): number {
  counter.latchCount();
  return counter.read();
}

describe("8254 counter", () => {
  it("mode 0: OUT rises N + 1 clocks after the count", () => {
    const counter = programmed(0x10, 4);
    assert.equal(counter.out, false);
    assert.equal(wave(counter, 0, 8), "____----");
    assert.equal(reading(counter), (0x10000 - 3) & 0xff);
    counter.write(2);
    assert.equal(counter.out, false);
    assert.equal(wave(counter, 8, 4), "__--");
  });

  it("mode 0: the gate holds the count, and the first byte of a new one stops it", () => {
    const counter = programmed(0x30, 5);
    counter.advanceTo(2);
    counter.setGate(false);
    counter.advanceTo(50);
    assert.equal(reading(counter), 4);
    assert.equal(counter.read(), 0);
    counter.setGate(true);
    assert.equal(wave(counter, 50, 5), "___--");
    counter.write(2);
    assert.equal(wave(counter, 55, 5), "_____");
    counter.write(0);
    assert.equal(wave(counter, 60, 4), "__--");
  });

  it("mode 1: a rising gate starts and restarts the pulse", () => {
    const counter = programmed(0x12, 3, false);
    assert.equal(wave(counter, 0, 3), "---");
    counter.setGate(true);
    assert.equal(wave(counter, 3, 6), "___---");
    counter.setGate(false);
    counter.setGate(true);
    assert.equal(wave(counter, 9, 2), "__");
    counter.setGate(false);
    counter.setGate(true);
    assert.equal(wave(counter, 11, 6), "___---");
  });

  it("mode 2: OUT is low for the last clock of every N", () => {
    assert.equal(wave(programmed(0x14, 3), 0, 10), "--_--_--_-");
    assert.equal(wave(programmed(0x14, 2), 0, 7), "-_-_-_-");
  });

  it("mode 2: a new count waits for the end of the period, a rising gate restarts it", () => {
    const counter = programmed(0x14, 4);
    counter.advanceTo(2);
    counter.write(3);
    assert.equal(wave(counter, 2, 8), "-_--_--_");
    counter.setGate(false);
    assert.equal(counter.out, true);
    assert.equal(wave(counter, 10, 3), "---");
    counter.setGate(true);
    assert.equal(wave(counter, 13, 6), "--_--_");
  });

  it("mode 3: halves are equal for an even count, the high one longer for an odd one", () => {
    assert.equal(wave(programmed(0x16, 4), 0, 10), "--__--__--");
    assert.equal(wave(programmed(0x16, 5), 0, 12), "---__---__--");
  });

  it("mode 3: counts even numbers down by two", () => {
    for (const [count, expected] of [
      [4, [4, 2, 4, 2, 4]],
      [5, [4, 2, 0, 4, 2, 4]],
    ] as const) {
      const counter = programmed(0x16, count);
      const seen = expected.map((_, index) => {
        counter.advanceTo(index + 1);
        return reading(counter);
      });
      assert.deepEqual(seen, expected);
    }
  });

  it("mode 4: one strobe of one clock, N + 1 clocks after the count", () => {
    const counter = programmed(0x18, 3);
    assert.equal(wave(counter, 0, 8), "---_----");
    counter.write(2);
    assert.equal(wave(counter, 8, 6), "--_---");
  });

  it("mode 5: the strobe follows a rising gate", () => {
    const counter = programmed(0x1a, 3, false);
    assert.equal(wave(counter, 0, 6), "------");
    counter.setGate(true);
    assert.equal(wave(counter, 6, 7), "---_---");
  });

  it("treats modes 6 and 7 as 2 and 3, and reports them as written", () => {
    const counter = programmed(0x1e, 4);
    assert.equal(wave(counter, 0, 6), "--__--");
    counter.latchStatus();
    assert.equal(counter.read(), 0x9e);
  });

  it("counts in BCD and takes 0 for the largest count", () => {
    const counter = programmed(0x31, 0x1000);
    counter.advanceTo(2);
    assert.deepEqual([reading(counter), counter.read()], [0x99, 0x09]);
    const full = programmed(0x35, 0);
    full.advanceTo(2);
    assert.deepEqual([reading(full), full.read()], [0x99, 0x99]);
    const binary = programmed(0x34, 0);
    binary.advanceTo(1);
    assert.deepEqual([reading(binary), binary.read()], [0, 0]);
    binary.advanceTo(2);
    assert.deepEqual([reading(binary), binary.read()], [0xff, 0xff]);
  });

  it("holds a latched count until it is read, and gives a latched status first", () => {
    const counter = programmed(0x34, 0x1234);
    counter.latchStatus();
    assert.equal(counter.read(), 0xf4);
    counter.advanceTo(1);
    counter.latchCount();
    counter.advanceTo(100);
    counter.latchCount();
    counter.latchStatus();
    counter.advanceTo(101);
    assert.deepEqual([counter.read(), counter.read(), counter.read()], [0xb4, 0x34, 0x12]);
    assert.deepEqual([counter.read(), counter.read()], [0xd0, 0x11]);
  });

  it("reads a single byte where only one is selected", () => {
    const high = programmed(0x20, 0x1200);
    high.advanceTo(1);
    assert.deepEqual([high.read(), high.read()], [0x12, 0x12]);
  });

  it("is still at the right clock after a thousand hours in one leap", () => {
    const clocks = 1000 * 3600 * PIT_HERTZ;
    for (const control of [0x14, 0x16]) {
      const counter = programmed(control, 54);
      counter.advanceTo(clocks);
      // Loaded at clock 1: periods end at 1 + 54 k.
      const intoPeriod = (clocks - 1) % 54;
      const half = control === 0x14 ? 53 : 27;
      assert.equal(counter.out, intoPeriod < half);
      const left = intoPeriod < half ? half - intoPeriod : 54 - intoPeriod;
      assert.equal(counter.nextChange(), clocks + left);
    }
  });

  it("comes to the same state in one leap as clock by clock", () => {
    const action = fc.record({
      clocks: fc.integer({ min: 0, max: 60 }),
      write: fc.option(fc.nat(12), { nil: undefined }),
      gate: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.nat(7),
        fc.boolean(),
        fc.integer({ min: 1, max: 20 }),
        fc.array(action, { maxLength: 12 }),
        (mode, bcd, count, actions) => {
          const control = 0x10 | (mode << 1) | (bcd ? 1 : 0);
          const [leaps, steps] = [programmed(control, count), programmed(control, count)];
          let now = 0;
          for (const { clocks, write, gate } of actions) {
            for (let clock = now; clock <= now + clocks; clock++) steps.advanceTo(clock);
            now += clocks;
            leaps.advanceTo(now);
            assert.deepEqual(leaps.save(), steps.save());
            for (const counter of [leaps, steps]) {
              counter.setGate(gate);
              if (write !== undefined) counter.write(write);
            }
          }
        },
      ),
    );
  });
});

function rig() {
  const clock = new VirtualClock();
  const irq = new LineRecorder();
  const pit = new Pit8254({ clock, irq });
  return { clock, irq, pit, counters: pit.windows.counters, control: pit.windows.control };
}

describe("8254 of the PC", () => {
  for (const [name, control] of [
    ["mode 2", 0x34],
    ["mode 3", 0x36],
  ] as const)
    it(`${name}: gives exactly 1193182 / N interrupts a second, without drift`, () => {
      const { clock, irq, counters } = rig();
      const divisor = 1193;
      outb(counters, 3, control);
      outb(counters, 0, divisor & 0xff);
      outb(counters, 0, divisor >> 8);
      const start = countAtTick(clock.now, PIT_HERTZ);
      const before = irq.rises;
      for (const seconds of [1, 7, 60]) {
        clock.advanceTo(seconds * TICKS_PER_SECOND);
        // The count is loaded one clock after it was written; the first rise ends the first period.
        const clocks = seconds * PIT_HERTZ - start - 1;
        assert.equal(irq.rises - before, Math.floor(clocks / divisor));
      }
    });

  it("runs at 18.2 Hz from power-on", () => {
    const { clock, irq } = rig();
    const before = irq.rises;
    clock.advanceTo(10 * TICKS_PER_SECOND);
    assert.equal(irq.rises - before, 182);
  });

  it("one-shot: raises IRQ0 at the first tick at which the count is over", () => {
    const { clock, irq, counters } = rig();
    clock.advanceTo(1000);
    outb(counters, 3, 0x30);
    outb(counters, 0, 100);
    outb(counters, 0, 0);
    const due = tickOfCount(countAtTick(1000, PIT_HERTZ) + 101, PIT_HERTZ);
    clock.advanceTo(due - 1);
    assert.equal(irq.level, false);
    clock.advanceTo(due);
    assert.equal(irq.level, true);
    assert.equal(clock.nextDue(), Infinity);
  });

  it("reads back several counters with one command", () => {
    const { counters, clock } = rig();
    for (const [counter, control] of [
      [0, 0x34],
      [1, 0x54],
      [2, 0xb0],
    ] as const)
      for (const [port, value] of [
        [3, control],
        [counter, 9],
        [counter, 0],
      ] as const)
        outb(counters, port, value);
    clock.advanceTo(1000);
    outb(counters, 3, 0xc0 | 0x0e);
    assert.deepEqual(
      [inb(counters, 0), inb(counters, 1), inb(counters, 2) & 0x3f],
      [0xb4, 0x94, 0x30],
    );
  });

  it("gates counter 2 and shows its output at port 61h", () => {
    const { clock, counters, control } = rig();
    outb(control, 0, 0x00);
    outb(counters, 3, 0xb0);
    outb(counters, 2, 10);
    outb(counters, 2, 0);
    clock.advanceTo(100_000);
    assert.equal(inb(control, 0) & 0x20, 0);
    outb(control, 0, 0x01);
    clock.advanceTo(102_000);
    assert.deepEqual([inb(control, 0) & 0x2f], [0x21]);
  });

  it("toggles the refresh bit every 18 clocks", () => {
    const { clock, control } = rig();
    let toggles = 0;
    let last = inb(control, 0) & 0x10;
    for (let tick = 0; tick < TICKS_PER_SECOND / 100; tick += 500) {
      clock.advanceTo(tick);
      const bit = inb(control, 0) & 0x10;
      if (bit !== last) toggles++;
      last = bit;
    }
    assert.equal(toggles, Math.floor(PIT_HERTZ / 100 / 18));
  });
});
