import assert from "node:assert/strict";
import { VirtualClock } from "../../src/engine/bus/virtualClock";
import { Serial16550 } from "../../src/engine/devices/serial16550/device";
import { inb, LineRecorder, outb, OutputRecorder } from "./rig";

/** 10 bits at 115,200 baud. */
const CHARACTER = 8681;

/** 115,200 baud, 8N1, OUT2 on; the FIFO control and interrupt enables as given. */
function rig(fcr = 0xc7, ier = 0) {
  const clock = new VirtualClock();
  const irq = new LineRecorder();
  const output = new OutputRecorder();
  const serial = new Serial16550({ clock, irq, output });
  const port = serial.windows.registers;
  outb(port, 3, 0x83);
  outb(port, 0, 1);
  outb(port, 1, 0);
  outb(port, 3, 0x03);
  outb(port, 2, fcr);
  outb(port, 4, 0x0b);
  inb(port, 6);
  outb(port, 1, ier);
  const wait = (characters: number): void => clock.advanceTo(clock.now + characters * CHARACTER);
  const receive = (text: string): void => {
    for (const byte of Buffer.from(text)) serial.receive(byte);
  };
  return { clock, irq, output, serial, port, wait, receive };
}

describe("16550", () => {
  it("shows power-on values, the divisor behind DLAB, and keeps the scratch register", () => {
    const serial = new Serial16550({
      clock: new VirtualClock(),
      irq: new LineRecorder(),
      output: new OutputRecorder(),
    });
    const port = serial.windows.registers;
    const registers = [1, 2, 3, 4, 5, 6, 7].map((offset) => inb(port, offset));
    assert.deepEqual(registers, [0, 0x01, 0, 0, 0x60, 0xb0, 0]);
    outb(port, 3, 0x80);
    assert.deepEqual([inb(port, 0), inb(port, 1)], [12, 0]);
    outb(port, 7, 0x5a);
    assert.equal(inb(port, 7), 0x5a);
  });

  it("sends at once and never makes polling wait", () => {
    const { port, output } = rig();
    for (const byte of [0x48, 0x69]) {
      assert.equal(inb(port, 5), 0x60);
      outb(port, 0, byte);
    }
    assert.deepEqual(output.log, ["serial 48", "serial 69"]);
  });

  it("raises the transmitter interrupt when enabled, and a character time after a byte", () => {
    const { port, irq, wait } = rig();
    outb(port, 1, 0x02);
    assert.equal(irq.level, true);
    assert.equal(inb(port, 2), 0xc2);
    assert.deepEqual([irq.level, inb(port, 2)], [false, 0xc1]);
    outb(port, 0, 0x41);
    wait(0.99);
    assert.equal(irq.level, false);
    wait(0.02);
    assert.deepEqual([irq.level, inb(port, 2)], [true, 0xc2]);
  });

  it("clears the transmitter interrupt by a write as well", () => {
    const { port, irq } = rig(0xc7, 0x02);
    assert.equal(irq.level, true);
    outb(port, 0, 0x41);
    assert.equal(irq.level, false);
  });

  it("keeps the line quiet until OUT2 opens it", () => {
    const { port, irq } = rig(0xc7, 0x02);
    outb(port, 4, 0x03);
    assert.equal(irq.level, false);
    outb(port, 4, 0x0b);
    assert.equal(irq.level, true);
  });

  it("receives bytes a character time apart", () => {
    const { port, wait, receive } = rig(0x01);
    receive("ab");
    assert.equal(inb(port, 5), 0x60);
    wait(1);
    assert.equal(inb(port, 5), 0x61);
    assert.deepEqual([inb(port, 0), inb(port, 5)], [0x61, 0x60]);
    wait(1);
    assert.deepEqual([inb(port, 0), inb(port, 5)], [0x62, 0x60]);
  });

  it("interrupts at the trigger level, and after four character times below it", () => {
    const { port, irq, wait, receive } = rig(0x41, 0x01);
    receive("abcd");
    wait(3.5);
    assert.equal(irq.level, false);
    wait(1);
    assert.deepEqual([irq.level, inb(port, 2)], [true, 0xc4]);
    inb(port, 0);
    assert.equal(irq.level, false);
    wait(4.1);
    assert.deepEqual([irq.level, inb(port, 2)], [true, 0xcc]);
    inb(port, 0);
    assert.deepEqual([irq.level, inb(port, 2)], [false, 0xc1]);
  });

  it("interrupts for every byte without FIFOs", () => {
    const { port, irq, wait, receive } = rig(0x00, 0x01);
    receive("xy");
    wait(1.1);
    assert.deepEqual([irq.level, inb(port, 2), inb(port, 0)], [true, 0x04, 0x78]);
    assert.equal(irq.level, false);
    wait(1.1);
    assert.deepEqual([irq.rises, inb(port, 0)], [2, 0x79]);
  });

  it("loses nothing when the guest is slow", () => {
    const { port, wait, receive } = rig(0x01);
    const text = "the quick brown fox jumps over the lazy dog";
    receive(text);
    wait(100);
    let seen = "";
    while (seen.length < text.length) {
      if (inb(port, 5) & 1) seen += String.fromCharCode(inb(port, 0));
      else wait(1);
    }
    assert.equal(seen, text);
    assert.equal(inb(port, 5), 0x60);
  });

  it("takes up the bytes on the line where a snapshot had them", () => {
    const { clock, serial, port, wait, receive } = rig(0x01);
    receive("abcdef");
    wait(2);
    const saved = { clock: clock.save(), serial: serial.save() };
    wait(2);
    serial.load(saved.serial);
    clock.load(saved.clock);
    wait(6);
    const seen = Array.from({ length: 6 }, () => String.fromCharCode(inb(port, 0)));
    assert.equal(seen.join(""), "abcdef");
  });

  it("names interrupts in the order line status, data, transmitter, modem", () => {
    const { port, irq } = rig(0x00, 0x00);
    outb(port, 4, 0x18); // Loop-back with OUT2: the modem lines change.
    outb(port, 0, 0x11);
    outb(port, 0, 0x22); // Overruns the first.
    outb(port, 1, 0x0f);
    const order: number[] = [];
    for (const clear of [5, 0, undefined, 6]) {
      order.push(inb(port, 2));
      if (clear !== undefined) inb(port, clear);
    }
    order.push(inb(port, 2));
    assert.deepEqual(order, [0x06, 0x04, 0x02, 0x00, 0x01]);
    assert.equal(irq.level, false);
  });

  it("reports an overrun once; without FIFOs the newer byte stays, with them the older ones", () => {
    const single = rig(0x00);
    outb(single.port, 4, 0x18);
    outb(single.port, 0, 1);
    outb(single.port, 0, 2);
    assert.deepEqual([inb(single.port, 5), inb(single.port, 5)], [0x63, 0x61]);
    assert.equal(inb(single.port, 0), 2);
    const fifo = rig(0x01);
    outb(fifo.port, 4, 0x18);
    for (let byte = 0; byte < 17; byte++) outb(fifo.port, 0, byte);
    assert.equal(inb(fifo.port, 5), 0x63);
    const kept = Array.from({ length: 16 }, () => inb(fifo.port, 0));
    assert.deepEqual(
      kept,
      Array.from({ length: 16 }, (_, index) => index),
    );
    assert.equal(inb(fifo.port, 5), 0x60);
  });

  it("turns round bytes and modem lines in loop-back and sends nothing", () => {
    const { port, output } = rig();
    outb(port, 4, 0x1e);
    assert.equal(inb(port, 6) & 0xf0, 0xd0);
    outb(port, 0, 0xae);
    assert.deepEqual([inb(port, 5), inb(port, 0), output.log], [0x61, 0xae, []]);
  });

  it("marks changes of modem lines until they are read; RI counts its falling edge only", () => {
    const { port } = rig();
    outb(port, 4, 0x1f);
    inb(port, 6);
    outb(port, 4, 0x10);
    assert.deepEqual([inb(port, 6), inb(port, 6)], [0x0f, 0x00]);
    outb(port, 4, 0x14);
    assert.equal(inb(port, 6), 0x40);
  });

  it("empties the FIFO when it is cleared or switched", () => {
    for (const fcr of [0x03, 0x00]) {
      const { port, wait, receive } = rig(0x01);
      receive("abc");
      wait(4);
      outb(port, 2, fcr);
      assert.equal(inb(port, 5), 0x60);
    }
  });

  it("paces by divisor and frame", () => {
    const { clock, port, receive } = rig(0x01);
    outb(port, 3, 0x80 | 0x0f); // 8 bits, parity, two stop bits: 12 bits.
    outb(port, 0, 12);
    outb(port, 3, 0x0f);
    receive("a");
    clock.advanceTo(clock.now + 124_999);
    assert.equal(inb(port, 5) & 1, 0);
    clock.advanceTo(clock.now + 1);
    assert.equal(inb(port, 5) & 1, 1);
  });
});
