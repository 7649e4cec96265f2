import assert from "node:assert/strict";
import { join } from "node:path";
import {
  createDebuggee,
  loadImage,
  type MmuKind,
  type Stop,
  type VmmKind,
} from "../../src/engine/index";
import { guest } from "../support/guest";
import { assembleFile } from "../support/sourceFiles";

const TECHNIQUES: readonly (readonly [VmmKind, MmuKind])[] = [
  ["none", "nested"],
  ["hardware-assisted", "nested"],
  ["hardware-assisted", "shadow-lazy"],
];

describe("typed keys reach a halted guest", () => {
  for (const [vmm, mmu] of TECHNIQUES) {
    it(`under ${vmm}, ${mmu}`, () => {
      const file = join(import.meta.dirname, "../../examples/keyboardEcho.asm");
      const image = loadImage({ name: "keyboardEcho.asm", assembly: assembleFile(file) });
      const machine = createDebuggee({ image, vmm, mmu, memoryBytes: 16 << 20, recording: false });
      const none = { breakpoints: new Set<bigint>() };
      machine.run(3_000_000, none);
      assert.match(machine.serialText(), /type, then press Enter/);
      machine.sendKeys("hi\n");
      let stop: Stop | undefined;
      for (let i = 0; i < 100 && stop?.reason !== "debug-exit"; i++)
        stop = machine.run(1_000_000, none);
      assert.equal(stop?.reason, "debug-exit");
      assert.match(machine.serialText(), /hi/);
    });
  }
});

describe("serial output", () => {
  it("may be long: its end is kept", () => {
    const text = "bits 32\nmov dx, 0x3f8\nmov ecx, 180000\nmov al, 'x'\nl: out dx, al\nloop l\nhlt";
    const machine = guest(text, { recording: false });
    for (let i = 0; i < 10; i++) machine.run(1_000_000, { breakpoints: new Set() });
    assert.equal(machine.serialText(), "x".repeat(180_000));
  });
});
