import assert from "node:assert/strict";
import { VirtualClock } from "../../src/engine/bus/virtualClock";
import { LocalApic, type LocalApicConfig } from "../../src/engine/devices/localApic/device";
import { REGISTER } from "../../src/engine/devices/localApic/registers";
import { LineRecorder } from "./rig";

const ENABLED = 0x1ff;
const SELF = 1 << 18;
const MASKED = 1 << 16;
const PERIODIC = 1 << 17;
const DEADLINE = 2 << 17;

class Rig {
  readonly clock = new VirtualClock();
  readonly intr = new LineRecorder();
  nmis = 0;
  tsc = { offset: 0n };
  readonly apic: LocalApic;

  constructor(config: Partial<LocalApicConfig> = {}) {
    this.apic = new LocalApic({
      clock: this.clock,
      intr: this.intr,
      nmi: () => {
        this.nmis++;
      },
      acknowledgeExternal: () => 0x77,
      tsc: this.tsc,
      hasTscDeadline: true,
      ...config,
    });
  }

  static enabled(config: Partial<LocalApicConfig> = {}): Rig {
    const rig = new Rig(config);
    rig.write(REGISTER.spuriousVector, ENABLED);
    return rig;
  }

  read(offset: number): number {
    return this.apic.memoryWindow.read(offset, 4);
  }

  write(offset: number, value: number): void {
    this.apic.memoryWindow.write(offset, 4, value);
  }

  requested(vector: number): boolean {
    return (this.read(REGISTER.request + (vector >> 5) * 16) & (1 << (vector & 31))) !== 0;
  }
}

