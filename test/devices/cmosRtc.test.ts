import assert from "node:assert/strict";
import fc from "fast-check";
import { TICKS_PER_SECOND } from "../../src/engine/bus/types";
import { VirtualClock } from "../../src/engine/bus/virtualClock";
import { fromSeconds, toSeconds, weekday } from "../../src/engine/devices/cmosRtc/calendar";
import { CmosRtc } from "../../src/engine/devices/cmosRtc/device";
import { inb, LineRecorder, outb } from "./rig";

function rig(memorySizeBytes = 64 << 20) {
  const clock = new VirtualClock();
  const irq = new LineRecorder();
  const cmos = new CmosRtc({ clock, irq, memorySizeBytes });
  const port = cmos.windows.registers;
  const read = (index: number): number => (outb(port, 0, index), inb(port, 1));
  const write = (index: number, value: number): void => port.write(0, 2, (value << 8) | index);
  const time = (): string =>
    [0x32, 9, 8, 7, 4, 2, 0].map((index) => read(index).toString(16).padStart(2, "0")).join(" ");
  const seconds = (count: number): void => clock.advanceTo(clock.now + count * TICKS_PER_SECOND);
  return { clock, irq, read, write, time, seconds, port };
}

describe("calendar", () => {
  it("agrees with the host's calendar and comes back", () => {
    fc.assert(
      fc.property(fc.integer({ min: -4e9, max: 3e10 }), (seconds) => {
        const date = new Date(seconds * 1000);
        const time = fromSeconds(seconds);
        assert.deepEqual(time, {
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
          hour: date.getUTCHours(),
          minute: date.getUTCMinutes(),
          second: date.getUTCSeconds(),
        });
        assert.equal(toSeconds(time), seconds);
        assert.equal(weekday(seconds), date.getUTCDay() + 1);
      }),
    );
  });
});

describe("CMOS clock", () => {
  it("starts at a fixed date and counts virtual time", () => {
    const { time, seconds, read } = rig();
    assert.equal(time(), "20 00 01 01 00 00 00");
    assert.equal(read(6), 7);
    seconds(86_400 + 3 * 3600 + 25 * 60 + 59);
    assert.equal(time(), "20 00 01 02 03 25 59");
    assert.equal(read(6), 1);
  });

  it("has the status registers of a running clock", () => {
    const { read, clock } = rig();
    assert.deepEqual([read(0x0a), read(0x0b), read(0x0c), read(0x0d)], [0x26, 0x02, 0, 0x80]);
    clock.advanceTo(TICKS_PER_SECOND - 24_400);
    assert.equal(read(0x0a), 0xa6);
    clock.advanceTo(TICKS_PER_SECOND);
    assert.equal(read(0x0a), 0x26);
  });

  it("shows binary and 12-hour formats", () => {
    const { read, write, seconds } = rig();
    seconds(13 * 3600 + 45 * 60);
    write(0x0b, 0x06);
    assert.deepEqual([read(4), read(2)], [13, 45]);
    write(0x0b, 0x00);
    assert.deepEqual([read(4), read(2)], [0x81, 0x45]);
  });

  it("stands still under SET and goes on from what was written", () => {
    const { time, write, seconds } = rig();
    write(0x0b, 0x82);
    for (const [index, value] of [
      [0x32, 0x19],
      [9, 0x99],
      [8, 0x12],
      [7, 0x31],
      [4, 0x23],
      [2, 0x59],
      [0, 0x58],
    ] as const)
      write(index, value);
    seconds(10);
    assert.equal(time(), "19 99 12 31 23 59 58");
    write(0x0b, 0x02);
    seconds(3);
    assert.equal(time(), "20 00 01 01 00 00 01");
  });

  it("takes a single register written while it runs", () => {
    const { time, write, seconds } = rig();
    seconds(61);
    write(4, 0x17);
    assert.equal(time(), "20 00 01 01 17 01 01");
  });

  it("sets the update flag every second and clears flags by the read", () => {
    const { read, seconds, irq } = rig();
    seconds(1);
    assert.deepEqual([read(0x0c) & 0x10, read(0x0c) & 0x10, irq.rises], [0x10, 0, 0]);
  });

  it("interrupts after updates", () => {
    const { read, write, seconds, irq } = rig();
    write(0x0b, 0x12);
    seconds(1);
    assert.deepEqual([irq.level, read(0x0c) & 0x90, irq.level], [true, 0x90, false]);
    seconds(1);
    assert.equal(irq.rises, 2);
  });

  it("interrupts at the periodic rate", () => {
    for (const [rate, hertz] of [
      [6, 1024],
      [15, 2],
      [3, 8192],
      [1, 256],
    ] as const) {
      const { clock, read, write, irq } = rig();
      write(0x0a, 0x20 | rate);
      write(0x0b, 0x42);
      read(0x0c);
      const before = irq.rises;
      while (clock.nextDue() <= 10 * TICKS_PER_SECOND) {
        clock.advanceTo(clock.nextDue());
        read(0x0c);
      }
      assert.equal(irq.rises - before, 10 * hertz);
    }
  });

  it("interrupts when the alarm matches, with wild cards", () => {
    const { clock, read, write, irq } = rig();
    write(1, 0x30);
    write(3, 0xff);
    write(5, 0xff);
    write(0x0b, 0x22);
    const at: number[] = [];
    while (clock.nextDue() <= 150 * TICKS_PER_SECOND) {
      clock.advanceTo(clock.nextDue());
      if (irq.level) at.push(clock.now / TICKS_PER_SECOND);
      if (irq.level) read(0x0c);
    }
    assert.deepEqual(at, [30, 90, 150]);
  });

  it("tells the size of memory", () => {
    const fields = (size: number): number[] => {
      const { read } = rig(size);
      const word = (index: number): number => read(index) | (read(index + 1) << 8);
      return [word(0x15), word(0x17), word(0x30), word(0x34), word(0x5b) | (read(0x5d) << 16)];
    };
    assert.deepEqual(fields(1 << 20), [640, 0, 0, 0, 0]);
    assert.deepEqual(fields(64 << 20), [640, 0xfc00, 0xfc00, 0x300, 0]);
    assert.deepEqual(fields(6 * 2 ** 30), [640, 0xffff, 0xffff, 0xffff, 0x8000]);
  });

  it("keeps the rest as RAM and never shows the index", () => {
    const { read, write, port } = rig();
    write(0x50, 0xa5);
    assert.deepEqual([read(0x50), inb(port, 0)], [0xa5, 0xff]);
  });
});
