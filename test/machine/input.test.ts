import assert from "node:assert/strict";
import { join } from "node:path";
import {
  createDebuggee,
  loadImage,
  type MmuKind,
  type Stop,
  type VmmKind,
} from "../../src/engine/index";
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
