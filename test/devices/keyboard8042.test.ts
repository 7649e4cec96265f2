import assert from "node:assert/strict";
import { VirtualClock } from "../../src/engine/bus/virtualClock";
import { A20Gate } from "../../src/engine/devices/a20/gate";
import { Keyboard8042 } from "../../src/engine/devices/keyboard8042/device";
import { inb, LineRecorder, outb, OutputRecorder } from "./rig";

const BYTE = 1000;

/** Translation and keyboard interrupts on, unless another configuration byte is given. */
function rig(configuration = 0x65) {
  const clock = new VirtualClock();
  const [irq, auxiliaryIrq, a20] = [new LineRecorder(), new LineRecorder(), new LineRecorder()];
  const output = new OutputRecorder();
  const gate = new A20Gate(a20);
  const keyboard = new Keyboard8042({ clock, irq, auxiliaryIrq, gate, output });
  const { data, command } = keyboard.windows;
  const status = (): number => inb(command, 0);
  const controller = (...bytes: number[]): void =>
    bytes.forEach((byte, index) => outb(index === 0 ? command : data, 0, byte));
  const next = (): number => {
    const byte = inb(data, 0);
    clock.advanceTo(clock.now + BYTE);
    return byte;
  };
  /** Everything that comes until the buffer stays empty. */
  const drain = (): number[] => {
    const bytes: number[] = [];
    while (status() & 1) bytes.push(next());
    return bytes;
  };
  const ask = (...bytes: number[]): number[] => {
    for (const byte of bytes) outb(data, 0, byte);
    return drain();
  };
  controller(0x60, configuration);
  return {
    clock,
    irq,
    auxiliaryIrq,
    output,
    gate,
    keyboard,
    data,
    status,
    controller,
    next,
    drain,
    ask,
  };
}

