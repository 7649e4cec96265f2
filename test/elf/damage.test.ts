import assert from "node:assert/strict";
import { loadImage, UserError } from "../../src/engine/index";
import { ELF_NAMES, elfBytes } from "./fixtures";

/** The same damage in every run. */
class Random {
  constructor(private state: number) {}

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 0x1_0000_0000) * limit);
  }
}

/** Loads what is left of a file: lines and symbols, or a refusal that a person can read. Anything else is a bug. */
function load(bytes: Uint8Array): "loaded" | "refused" {
  try {
    loadImage({ name: "kernel.elf", bytes, memoryBytes: 1 << 24 });
    return "loaded";
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return "refused";
  }
}

describe("damaged ELF files", () => {
  for (const name of ELF_NAMES) {
    it(`${name} may be cut off anywhere`, () => {
      const bytes = elfBytes(name);
      for (let length = 0; length < bytes.length; length += 37) load(bytes.slice(0, length));
    });

    it(`${name} may have any bytes changed`, () => {
      const whole = elfBytes(name);
      const random = new Random(whole.length);
      const outcomes = { loaded: 0, refused: 0 };
      for (let round = 0; round < 200; round++) {
        const bytes = whole.slice();
        const changes = 1 + random.below(12);
        for (let change = 0; change < changes; change++) {
          bytes[random.below(bytes.length)] = random.below(4) === 0 ? 0xff : random.below(256);
        }
        outcomes[load(bytes)]++;
      }
      // Damage to debug information must not keep a program from running.
      assert.ok(outcomes.loaded > 50, JSON.stringify(outcomes));
    });
  }
});
