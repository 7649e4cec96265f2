import assert from "node:assert/strict";
import { isCompressed } from "../../src/engine/elf/dwarf/sections";
import type { DwarfLines } from "../../src/engine/elf/dwarf/lineSpans";
import { dwarfOf, elfBytes, markedLine, parsed } from "./fixtures";

/** Addresses of the statements of a marked line. */
function statements(lines: DwarfLines, source: string, mark: string): number[] {
  const line = markedLine(source, mark);
  const found = lines.spans.filter((span) => span.line === line && span.file.endsWith(`/${source}`) && span.isStatement); // prettier-ignore
  return found.map(({ address }) => address);
}

const rangesOf = ({ functions }: DwarfLines) =>
  Object.fromEntries(functions.map(({ name, from, to }) => [name, [from, to]]));

describe("DWARF of real tools", () => {
  it("gives the same lines in versions 2 to 5 and in the 64-bit format", () => {
    const reference = dwarfOf("c32-dwarf4.elf");
    assert.equal(reference.spans.length, 45);
    for (const name of ["c32-dwarf2.elf", "c32-dwarf3.elf", "c32-dwarf5.elf", "c32-dwarf64.elf"]) {
      const lines = dwarfOf(name);
      assert.deepEqual(lines.problems, [], name);
      assert.deepEqual(lines.spans, reference.spans, name);
      assert.deepEqual(rangesOf(lines), rangesOf(reference), name);
    }
  });

  it("finds C and GAS lines where objdump does", () => {
    const lines = dwarfOf("c32-dwarf5.elf");
    assert.deepEqual(statements(lines, "boot32.S", "call"), [0x100013]);
    assert.deepEqual(statements(lines, "kernel.c", "sum"), [0x100070]);
    assert.deepEqual(statements(lines, "kernel.c", "exit"), [0x100109, 0x10010e]);
  });

  it("finds the same in 64-bit files", () => {
    for (const name of ["c64-dwarf4.elf", "c64-dwarf5.elf"]) {
      const lines = dwarfOf(name);
      assert.deepEqual(statements(lines, "boot64.S", "jump"), [0x100064], name);
      assert.deepEqual(rangesOf(lines).add, [0x1000d6, 0x1000f4], name);
    }
  });

  it("reads NASM's line tables, macro bodies included", () => {
    for (const [name, source] of [
      ["nasm32.elf", "plain32.asm"],
      ["nasm64.elf", "plain64.asm"],
    ] as const) {
      // prettier-ignore
      const lines = dwarfOf(name);
      assert.deepEqual(lines.problems, []);
      assert.deepEqual(lines.spans.slice(0, 3).map(({ address, length, line }) => [address, length, line]), [[0x100000, 4, 11], [0x100004, 2, 3], [0x100006, 1, 4]]); // prettier-ignore
      assert.deepEqual(statements(lines, source, "call"), [0x10000a]);
    }
  });

  it("names the copies of inlined functions", () => {
    const { functions } = dwarfOf("c32-optimized.elf");
    const copies = functions.filter(({ name, isInlined }) => name === "outByte" && isInlined);
    assert.ok(copies.length >= 3, `${copies.length} copies`);
    assert.ok(functions.some(({ name, isInlined }) => name === "kmain" && !isInlined));
  });

  it("resolves the indices of LLVM's names, addresses and ranges", () => {
    const { functions, spans, problems } = dwarfOf("c64-clang.elf");
    assert.deepEqual(problems, []);
    assert.ok(functions.some(({ name, isInlined }) => name === "kmain" && !isInlined));
    const copies = functions.filter(({ name, isInlined }) => name === "print" && isInlined);
    assert.equal(new Set(copies.map(({ id }) => id)).size, 2);
    assert.deepEqual([...new Set(spans.map(({ file }) => file))], ["/build/kernel/boot64.S", "/build/kernel/kernel.c"]); // prettier-ignore
  });

  it("keeps the virtual addresses of a higher-half kernel", () => {
    const lines = dwarfOf("higher-half.elf");
    assert.deepEqual(statements(lines, "higherHalf.S", "physical"), [0xc010000c]);
  });

  it("knows compressed sections from damaged ones", () => {
    assert.equal(isCompressed(parsed(elfBytes("c32-compressed.elf"))), true);
    assert.equal(isCompressed(parsed(elfBytes("c32-dwarf5.elf"))), false);
  });

  it("reads the symbols", () => {
    const { symbols } = parsed(elfBytes("c64-dwarf5.elf"));
    const named = (name: string) => symbols.find((symbol) => symbol.name === name);
    assert.deepEqual([named("kmain")?.kind, named("kmain")?.value, named("kmain")?.isGlobal], ["function", 0x100132, true]); // prettier-ignore
    assert.deepEqual([named("counter")?.kind, named("counter")?.section?.name], ["object", ".bss"]);
    assert.deepEqual([named("add")?.sizeBytes, named("add")?.isGlobal], [0x1e, false]);
  });
});
