import assert from "node:assert/strict";
import { faults, LONG, PROTECTED, register, runToEnd } from "../support/conformance";

/** Data segment at `data` with a limit, in FS. */
function withSegment(access: number, limit: number, flags: number, body: string): string {
  return `${PROTECTED}
    mov eax, data
    mov word [free], ${limit & 0xffff}
    mov [free + 2], ax
    shr eax, 16
    mov [free + 4], al
    mov byte [free + 5], ${access}
    mov byte [free + 6], ${(flags << 4) | (limit >>> 16)}
    mov byte [free + 7], 0
    mov eax, FREE
    mov fs, eax
    ${body}
    jmp end
    align 16
    data: dd 1, 2, 3, 4`;
}

describe("segments", () => {
  it("refuse bytes beyond their limit, counted to the last byte of the access", () => {
    const at = (instruction: string): string[] =>
      faults(runToEnd(withSegment(0x93, 7, 4, `here:\n${instruction}`)), "here");
    assert.deepEqual(at("mov eax, [fs:4]"), []);
    assert.deepEqual(at("mov eax, [fs:5]"), ["13(0x0) at here"]);
    assert.deepEqual(at("mov al, [fs:7]"), []);
    assert.deepEqual(at("mov [fs:8], al"), ["13(0x0) at here"]);
    assert.deepEqual(at("mov eax, [fs:0xffffffff]"), ["13(0x0) at here"]);
  });

  it("that expand down begin above their limit", () => {
    const at = (instruction: string): string[] =>
      faults(runToEnd(withSegment(0x97, 7, 4, `here:\n${instruction}`)), "here");
    assert.deepEqual(at("mov eax, [fs:8]"), []);
    assert.deepEqual(at("mov eax, [fs:7]"), ["13(0x0) at here"]);
    assert.deepEqual(at("mov eax, [fs:0]"), ["13(0x0) at here"]);
    const below = withSegment(0x97, 7, 4, "mov eax, [fs:8]\nhere:\nmov eax, [fs:7]");
    assert.deepEqual(faults(runToEnd(below), "here"), ["13(0x0) at here"]);
  });

  it("that are read-only or code are not written", () => {
    const at = (access: number, instruction: string): string[] =>
      faults(runToEnd(withSegment(access, 15, 4, `here:\n${instruction}`)), "here");
    assert.deepEqual(at(0x91, "mov eax, [fs:0]"), []);
    assert.deepEqual(at(0x91, "mov [fs:0], eax"), ["13(0x0) at here"]);
    assert.deepEqual(at(0x91, "xchg [fs:0], eax"), ["13(0x0) at here"]);
    assert.deepEqual(at(0x9b, "mov eax, [fs:0]"), []);
    assert.deepEqual(at(0x9b, "mov [fs:0], eax"), ["13(0x0) at here"]);
  });

  it("keep what they were loaded with until they are loaded again", () => {
    const { machine } = runToEnd(
      withSegment(0x93, 15, 4, "mov dword [free], 0\nmov dword [free + 4], 0\nmov ebx, [fs:4]"),
    );
    assert.equal(register(machine, "rbx"), 2n);
  });

  it("have their accessed bit set by loading", () => {
    const { machine } = runToEnd(withSegment(0x92, 15, 4, "movzx ebx, byte [free + 5]"));
    assert.equal(register(machine, "rbx"), 0x93n);
  });

  it("fault with #SS through SS", () => {
    const outcome = runToEnd(`${PROTECTED}
      mov dword [free], 0x0000ffff
      mov dword [free + 4], 0x00409300
      mov eax, FREE
      mov ss, eax
      mov esp, 0x10002
    here:
      push eax`);
    assert.deepEqual(faults(outcome, "here").slice(0, 1), ["12(0x0) at here"]);
  });

  it("limit jumps and calls", () => {
    const outcome = runToEnd(`${PROTECTED}
      mov dword [free], 0x00000fff
      mov dword [free + 4], 0x00c09b00
      jmp FREE:inside
    inside:
      mov eax, 0x1000000
    here:
      jmp eax`);
    assert.deepEqual(faults(outcome, "here"), ["13(0x0) at here"]);
  });

  it("have no bases and limits in 64-bit mode, except FS and GS", () => {
    const { machine, exceptions } = runToEnd(`${LONG}
      mov ecx, 0xc0000100
      mov eax, data
      xor edx, edx
      wrmsr
      mov rbx, [fs:8]
      xor eax, eax
      mov ds, eax
      mov rsi, [abs data]
      mov ecx, 0xc0000102
      mov rax, 0x1234
      wrmsr
      swapgs
      mov ecx, 0xc0000101
      rdmsr
      jmp end
      align 8
      data: dq 1, 2`);
    assert.deepEqual(exceptions, []);
    assert.equal(register(machine, "rbx"), 2n);
    assert.equal(register(machine, "rsi"), 1n);
    assert.equal(register(machine, "rax"), 0x1234n);
  });

  it("stay large after a visit to protected mode (unreal mode)", () => {
    const { machine, exceptions } = runToEnd(`
      bits 16
      org 0x7c00
      cli
      xor ax, ax
      mov ds, ax
      lgdt [gdtr]
      mov eax, cr0
      inc ax
      mov cr0, eax
      mov bx, 8
      mov fs, bx
      dec ax
      mov cr0, eax
      mov dword [fs:0x200000], 0x12345678
      mov ebx, [fs:0x200000]
      hlt
      align 8
      gdt: dq 0, 0x00cf93000000ffff
      gdtr: dw 15
      dd gdt`);
    assert.deepEqual(exceptions, []);
    assert.equal(register(machine, "rbx"), 0x12345678n);
  });

  it("wrap nothing in real mode: a word at 0xffff is #GP", () => {
    const { exceptions } = runToEnd(
      `
      bits 16
      org 0x7c00
      xor ax, ax
      mov ds, ax
      mov bx, 0xffff
      mov ax, [bx]
      hlt`,
      {},
      100,
    );
    assert.equal(exceptions[0]?.vector, 13);
  });
});
