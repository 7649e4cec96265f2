import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { VirtualClock } from "../../src/engine/bus/virtualClock";
import { createStandardPc } from "../../src/engine/devices/standardPc";
import { LineRecorder, OutputRecorder, pcRig, type PcRig } from "./rig";

const out = ({ pc }: PcRig, port: number, ...values: number[]): void => {
  for (const value of values) pc.ports.write(port, 1, value);
};

describe("standard PC", () => {
  it("hands over as firmware does: the same registers as SeaBIOS on QEMU", () => {
    const { pc, intr } = pcRig();
    const read = (port: number): number => pc.ports.read(port, 1);
    assert.deepEqual([read(0x21), read(0xa1), read(0x92)], [0xb8, 0x8e, 0x02]);
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map((offset) => read(0x3f8 + offset)),
      [0x00, 0x01, 0x00, 0x08, 0x60, 0xb0],
    );
    assert.equal(intr.level, false);
  });

  it("leaves the controllers unprogrammed without firmware", () => {
    const { pc } = pcRig(false);
    assert.deepEqual([pc.ports.read(0x21, 1), pc.ports.read(0x3fc, 1)], [0, 0]);
  });

  it("delivers timer, keyboard, serial and clock interrupts with their vectors", () => {
    const rig = pcRig();
    const { pc, clock, intr } = rig;
    out(rig, 0x21, 0x00);
    out(rig, 0xa1, 0x00);
    pc.typeKeys("a");
    assert.equal(pc.acknowledgeInterrupt(), 0x09);
    out(rig, 0x20, 0x20);
    out(rig, 0x3f9, 0x01);
    pc.receiveSerial([0x41]);
    out(rig, 0x70, 0x0b);
    out(rig, 0x71, 0x12);
    const seen = new Set<number>();
    while (clock.now < 200_000_000) {
      clock.advanceTo(clock.nextDue());
      if (!intr.level) continue;
      seen.add(pc.acknowledgeInterrupt());
      pc.ports.read(0x3f8, 1);
      out(rig, 0x70, 0x0c);
      pc.ports.read(0x71, 1);
      out(rig, 0xa0, 0x20);
      out(rig, 0x20, 0x20);
    }
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      [0x08, 0x0c, 0x70],
    );
  });

  it("sends bytes and the exit value out", () => {
    const { pc, output } = pcRig();
    pc.ports.write(0x3f8, 1, 0x41);
    pc.ports.write(0xe9, 1, 0x42);
    pc.ports.write(0xf4, 4, 0xdeadbeef);
    pc.ports.write(0xf4, 1, 0x10);
    assert.deepEqual(output.log, ["serial 41", "debug-console 42", "exit deadbeef", "exit 10"]);
    assert.deepEqual([pc.ports.read(0xe9, 1), pc.ports.read(0xf4, 1)], [0xe9, 0]);
  });

  it("has one A20 gate behind both of its switches, and tells the processor", () => {
    const a20 = new LineRecorder();
    const output = new OutputRecorder();
    const clock = new VirtualClock();
    const pc = createStandardPc({
      clock,
      output,
      intr: new LineRecorder(),
      memorySizeBytes: 1 << 20,
      a20,
    });
    assert.equal(pc.isA20Open, true);
    pc.ports.write(0x92, 1, 0x00);
    assert.deepEqual([pc.isA20Open, a20.level], [false, false]);
    pc.ports.write(0x64, 1, 0xd1);
    pc.ports.write(0x60, 1, 0xdf);
    assert.deepEqual([pc.ports.read(0x92, 1), a20.level], [0x02, true]);
  });

  it("resets by port 92h on the rising bit only", () => {
    const rig = pcRig();
    out(rig, 0x92, 0x03, 0x03, 0x02, 0x03);
    assert.deepEqual(rig.output.log, ["reset", "reset"]);
  });

  it("shows on the screen what is written at B8000h", () => {
    const { pc } = pcRig();
    pc.mmio.write(0xb8000, 4, 0x07690748);
    assert.equal(pc.screenText().split("\n")[0], "Hi");
  });

  it("exists several times on one clock", () => {
    const clock = new VirtualClock();
    const [first, second] = ["", "vm1."].map((alarmPrefix) => {
      const intr = new LineRecorder();
      const output = new OutputRecorder();
      const pc = createStandardPc({ clock, output, intr, memorySizeBytes: 1 << 20, alarmPrefix });
      return { pc, intr };
    });
    first!.pc.typeKeys("a");
    assert.deepEqual([first!.intr.level, second!.intr.level], [true, false]);
    clock.advanceTo(10_000_000);
    assert.equal(second!.pc.acknowledgeInterrupt(), 0x08);
  });

  it("names every window and answers nowhere else", () => {
    const { pc } = pcRig();
    const windows = pc.ports.list();
    for (let port = 0; port < 0x1000; port++) {
      const isInside = windows.some(({ base, length }) => port >= base && port < base + length);
      assert.equal(pc.ports.nameAt(port) !== undefined, isInside);
    }
    assert.equal(windows.length, 17);
  });
});

