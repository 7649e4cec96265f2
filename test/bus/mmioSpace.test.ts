import assert from "node:assert/strict";
import fc from "fast-check";
import { byteWindow } from "../../src/engine/bus/byteWindow";
import { MmioSpace } from "../../src/engine/bus/mmioSpace";
import type { Window } from "../../src/engine/bus/types";

function cells(length: number): { bytes: Uint8Array; window: Window } {
  const bytes = new Uint8Array(length);
  const window = byteWindow({
    read: (offset) => bytes[offset]!,
    write: (offset, value) => (bytes[offset] = value),
  });
  return { bytes, window };
}

describe("memory-mapped space", () => {
  it("finds the window of an address and nothing beside it", () => {
    const space = new MmioSpace();
    const { window } = cells(0x1000);
    space.add(0xfee0_0000, 0x1000, window, "apic");
    space.add(0xffff_0000_0000, 0x10, window, "high");
    assert.deepEqual(space.find(0xfee0_0ffc), { window, offset: 0xffc, name: "apic" });
    assert.equal(space.find(0xffff_0000_0008)?.name, "high");
    assert.equal(space.find(0xfee0_1000), undefined);
    assert.equal(space.find(0xfedf_ffff), undefined);
  });

  it("refuses overlaps and places beyond 48 bits", () => {
    const space = new MmioSpace();
    const { window } = cells(16);
    space.add(0xb8000, 0x8000, window, "vga");
    assert.throws(() => space.add(0xbfff0, 0x20, window, "late"), /overlaps vga/);
    assert.throws(() => space.add(0xb0000, 0x8001, window, "early"), /overlaps vga/);
    assert.throws(() => space.add(2 ** 48 - 1, 2, window, "far"), /outside physical memory/);
  });

  it("reads back what was written, at any place and size, over borders and holes", () => {
    const widths = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff } as const;
    fc.assert(
      fc.property(
        fc.integer({ min: 0x0f0, max: 0x12f }),
        fc.constantFrom(1 as const, 2 as const, 4 as const),
        fc.nat(0xffff_ffff),
        (address, size, value) => {
          const space = new MmioSpace();
          space.add(0x100, 0x10, cells(0x10).window, "a");
          space.add(0x110, 0x10, cells(0x10).window, "b");
          space.write(address, size, value);
          let expected = 0;
          for (let index = 0; index < size; index++) {
            const answers = address + index >= 0x100 && address + index < 0x120;
            const byte = answers ? (value >>> (8 * index)) & 0xff : 0xff;
            expected += byte * 2 ** (8 * index);
          }
          assert.equal(space.read(address, size), expected);
          assert.ok(expected <= widths[size]);
        },
      ),
    );
  });

  it("takes eight bytes as two accesses of four, low half first", () => {
    const space = new MmioSpace();
    const log: string[] = [];
    space.add(
      0x1000,
      8,
      {
        read: (offset) => (offset === 0 ? 0x55667788 : 0x91223344),
        write: (offset, size, value) => log.push(`${offset}/${size}=${value.toString(16)}`),
      },
      "timer",
    );
    assert.equal(space.read64(0x1000), 0x9122334455667788n);
    space.write64(0x1000, 0xfedcba9876543210n);
    assert.deepEqual(log, ["0/4=76543210", "4/4=fedcba98"]);
  });
});
