import assert from "node:assert/strict";
import { FwCfg } from "../../src/engine/devices/fwCfg/device";
import { pcRig } from "./rig";

const SELECTOR = 0x510;
const DATA = 0x511;

function device(memorySizeBytes = 64 << 20): FwCfg {
  return new FwCfg({ memorySizeBytes, processorCount: 1 });
}

function select(fwCfg: FwCfg, key: number): void {
  fwCfg.windows.selectorAndData.write(0, 2, key);
}

function read(fwCfg: FwCfg, count: number): number[] {
  return Array.from({ length: count }, () => fwCfg.windows.selectorAndData.read(1, 1));
}

function item(fwCfg: FwCfg, key: number, count: number): number[] {
  select(fwCfg, key);
  return read(fwCfg, count);
}

describe("firmware configuration interface", () => {
  it("answers with its signature on a PC's ports", () => {
    const { pc } = pcRig();
    pc.ports.write(SELECTOR, 2, 0);
    const letters = [1, 2, 3, 4].map(() => pc.ports.read(DATA, 1));
    assert.equal(String.fromCharCode(...letters), "QEMU");
  });

  it("offers the interface by ports and no DMA", () => {
    assert.deepEqual(item(device(), 0x01, 4), [1, 0, 0, 0]);
  });

  it("tells the memory size as a little-endian quadword, also above 4 GiB", () => {
    assert.deepEqual(item(device(64 << 20), 0x03, 8), [0, 0, 0, 4, 0, 0, 0, 0]);
    assert.deepEqual(item(device(5 * 2 ** 30), 0x03, 8), [0, 0, 0, 0x40, 1, 0, 0, 0]);
  });

  it("tells that there is one processor and never more", () => {
    assert.deepEqual(
      [item(device(), 0x05, 2), item(device(), 0x0f, 2)],
      [
        [1, 0],
        [1, 0],
      ],
    );
  });

  it("has a file directory without files", () => {
    assert.deepEqual(item(device(), 0x19, 4), [0, 0, 0, 0]);
  });

  it("gives zeros behind the end and for keys that do not exist", () => {
    const fwCfg = device();
    assert.deepEqual(item(fwCfg, 0x00, 6), [0x51, 0x45, 0x4d, 0x55, 0, 0]);
    assert.deepEqual(item(fwCfg, 0x3333, 2), [0, 0]);
    assert.deepEqual(item(fwCfg, 0x8000, 2), [0, 0]);
  });

  it("starts an item anew when it is selected again, also to write, which changes nothing", () => {
    const fwCfg = device();
    assert.deepEqual(item(fwCfg, 0x00, 2), [0x51, 0x45]);
    select(fwCfg, 0x4000);
    fwCfg.windows.selectorAndData.write(1, 1, 0x99);
    assert.deepEqual(read(fwCfg, 2), [0x51, 0x45]);
  });

  it("takes a key only as a word, and gives bytes only", () => {
    const fwCfg = device();
    select(fwCfg, 0x05);
    fwCfg.windows.selectorAndData.write(0, 1, 0x00);
    assert.equal(fwCfg.windows.selectorAndData.read(0, 2), 0xffff);
    assert.deepEqual(read(fwCfg, 2), [1, 0]);
  });

  it("goes on in the middle of an item after a snapshot", () => {
    const fwCfg = device();
    item(fwCfg, 0x00, 2);
    const saved = structuredClone(fwCfg.save());
    const other = device();
    other.load(saved);
    assert.deepEqual(
      [read(other, 2), read(fwCfg, 2)],
      [
        [0x4d, 0x55],
        [0x4d, 0x55],
      ],
    );
  });
});
