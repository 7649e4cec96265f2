import assert from "node:assert/strict";
import { bareProcessor } from "../support/bareProcessor";
import { RFLAGS } from "../../src/engine/cpu/systemState";

describe("a string comparison", () => {
  it("reads its source through DS and its destination through ES when they differ", () => {
    const { cpu, executor } = bareProcessor(16, 1 << 20);
    cpu.system.segments[0] = { ...cpu.segment(0), base: 0x2000n };
    cpu.refresh();
    cpu.ram.writeBytes(0x400, Uint8Array.from([0xa6]));
    cpu.ram.writeBytes(0x1000, Uint8Array.from([7]));
    cpu.ram.writeBytes(0x3100, Uint8Array.from([7]));
    cpu.registers[6] = 0x1000n;
    cpu.registers[7] = 0x1100n;
    cpu.rip = 0x400n;
    executor.run(1);
    assert.equal(cpu.rflags & RFLAGS.ZF, RFLAGS.ZF);
  });
});
