import assert from "node:assert/strict";
import { dword, faults, LONG, PROTECTED, register, runToEnd } from "../support/conformance";

const RING3 = `${PROTECTED}\nRING3 user\nuser:\n`;

describe("privilege", () => {
  it("is demanded by what changes the machine: #GP(0) at CPL 3", () => {
    const privileged = [
      "hlt", "mov eax, cr0", "mov cr3, eax", "mov dr7, eax", "lgdt [gdtr]", "lidt [idtr]", "lldt ax", "ltr ax",
      "clts", "lmsw ax", "invlpg [0]", "wbinvd", "invd", "rdmsr", "wrmsr", "cli", "sti", "in al, 0x60",
      "out 0x60, al", "insb", "outsb",
    ]; // prettier-ignore
    for (const instruction of privileged) {
      const outcome = runToEnd(`${RING3} here: ${instruction}`);
      assert.deepEqual(faults(outcome, "here"), ["13(0x0) at here"], instruction);
    }
  });

  it("is not demanded by sensitive instructions: they answer silently", () => {
    const { machine, exceptions } = runToEnd(`${RING3}
      sgdt [table]
      sidt [table + 8]
      sldt [selectors]
      str [selectors + 2]
      smsw eax
      mov ebx, eax
      pushfd
      pop ecx
      mov edx, cs
      lar esi, dx
      int3
      table: dq 0, 0
      selectors: dd 0`);
    assert.deepEqual(
      exceptions.map(({ vector }) => vector),
      [13],
      "only the INT3, whose gate has DPL 0",
    );
    assert.equal(dword(machine, "table") & 0xffff, 17 * 8 - 1);
    assert.equal(dword(machine, "selectors") >>> 16, 0x38);
    assert.equal(register(machine, "rbx") & 1n, 1n, "SMSW shows PE");
    assert.equal(register(machine, "rdx"), 0x2bn, "CS shows the ring");
    assert.equal(register(machine, "rsi"), 0xc0fb00n);
  });

  it("lets UMIP turn the silent ones into #GP above ring 0", () => {
    for (const instruction of ["sgdt [data]", "sidt [data]", "sldt ax", "str ax", "smsw ax"]) {
      const body = `
        mov eax, cr4
        or eax, 0x800
        mov cr4, eax
        ${instruction}
        RING3 user
        user:
        here: ${instruction}
        data: dq 0`;
      assert.deepEqual(
        faults(runToEnd(PROTECTED + body), "here"),
        ["13(0x0) at here"],
        instruction,
      );
    }
  });

  for (const [ring, enter] of [
    [1, "RING1"],
    [3, "RING3"],
  ] as const) {
    it(`makes POPF at CPL ${ring} keep IF and IOPL without a word`, () => {
      const { machine } = runToEnd(`${PROTECTED}
        ${enter} inner
      inner:
        push dword 0x3ad7
        popfd
        pushfd
        pop ebx
        ud2`);
      assert.equal(register(machine, "rbx"), 0x8d7n, "status flags taken, IF and IOPL not");
    });
  }

  it("lets POPF change IF at CPL 3 with IOPL 3, but never IOPL", () => {
    const { machine } = runToEnd(`${PROTECTED}
      push dword DATA3
      push dword 0x80000
      push dword 0x3002
      push dword CODE3
      push dword user
      iretd
    user:
      push dword 0x202
      popfd
      pushfd
      pop ebx
      ud2`);
    assert.equal(register(machine, "rbx"), 0x3202n);
  });

  it("rises through a call gate, with the stack of the TSS and copied parameters", () => {
    const { machine } = runToEnd(`${PROTECTED}
      mov eax, target
      mov [free], ax
      mov word [free + 2], CODE0
      mov word [free + 4], 0xec02
      shr eax, 16
      mov [free + 6], ax
      RING3 user
    user:
      push dword 0x111
      push dword 0x222
      call FREE:0
    target:
      mov ebx, [esp + 8]
      mov ecx, [esp + 12]
      mov edx, cs
      mov esi, esp
      jmp end`);
    assert.equal(register(machine, "rbx"), 0x222n);
    assert.equal(register(machine, "rcx"), 0x111n);
    assert.equal(register(machine, "rdx"), 8n);
    assert.equal(register(machine, "rsi"), 0x8f000n - 24n);
  });

  it("drops data segments that an outer ring may not keep", () => {
    const { machine } = runToEnd(`${PROTECTED}
      TORING DATA3, CODE3, user
    user:
      mov ebx, ds
      mov ecx, es
      ud2`);
    assert.equal(register(machine, "rbx"), 0n);
    assert.equal(register(machine, "rcx"), 0n);
  });

  it("obeys the I/O permission bitmap bit by bit", () => {
    const attempt = (instruction: string, change = ""): string[] =>
      faults(
        runToEnd(
          `${PROTECTED}\nmov byte [bitmap + 0x40 / 8], 0xf8\n${change}\nRING3 here\nhere: ${instruction}\nbehind: ud2`,
        ),
        "here",
        "behind",
      );
    const allowed = ["6 at behind"];
    const denied = ["13(0x0) at here"];
    assert.deepEqual(attempt("in al, 0x40"), allowed);
    assert.deepEqual(attempt("in al, 0x42"), allowed);
    assert.deepEqual(attempt("in al, 0x43"), denied);
    assert.deepEqual(attempt("in ax, 0x41"), allowed);
    assert.deepEqual(attempt("in ax, 0x42"), denied, "the second byte is denied");
    assert.deepEqual(attempt("in eax, 0x40"), denied);
    assert.deepEqual(attempt("in al, 0x40", "mov word [map], 0x3000"), denied, "beyond the TSS");
  });

  it("ends RDTSC at CPL 3 under CR4.TSD", () => {
    const body = "mov eax, 4\nmov cr4, eax\nrdtsc\nRING3 here\nhere: rdtsc";
    assert.deepEqual(faults(runToEnd(PROTECTED + body), "here"), ["13(0x0) at here"]);
  });

  it("keeps 64-bit system instructions from CPL 3", () => {
    for (const instruction of ["swapgs", "mov rax, cr8", "o64 sysret", "invlpg [0]", "rdmsr"]) {
      const outcome = runToEnd(`${LONG}\nRING3 here\nhere: ${instruction}`);
      assert.deepEqual(faults(outcome, "here")[0], "13(0x0) at here", instruction);
    }
  });
});
