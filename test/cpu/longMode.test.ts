import assert from "node:assert/strict";
import { faults, LONG, PROTECTED, register, runToEnd } from "../support/conformance";

describe("64-bit mode", () => {
  it("has no BCD, PUSHA, LDS, far immediates, INTO and 32-bit PUSH ES: #UD", () => {
    for (const bytes of [
      "0x27",
      "0x2f",
      "0x37",
      "0x3f",
      "0x60",
      "0x61",
      "0x06",
      "0x0e",
      "0xce",
      "0xd4, 10",
      "0x9a, 0, 0, 0, 0, 8, 0",
      "0xc4, 0",
    ]) {
      const outcome = runToEnd(`${LONG}here:\ndb ${bytes}`);
      assert.deepEqual(faults(outcome, "here"), ["6 at here"], bytes);
    }
  });

  it("writes of 32-bit registers clear the upper half, of 16-bit and 8-bit ones keep it", () => {
    const { machine } = runToEnd(`${LONG}
      mov rax, -1
      mov rbx, rax
      mov rcx, rax
      mov eax, 1
      mov bx, 1
      mov ch, 1
      jmp end`);
    assert.equal(register(machine, "rax"), 1n);
    assert.equal(register(machine, "rbx"), 0xffffffffffff0001n);
    assert.equal(register(machine, "rcx"), 0xffffffffffff01ffn);
  });

  it("cannot be left by clearing PAE, PG, LME or by a code segment with L and D", () => {
    for (const body of [
      "mov rax, cr4\nand eax, ~0x20\nhere:\nmov cr4, rax",
      "mov rax, cr0\nand eax, 0x7fffffff\nhere:\nmov cr0, rax",
      "mov ecx, 0xc0000080\nrdmsr\nxor eax, 0x100\nhere:\nwrmsr",
    ]) {
      assert.deepEqual(faults(runToEnd(LONG + body), "here"), ["13(0x0) at here"], body);
    }
    const both = runToEnd(`${LONG}
      mov rax, 0x00ef9b000000ffff
      mov [abs free], rax
      push FREE
      push end
    here:
      retfq`);
    assert.deepEqual(faults(both, "here"), ["13(0x48) at here"]);
  });

  it("is entered through PAE, LME and PG, and only by a far transfer", () => {
    const { machine, exceptions } = runToEnd(`${PROTECTED}
      mov edi, 0x200000
      xor eax, eax
      mov ecx, 0xc00
      rep stosd
      mov dword [0x200000], 0x201003
      mov dword [0x201000], 0x202003
      mov dword [0x202000], 0x83
      mov eax, 0x20
      mov cr4, eax
      mov eax, 0x200000
      mov cr3, eax
      mov ecx, 0xc0000080
      mov eax, 0x100
      xor edx, edx
      wrmsr
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      rdmsr
      mov ebx, eax
      inc eax
      mov dword [free], 0x0000ffff
      mov dword [free + 4], 0x00af9b00
      jmp FREE:inside
      bits 64
    inside:
      mov rdx, -1
      hlt`);
    assert.deepEqual(exceptions, []);
    assert.equal(register(machine, "rbx"), 0x500n, "LMA is on, the code still 32-bit");
    assert.equal(register(machine, "rdx"), 0xffffffffffffffffn);
    assert.equal(machine.cpu().mode, "long64");
  });

  it("refuses PG with LME but without PAE, and reserved CR4 bits", () => {
    const noPae = runToEnd(`${PROTECTED}
      mov ecx, 0xc0000080
      mov eax, 0x100
      xor edx, edx
      wrmsr
      mov eax, cr0
      or eax, 0x80000000
    here:
      mov cr0, eax`);
    assert.deepEqual(faults(noPae, "here"), ["13(0x0) at here"]);
    const reserved = runToEnd(`${LONG}mov rax, cr4\nbts rax, 31\nhere:\nmov cr4, rax`);
    assert.deepEqual(faults(reserved, "here"), ["13(0x0) at here"]);
    const high = runToEnd(`${LONG}mov rax, cr0\nbts rax, 40\nhere:\nmov cr0, rax`);
    assert.deepEqual(faults(high, "here"), ["13(0x0) at here"]);
  });

  it("uses 16-byte gates and system descriptors; a gate to 32-bit code is #GP", () => {
    const outcome = runToEnd(`${LONG}
      mov rax, 0x00cf9b000000ffff
      mov [abs free], rax
      mov word [abs idt + 0x30 * 16 + 2], FREE
    here:
      int 0x30`);
    assert.deepEqual(faults(outcome, "here"), ["13(0x48) at here"]);
  });

  it("runs 32-bit code beside it (compatibility mode), without the new registers", () => {
    const { machine } = runToEnd(`${LONG}
      mov rax, 0x00cf9b000000ffff
      mov [abs free], rax
      mov r8, -1
      mov rbx, -1
      push FREE
      push narrow
      retfq
      bits 32
    narrow:
      mov eax, 0x10
      mov ss, eax
      inc ebx
      dec ebx
      mov ecx, cs
      hlt`);
    assert.equal(machine.cpu().mode, "compatibility");
    assert.equal(register(machine, "r8"), 0xffffffffffffffffn);
    assert.equal(register(machine, "rbx"), 0xffffffffn, "0x40 is INC there, not REX");
  });

  it("takes IRET with NT as #GP(0)", () => {
    const outcome = runToEnd(`${LONG}push 0x4002\npopfq\nhere:\niretq`);
    assert.deepEqual(faults(outcome, "here"), ["13(0x0) at here"]);
  });

  it("leaves the base of FS and GS when a return to an outer ring takes their selectors away", () => {
    const { machine } = runToEnd(`${LONG}
      mov eax, DATA0
      mov fs, eax
      mov gs, eax
      mov ecx, 0xc0000101
      mov eax, 0x123000
      xor edx, edx
      wrmsr
      dec ecx
      mov eax, 0x124000
      wrmsr
      RING3 user
    user:
      hlt`);
    const { fs, gs } = machine.vcpu().segments;
    assert.deepEqual([fs.selector, fs.base, gs.selector, gs.base], [0, 0x124000n, 0, 0x123000n]);
  });

  it("LTR and LLDT refuse a base that is not canonical, a type in the upper half, and half a descriptor", () => {
    const upper = (type: string, value: string): string => `
      mov rax, ${type}
      mov [abs free], rax
      mov rax, ${value}
      mov [abs free + 8], rax`;
    const [tss, ldt] = ["0x0000891000000067", "0x0000821000000067"] as const;
    for (const [instruction, type] of [
      ["ltr", tss],
      ["lldt", ldt],
    ] as const) {
      for (const value of ["0x00008000", "0xffff7fff", "0x0000080000000000"]) {
        const outcome = runToEnd(`${LONG}${upper(type, value)}
          mov ax, FREE
        here:
          ${instruction} ax`);
        assert.deepEqual(faults(outcome, "here"), ["13(0x48) at here"], `${instruction} ${value}`);
      }
      const half = runToEnd(`${LONG}${upper(type, "0")}
        mov word [abs gdtr], FREE + 14
        lgdt [abs gdtr]
        mov ax, FREE
      here:
        ${instruction} ax`);
      assert.deepEqual(faults(half, "here"), ["13(0x48) at here"], `half of ${instruction}`);
    }
  });
});
