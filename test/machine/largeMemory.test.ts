import assert from "node:assert/strict";
import { machineSettings } from "../../src/debugAdapter/launch/machineSettings";
import { createDebuggee } from "../../src/engine/index";

const LIMIT_BYTES = 3 * 2 ** 30;
const LAST_PAGE = LIMIT_BYTES - 4096;

/** mov edi, LAST_PAGE / mov dword [edi], 0x12345678 / inc dword [edi] / mov eax, [edi] / mov edx, 0xf4 / out dx, eax */
// prettier-ignore
const WRITES_LAST_PAGE = Uint8Array.of(
  0xbf, 0x00, 0xf0, 0xff, 0xbf, 0xc7, 0x07, 0x78, 0x56, 0x34, 0x12, 0xff, 0x07, 0x8b, 0x07,
  0xba, 0xf4, 0x00, 0x00, 0x00, 0xef,
);

const image = {
  name: "large",
  entry: "protected32",
  loadAddress: 0x100000,
  entryPoint: 0x100000,
  bytes: WRITES_LAST_PAGE,
} as const;

const CONFIGURATIONS = [
  { vmm: "none", mmu: "nested" },
  { vmm: "hardware-assisted", mmu: "nested" },
  { vmm: "hardware-assisted", mmu: "shadow-lazy" },
] as const;

describe("a guest with 3 GiB of memory", () => {
  for (const { vmm, mmu } of CONFIGURATIONS) {
    it(`reaches its last page, forwards and again after going back, with ${vmm} and ${mmu}`, () => {
      const { memoryBytes } = machineSettings({ memory: "3G" });
      const debuggee = createDebuggee({ image, vmm, mmu, memoryBytes, recording: true });
      const run = (): unknown => debuggee.run(1_000_000, { breakpoints: new Set() });
      const exit = { reason: "debug-exit", code: 0x12345679 };
      assert.deepEqual(run(), exit);
      debuggee.stepBack();
      assert.deepEqual(run(), exit);
      const bytes = debuggee.readMemory("gpa", BigInt(LAST_PAGE), 4);
      assert.deepEqual([...bytes], [0x79, 0x56, 0x34, 0x12]);
    });
  }

  it("is the largest: more is refused with the limit", () => {
    assert.throws(() => machineSettings({ memory: LIMIT_BYTES + (2 << 20) }), {
      code: "bad-memory",
    });
    assert.throws(() => machineSettings({ memory: "4G" }), { code: "bad-memory" });
  });
});
