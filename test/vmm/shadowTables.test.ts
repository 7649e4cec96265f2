import assert from "node:assert/strict";
import { RAM_BASE } from "../../src/engine/cpu/layout";
import { PhysicalMemory } from "../../src/engine/cpu/physicalMemory";
import { decodeEntry } from "../../src/engine/isa/pageTables";
import {
  HostMemory,
  initialHostMemory,
  type HostMemoryState,
} from "../../src/engine/vmm/hostMemory";
import { ShadowTables, leafEntry, type ShadowFormat, type ShadowLeaf } from "../../src/engine/vmm/memory/shadowLazy/shadowTables"; // prettier-ignore

const RESERVED = 0x40000;
const OPTIONS = { physicalAddressBits: 40, executeDisable: true };
const LEAF: ShadowLeaf = {
  hpa: 0x123000,
  writable: true,
  user: true,
  executable: true,
  guestPageSize: 4096,
};

function tables(format: ShadowFormat): { shadow: ShadowTables; state: HostMemoryState } {
  const ram = new PhysicalMemory(new ArrayBuffer(RAM_BASE + RESERVED), RESERVED);
  const state = initialHostMemory(0);
  const host = new HostMemory(ram, RESERVED, () => state);
  return { shadow: new ShadowTables(ram, host, format, host.allocate()), state };
}

describe("shadow page tables", () => {
  for (const format of ["pae", "4-level"] as const) {
    const high = format === "pae" ? 0xffc01000n : 0xffff800000201000n;

    it(`hold what was filled (${format})`, () => {
      const { shadow } = tables(format);
      assert.equal(shadow.read(high), 0n);
      shadow.fill(high, LEAF);
      const entry = decodeEntry(shadow.read(high), format, 1, OPTIONS);
      assert.deepEqual(
        [entry.frame, entry.writable, entry.user, entry.executable, entry.malformed],
        [0x123000n, true, true, true, undefined],
      );
      assert.equal(shadow.read(high + 0x1000n), 0n);
    });

    it(`give their pages back when cleared (${format})`, () => {
      const { shadow, state } = tables(format);
      const { next } = state;
      shadow.fill(high, LEAF);
      shadow.fill(0x5000n, LEAF);
      const taken = state.next - next;
      shadow.clear();
      assert.equal(shadow.read(high), 0n);
      assert.equal(state.free.length * 4096, taken);
    });
  }

  it("carry the guest's rights in the leaf", () => {
    const entry = decodeEntry(
      leafEntry({ ...LEAF, writable: false, user: false, executable: false }),
      "pae",
      1,
      OPTIONS,
    );
    assert.deepEqual([entry.writable, entry.user, entry.executable], [false, false, false]);
  });

  it("drop only the page that INVLPG names if it is a small one", () => {
    const { shadow } = tables("pae");
    shadow.fill(0x400000n, LEAF);
    shadow.fill(0x401000n, LEAF);
    assert.equal(shadow.dropWithFragments(0x400000n, false), false);
    assert.equal(shadow.read(0x400000n), 0n);
    assert.notEqual(shadow.read(0x401000n), 0n);
  });

  it("drop all fragments of a large page, whichever of them INVLPG names", () => {
    const { shadow } = tables("pae");
    const large = { ...LEAF, guestPageSize: 0x400000 };
    shadow.fill(0x400000n, large);
    shadow.fill(0x7ff000n, large);
    shadow.fill(0x800000n, large);
    assert.equal(shadow.dropWithFragments(0x555000n, false), true);
    assert.deepEqual([shadow.read(0x400000n), shadow.read(0x7ff000n)], [0n, 0n]);
    assert.notEqual(shadow.read(0x800000n), 0n);
  });

  it("drop fragments of a 1 GiB page when there are any", () => {
    const { shadow } = tables("4-level");
    const huge = { ...LEAF, guestPageSize: 0x40000000 };
    shadow.fill(0x40000000n, huge);
    shadow.fill(0x7ffff000n, huge);
    assert.equal(shadow.dropWithFragments(0x50000000n, true), true);
    assert.deepEqual([shadow.read(0x40000000n), shadow.read(0x7ffff000n)], [0n, 0n]);
  });

  it("say so when host memory is used up", () => {
    const { shadow } = tables("4-level");
    let filled = 0;
    while (filled < 1000 && shadow.fill(BigInt(filled) << 39n, LEAF)) filled++;
    assert.ok(filled > 5 && filled < 64, `${filled} address ranges fitted`);
  });
});
