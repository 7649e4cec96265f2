import assert from "node:assert/strict";
import { enterGuest } from "../../../src/engine/cpu/vmx/entry";
import { controlMask } from "../../../src/engine/isa/vmx/controls";
import { PLACE, Rig } from "./rig";

const LOG = 0x50000;
const STORE = [0x88, 0x03]; // mov [rbx], al
const LOAD = [0x8a, 0x03]; // mov al, [rbx]
const DIRTY = 0x200;
const WITH_ACCESSED_DIRTY = 0x705en;
const dataEntry = PLACE.eptPages + (PLACE.data / 4096) * 8;

/** A guest with a page-modification log, RBX at the data page. */
function logging(index: number, prepare: (rig: Rig) => void = () => undefined): Rig {
  const rig = new Rig();
  rig.setBits("SECONDARY_PROCESSOR_BASED_CONTROLS", controlMask("secondary", "enablePml"));
  rig.write("EPT_POINTER", WITH_ACCESSED_DIRTY);
  rig.write("PML_ADDRESS", LOG);
  rig.write("GUEST_PML_INDEX", index);
  prepare(rig);
  assert.equal(enterGuest(rig.cpu, true).outcome.kind, "enter");
  rig.cpu.setGpr(3, BigInt(PLACE.data + 0x123));
  return rig;
}

/** The log from the entry written first, down to the free one. */
function logged(rig: Rig, first: number): bigint[] {
  const index = Number(rig.read("GUEST_PML_INDEX"));
  const count = (first - index) & 0xffff;
  return Array.from({ length: count }, (_, i) => rig.cpu.ram.read64(LOG + 8 * (first - i)));
}

/** The guest's paging structures count as written whenever a walk uses them. */
const TABLES = [BigInt(PLACE.guestTables), 0x3000n];

describe("The page-modification log", () => {
  it("lists the pages whose dirty flag is set, guest paging structures among them, downwards", () => {
    const rig = logging(511);
    rig.step(STORE);
    assert.deepEqual(logged(rig, 511), [...TABLES, BigInt(PLACE.data)]);
  });

  it("lists a page once as long as its dirty flag stays", () => {
    const rig = logging(511);
    rig.step(STORE);
    rig.step(STORE);
    assert.equal(logged(rig, 511).length, 3);
  });

  it("does not list what is only read", () => {
    const rig = logging(511);
    rig.step(LOAD);
    assert.deepEqual(logged(rig, 511), TABLES);
  });

  it("is not kept without accessed and dirty flags, or without the control", () => {
    const plain = logging(511, (rig) => {
      rig.write("EPT_POINTER", 0x701en);
    });
    const off = logging(511, (rig) => {
      rig.setBits(
        "SECONDARY_PROCESSOR_BASED_CONTROLS",
        controlMask("secondary", "enablePml"),
        false,
      );
    });
    for (const rig of [plain, off]) {
      rig.step(STORE);
      assert.equal(rig.cpu.system.vmx.nonRoot, true);
      assert.equal(rig.read("GUEST_PML_INDEX"), 511n);
    }
  });

  it("is full behind entry 0: the write exits, again and again, and sets no flag until there is room", () => {
    const rig = logging(2);
    rig.step([0x90]);
    assert.deepEqual(logged(rig, 2), TABLES);
    rig.write("GUEST_PML_INDEX", 0xffff);
    for (const launched of [true, false]) {
      if (!launched) enterGuest(rig.cpu, false);
      rig.step(STORE);
      assert.equal(rig.exitKey, "PML_FULL");
      assert.equal(rig.read("EXIT_QUALIFICATION"), 0n);
      assert.equal(rig.read("GUEST_RIP"), BigInt(PLACE.guestCode + 1));
      assert.equal(rig.read("GUEST_RFLAGS") & 0x10000n, 0x10000n);
      assert.equal(rig.cpu.ram.read32(dataEntry) & DIRTY, 0);
      assert.equal(rig.read("GUEST_PML_INDEX"), 0xffffn);
    }
    rig.write("GUEST_PML_INDEX", 511);
    enterGuest(rig.cpu, false);
    rig.step(STORE);
    assert.deepEqual(logged(rig, 511), [BigInt(PLACE.data)]);
    assert.equal(rig.cpu.ram.read32(dataEntry) & DIRTY, DIRTY);
  });

  it("counts down from 0 to 0xffff", () => {
    const rig = logging(2);
    rig.step(STORE);
    assert.equal(rig.read("GUEST_PML_INDEX"), 0xffffn);
    assert.equal(rig.cpu.system.vmx.nonRoot, true);
  });

  it("that is full exits for an accessed flag, too", () => {
    const rig = logging(512);
    rig.step([0x90]);
    assert.equal(rig.exitKey, "PML_FULL");
  });

  it("that is full while an event is delivered leaves the event in the IDT-vectoring information", () => {
    const rig = logging(511);
    rig.step([0x90]);
    rig.write("GUEST_PML_INDEX", 0xffff);
    rig.step([0x0f, 0x0b]);
    assert.equal(rig.exitKey, "PML_FULL");
    assert.equal(rig.read("IDT_VECTORING_INFORMATION"), 0x80000306n);
  });
});
