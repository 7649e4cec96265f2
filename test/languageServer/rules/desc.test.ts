import assert from "node:assert/strict";
import { brief, diagnose } from "../support";
import { linesOf } from "./support";

describe("DESC1: a GDT in the source", () => {
  const program = (limit: string, entries: readonly string[], after = ""): string =>
    ["bits 32", "org 0x1000", "lgdt [pointer]", after, `pointer: dw ${limit}`, "dd gdt", "gdt:"]
      .concat(entries.map((entry) => `dq ${entry}`))
      .concat("end:\n")
      .join("\n");
  const CODE = "0x00cf9a000000ffff";
  const DATA = "0x00cf92000000ffff";

  it("accepts a right one", () => {
    const text = program("end - gdt - 1", ["0", CODE, DATA], "jmp 8:next\nnext: mov eax, 16");
    assert.deepEqual(brief(diagnose(text)), []);
  });

  it("finds a limit that is a byte too large", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt", ["0", CODE])), [5]);
  });

  it("finds a segment in the place of the null descriptor", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt - 1", [CODE, DATA])), [8]);
  });

  it("finds L and D together", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt - 1", ["0", "0x00ef9a000000ffff"])), [9]);
  });

  it("finds a far jump to what is no code segment", () => {
    const text = program("end - gdt - 1", ["0", CODE, DATA], "jmp 16:0x2000");
    assert.deepEqual(linesOf("DESC1", text), [4]);
  });

  it("says nothing of tables and entries that code fills in", () => {
    const empty = program("end - gdt - 1", ["0", CODE, "0"], "jmp 16:0x2000");
    assert.deepEqual(linesOf("DESC1", empty), []);
    assert.deepEqual(linesOf("DESC1", "bits 32\nlgdt [p]\np: dw 0\ndd 0\n"), []);
    assert.deepEqual(linesOf("DESC1", "bits 32\nlgdt [eax]\n"), []);
  });
});
