import assert from "node:assert/strict";
import { linesOf } from "./support";

describe("MODE2: CR0.PE without a far jump", () => {
  const set = "bits 16\nmov eax, cr0\nor al, 1\nmov cr0, eax\n";

  it("speaks when control runs on in 16-bit code", () => {
    assert.deepEqual(linesOf("MODE2", `${set}bits 32\nmov esp, 0x9000\n`), [4]);
    assert.deepEqual(linesOf("MODE2", `${set}${"mov ax, 8\n".repeat(8)}`), [4]);
  });

  it("is silent with a far transfer of any form", () => {
    for (const jump of [
      "jmp 8:next\nnext:",
      "jmp dword 8:next\nnext:",
      "jmp short $+2\nmov ds, bx\njmp 8:next\nnext:",
      "db 0x66, 0xea",
      "jmp far [pointer]\npointer: dw 0, 8",
      "push word 8\npush word next\nretf\nnext:",
    ])
      assert.deepEqual(linesOf("MODE2", `${set}${jump}\nbits 32\nmov eax, 1\n`), [], jump);
  });

  it("is silent for unreal mode, for calls away, and for paging in 32-bit code", () => {
    assert.deepEqual(linesOf("MODE2", `${set}mov ds, bx\nand al, 0xfe\nmov cr0, eax\n`), []);
    assert.deepEqual(linesOf("MODE2", `${set}ret\n`), []);
    const paging = "bits 32\nmov eax, cr0\nor eax, 0x80000001\nmov cr0, eax\n";
    assert.deepEqual(linesOf("MODE2", `${paging}${"nop\n".repeat(12)}`), []);
    const clear = "bits 16\nmov eax, cr0\nand al, 0xfe\nmov cr0, eax\n";
    assert.deepEqual(linesOf("MODE2", `${clear}${"nop\n".repeat(12)}`), []);
  });
});