describe("8042 and its keyboard", () => {
  it("types text as set-1 make and break codes, with Shift where needed", () => {
    const { keyboard, drain } = rig();
    keyboard.press("aB\n");
    assert.deepEqual(drain(), [0x1e, 0x9e, 0x2a, 0x30, 0xb0, 0xaa, 0x1c, 0x9c]);
  });

  it("has a key for every printable ASCII character, all different", () => {
    const { keyboard, drain } = rig();
    const seen = new Set<string>();
    for (let code = 0x20; code < 0x7f; code++) {
      keyboard.press(String.fromCharCode(code));
      seen.add(drain().join());
    }
    assert.equal(seen.size, 95);
  });

  it("refuses a character without a key and types nothing of it", () => {
    const { keyboard, drain } = rig();
    assert.throws(() => keyboard.press("aé"), { code: "no-such-key" });
    assert.deepEqual(drain(), []);
  });

  it("raises IRQ1 anew for every byte and lowers it by the read", () => {
    const { keyboard, irq, clock, data } = rig();
    keyboard.press("a");
    assert.deepEqual([irq.level, irq.rises], [true, 1]);
    inb(data, 0);
    assert.equal(irq.level, false);
    clock.advanceTo(clock.now + BYTE - 1);
    assert.equal(irq.level, false);
    clock.advanceTo(clock.now + 1);
    assert.deepEqual([irq.level, irq.rises], [true, 2]);
  });

  it("stays silent on IRQ1 while its interrupt is off", () => {
    const { keyboard, irq, status } = rig(0x64);
    keyboard.press("a");
    assert.deepEqual([irq.level, status() & 1], [false, 1]);
  });

  it("sends set 2 without translation, and set 1 when selected", () => {
    const { keyboard, drain, ask } = rig(0x25);
    keyboard.press("a");
    assert.deepEqual(drain(), [0x1c, 0xf0, 0x1c]);
    assert.deepEqual(ask(0xf0, 0x01), [0xfa, 0xfa]);
    assert.deepEqual(ask(0xf0, 0x00), [0xfa, 0xfa, 0x01]);
    keyboard.press("a");
    assert.deepEqual(drain(), [0x1e, 0x9e]);
    assert.deepEqual(ask(0xf0, 0x07), [0xfa, 0xfe]);
  });

  it("answers keyboard commands", () => {
    const { ask } = rig();
    assert.deepEqual(ask(0xf5), [0xfa]);
    assert.deepEqual(ask(0xf2), [0xfa, 0xab, 0x41]);
    assert.deepEqual(ask(0xed, 0x02), [0xfa, 0xfa]);
    assert.deepEqual(ask(0xf3, 0x20), [0xfa, 0xfa]);
    assert.deepEqual(ask(0xee), [0xee]);
    assert.deepEqual(ask(0xfe), [0xee]);
    assert.deepEqual(ask(0xff), [0xfa, 0xaa]);
    assert.deepEqual(ask(0x00), [0xfe]);
  });

  it("takes a command in place of an argument as a command", () => {
    const { ask } = rig();
    assert.deepEqual(ask(0xed, 0xee), [0xfa, 0xee]);
  });

  it("holds keys back while scanning is off and after a reset forgets none", () => {
    const { keyboard, drain, ask } = rig();
    ask(0xf5);
    keyboard.press("x");
    assert.deepEqual(drain(), []);
    assert.deepEqual(ask(0xf4), [0xfa, 0x2d, 0xad]);
  });

  it("holds bytes back while the interface is disabled; a byte for the keyboard enables it", () => {
    const { keyboard, drain, controller, ask } = rig();
    controller(0xad);
    keyboard.press("x");
    assert.deepEqual(drain(), []);
    controller(0xae);
    assert.deepEqual(drain(), [0x2d, 0xad]);
    controller(0xad);
    assert.deepEqual(ask(0xee), [0xee]);
    controller(0x20);
    assert.equal(drain()[0]! & 0x10, 0);
  });

  it("answers controller commands ahead of keys", () => {
    const { keyboard, controller, next, drain, status } = rig();
    controller(0xaa);
    assert.deepEqual([status(), next()], [0x1d, 0x55]);
    controller(0xab);
    assert.equal(next(), 0);
    keyboard.press("a");
    controller(0x20);
    assert.deepEqual(drain(), [0x1e, 0x65, 0x9e]);
  });

  it("keeps the controller's RAM", () => {
    const { controller, next } = rig();
    controller(0x7f, 0x99);
    controller(0x3f);
    assert.equal(next(), 0x99);
  });

  it("tells commands and data apart in the status", () => {
    const { data, controller, status } = rig();
    controller(0xae);
    assert.equal(status() & 0x08, 0x08);
    outb(data, 0, 0xf4);
    assert.equal(status() & 0x08, 0);
  });

  it("opens and closes A20 by the output port and by its own commands", () => {
    const { controller, gate, next } = rig();
    controller(0xd1, 0xdd);
    assert.equal(gate.isOpen, false);
    controller(0xd0);
    assert.equal(next() & 0x02, 0);
    controller(0xd1, 0xdf);
    assert.equal(gate.isOpen, true);
    controller(0xdd);
    assert.equal(gate.isOpen, false);
    controller(0xdf);
    assert.equal(gate.isOpen, true);
  });

  it("resets by a pulse and by the output port", () => {
    const { controller, output } = rig();
    controller(0xff);
    assert.deepEqual(output.log, []);
    controller(0xfe);
    controller(0xd1, 0xde);
    assert.deepEqual(output.log, ["reset", "reset"]);
  });

  it("puts bytes into the output buffer as the keyboard's or the auxiliary device's", () => {
    const { controller, status, next, auxiliaryIrq } = rig(0x67);
    controller(0xd2, 0x12);
    assert.deepEqual([status() & 0x21, next(), auxiliaryIrq.rises], [0x01, 0x12, 0]);
    controller(0xd3, 0x34);
    assert.deepEqual([status() & 0x21, next(), auxiliaryIrq.rises], [0x21, 0x34, 1]);
  });

  it("reports a time-out for bytes to the auxiliary device, which is absent", () => {
    const { controller, status, next } = rig();
    controller(0xd4, 0xf4);
    assert.deepEqual([status() & 0x61, next(), status() & 0x61], [0x61, 0xfe, 0]);
  });
});
