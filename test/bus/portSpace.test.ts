import assert from "node:assert/strict";
import { byteWindow } from "../../src/engine/bus/byteWindow";
import { PortSpace } from "../../src/engine/bus/portSpace";
import type { Window } from "../../src/engine/bus/types";

/** A window that reads as its own offset plus `first`, and logs every access. */
function recorder(name: string, first: number, log: string[]): Window {
  return {
    read(offset, size) {
      log.push(`${name} read ${offset} size ${size}`);
      return first + offset;
    },
    write(offset, size, value) {
      log.push(`${name} write ${offset} size ${size} = ${value.toString(16)}`);
    },
  };
}

describe("port space", () => {
  it("gives a device offsets in its own window", () => {
    const log: string[] = [];
    const ports = new PortSpace();
    ports.add(0x3f8, 8, recorder("com", 0x10, log), "com");
    assert.equal(ports.read(0x3fd, 1), 0x15);
    ports.write(0x3f8, 4, 0x12345678);
    assert.deepEqual(log, ["com read 5 size 1", "com write 0 size 4 = 12345678"]);
  });

  it("splits an access over neighbouring windows into bytes", () => {
    const log: string[] = [];
    const ports = new PortSpace();
    ports.add(0x20, 2, recorder("a", 0xa0, log), "a");
    ports.add(0x22, 1, recorder("b", 0xb0, log), "b");
    assert.equal(ports.read(0x21, 4), 0xffff_b0a1);
    ports.write(0x21, 2, 0xbbaa);
    assert.deepEqual(log, [
      "a read 1 size 1",
      "b read 0 size 1",
      "a write 1 size 1 = aa",
      "b write 0 size 1 = bb",
    ]);
  });

  it("reads all ones where nothing answers, also past the last port", () => {
    const ports = new PortSpace();
    assert.deepEqual(
      [ports.read(0x99, 1), ports.read(0x99, 2), ports.read(0xffff, 4)],
      [0xff, 0xffff, 0xffff_ffff],
    );
    ports.write(0x99, 4, 1);
  });

  it("refuses overlaps and places outside", () => {
    const ports = new PortSpace();
    const window = recorder("x", 0, []);
    ports.add(0x60, 4, window, "first");
    assert.throws(() => ports.add(0x63, 2, window, "second"), /0x63 of second .* first/);
    assert.throws(() => ports.add(0xffff, 2, window, "outside"), /outside the port space/);
    assert.deepEqual(ports.list(), [{ base: 0x60, length: 4, name: "first" }]);
  });

  it("lists windows by rising base, and names what answers", () => {
    const ports = new PortSpace();
    const window = recorder("x", 0, []);
    ports.addDevice(
      "pic",
      { slave: { base: 0xa0, length: 2 }, master: { base: 0x20, length: 2 } },
      {
        slave: window,
        master: window,
      },
    );
    assert.deepEqual(ports.list(), [
      { base: 0x20, length: 2, name: "pic master" },
      { base: 0xa0, length: 2, name: "pic slave" },
    ]);
    assert.equal(ports.nameAt(0xa1), "pic slave");
    assert.equal(ports.nameAt(0xa2), undefined);
  });

  it("feeds an 8-bit chip a wide access as bytes, lowest port first", () => {
    const log: string[] = [];
    const ports = new PortSpace();
    const chip = {
      read: (offset: number) => 0x40 + offset,
      write: (offset: number, value: number) => log.push(`${offset}=${value.toString(16)}`),
    };
    ports.add(0x3d4, 2, byteWindow(chip), "crtc");
    ports.write(0x3d4, 2, 0x120e);
    assert.deepEqual(log, ["0=e", "1=12"]);
    assert.equal(ports.read(0x3d4, 2), 0x4140);
  });
});
