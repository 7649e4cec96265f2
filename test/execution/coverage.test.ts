import assert from "node:assert/strict";
import { EMITTED } from "../../src/engine/cpu/semantics";
import { SYSTEM_EVENTS } from "../../src/engine/cpu/system";
import { buildInterpreter } from "../../src/engine/execution/interpreter";
import { allMicroOpKinds, microOpKind } from "../../src/engine/execution/operandShapes";
import { INSTRUCTIONS } from "../../src/engine/isa/table";
import type { Bits } from "../../src/engine/isa/types";
import { sampleInstructions } from "../codec/samples";

const CODE_SIZES: readonly Bits[] = [16, 32, 64];

describe("execution covers the instruction table", () => {
  it("with an executor for every row that has semantics", () => {
    const missing = INSTRUCTIONS.filter(
      ({ semantics }) =>
        semantics !== undefined &&
        !Object.hasOwn(EMITTED, semantics) &&
        !Object.hasOwn(SYSTEM_EVENTS, semantics),
    ).map(({ id }) => id);
    assert.deepEqual(missing, []);
  });

  it("and no executor that no row asks for", () => {
    const asked = new Set(INSTRUCTIONS.map(({ semantics }) => semantics));
    const idle = [...Object.keys(EMITTED), ...Object.keys(SYSTEM_EVENTS)].filter(
      (name) => !asked.has(name),
    );
    assert.deepEqual(idle, []);
  });

  it("with one interpreter case for every kind of micro-op that decoding can give", () => {
    const { handlers } = buildInterpreter(INSTRUCTIONS, 300);
    assert.equal(handlers.size, allMicroOpKinds(INSTRUCTIONS).length);
    for (const bits of CODE_SIZES) {
      for (const { instruction } of sampleInstructions(bits, 12)) {
        const kind = microOpKind(instruction);
        if (kind) assert.ok(handlers.has(kind.key), `${instruction.form.id}: ${kind.key}`);
        else assert.notEqual(instruction.form.semantics, "add", "plain instructions are emitted");
      }
    }
  });
});
