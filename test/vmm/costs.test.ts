import assert from "node:assert/strict";
import { COST_PROFILES, DEFAULT_COST_PROFILE, costProfile } from "../../src/engine/vmm/costs";
import { guest } from "../support/guest";

describe("cost profiles", () => {
  it("name a source for every figure", () => {
    for (const { vmExit, vmEntry, vmRead, vmWrite, trap, pageFault } of COST_PROFILES)
      for (const { cycles, source } of [vmExit, vmEntry, vmRead, vmWrite, trap, pageFault])
        assert.ok(cycles > 0 && source.length > 10, source);
  });

  it("start with the default", () => {
    assert.equal(COST_PROFILES[0]?.name, DEFAULT_COST_PROFILE);
    assert.equal(costProfile("none of these"), undefined);
  });

  it("give the same exit the same price each time", () => {
    const text =
      "bits 32\norg 0x100000\n" + "in al, 0x80\n".repeat(4) + "mov al, 0\nout 0xf4, al\n";
    const machine = guest(text, { vmm: "hardware-assisted", recording: false });
    const prices: number[] = [];
    let before = 0;
    const price = (): void => {
      const cycles = machine.exits().find(({ key }) => key === "IO_INSTRUCTION")?.cycles ?? 0;
      if (machine.world === "guest" && cycles !== before) prices.push(cycles - before);
      if (machine.world === "guest") before = cycles;
    };
    for (let i = 0; i < 200 && prices.length < 4; i++) {
      machine.step();
      price();
    }
    assert.equal(prices.length, 4);
    assert.equal(new Set(prices).size, 1);
    assert.ok(prices[0]! > 1931 + 2409);
  });
});
