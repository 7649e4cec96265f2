import assert from "node:assert/strict";
import { bareProcessor } from "../support/bareProcessor";
import { RFLAGS } from "../../src/engine/cpu/systemState";

/** CMPSB in 16-bit code; gives the flags. */
function compareBytes(source: number, destination: number): number {
  const { cpu, executor } = bareProcessor(16, 1 << 20);
  const [es, ds] = [0, 3] as const;
  cpu.system.segments[es] = { ...cpu.segment(es), base: 0x20000n };
  cpu.system.segments[ds] = { ...cpu.segment(ds), base: 0x30000n };
  cpu.refresh();
  cpu.ram.write8(0x400, 0xa6);
  cpu.ram.write8(0x30010, source);
  cpu.ram.write8(0x20020, destination);
  cpu.setGpr(6, 0x10n);
  cpu.setGpr(7, 0x20n);
  cpu.rip = 0x400n;
  executor.run(1);
  return cpu.rflags;
}

describe("a string comparison", () => {
  it("reads its source through DS and its destination through ES when they differ", () => {
    assert.equal(compareBytes(7, 7) & RFLAGS.ZF, RFLAGS.ZF);
  });

  it("subtracts the destination from the source", () => {
    // C0 - 48 = 78: overflow, auxiliary carry, even parity.
    assert.equal(compareBytes(0xc0, 0x48), 0x816);
  });
});
