import assert from "node:assert/strict";
import { PROTECTED, register, runToEnd } from "../support/conformance";

describe("self-modifying code", () => {
  it("takes effect for the very next instruction", () => {
    const { machine } = runToEnd(`${PROTECTED}
      mov byte [patch + 1], 0x55
    patch:
      mov bl, 0
      jmp end`);
    assert.equal(register(machine, "rbx") & 0xffn, 0x55n);
  });

  it("takes effect in a loop that has run before", () => {
    const { machine } = runToEnd(`${PROTECTED}
      xor ebx, ebx
      mov ecx, 100
    again:
      inc byte [patch + 2]
    patch:
      add ebx, 0
      dec ecx
      jnz again
      jmp end`);
    assert.equal(register(machine, "rbx"), 5050n);
  });

  it("is noticed through another mapping of the same page", () => {
    const { machine } = runToEnd(`${PROTECTED}
      mov dword [0x200000], 0x83
      mov dword [0x200004], 0x83
      mov eax, 0x200000
      mov cr3, eax
      mov eax, 0x10
      mov cr4, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      xor ebx, ebx
      mov ecx, 3
    again:
      inc byte [0x400000 + patch + 2]
    patch:
      add ebx, 0
      loop again
      jmp end`);
    assert.equal(register(machine, "rbx"), 6n);
  });

  it("is noticed when a string instruction, a push or a read-modify-write does it", () => {
    const { machine } = runToEnd(`${PROTECTED}
      call patched
      mov esi, source
      mov edi, patched
      mov ecx, 6
      rep movsb
      call patched
      mov edx, eax
      mov esp, patched + 5
      push dword 0x33333333
      mov esp, 0x90000
      call patched
      mov ebx, eax
      inc dword [patched + 1]
      call patched
      jmp end
    source:
      mov eax, 0x22222222
      ret
    patched:
      mov eax, 0x11111111
      ret`);
    assert.equal(register(machine, "rdx"), 0x22222222n);
    assert.equal(register(machine, "rbx"), 0x33333333n);
    assert.equal(register(machine, "rax"), 0x33333334n);
  });

  it("is noticed in the second page of an instruction that crosses into it", () => {
    const { machine } = runToEnd(`${PROTECTED}
      xor ebx, ebx
      mov ecx, 3
      jmp crossing
      align 4096
      times 4093 nop
    crossing:
      add ebx, 0x01000000
      inc byte [crossing + 5]
      loop crossing
      jmp end`);
    assert.equal(register(machine, "rbx"), 0x06000000n);
  });

  it("sees a breakpoint byte planted and taken away", () => {
    const { machine } = runToEnd(`${PROTECTED}
      xor ebx, ebx
      GATE 3, handler, 0x8e
      mov byte [place], 0xcc
    place:
      nop
      call function
      mov byte [function], 0xcc
      call function
      mov byte [function], 0x90
      call function
      jmp end
    function:
      nop
      ret
    handler:
      inc ebx
      iretd`);
    assert.equal(register(machine, "rbx"), 2n);
  });
});
