import assert from "node:assert/strict";
import { dword, faults, PROTECTED, register, runToEnd } from "../support/conformance";

/** A second TSS at FREE, DPL 0, that begins at `task`. */
const TASK = `${PROTECTED}
  mov eax, other
  mov word [free], 0x67
  mov [free + 2], ax
  shr eax, 16
  mov [free + 4], al
  mov byte [free + 5], 0x89
  jmp program
align 4
other: dd 0
  times 7 dd 0
  dd task, 2, 1, 2, 3, 4, 0x7f000, 6, 7, 8
  dd DATA0, CODE0, DATA0, DATA0, 0, 0, 0, 0x680000
program:
`;

describe("task switches", () => {
  it("by CALL nest: link, NT, both TSS busy; IRET goes back", () => {
    const { machine } = runToEnd(`${TASK}
      mov eax, 0x1234
      call FREE:0
      mov edi, eax
      mov edx, [gdt + TSS + 4]
      jmp end
    task:
      mov ebx, [other]
      pushfd
      pop esi
      mov ecx, [free + 4]
      mov [seen], ebx
      mov [seen + 4], esi
      mov [seen + 8], ecx
      iretd
      seen: dd 0, 0, 0`);
    assert.equal(register(machine, "rdi"), 0x1234n, "the first task's registers are back");
    assert.equal(dword(machine, "seen"), 0x38);
    assert.equal(dword(machine, "seen", 1) & 0x4000, 0x4000);
    assert.equal((dword(machine, "seen", 2) >>> 8) & 0xf, 0xb);
    assert.equal((Number(register(machine, "rdx")) >>> 8) & 0xf, 0xb, "the first task stays busy");
    assert.equal((dword(machine, "free", 1) >>> 8) & 0xf, 9, "the second is free again");
    assert.equal(machine.cpu().segments.tr.selector, 0x38);
  });

  it("by JMP do not nest, and set CR0.TS", () => {
    const { machine } = runToEnd(`${TASK}
      jmp FREE:0
    task:
      mov edi, cr0
      mov esi, [gdt + TSS + 4]
      pushfd
      pop ebp
      jmp end`);
    assert.equal(register(machine, "rdi") & 8n, 8n);
    assert.equal((Number(register(machine, "rsi")) >>> 8) & 0xf, 9);
    assert.equal(register(machine, "rbp") & 0x4000n, 0n);
    assert.equal(register(machine, "rdx"), 3n, "registers come from the TSS");
  });

  it("through a task gate deliver an exception with its error code", () => {
    const { machine } = runToEnd(`${TASK}
      mov dword [idt + 13 * 8], FREE << 16
      mov dword [idt + 13 * 8 + 4], 0x8500
      mov eax, 0x1230
    bad:
      mov ds, ax
    task:
      pop edi
      mov esi, [tss + 0x20]
      mov ebp, bad
      sub esi, ebp
      jmp end`);
    assert.equal(register(machine, "rdi"), 0x1230n);
    assert.equal(register(machine, "rsi"), 0n, "the saved EIP is that of the fault");
  });

  it("to what is no free TSS are refused in the old task", () => {
    const at = (body: string): string[] => faults(runToEnd(`${TASK}${body}\ntask:`), "here");
    assert.deepEqual(at("here: jmp TSS:0"), ["13(0x38) at here"]);
    assert.deepEqual(at("mov byte [free + 5], 0x09\nhere: jmp FREE:0"), ["11(0x48) at here"]);
    assert.deepEqual(at("mov word [free], 0x66\nhere: jmp FREE:0"), ["10(0x48) at here"]);
    const toLdt = `mov dword [free + 8], (FREE | 4) << 16
      mov dword [free + 12], 0xe500
      here: call FREE + 8:0`;
    assert.deepEqual(at(toLdt), ["13(0x4c) at here"], "a TSS lies in the GDT");
  });

  it("fault in the new task when its segments are bad", () => {
    const outcome = runToEnd(`${TASK}
      mov dword [other + 0x54], 0x1000
      jmp FREE:0
    task:
      jmp end`);
    assert.deepEqual(faults(outcome, "task"), ["10(0x1000) at task"]);
  });

  it("trap before the first instruction of a task with the T bit", () => {
    const { machine, exceptions } = runToEnd(`${TASK}
      GATE 1, trap, 0x8e
      mov byte [other + 0x64], 1
      jmp FREE:0
    task:
      jmp end
    trap:
      mov edi, dr6
      jmp end`);
    assert.equal(exceptions[0]?.vector, 1);
    assert.equal(register(machine, "rdi") & 0xe000n, 0x8000n);
  });

  it("change the page tables", () => {
    const { machine } = runToEnd(`${TASK}
      mov dword [0x200000], 0x83
      mov dword [0x200004], 0x83
      mov dword [0x201000], 0x83
      mov dword [0x201004], 0x400083
      mov eax, 0x10
      mov cr4, eax
      mov eax, 0x200000
      mov cr3, eax
      mov dword [other + 0x1c], 0x201000
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      jmp FREE:0
    task:
      mov edi, cr3
      jmp end`);
    assert.equal(register(machine, "rdi"), 0x201000n);
  });

  it("end local breakpoints, not global ones", () => {
    const { machine } = runToEnd(`${TASK}
      mov eax, 0x3ff
      mov dr7, eax
      jmp FREE:0
    task:
      mov edi, dr7
      jmp end`);
    assert.equal(register(machine, "rdi"), 0x6aan);
  });
});
