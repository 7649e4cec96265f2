import assert from "node:assert/strict";
import { guest, fingerprint, symbol } from "../support/guest";

/** Real mode with a timer interrupt, string instructions, self-modified code and serial output. */
const BUSY = `
bits 16
org 0x7c00
start:
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov word [8*4], tick
  mov word [8*4+2], 0
  mov al, 0xfe
  out 0x21, al
  mov al, 0x34
  out 0x43, al
  mov al, 100
  out 0x40, al
  xor al, al
  out 0x40, al
  sti
again:
  mov cx, 40
  mov di, 0x9000
  mov al, [count]
  rep stosb
  inc byte [patch + 1]
patch:
  mov bl, 0
  mov dx, 0x3f8
  mov al, bl
  out dx, al
  cmp byte [count], 5
  jb again
  mov al, 3
  out 0xf4, al
tick:
  inc byte [count]
  push ax
  mov al, 0x20
  out 0x20, al
  pop ax
  iret
count: db 0
`;

describe("time travel", () => {
  it("comes back to the same state after N steps forward and N back", () => {
    const machine = guest(BUSY);
    for (let i = 0; i < 100; i++) machine.step();
    const before = fingerprint(machine);
    for (let i = 0; i < 60; i++) machine.step();
    for (let i = 0; i < 60; i++) machine.stepBack();
    assert.equal(fingerprint(machine), before);
  });

  it("replays bit for bit, whatever the slices", () => {
    const machine = guest(BUSY);
    const none = { breakpoints: new Set<bigint>() };
    while (!machine.run(7919, none));
    const end = fingerprint(machine);
    machine.travelTo(1234);
    const middle = fingerprint(machine);
    machine.travelTo(10);
    machine.travelTo(1234);
    assert.equal(fingerprint(machine), middle);
    while (!machine.run(100_000, none));
    assert.equal(fingerprint(machine), end);
  });

  it("single-stepping equals running", () => {
    const stepped = guest(BUSY);
    const ran = guest(BUSY);
    for (let i = 0; i < 3000; i++) stepped.step();
    ran.run(stepped.position, { breakpoints: new Set() });
    assert.equal(ran.position, stepped.position);
    assert.equal(fingerprint(ran), fingerprint(stepped));
  });

  it("stops at the last breakpoint hit when it runs backwards", () => {
    const machine = guest(BUSY);
    const breakpoints = new Set([symbol(machine, "again")]);
    const control = { breakpoints };
    const positions: number[] = [];
    for (let i = 0; i < 4; i++) {
      const stop = machine.run(1_000_000, control);
      assert.equal(stop?.reason, "breakpoint");
      positions.push(machine.position);
    }
    let stop;
    while (!(stop = machine.runBackSlice(control)));
    assert.equal(stop.reason, "breakpoint");
    assert.equal(machine.position, positions[2]);
    while (!(stop = machine.runBackSlice(control)));
    assert.equal(machine.position, positions[1]);
  });

  it("says where history starts", () => {
    const machine = guest(BUSY);
    assert.deepEqual(machine.stepBack(), { reason: "history-start" });
  });

  it("replays input at the position where it arrived", () => {
    const machine = guest(`
      bits 16
      org 0x7c00
      mov dx, 0x3fd
    wait_byte:
      in al, dx
      test al, 1
      jz wait_byte
      mov dx, 0x3f8
      in al, dx
      inc al
      out dx, al
      out 0xf4, al
    `);
    const none = { breakpoints: new Set<bigint>() };
    machine.run(500, none);
    machine.sendSerial(Uint8Array.of(0x41));
    let stop;
    while (!(stop = machine.run(100_000, none)));
    assert.deepEqual(stop, { reason: "debug-exit", code: 0x42 });
    const end = fingerprint(machine);
    machine.travelTo(3);
    while (!(stop = machine.run(100_000, none)));
    assert.equal(fingerprint(machine), end);
  });

  it("forgets the future when the present is changed", () => {
    const machine = guest(BUSY);
    machine.run(500, { breakpoints: new Set() });
    machine.travelTo(100);
    machine.setRegister("rbx", 0x1234n);
    assert.equal(machine.horizon, 100);
    machine.step();
    machine.stepBack();
    assert.equal(machine.vcpu().registers.rbx, 0x1234n);
  });
});
