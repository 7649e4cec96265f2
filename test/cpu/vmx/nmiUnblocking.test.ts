import assert from "node:assert/strict";
import { enterGuest } from "../../../src/engine/cpu/vmx/entry";
import { controlMask } from "../../../src/engine/isa/vmx/controls";
import { PLACE, Rig } from "./rig";

const IRETQ = [0x48, 0xcf];
const NMI_BLOCKING = 8;
const UNBLOCKING = 0x1000n;
const stackEntry = (PLACE.guestStack - 1) & ~0xfff;

type Pin = "nmiExiting" | "virtualNmis";

/** A guest in its NMI handler, about to execute IRET; `controls` are the pin-based ones on NMIs. */
function inHandler(controls: readonly Pin[], prepare: (rig: Rig) => void): Rig {
  const rig = new Rig();
  for (const key of ["nmiExiting", "virtualNmis"] as const)
    rig.setBits("PIN_BASED_CONTROLS", controlMask("pin", key), controls.includes(key));
  rig.write("GUEST_INTERRUPTIBILITY_STATE", NMI_BLOCKING);
  rig.write("GUEST_RSP", PLACE.guestStack - 0x40);
  prepare(rig);
  assert.equal(enterGuest(rig.cpu, true).outcome.kind, "enter");
  rig.step(IRETQ);
  return rig;
}

const stackNotInEpt = (rig: Rig): void => {
  rig.setEpt(stackEntry, stackEntry, 0);
};
const nullFrame = (rig: Rig): void => {
  rig.write("EXCEPTION_BITMAP", 1 << 13);
};

describe("NMI unblocking due to IRET", () => {
  for (const controls of [[], ["nmiExiting", "virtualNmis"]] as const) {
    const name = controls.length === 0 ? "NMIs" : "virtual NMIs";
    it(`is bit 12 of the qualification of an EPT violation (${name}), and nothing is blocked any more`, () => {
      const rig = inHandler(controls, stackNotInEpt);
      assert.equal(rig.exitKey, "EPT_VIOLATION");
      assert.equal(rig.read("EXIT_QUALIFICATION"), 0x181n | UNBLOCKING);
      assert.equal(rig.read("GUEST_INTERRUPTIBILITY_STATE"), 0n);
    });

    it(`is bit 12 of the interruption information of a fault (${name})`, () => {
      const rig = inHandler(controls, nullFrame);
      assert.equal(rig.read("VM_EXIT_INTERRUPTION_INFORMATION"), 0x80000b0dn | UNBLOCKING);
      assert.equal(rig.read("GUEST_INTERRUPTIBILITY_STATE"), 0n);
    });
  }

  it("is not there when nothing was blocked", () => {
    const rig = inHandler([], (each) => {
      stackNotInEpt(each);
      each.write("GUEST_INTERRUPTIBILITY_STATE", 0);
    });
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x181n);
  });

  it("does not happen where NMIs exit and are not virtual: they stay blocked", () => {
    const rig = inHandler(["nmiExiting"], stackNotInEpt);
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x181n);
    assert.equal(rig.read("GUEST_INTERRUPTIBILITY_STATE"), BigInt(NMI_BLOCKING));
  });

  it("is not told of an exit during the delivery of the fault that IRET met", () => {
    const rig = inHandler([], (each) => {
      each.setEpt(PLACE.guestIdt, PLACE.guestIdt, 0);
    });
    assert.equal(rig.exitKey, "EPT_VIOLATION");
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x181n);
    assert.equal(rig.read("IDT_VECTORING_INFORMATION"), 0x80000b0dn);
  });

  it("is over with the IRET that completes", () => {
    const rig = inHandler([], (each) => {
      const { ram } = each.cpu;
      const frame = PLACE.guestStack - 0x40;
      const words = [PLACE.guestCode, 8, 2, PLACE.guestStack, 0x10];
      words.forEach((word, i) => {
        ram.write64(frame + 8 * i, BigInt(word));
      });
      each.setEpt(PLACE.data, PLACE.data, 0);
    });
    assert.equal(rig.cpu.rip, BigInt(PLACE.guestCode));
    rig.cpu.setGpr(3, BigInt(PLACE.data));
    rig.step([0x8a, 0x03]);
    assert.equal(rig.read("EXIT_QUALIFICATION"), 0x181n);
  });
});

describe("An NMI whose delivery exits", () => {
  it("is in the IDT-vectoring information, and NMIs are blocked", () => {
    const rig = new Rig();
    rig.write("VM_ENTRY_INTERRUPTION_INFORMATION", 0x80000202n);
    rig.setEpt(PLACE.guestIdt, PLACE.guestIdt, 0);
    enterGuest(rig.cpu, true);
    assert.equal(rig.exitKey, "EPT_VIOLATION");
    assert.equal(rig.read("IDT_VECTORING_INFORMATION"), 0x80000202n);
    assert.equal(rig.read("GUEST_INTERRUPTIBILITY_STATE"), BigInt(NMI_BLOCKING));
  });
});
