import assert from "node:assert/strict";
import { PhysicalMemory } from "../../src/engine/cpu/physicalMemory";
import { RAM_BASE } from "../../src/engine/cpu/layout";
import { CHUNK_BYTES, GuestMemory } from "../../src/engine/vmm/guestMemory";

const FIRST = 0x400000;

function memory(chunks: number): { ram: PhysicalMemory; guest: GuestMemory } {
  const size = FIRST + chunks * CHUNK_BYTES;
  const ram = new PhysicalMemory(new ArrayBuffer(RAM_BASE + size), size);
  return { ram, guest: new GuestMemory(ram, FIRST, chunks * CHUNK_BYTES) };
}

describe("guest memory", () => {
  it("gives every chunk a place of its own in host memory", () => {
    for (const chunks of [1, 2, 3, 7, 16]) {
      const { guest } = memory(chunks);
      const places = Array.from({ length: chunks }, (_, i) => guest.toHost(i * CHUNK_BYTES)!);
      assert.deepEqual(
        places.toSorted((a, b) => a - b),
        Array.from({ length: chunks }, (_, i) => FIRST + i * CHUNK_BYTES),
      );
    }
  });

  it("does not keep the guest's order", () => {
    const { guest } = memory(16);
    assert.notEqual(guest.toHost(CHUNK_BYTES)! - guest.toHost(0)!, CHUNK_BYTES);
  });

  it("reads ones and swallows writes where there is no RAM", () => {
    const { guest } = memory(1);
    assert.equal(guest.toHost(CHUNK_BYTES), undefined);
    guest.write32(CHUNK_BYTES, 0);
    assert.equal(guest.read32(CHUNK_BYTES), 0xffffffff);
    assert.equal(guest.read64(CHUNK_BYTES), 0xffffffffffffffffn);
    assert.equal(guest.read8(CHUNK_BYTES), 0xff);
  });

  it("writes bytes across chunks and drops those behind the end", () => {
    const { ram, guest } = memory(3);
    guest.writeBytes(CHUNK_BYTES - 2, Uint8Array.of(1, 2, 3, 4));
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => ram.read8(guest.toHost(CHUNK_BYTES - 2 + i)!)),
      [1, 2, 3, 4],
    );
    guest.writeBytes(3 * CHUNK_BYTES - 1, Uint8Array.of(9, 9));
    assert.equal(guest.read8(3 * CHUNK_BYTES - 1), 9);
  });
});
