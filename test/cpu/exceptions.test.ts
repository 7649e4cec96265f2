import assert from "node:assert/strict";
import { dword, faults, LONG, PROTECTED, register, runToEnd } from "../support/conformance";
import { symbol } from "../support/guest";

function only(text: string, ...labels: string[]): string[] {
  return faults(runToEnd(text), ...labels);
}

describe("exceptions", () => {
  it("come with the faulting instruction and their error code", () => {
    const rows: readonly (readonly [string, string])[] = [
      ["xor ebx, ebx\nhere: div ebx", "0 at here"],
      ["here: ud2", "6 at here"],
      ["mov eax, 5\nmov edx, bounds\nhere: bound eax, [edx]\nbounds: dd 6, 7", "5 at here"],
      ["mov eax, 0x1000\nhere: mov ds, ax", "13(0x1000) at here"],
      ["mov eax, TSS\nhere: mov ds, ax", "13(0x38) at here"],
      ["xor eax, eax\nhere: mov ss, ax", "13(0x0) at here"],
      ["xor eax, eax\nmov fs, ax\nhere: mov eax, [fs:0]", "13(0x0) at here"],
      ["mov byte [gdt + 0x30 + 5], 0x73\nmov eax, DATA3\nhere: mov fs, ax", "11(0x30) at here"],
      ["mov byte [gdt + 0x10 + 5], 0x13\nmov eax, DATA0\nhere: mov ss, ax", "12(0x10) at here"],
      ["here: int 0x40", "13(0x202) at here"],
      ["mov byte [idt + 0x20 * 8 + 5], 0x0e\nhere: int 0x20", "11(0x102) at here"],
    ];
    for (const [body, expected] of rows)
      assert.deepEqual(only(PROTECTED + body, "here"), [expected], body);
  });

  it("of x87 instructions follow CR0.EM, TS and MP: there is no coprocessor", () => {
    const rows: readonly (readonly [string, string | undefined])[] = [
      ["here: fninit", "6 at here"],
      ["mov eax, cr0\nor al, 4\nmov cr0, eax\nhere: fninit", "7 at here"],
      ["mov eax, cr0\nor al, 8\nmov cr0, eax\nhere: fld1", "7 at here"],
      ["mov eax, cr0\nor al, 0xa\nmov cr0, eax\nhere: fwait", "7 at here"],
      ["mov eax, cr0\nor al, 8\nmov cr0, eax\nhere: fwait\njmp end", undefined],
      ["here: fwait\njmp end", undefined],
    ];
    for (const [body, expected] of rows)
      assert.deepEqual(only(PROTECTED + body, "here"), expected ? [expected] : [], body);
  });

  it("push error code, EIP, CS and EFLAGS with RF", () => {
    const { machine } = runToEnd(`${PROTECTED}
      GATE 13, handler, 0x8e
      mov eax, 0x1230
    here:
      mov ds, ax
    handler:
      pop dword [code]
      pop dword [code + 4]
      pop dword [code + 8]
      pop dword [code + 12]
      jmp end
    code: dd 0, 0, 0, 0`);
    assert.equal(dword(machine, "code"), 0x1230);
    assert.equal(BigInt(dword(machine, "code", 1)), symbol(machine, "here"));
    assert.equal(dword(machine, "code", 2), 8);
    assert.equal(dword(machine, "code", 3) & 0x10002, 0x10002);
  });

  it("return behind a trap and at a fault", () => {
    const { machine } = runToEnd(`${PROTECTED}
      GATE 3, handler, 0x8f
      int3
    behind:
      jmp end
    handler:
      pop ebx
      jmp end`);
    assert.equal(register(machine, "rbx"), symbol(machine, "behind"));
  });

  it("become a double fault when a contributory fault meets another", () => {
    const outcome = runToEnd(`${PROTECTED}
      mov word [idt + 13 * 8 + 2], 0x1000
      mov eax, 0x1230
    here:
      mov ds, ax`);
    assert.deepEqual(faults(outcome, "here"), ["13(0x1230) at here", "8(0x0) at here"]);
    assert.equal(outcome.stop?.reason, "halt");
  });

  it("end in shutdown when the double fault cannot be delivered", () => {
    const outcome = runToEnd(`${PROTECTED}
      mov word [idt + 13 * 8 + 2], 0x1000
      mov word [idt + 8 * 8 + 2], 0x1000
      mov eax, 0x1230
      mov ds, ax`);
    assert.equal(outcome.stop?.reason, "shutdown");
    assert.ok(outcome.events.some(({ kind }) => kind === "triple-fault"));
  });

  it("are handled one after the other when the first is benign", () => {
    const outcome = runToEnd(`${PROTECTED}
      mov word [idt + 6 * 8 + 2], 0x1000
    here:
      ud2`);
    // EXT: the #GP arose while an event that no instruction asked for was delivered.
    assert.deepEqual(faults(outcome, "here"), ["6 at here", "13(0x1001) at here"]);
  });

  it("use an IST stack in 64-bit mode, aligned, with a five-word frame", () => {
    const { machine } = runToEnd(`${LONG}
      mov qword [abs tss + 0x24], 0x7fff8
      GATE 6, handler, 0x8e, 1
      mov rsp, 0x8fff1
    here:
      ud2
    handler:
      mov rbx, rsp
      mov rcx, [rsp + 24]
      mov rdx, [rsp + 32]
      jmp end`);
    assert.equal(register(machine, "rbx"), 0x7fff0n - 40n);
    assert.equal(register(machine, "rcx"), 0x8fff1n);
    assert.equal(register(machine, "rdx"), 0x10n);
  });

  it("refuse non-canonical addresses with #GP, through the stack with #SS", () => {
    const body = (instruction: string): string =>
      `${LONG}\nmov rbx, 0x800000000000\nmov rbp, rbx\nhere: ${instruction}`;
    assert.deepEqual(only(body("mov rax, [rbx]"), "here"), ["13(0x0) at here"]);
    assert.deepEqual(only(body("mov rax, [rbp]"), "here"), ["12(0x0) at here"]);
    assert.deepEqual(only(body("jmp rbx"), "here"), ["13(0x0) at here"]);
  });
});
