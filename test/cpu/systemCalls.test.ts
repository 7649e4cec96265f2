import assert from "node:assert/strict";
import { faults, LONG, PROTECTED, register, runToEnd } from "../support/conformance";
import { symbol } from "../support/guest";

const MSRS = `
%macro WRITE 3
  mov ecx, %1
  mov eax, %2
  mov edx, %3
  wrmsr
%endmacro
`;

describe("SYSCALL and SYSRET", () => {
  const SETUP = `${LONG}${MSRS}
    WRITE 0xc0000080, 0x501, 0
    WRITE 0xc0000081, 0, 0x00180008
    WRITE 0xc0000082, entry, 0
    WRITE 0xc0000084, 0x40200, 0
    mov rax, 0x00cff3000000ffff
    mov [abs gdt + 0x20], rax
  `;

  it("save RIP and RFLAGS, mask flags, and touch no stack", () => {
    const { machine } = runToEnd(`${SETUP}
      RING3 user
    user:
      mov rsp, 0x77778
      stc
      syscall
    behind:
      ud2
    entry:
      mov rbx, rcx
      mov rsi, r11
      pushfq
      pop rdi
      mov edx, cs
      mov r8d, ss
      mov r9, rsp
      jmp end`);
    assert.equal(register(machine, "rbx"), symbol(machine, "behind"));
    assert.equal(register(machine, "rsi") & 1n, 1n);
    assert.equal(register(machine, "rdi") & 0x200n, 0n);
    assert.equal(register(machine, "rdx"), 8n);
    assert.equal(register(machine, "r8"), 0x10n);
    assert.equal(register(machine, "r9"), 0x77778n);
  });

  it("return to ring 3 with RPL 3 selectors", () => {
    const { machine } = runToEnd(`${SETUP}
      RING3 user
    user:
      syscall
    behind:
      mov ebx, cs
      mov esi, ss
      ud2
    entry:
      o64 sysret`);
    assert.equal(register(machine, "rbx"), 0x2bn);
    assert.equal(register(machine, "rsi"), 0x23n);
  });

  it("are #UD without EFER.SCE, and outside 64-bit mode on this vendor", () => {
    assert.deepEqual(faults(runToEnd(`${LONG}here:\nsyscall`), "here"), ["6 at here"]);
    assert.deepEqual(faults(runToEnd(`${PROTECTED}here:\nsyscall`), "here"), ["6 at here"]);
  });

  it("refuse a non-canonical return with #GP in ring 0", () => {
    const outcome = runToEnd(`${SETUP}
      mov rcx, 0x800000000000
    here:
      o64 sysret
    entry:`);
    assert.deepEqual(faults(outcome, "here"), ["13(0x0) at here"]);
  });
});

describe("SYSENTER and SYSEXIT", () => {
  it("go to ring 0 and back, with flat segments", () => {
    const { machine } = runToEnd(`${PROTECTED}${MSRS}
      WRITE 0x174, 8, 0
      WRITE 0x175, 0x8e000, 0
      WRITE 0x176, entry, 0
      RING3 user
    user:
      sysenter
    entry:
      mov ebx, cs
      mov esi, esp
      mov edx, back
      mov ecx, 0x7f000
      sysexit
    back:
      mov edi, cs
      ud2`);
    assert.equal(register(machine, "rbx"), 8n);
    assert.equal(register(machine, "rsi"), 0x8e000n);
    assert.equal(register(machine, "rdi"), 0x1bn);
    assert.equal(register(machine, "rsp") & 0xffff0000n, 0x80000n);
  });

  it("are #GP(0) with a null IA32_SYSENTER_CS", () => {
    assert.deepEqual(faults(runToEnd(`${PROTECTED}here:\nsysenter`), "here"), ["13(0x0) at here"]);
  });
});

describe("MSRs", () => {
  it("that do not exist, or values that cannot be, are #GP(0)", () => {
    for (const [number, low, high] of [
      [0x12345, 0, 0],
      [0xc0000080, 0x80000, 0],
      [0xc0000082, 0, 0x8000],
      [0x277, 0x02, 0],
    ] as const) {
      const outcome = runToEnd(
        `${LONG}mov ecx, ${number}\nmov eax, ${low}\nmov edx, ${high}\nhere:\nwrmsr`,
      );
      assert.deepEqual(faults(outcome, "here"), ["13(0x0) at here"], number.toString(16));
    }
  });
});
