import assert from "node:assert/strict";
import fc from "fast-check";
import { vmEntryOutcome } from "../../../src/engine/cpu/vmx/entryChecks/checkVmEntry";
import { entryContext } from "../../../src/engine/cpu/vmx/entryContext";
import { currentEntryOutcome } from "../../../src/engine/cpu/vmx/entryMemo";
import { VMCS_FIELDS } from "../../../src/engine/isa/vmx/vmcsFields";
import type { GuestKind } from "../../support/validVmcs";
import { Rig } from "./rig";

const KINDS: readonly GuestKind[] = ["long64", "protected32", "pae32", "real16", "virtual8086"];

/** A field gets another value: a bit flipped, or the value that it has in a VMCS of another kind. */
const change = fc.record({
  field: fc.constantFrom(...VMCS_FIELDS.map(({ name }) => name)),
  bit: fc.option(fc.nat(31)),
  like: fc.constantFrom(...KINDS),
});

describe("VM-entry checks that remember", () => {
  const rigs = Object.fromEntries(KINDS.map((kind) => [kind, new Rig(kind)]));

  it("give the outcome of the full checks, whatever changes between entries", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS),
        fc.array(change, { maxLength: 12 }),
        (kind, changes) => {
          const rig = rigs[kind]!;
          const original = VMCS_FIELDS.map(({ name }) => [name, rig.read(name)] as const);
          for (const { field, bit, like } of changes) {
            const value =
              bit === null ? rigs[like]!.read(field) : rig.read(field) ^ (1n << BigInt(bit));
            rig.write(field, value);
            assert.deepEqual(currentEntryOutcome(rig.cpu), vmEntryOutcome(entryContext(rig.cpu)));
          }
          for (const [name, value] of original) rig.write(name, value);
          assert.deepEqual(currentEntryOutcome(rig.cpu), { kind: "enter" });
        },
      ),
      { numRuns: 60 },
    );
  });

  it("see what changed in memory and in the processor", () => {
    const rig = new Rig("pae32", (fields) => {
      fields.set("SECONDARY_PROCESSOR_BASED_CONTROLS", 0n);
      fields.set("GUEST_CR3", 0x3000n);
    });
    rig.cpu.ram.write64(0x3000, 1n);
    assert.equal(currentEntryOutcome(rig.cpu).kind, "enter");
    rig.cpu.ram.write64(0x3000, 3n);
    assert.equal(currentEntryOutcome(rig.cpu).kind, "entry-failure");
    rig.cpu.ram.write64(0x3000, 1n);
    rig.cpu.system.efer = 0;
    assert.equal(currentEntryOutcome(rig.cpu).kind, "fail-valid");
  });
});