describe("docs/devices.md", () => {
  it("lists every window of ports with its device, and no other", () => {
    const page = readFileSync(new URL("../../docs/devices.md", import.meta.url), "utf8");
    const rows = page.matchAll(/^\| 0x(\w+)–0x(\w+) \| `(\w+)`/gm);
    const listed = Array.from(rows, ([, first, last, name]) => ({
      base: parseInt(first!, 16),
      length: parseInt(last!, 16) - parseInt(first!, 16) + 1,
      name,
    }));
    const actual = pcRig()
      .pc.ports.list()
      .map(({ base, length, name }) => ({ base, length, name: name.split(" ")[0] }));
    assert.deepEqual(listed, actual);
  });
});

type Action =
  | { do: "out"; port: number; size: 1 | 2 | 4; value: number }
  | { do: "in"; port: number; size: 1 | 2 | 4 }
  | { do: "wait"; ticks: number }
  | { do: "acknowledge" }
  | { do: "serial"; bytes: readonly number[] }
  | { do: "keys"; text: string }
  | { do: "screen"; offset: number; value: number };

const ports = pcRig()
  .pc.ports.list()
  .flatMap(({ base, length }) => Array.from({ length }, (_, index) => base + index));
const port = fc.constantFrom(...ports);
const size = fc.constantFrom(1 as const, 1 as const, 2 as const, 4 as const);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ do: fc.constant("out" as const), port, size, value: fc.nat(0xffff_ffff) }),
  fc.record({
    do: fc.constant("out" as const),
    port,
    size: fc.constant(1 as const),
    value: fc.nat(0xff),
  }),
  fc.record({ do: fc.constant("in" as const), port, size }),
  fc.record({ do: fc.constant("wait" as const), ticks: fc.nat(30_000) }),
  fc.record({ do: fc.constant("wait" as const), ticks: fc.nat(12_000_000) }),
  fc.constant({ do: "acknowledge" as const }),
  fc.record({
    do: fc.constant("serial" as const),
    bytes: fc.array(fc.nat(255), { maxLength: 20 }),
  }),
  fc.record({ do: fc.constant("keys" as const), text: fc.constantFrom("a", "Hi\n", "~!") }),
  fc.record({
    do: fc.constant("screen" as const),
    offset: fc.nat(0x7ffc),
    value: fc.nat(0xffff_ffff),
  }),
);

const actions = fc.array(action, { maxLength: 40 });

/** Does the action and tells what could be seen of it. */
function perform({ pc, clock, intr, output }: PcRig, step: Action): string {
  let seen = "";
  switch (step.do) {
    case "out":
      pc.ports.write(step.port, step.size, step.value);
      break;
    case "in":
      seen = pc.ports.read(step.port, step.size).toString(16);
      break;
    case "wait":
      clock.advanceTo(clock.now + step.ticks);
      break;
    case "acknowledge":
      if (intr.level) seen = pc.acknowledgeInterrupt().toString(16);
      break;
    case "serial":
      pc.receiveSerial(step.bytes);
      break;
    case "keys":
      pc.typeKeys(step.text);
      break;
    case "screen":
      pc.mmio.write(0xb8000 + step.offset, 4, step.value);
  }
  return `${step.do} ${seen} intr=${intr.level} a20=${pc.isA20Open} ${output.log.splice(0).join()}`;
}

describe("snapshot of a standard PC", () => {
  it("continues exactly as the uninterrupted run does", () => {
    fc.assert(
      fc.property(actions, actions, (before, after) => {
        const whole = pcRig();
        for (const step of before) perform(whole, step);
        const saved = structuredClone({ pc: whole.pc.save(), clock: whole.clock.save() });
        const resumed = pcRig();
        resumed.pc.load(saved.pc);
        resumed.clock.load(saved.clock);
        assert.deepEqual({ pc: resumed.pc.save(), clock: resumed.clock.save() }, saved);
        for (const step of after) assert.equal(perform(resumed, step), perform(whole, step));
        assert.deepEqual(resumed.pc.save(), whole.pc.save());
        assert.deepEqual(resumed.clock.save(), whole.clock.save());
      }),
      { numRuns: 300 },
    );
  });

  it("goes back to an earlier state in the same computer", () => {
    fc.assert(
      fc.property(actions, actions, (before, steps) => {
        const rig = pcRig();
        for (const step of before) perform(rig, step);
        const saved = { pc: rig.pc.save(), clock: rig.clock.save() };
        const first = steps.map((step) => perform(rig, step));
        rig.pc.load(saved.pc);
        rig.clock.load(saved.clock);
        assert.deepEqual(
          steps.map((step) => perform(rig, step)),
          first,
        );
      }),
      { numRuns: 200 },
    );
  });

  it("does not change when the computer runs on", () => {
    const rig = pcRig();
    const saved = rig.pc.save();
    const copy = structuredClone(saved);
    rig.pc.typeKeys("x");
    rig.pc.receiveSerial([1, 2, 3]);
    rig.pc.mmio.write(0xb8000, 1, 0x41);
    rig.clock.advanceTo(50_000_000);
    assert.deepEqual(saved, copy);
  });
});
