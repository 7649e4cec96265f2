import assert from "node:assert/strict";
import { createDebuggee, loadImage, type Debuggee } from "../../src/engine/index";
import { assemble } from "../../src/engine/language";

const KERNEL = "bits 32\norg 0x100000\ncli\nhlt\n";
const INFORMATION = 0x9000;

function start(append: string | undefined, text = KERNEL): Debuggee {
  const assembly = assemble({ file: "kernel.asm", text });
  const given = append === undefined ? {} : { append };
  const image = loadImage({ name: "folder/kernel.asm", assembly, ...given });
  const config = { image, vmm: "none", mmu: "nested", memoryBytes: 8 << 20 } as const;
  return createDebuggee({ ...config, recording: false });
}

function word(machine: Debuggee, at: number): number {
  const bytes = machine.readMemory("gpa", BigInt(at), 4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

function text(machine: Debuggee, at: number): string {
  const bytes = machine.readMemory("gpa", BigInt(at), 4000);
  return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString("utf8");
}

describe("multiboot information", () => {
  it("says which fields it has: memory, command line, modules, memory map, the loader's name", () => {
    const machine = start(undefined);
    assert.equal(word(machine, INFORMATION), 0x24d);
    assert.deepEqual([word(machine, INFORMATION + 4), word(machine, INFORMATION + 8)], [640, 7168]);
    assert.equal(word(machine, INFORMATION + 20), 0, "no modules");
    assert.equal(text(machine, word(machine, INFORMATION + 64)), "Ringside");
  });

  it("has the kernel's name, without its folder, and what is appended on the command line", () => {
    const line = (machine: Debuggee): string => text(machine, word(machine, INFORMATION + 16));
    assert.equal(line(start(undefined)), "kernel.asm");
    assert.equal(line(start("root=/dev/sda größe")), "kernel.asm root=/dev/sda größe");
  });

  it("maps the memory: 640 KiB, the hole of devices, the rest", () => {
    const machine = start(undefined);
    const [length, at] = [word(machine, INFORMATION + 44), word(machine, INFORMATION + 48)];
    const entries = Array.from({ length: length / 24 }, (_, i) =>
      [0, 4, 12, 20].map((offset) => word(machine, at + 24 * i + offset)),
    );
    assert.deepEqual(entries, [
      [20, 0, 0xa0000, 1],
      [20, 0xa0000, 0x60000, 2],
      [20, 0x100000, 0x700000, 1],
    ]);
  });

  it("refuses a command line that does not fit, and one for a boot sector", () => {
    assert.throws(() => start("x".repeat(4000)), { code: "long-command-line" });
    assert.throws(() => start("x", "bits 16\norg 0x7c00\nhlt\n"), { code: "no-command-line" });
  });
});
