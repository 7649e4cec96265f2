import assert from "node:assert/strict";
import fc from "fast-check";
import { Pic8259 } from "../../src/engine/devices/pic8259/device";
import { inb, LineRecorder, outb } from "./rig";

const SPECIFIC_EOI = 0x60;
const EOI = 0x20;

/** A pair at vectors 20h and 28h, everything unmasked, ICW4 as given. */
function rig(icw4Master = 0x01, icw4Slave = 0x01, icw1 = 0x11) {
  const intr = new LineRecorder();
  const pic = new Pic8259({ intr });
  const { master, slave } = pic.windows;
  for (const [window, base, icw3, icw4] of [
    [master, 0x20, 0x04, icw4Master],
    [slave, 0x28, 0x02, icw4Slave],
  ] as const) {
    outb(window, 0, icw1);
    outb(window, 1, base);
    outb(window, 1, icw3);
    outb(window, 1, icw4);
    outb(window, 1, 0);
  }
  const pulse = (irq: number): void => {
    pic.line(irq).set(false);
    pic.line(irq).set(true);
  };
  const request = (chip = master): number => (outb(chip, 0, 0x0a), inb(chip, 0));
  const service = (chip = master): number => (outb(chip, 0, 0x0b), inb(chip, 0));
  return { pic, intr, master, slave, pulse, request, service };
}

