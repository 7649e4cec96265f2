import assert from "node:assert/strict";
import { guest } from "../support/guest";

describe("the dry run of the VM-entry checks", () => {
  it("finds nothing wrong with a VMCS whose 32-bit guest is running", () => {
    const machine = guest("bits 32\norg 0x100000\nagain: inc eax\njmp again\n", {
      vmm: "hardware-assisted",
    });
    machine.run(10_000, { breakpoints: new Set() });
    assert.equal(machine.world, "guest");
    assert.deepEqual(machine.entryViolations(), []);
  });
});

describe("instructions", () => {
  it("do not count the time that the processor is halted", () => {
    const machine = guest(`
      bits 16
      org 0x7c00
      xor ax, ax
      mov ds, ax
      mov word [8 * 4], tick
      mov word [8 * 4 + 2], ax
      sti
      hlt
      out 0xf4, al
    tick:
      mov al, 0x20
      out 0x20, al
      iret
    `);
    let stop;
    while (!(stop = machine.run(1_000_000, { breakpoints: new Set() })));
    assert.equal(stop.reason, "debug-exit");
    assert.ok(machine.position > 1_000_000, "the timer takes its time");
    assert.ok(machine.instructions < 20, `${machine.instructions} instructions`);
  });
});