describe("local APIC", () => {
  it("is after power-on as the manual says: enabled, all entries masked, software-disabled", () => {
    const { apic } = new Rig();
    assert.equal(apic.base, 0xfee00900);
    const reset: readonly (readonly [number, number])[] = [
      [REGISTER.id, 0],
      [REGISTER.version, 0x50014],
      [REGISTER.taskPriority, 0],
      [REGISTER.logicalDestination, 0],
      [REGISTER.destinationFormat, 0xffffffff],
      [REGISTER.spuriousVector, 0xff],
      [REGISTER.timer, MASKED],
      [REGISTER.lint0, MASKED],
      [REGISTER.error, MASKED],
      [REGISTER.initialCount, 0],
      [REGISTER.divideConfiguration, 0],
    ];
    assert.deepEqual(
      reset.map(([offset]) => [offset, apic.memoryWindow.read(offset, 4)]),
      reset,
    );
  });

  it("hands over as SeaBIOS does on QEMU: the 8259 on LINT0, NMI on LINT1", () => {
    const { apic } = new Rig();
    apic.enterVirtualWireMode();
    const offsets = [REGISTER.spuriousVector, REGISTER.lint0, REGISTER.lint1];
    assert.deepEqual(offsets.map((offset) => apic.memoryWindow.read(offset, 4)), [0x1ff, 0x8700, 0x8400]); // prettier-ignore
  });

  it("accepts nothing while software-disabled, but keeps what waits", () => {
    const rig = Rig.enabled();
    rig.write(REGISTER.commandLow, SELF | 0x41);
    rig.write(REGISTER.spuriousVector, 0xff);
    rig.write(REGISTER.commandLow, SELF | 0x51);
    assert.deepEqual([rig.requested(0x41), rig.requested(0x51)], [true, false]);
    rig.write(REGISTER.timer, 0x41);
    assert.equal(rig.read(REGISTER.timer), MASKED | 0x41);
  });

  it("reports illegal vectors and registers in ESR, once it is written, and by its error entry", () => {
    const rig = Rig.enabled();
    rig.write(REGISTER.error, 0x60);
    rig.write(REGISTER.commandLow, SELF | 0x0f);
    assert.equal(rig.read(REGISTER.errorStatus), 0);
    assert.equal(rig.requested(0x60), true);
    rig.write(REGISTER.errorStatus, 0);
    assert.equal(rig.read(REGISTER.errorStatus), 0x60);
    rig.read(0x2a0);
    rig.write(REGISTER.errorStatus, 0);
    assert.equal(rig.read(REGISTER.errorStatus), 0x80);
  });

  it("answers bytes and words of a register, and zeros in the rest of its slot", () => {
    const { apic } = new Rig();
    const { memoryWindow } = apic;
    assert.deepEqual(
      [0x30, 0x31, 0x32, 0x34].map((offset) => memoryWindow.read(offset, 1)),
      [0x14, 0, 5, 0],
    );
    assert.equal(memoryWindow.read(0x32, 2), 5);
  });

  it("asks for interrupts above PPR only, gives the spurious vector when none is left", () => {
    const rig = Rig.enabled();
    rig.write(REGISTER.commandLow, SELF | 0x41);
    rig.write(REGISTER.commandLow, SELF | 0x52);
    assert.equal(rig.intr.level, true);
    assert.equal(rig.apic.acknowledge(), 0x52);
    assert.equal(rig.intr.level, false);
    assert.equal(rig.read(REGISTER.processorPriority), 0x50);
    assert.equal(rig.apic.acknowledge(), 0xff);
    rig.write(REGISTER.endOfInterrupt, 0);
    assert.equal(rig.intr.level, true);
    rig.apic.taskPriority = 0x40;
    assert.equal(rig.intr.level, false);
  });

  it("has a level-triggered LINT0 ask again after EOI while the pin is high", () => {
    const rig = Rig.enabled();
    rig.write(REGISTER.lint0, 0x8000 | 0x33);
    rig.apic.setLint0(true);
    assert.equal(rig.apic.acknowledge(), 0x33);
    assert.equal(rig.read(REGISTER.lint0), 0xc033);
    assert.equal(rig.intr.level, false);
    rig.write(REGISTER.endOfInterrupt, 0);
    assert.equal(rig.intr.level, true);
    rig.apic.setLint0(false);
    rig.apic.acknowledge();
    rig.write(REGISTER.endOfInterrupt, 0);
    assert.deepEqual([rig.read(REGISTER.lint0), rig.intr.level], [0x8033, false]);
  });

  it("turns LINT0 into NMIs, one for each edge", () => {
    const rig = Rig.enabled();
    rig.write(REGISTER.lint0, 0x400);
    assert.equal(rig.apic.turnsInterruptsIntoNmi, true);
    rig.apic.setLint0(true);
    rig.apic.setLint0(true);
    rig.apic.setLint0(false);
    rig.apic.setLint0(true);
    assert.deepEqual([rig.nmis, rig.intr.level], [2, false]);
  });

  it("passes the 8259 on the INTR pin while IA32_APIC_BASE.EN is 0, and comes back as after reset", () => {
    const rig = Rig.enabled();
    rig.apic.base = 0xfee00100;
    rig.apic.setLint0(true);
    assert.deepEqual([rig.intr.level, rig.apic.acknowledge()], [true, 0x77]);
    rig.apic.base = 0xfee00900;
    assert.deepEqual([rig.intr.level, rig.read(REGISTER.spuriousVector)], [false, 0xff]);
  });

  it("counts down at the tick rate, divided, and interrupts at the very tick", () => {
    for (const [divide, divisor] of [
      [0xb, 1],
      [0, 2],
      [3, 16],
      [8, 32],
      [0xa, 128],
    ] as const) {
      const rig = Rig.enabled();
      rig.write(REGISTER.divideConfiguration, divide);
      rig.write(REGISTER.timer, 0x40);
      rig.clock.advanceTo(1000);
      rig.write(REGISTER.initialCount, 100);
      rig.clock.advanceTo(1000 + 10 * divisor);
      assert.equal(rig.read(REGISTER.currentCount), 90);
      rig.clock.advanceTo(1000 + 100 * divisor - 1);
      assert.equal(rig.intr.level, false);
      rig.clock.advanceTo(1000 + 100 * divisor);
      assert.deepEqual([rig.intr.level, rig.read(REGISTER.currentCount)], [true, 0], `${divisor}`);
      assert.equal(rig.clock.nextDue(), Infinity);
    }
  });

  it("goes on from where it is when its rate or its mode changes, and repeats when periodic", () => {
    const rig = Rig.enabled();
    rig.write(REGISTER.divideConfiguration, 0xb);
    rig.write(REGISTER.timer, MASKED);
    rig.write(REGISTER.initialCount, 100);
    rig.clock.advanceTo(40);
    rig.write(REGISTER.divideConfiguration, 0);
    assert.equal(rig.read(REGISTER.currentCount), 60);
    rig.clock.advanceTo(60);
    rig.write(REGISTER.timer, MASKED | PERIODIC);
    assert.equal(rig.read(REGISTER.currentCount), 50);
    rig.clock.advanceTo(160 + 20);
    assert.equal(rig.read(REGISTER.currentCount), 90);
    rig.write(REGISTER.initialCount, 0);
    assert.deepEqual([rig.read(REGISTER.currentCount), rig.clock.nextDue()], [0, Infinity]);
  });

  it("fires at a deadline of the time-stamp counter, whatever software sets that to", () => {
    const rig = Rig.enabled();
    rig.apic.tscDeadline = 500n;
    assert.equal(rig.apic.tscDeadline, 0n, "only in its mode");
    rig.write(REGISTER.timer, DEADLINE | 0x40);
    rig.write(REGISTER.initialCount, 10);
    assert.equal(rig.clock.nextDue(), Infinity);
    rig.apic.tscDeadline = 500n;
    assert.equal(rig.clock.nextDue(), 500);
    rig.tsc.offset = 300n;
    rig.apic.tscChanged();
    assert.equal(rig.clock.nextDue(), 200);
    rig.clock.advanceTo(200);
    assert.deepEqual([rig.intr.level, rig.apic.tscDeadline], [true, 0n]);
    rig.apic.tscDeadline = 1n;
    rig.write(REGISTER.timer, 0x40);
    assert.deepEqual([rig.apic.tscDeadline, rig.clock.nextDue()], [0n, Infinity]);
  });

  it("has no deadline mode on a processor without it", () => {
    const rig = Rig.enabled({ hasTscDeadline: false });
    rig.write(REGISTER.timer, DEADLINE | 0x40);
    assert.equal(rig.read(REGISTER.timer), 0x40);
  });

  it("comes back from its saved state", () => {
    const rig = Rig.enabled();
    rig.write(REGISTER.timer, PERIODIC | 0x40);
    rig.write(REGISTER.initialCount, 1000);
    rig.write(REGISTER.commandLow, SELF | 0x41);
    rig.apic.acknowledge();
    rig.clock.advanceTo(500);
    const [apic, clock] = [structuredClone(rig.apic.save()), rig.clock.save()];
    const other = new Rig();
    other.clock.load(clock);
    other.apic.load(apic);
    assert.deepEqual(other.apic.save(), apic);
    for (const each of [rig, other]) {
      each.write(REGISTER.endOfInterrupt, 0);
      each.clock.advanceTo(2000);
    }
    assert.deepEqual([other.intr.level, other.apic.acknowledge()], [true, 0x40]);
    assert.equal(other.read(REGISTER.currentCount), rig.read(REGISTER.currentCount));
  });
});