describe("8259 pair", () => {
  it("raises INTR for an edge and gives its vector once", () => {
    const { pic, intr, pulse, request, service } = rig();
    pulse(4);
    assert.deepEqual([intr.level, request()], [true, 0x10]);
    assert.equal(pic.acknowledge(), 0x24);
    assert.deepEqual([intr.level, request(), service()], [false, 0, 0x10]);
  });

  it("does not ask again while an edge input stays high", () => {
    const { pic, intr, master, pulse } = rig();
    pulse(4);
    pic.acknowledge();
    outb(master, 0, EOI);
    pic.line(4).set(true);
    assert.equal(intr.level, false);
  });

  it("asks again after the end of interrupt while a level input stays high", () => {
    const { pic, intr, master } = rig();
    outb(pic.windows.elcr, 0, 0x20);
    pic.line(5).set(true);
    assert.equal(pic.acknowledge(), 0x25);
    assert.equal(intr.level, false);
    outb(master, 0, EOI);
    assert.equal(intr.level, true);
    pic.line(5).set(false);
    assert.equal(intr.level, false);
  });

  it("keeps timer, keyboard, cascade, clock and coprocessor edge-triggered", () => {
    const { elcr } = rig().pic.windows;
    outb(elcr, 0, 0xff);
    outb(elcr, 1, 0xff);
    assert.deepEqual([inb(elcr, 0), inb(elcr, 1)], [0xf8, 0xde]);
  });

  it("treats every input as level-triggered after ICW1.LTIM", () => {
    const { pic, intr, master } = rig(0x01, 0x01, 0x19);
    pic.line(3).set(true);
    assert.equal(pic.acknowledge(), 0x23);
    outb(master, 0, EOI);
    assert.equal(intr.level, true);
  });

  it("serves the highest priority first and nests only higher ones", () => {
    const { pic, intr, pulse, master } = rig();
    pulse(6);
    pulse(3);
    assert.equal(pic.acknowledge(), 0x23);
    assert.equal(intr.level, false);
    pulse(1);
    assert.equal(pic.acknowledge(), 0x21);
    outb(master, 0, EOI);
    assert.equal(intr.level, false);
    outb(master, 0, EOI);
    assert.equal(pic.acknowledge(), 0x26);
  });

  it("gives the slave's vector through the cascade and needs both ends of interrupt", () => {
    const { pic, intr, pulse, master, slave, service } = rig();
    pulse(10);
    assert.equal(pic.acknowledge(), 0x2a);
    assert.deepEqual([service(), service(slave)], [0x04, 0x04]);
    pulse(14);
    outb(master, 0, EOI);
    assert.equal(intr.level, false);
    outb(slave, 0, EOI);
    assert.equal(intr.level, true);
    assert.equal(pic.acknowledge(), 0x2e);
  });

  it("puts the slave's inputs above IRQ3 to IRQ7", () => {
    const { pic, pulse } = rig();
    pulse(3);
    pulse(15);
    assert.equal(pic.acknowledge(), 0x2f);
  });

  it("takes what is on IRQ2 as IRQ9", () => {
    const { pic, pulse } = rig();
    pulse(2);
    assert.equal(pic.acknowledge(), 0x29);
  });

  it("holds a masked request until it is unmasked", () => {
    const { pic, intr, pulse, master } = rig();
    outb(master, 1, 0x10);
    pulse(4);
    assert.equal(intr.level, false);
    outb(master, 1, 0);
    assert.equal(intr.level, true);
    assert.equal(pic.acknowledge(), 0x24);
  });

  it("answers IRQ7's vector with nothing in service when the request went away", () => {
    const { pic, intr, pulse, service } = rig();
    pulse(4);
    pic.line(4).set(false);
    assert.equal(intr.level, false);
    assert.equal(pic.acknowledge(), 0x27);
    assert.equal(service(), 0);
  });

  it("answers IRQ15's vector with IR2 in service when the slave's request went away", () => {
    const { pic, pulse, service, slave } = rig();
    pulse(12);
    // The request is withdrawn between the master's and the slave's acknowledge cycle.
    const state = pic.save();
    pic.load({ ...state, slave: { ...state.slave, irr: 0 } });
    assert.equal(pic.acknowledge(), 0x2f);
    assert.deepEqual([service(), service(slave)], [0x04, 0]);
  });

  it("ends interrupts by itself in automatic mode", () => {
    const { pic, intr, pulse, service } = rig(0x03);
    pulse(4);
    pulse(5);
    assert.equal(pic.acknowledge(), 0x24);
    assert.deepEqual([service(), intr.level], [0, true]);
    assert.equal(pic.acknowledge(), 0x25);
  });

  it("passes on a second slave request after the first, with the slave in automatic mode", () => {
    const { pic, intr, pulse, master } = rig(0x01, 0x03);
    pulse(8);
    pulse(9);
    assert.equal(pic.acknowledge(), 0x28);
    outb(master, 0, EOI);
    assert.equal(intr.level, true);
    assert.equal(pic.acknowledge(), 0x29);
  });

  it("rotates on a non-specific end of interrupt", () => {
    const { pic, pulse, master } = rig();
    pulse(4);
    pic.acknowledge();
    outb(master, 0, 0xa0);
    pulse(4);
    pulse(0);
    pulse(5);
    const order = [0, 0, 0].map(() => {
      const vector = pic.acknowledge();
      outb(master, 0, EOI);
      return vector;
    });
    assert.deepEqual(order, [0x25, 0x20, 0x24]);
  });

  it("rotates to a chosen level, with and without end of interrupt", () => {
    const { pic, pulse, master, service } = rig();
    outb(master, 0, 0xc0 | 3);
    pulse(3);
    pulse(4);
    assert.equal(pic.acknowledge(), 0x24);
    outb(master, 0, 0xe0 | 4);
    assert.equal(service(), 0);
    pulse(4);
    pulse(5);
    assert.deepEqual([pic.acknowledge(), service()], [0x25, 0x20]);
  });

  it("rotates on every automatic end of interrupt once told to", () => {
    const { pic, pulse, master } = rig(0x03);
    outb(master, 0, 0x80);
    const order = [0, 0, 0, 0].map(() => {
      pulse(1);
      pulse(4);
      return pic.acknowledge();
    });
    assert.deepEqual(order, [0x21, 0x24, 0x21, 0x24]);
    outb(master, 0, 0x00);
    pulse(4);
    pic.acknowledge();
    pulse(1);
    assert.equal(pic.acknowledge(), 0x21);
  });

  it("lets lower levels through in special mask mode", () => {
    const { pic, intr, pulse, master, service } = rig();
    pulse(2 + 1);
    pic.acknowledge();
    pulse(6);
    assert.equal(intr.level, false);
    outb(master, 1, 0x08);
    outb(master, 0, 0x68);
    assert.equal(intr.level, true);
    assert.equal(pic.acknowledge(), 0x26);
    // A non-specific end passes over the masked level 3.
    outb(master, 0, EOI);
    assert.equal(service(), 0x08);
    outb(master, 0, EOI);
    assert.equal(service(), 0x08);
    outb(master, 0, 0x48);
    outb(master, 0, EOI);
    assert.equal(service(), 0);
  });

  it("nests slave requests only in special fully nested mode", () => {
    for (const [icw4, nests] of [
      [0x01, false],
      [0x11, true],
    ] as const) {
      const { pic, intr, pulse } = rig(icw4);
      pulse(12);
      pic.acknowledge();
      pulse(9);
      assert.equal(intr.level, nests);
      if (nests) assert.equal(pic.acknowledge(), 0x29);
    }
  });

  it("acknowledges by poll", () => {
    const { intr, pulse, master, service } = rig();
    outb(master, 0, 0x0c);
    assert.equal(inb(master, 0), 0);
    pulse(5);
    outb(master, 0, 0x0c);
    assert.equal(inb(master, 0), 0x85);
    assert.deepEqual([intr.level, service()], [false, 0x20]);
    outb(master, 0, SPECIFIC_EOI | 5);
    assert.equal(service(), 0);
  });

  it("forgets requests and masks at ICW1, and then needs a new edge", () => {
    const { pic, intr, pulse, master, request } = rig();
    outb(master, 1, 0xff);
    pulse(4);
    outb(master, 0, 0x13);
    outb(master, 1, 0x40);
    outb(master, 1, 0x01);
    assert.deepEqual([inb(master, 1), request(), intr.level], [0, 0, false]);
    pulse(4);
    assert.equal(pic.acknowledge(), 0x44);
  });

  it("raises INTR exactly while an unmasked request outranks what is in service", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("line"), irq: fc.nat(15), level: fc.boolean() }),
      fc.record({ do: fc.constant("mask"), irq: fc.nat(0xffff), level: fc.boolean() }),
      fc.record({
        do: fc.constantFrom("acknowledge", "eoi", "eoiSlave"),
        irq: fc.nat(15),
        level: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { pic, intr, master, slave, request, service } = rig();
        const wants = (chip: typeof master, extra = 0): boolean => {
          const ready = (request(chip) | extra) & ~inb(chip, 1);
          const lowest = ready & -ready;
          const serving = service(chip);
          return lowest !== 0 && (serving === 0 || lowest < (serving & -serving));
        };
        for (const { do: action, irq, level } of steps) {
          if (action === "line") pic.line(irq).set(level);
          else if (action === "mask") {
            outb(master, 1, irq & 0xff);
            outb(slave, 1, irq >> 8);
          } else if (action === "acknowledge") {
            if (intr.level) pic.acknowledge();
          } else outb(action === "eoi" ? master : slave, 0, EOI);
          assert.equal(intr.level, wants(master));
        }
      }),
    );
  });
});
