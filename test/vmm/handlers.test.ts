import assert from "node:assert/strict";
import { NESTED_PAGING } from "../../src/engine/vmm/memory/nested/nestedPaging";
import { SHADOW_PAGING } from "../../src/engine/vmm/memory/shadowLazy/shadowPaging";
import {
  handlersOf,
  ONLY_NESTED,
  ONLY_SHADOW,
  PRODUCED_EXITS,
  UNREACHABLE_EXITS,
} from "../../src/engine/vmm/technique/hardwareAssisted/handlers";
import {
  READ_EXIT,
  RESUME,
  SAVE_REGISTERS,
} from "../../src/engine/vmm/technique/hardwareAssisted/steps";

const KINDS = [
  { name: "nested", memory: NESTED_PAGING, elsewhere: ONLY_SHADOW },
  { name: "shadow-lazy", memory: SHADOW_PAGING, elsewhere: ONLY_NESTED },
] as const;

for (const { name, memory, elsewhere } of KINDS) {
  describe(`handlers of VM exits (${name})`, () => {
    const handlers = handlersOf(memory);
    const keys = handlers.map(({ key }) => key);

    it("cover every exit that the processor produces, or say why it cannot come", () => {
      for (const { key } of PRODUCED_EXITS) {
        const handled = keys.includes(key);
        const absent = UNREACHABLE_EXITS[key] !== undefined || elsewhere.includes(key);
        assert.notEqual(handled, absent, `${key}: handled ${handled}, listed as absent ${absent}`);
      }
    });

    it("have keys of their own", () => {
      assert.equal(new Set(keys).size, keys.length);
    });

    it("have two to eight steps with names of their own and a text", () => {
      for (const { key, steps } of handlers) {
        assert.ok(steps.length >= 2 && steps.length <= 8, `${key}: ${steps.length} steps`);
        assert.equal(new Set(steps.map((step) => step.name)).size, steps.length, key);
        for (const step of steps) assert.ok(step.text.length > 10, `${key}: ${step.name}`);
      }
    });

    it("that resume the guest have saved its registers and read the exit information first", () => {
      for (const { key, steps } of handlers) {
        if (steps.at(-1) !== RESUME) continue;
        assert.deepEqual([steps[0], steps[1]], [SAVE_REGISTERS, READ_EXIT], key);
      }
    });
  });
}
