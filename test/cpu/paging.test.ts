import assert from "node:assert/strict";
import { dword, faults, PROTECTED, register, runToEnd } from "../support/conformance";

/** Identity page tables for 4 MiB at 0x200000 (directory) and 0x201000 (table), all user and writable, then paging on. */
const PAGED = `${PROTECTED}
DIRECTORY equ 0x200000
TABLE equ 0x201000
PTE equ TABLE + 0x300 * 4
VIRTUAL equ 0x300000
  mov edi, TABLE
  mov eax, 7
fillTable:
  stosd
  add eax, 0x1000
  cmp edi, TABLE + 0x1000
  jb fillTable
  mov edi, DIRECTORY
  mov ecx, 1024
  xor eax, eax
  rep stosd
  mov dword [DIRECTORY], TABLE + 7
  mov eax, DIRECTORY
  mov cr3, eax
  mov dword [0x310000], 0x11111111
  mov dword [0x320000], 0x22222222
`;
const ON = `
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
`;
const WP = `
  mov eax, cr0
  or eax, 0x80010000
  mov cr0, eax
`;

describe("paging", () => {
  it("reports who, what and why in the error code and the address in CR2", () => {
    const rows: readonly (readonly [string, string, number])[] = [
      ["mov dword [PTE], 0", "mov eax, [VIRTUAL + 4]", 0],
      ["mov dword [PTE], 0", "mov [VIRTUAL + 4], eax", 2],
      ["mov dword [PTE], 0x310000 + 5", "mov [VIRTUAL + 4], eax", 3],
      ["mov dword [PTE], 0x310000 + 5", "add [VIRTUAL + 4], eax", 3],
    ];
    for (const [entry, access, code] of rows) {
      const outcome = runToEnd(`${PAGED}${entry}\n${WP}\nhere:\n${access}`);
      assert.deepEqual(faults(outcome, "here"), [`14(0x${code.toString(16)}) at here`], access);
      assert.equal(register(outcome.machine, "cr2"), 0x300004n);
    }
  });

  it("tells user from supervisor", () => {
    const at3 = (entry: string, access: string): string[] =>
      faults(runToEnd(`${PAGED}${entry}\n${ON}\nRING3 here\nhere:\n${access}\nud2`), "here");
    assert.equal(at3("mov dword [PTE], 0", "mov eax, [VIRTUAL]")[0], "14(0x4) at here");
    assert.equal(at3("mov dword [PTE], 0x310003", "mov eax, [VIRTUAL]")[0], "14(0x5) at here");
    assert.equal(at3("mov dword [PTE], 0x310005", "mov [VIRTUAL], eax")[0], "14(0x7) at here");
  });

  it("lets ring 0 write read-only pages unless CR0.WP is set", () => {
    const entry = "mov dword [PTE], 0x310000 + 1";
    const access = "here:\nmov dword [VIRTUAL], 5";
    const free = runToEnd(`${PAGED}${entry}\n${ON}\n${access}\nmov ebx, [VIRTUAL]\njmp end`);
    assert.deepEqual(faults(free), []);
    assert.equal(register(free.machine, "rbx"), 5n);
    const checked = runToEnd(`${PAGED}${entry}\n${WP}\n${access}`);
    assert.deepEqual(faults(checked, "here"), ["14(0x3) at here"]);
  });

  it("sets A on the way and D with the first write", () => {
    const { machine } = runToEnd(`${PAGED}${ON}
      mov eax, [VIRTUAL]
      mov ebx, [PTE]
      mov [VIRTUAL], eax
      mov ecx, [PTE]
      mov edx, [DIRECTORY]
      jmp end`);
    assert.equal(register(machine, "rbx") & 0x60n, 0x20n);
    assert.equal(register(machine, "rcx") & 0x60n, 0x60n);
    assert.equal(register(machine, "rdx") & 0x60n, 0x20n, "the directory entry is no leaf");
  });

  it("keeps stale translations until INVLPG or a load of CR3", () => {
    const { machine } = runToEnd(`${PAGED}
      mov dword [PTE], 0x310000 + 7
      ${ON}
      mov eax, [VIRTUAL]
      mov dword [PTE], 0x320000 + 7
      mov ebx, [VIRTUAL]
      invlpg [VIRTUAL]
      mov ecx, [VIRTUAL]
      mov dword [PTE], 0x310000 + 7
      mov edx, [VIRTUAL]
      mov esi, cr3
      mov cr3, esi
      mov esi, [VIRTUAL]
      jmp end`);
    const [ebx, ecx, edx, esi] = ["rbx", "rcx", "rdx", "rsi"].map((name) =>
      register(machine, name),
    );
    assert.deepEqual([ebx, ecx, edx, esi], [0x11111111n, 0x22222222n, 0x22222222n, 0x11111111n]);
  });

  it("walks again before it faults: granting rights needs no INVLPG", () => {
    const { exceptions } = runToEnd(`${PAGED}
      mov dword [PTE], 0x310000 + 5
      ${WP}
      mov eax, [VIRTUAL]
      mov dword [PTE], 0x310000 + 7
      mov [VIRTUAL], eax
      jmp end`);
    assert.deepEqual(exceptions, []);
  });

  it("drops the stale translation of the page that faults", () => {
    const outcome = runToEnd(`${PAGED}
      mov dword [PTE], 0x310000 + 5
      GATE 14, again, 0x8e
      ${WP}
      mov eax, [VIRTUAL]
      mov dword [PTE], 0
      first:
      mov [VIRTUAL], eax
      again:
      GATE 14, end, 0x8e
      second:
      mov ebx, [VIRTUAL]
      jmp end`);
    const found = faults(outcome, "first", "second");
    assert.deepEqual(found, ["14(0x2) at first", "14(0x0) at second"]);
  });

  it("keeps global pages over a load of CR3, not over a change of CR4.PGE", () => {
    const { machine } = runToEnd(`${PAGED}
      mov eax, cr4
      or eax, 0x80
      mov cr4, eax
      mov dword [PTE], 0x310000 + 0x107
      ${ON}
      mov eax, [VIRTUAL]
      mov dword [PTE], 0x320000 + 0x107
      mov eax, cr3
      mov cr3, eax
      mov ebx, [VIRTUAL]
      mov eax, cr4
      and eax, ~0x80
      mov cr4, eax
      mov ecx, [VIRTUAL]
      jmp end`);
    assert.equal(register(machine, "rbx"), 0x11111111n);
    assert.equal(register(machine, "rcx"), 0x22222222n);
  });

  it("drops a whole large page with INVLPG of any address in it", () => {
    const { machine } = runToEnd(`${PAGED}
      mov eax, cr4
      or eax, 0x10
      mov cr4, eax
      mov dword [DIRECTORY + 4], 0x87
      ${ON}
      mov eax, [0x710000]
      mov dword [DIRECTORY + 4], TABLE + 7
      mov dword [TABLE + 0x310 * 4], 0x320007
      mov ebx, [0x710000]
      invlpg [0x7ff000]
      mov ecx, [0x710000]
      jmp end`);
    assert.equal(register(machine, "rbx"), 0x11111111n);
    assert.equal(register(machine, "rcx"), 0x22222222n);
  });

  it("completes an access across two pages, and changes nothing when the second faults", () => {
    const { machine } = runToEnd(`${PAGED}
      mov dword [PTE + 4], 0x320000 + 7
      mov dword [PTE], 0x310000 + 7
      ${ON}
      mov dword [VIRTUAL + 0xffe], 0x44332211
      mov eax, [VIRTUAL + 0xffe]
      movzx ebx, word [0x310ffe]
      movzx ecx, word [0x320000]
      jmp end`);
    assert.equal(register(machine, "rax"), 0x44332211n);
    assert.equal(register(machine, "rbx"), 0x2211n);
    assert.equal(register(machine, "rcx"), 0x4433n);
    const outcome = runToEnd(`${PAGED}
      mov dword [PTE + 4], 0
      mov dword [PTE], 0x310000 + 7
      mov dword [0x310ffc], 0
      ${ON}
    here:
      mov dword [VIRTUAL + 0xffe], 0x44332211`);
    assert.deepEqual(faults(outcome, "here"), ["14(0x2) at here"]);
    assert.equal(register(outcome.machine, "cr2"), 0x301000n, "the first byte that is missing");
    const half = outcome.machine.readMemory("hpa", 0x310ffcn, 4);
    assert.deepEqual([...half], [0, 0, 0, 0]);
  });

  it("fetches an instruction across two pages, and faults on the second page's address", () => {
    const good = runToEnd(`${PAGED}
      mov dword [PTE], 0x310007
      mov dword [PTE + 4], 0x320007
      mov word [0x310ffe], 0x34b8
      mov dword [0x320000], 0xc3000012
      ${ON}
      mov eax, VIRTUAL + 0xffe
      call eax
      jmp end`);
    assert.equal(register(good.machine, "rax"), 0x1234n);
    assert.deepEqual(good.exceptions, []);
    const bad = runToEnd(`${PAGED}
      mov dword [PTE], 0x310007
      mov dword [PTE + 4], 0
      mov word [0x310ffe], 0x34b8
      ${ON}
      mov eax, VIRTUAL + 0xffe
      jmp eax`);
    assert.deepEqual(faults(bad), ["14(0x0) at 0x300ffe"]);
    assert.equal(register(bad.machine, "cr2"), 0x301000n);
  });

  it("follows the second page of a crossing instruction to its new place", () => {
    const { machine } = runToEnd(`${PAGED}
      mov dword [PTE], 0x310007
      mov dword [PTE + 4], 0x320007
      mov word [0x310ffe], 0x34b8
      mov dword [0x320000], 0xc3000012
      mov dword [0x330000], 0xc3000056
      ${ON}
      mov ebx, VIRTUAL + 0xffe
      mov ecx, 50
    again:
      call ebx
      loop again
      mov edx, eax
      mov dword [PTE + 4], 0x330007
      invlpg [VIRTUAL + 0x1000]
      call ebx
      jmp end`);
    assert.equal(register(machine, "rdx"), 0x1234n);
    assert.equal(register(machine, "rax"), 0x5634n);
  });

  it("checks reserved bits, NX, SMEP and SMAP", () => {
    const pae = (entry: string, access: string, cr4 = "0x20"): string[] => {
      const outcome = runToEnd(`${PROTECTED}
        mov edi, 0x200000
        xor eax, eax
        mov ecx, 0x2000
        rep stosd
        mov dword [0x200000], 0x201001
        mov dword [0x201000], 0x87
        mov dword [0x201008], 0x200087
        ${entry}
        mov ecx, 0xc0000080
        rdmsr
        or eax, 0x800
        wrmsr
        mov eax, ${cr4}
        mov cr4, eax
        mov eax, 0x200000
        mov cr3, eax
        mov dword [0x300000], 0xc3
        ${ON}
        here:
        ${access}
        jmp end`);
      return faults(outcome, "here");
    };
    assert.deepEqual(pae("", "mov eax, [0x300000]"), []);
    const reserved = "mov dword [0x20100c], 0x100";
    assert.deepEqual(pae(reserved, "mov eax, [0x300000]"), ["14(0x9) at here"]);
    const noExecute = "mov dword [0x20100c], 0x80000000";
    assert.deepEqual(pae(noExecute, "call 0x300000"), ["14(0x11) at 0x300000"]);
    // SMEP and SMAP look at pages of the user; the code itself is moved to supervisor pages.
    const supervisor = "mov dword [0x201000], 0x83";
    assert.deepEqual(pae(supervisor, "call 0x300000", "0x100020"), ["14(0x11) at 0x300000"]);
    assert.deepEqual(pae(supervisor, "mov eax, [0x300000]", "0x200020"), ["14(0x1) at here"]);
    assert.deepEqual(pae(supervisor, "stac\nmov eax, [0x300000]\nclac", "0x200020"), []);
    const after = "stac\nmov eax, [0x300000]\nclac\nmov eax, [0x300000]";
    assert.equal(pae(supervisor, after, "0x200020").length, 1, "CLAC ends what STAC allowed");
    const popped =
      "push dword 0x40002\npopfd\nmov eax, [0x300000]\npush dword 2\npopfd\nmov eax, [0x300000]";
    assert.equal(pae(supervisor, popped, "0x200020").length, 1, "so does POPF");
  });

  it("refuses paging without protection, and keeps its tables' addresses", () => {
    const outcome = runToEnd(`${PAGED}
      mov eax, 0x80000000
    here:
      mov cr0, eax`);
    assert.deepEqual(faults(outcome, "here"), ["13(0x0) at here"]);
    assert.equal(dword(outcome.machine, "tss", 1), 0x8f000);
  });
});
