/** The formatter's text; test/oracle/formatNasm.test.ts assembles it again with NASM. */
import assert from "node:assert/strict";
import { decode } from "../../src/engine/codec/decode";
import { format } from "../../src/engine/codec/format";
import type { Bits } from "../../src/engine/isa/types";

function text(bits: Bits, hex: string, symbolAt?: (address: bigint) => string | undefined): string {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const instruction = decode(bytes, 0, bits);
  return "failure" in instruction ? instruction.failure : format(instruction, 0x1000n, symbolAt);
}

const EXAMPLES: readonly (readonly [Bits, string, string])[] = [
  [32, "b805000000", "mov eax, 0x5"],
  [32, "83e4f0", "and esp, -0x10"],
  [32, "8b4508", "mov eax, [ebp+0x8]"],
  [32, "c745fc01000000", "mov dword [ebp-0x4], 0x1"],
  [32, "648b0518000000", "mov eax, [fs:0x18]"],
  [32, "0fb64303", "movzx eax, byte [ebx+0x3]"],
  [32, "8d148500100000", "lea edx, [eax*4+0x1000]"],
  [16, "8b00", "mov ax, [bx+si]"],
  [64, "488b0510000000", "mov rax, [rel 0x1017]"],
  [64, "48a18877665544332211", "mov rax, [qword 0x1122334455667788]"],
  [64, "48b80100000000000000", "mov rax, strict qword 0x1"],
  [32, "ebfe", "jmp short 0x1000"],
  [32, "e9fb0f0000", "jmp near 0x2000"],
  [32, "0f84fa0f0000", "jz near 0x2000"],
  [16, "66e8fa0f0000", "call dword 0x2000"],
  [32, "ff25785634 12".replace(" ", ""), "jmp dword [0x12345678]"],
  [16, "ea007c0000", "jmp 0x0:0x7c00"],
  [16, "66ea000010000800", "jmp dword 0x8:0x100000"],
  [32, "ff2d00100000", "jmp dword far [0x1000]"],
  [32, "f3a4", "rep movsb"],
  [32, "f2ae", "repne scasb"],
  [32, "f0ff00", "lock inc dword [eax]"],
  [64, "67ac", "a32 lodsb"],
  [32, "64a5", "fs movsd"],
  [64, "48cb", "o64 retf"],
  [32, "66c3", "o16 ret"],
  [16, "9c", "pushf"],
  [32, "9c", "pushfd"],
  [64, "9c", "pushfq"],
  [64, "48cf", "iretq"],
  [32, "d40a", "aam"],
  [32, "d410", "aam 0x10"],
  [32, "d1e0", "shl eax, 1"],
  [32, "c1e001", "shl eax, byte 0x1"],
  [32, "6a05", "push byte 0x5"],
  [32, "e460", "in al, 0x60"],
  [32, "ee", "out dx, al"],
  [32, "0f22d8", "mov cr3, eax"],
  [64, "0f01c1", "vmcall"],
  [64, "0f78c8", "vmread rax, rcx"],
  [32, "0f0111", "lgdt [ecx]"],
  [32, "f390", "pause"],
];

describe("format", () => {
  it("writes NASM's syntax", () => {
    for (const [bits, hex, expected] of EXAMPLES) assert.equal(text(bits, hex), expected, hex);
  });

  it("asks for names of the addresses that it shows", () => {
    const name = (address: bigint): string | undefined =>
      address === 0x1000n ? "main" : undefined;
    assert.equal(text(32, "ebfe", name), "jmp short main");
    assert.equal(text(32, "a100100000", name), "mov eax, [main]");
    assert.equal(text(64, "488b05f9ffffff", name), "mov rax, [rel main]");
    assert.equal(text(32, "eb00", name), "jmp short 0x1002");
  });

  it("cuts branch targets to the operand size", () => {
    assert.equal(text(16, "e90080"), "jmp near 0x9003");
    assert.equal(text(16, "e9fdef"), "jmp near 0x0");
    assert.equal(text(16, "e9fcef"), "jmp near 0xffff");
  });
});
