import assert from "node:assert/strict";
import { decodeEntry, entryIndex, type PagingLevel } from "../../src/engine/isa/pageTables";
import { RAM_BASE } from "../../src/engine/cpu/layout";
import { PhysicalMemory } from "../../src/engine/cpu/physicalMemory";
import { CHUNK_BYTES, GuestMemory } from "../../src/engine/vmm/guestMemory";
import { HostMemory, initialHostMemory } from "../../src/engine/vmm/hostMemory";
import { buildEpt, eptPointer } from "../../src/engine/vmm/memory/nested/eptTables";

const RESERVED = 0x200000;
const CHUNKS = 5;
const OPTIONS = { physicalAddressBits: 40, pages1G: true, executeOnly: true };

function built(): { ram: PhysicalMemory; guest: GuestMemory; root: number } {
  const size = RESERVED + CHUNKS * CHUNK_BYTES;
  const ram = new PhysicalMemory(new ArrayBuffer(RAM_BASE + size), size);
  const guest = new GuestMemory(ram, RESERVED, CHUNKS * CHUNK_BYTES);
  const state = initialHostMemory(0);
  const host = new HostMemory(ram, RESERVED, () => state);
  return { ram, guest, root: buildEpt({ ram, host }, guest) };
}

/** HPA and page size by the tables alone. */
function walk(ram: PhysicalMemory, root: number, gpa: number): readonly [number, number] | "none" {
  let table = root;
  for (let level: PagingLevel = 4; ; level = (level - 1) as PagingLevel) {
    const raw = ram.read64(table + entryIndex("ept", level, BigInt(gpa)) * 8);
    const entry = decodeEntry(raw, "ept", level, OPTIONS);
    if (!entry.present) return "none";
    assert.equal(entry.malformed, undefined);
    assert.ok(entry.readable && entry.writable && entry.executable);
    if (entry.leaf) return [Number(entry.frame) + (gpa % entry.pageSize!), entry.pageSize!];
    table = Number(entry.frame);
  }
}

describe("extended page tables", () => {
  it("map every guest-physical address of RAM to its host address, and nothing else", () => {
    const { ram, guest, root } = built();
    for (let gpa = 0; gpa < guest.bytes; gpa += 0x1f7b3) {
      const found = walk(ram, root, gpa);
      assert.equal(found === "none" ? found : found[0], guest.toHost(gpa));
    }
    for (const gpa of [guest.bytes, 0xfee00000, 0x8000000000]) assert.equal(walk(ram, root, gpa), "none"); // prettier-ignore
  });

  it("use 2 MiB leaves, and 4 KiB leaves for the first 2 MiB", () => {
    const { ram, root } = built();
    assert.equal(walk(ram, root, 0xb8000)[1], 0x1000);
    assert.equal(walk(ram, root, 0x200000)[1], 0x200000);
  });

  it("are named by a pointer with four levels and write-back memory type", () => {
    assert.equal(eptPointer(0x5000), 0x501en);
  });
});
