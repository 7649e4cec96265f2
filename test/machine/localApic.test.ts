import assert from "node:assert/strict";
import { dword, faults, PROTECTED, register, runToEnd } from "../support/conformance";
import { fingerprint, guest } from "../support/guest";

const APIC = `${PROTECTED}
  APIC equ 0xfee00000
  ENABLE equ 0x900
  %macro BASE 1
    mov ecx, 0x1b
    mov eax, %1
    xor edx, edx
    wrmsr
  %endmacro
`;

/** A periodic timer in a busy loop; the handler keeps the time-stamp counter. */
const TICKING = `${APIC}
  GATE 40, tick, 0x8e
  mov dword [APIC + 0x3e0], 0xb
  mov dword [APIC + 0x320], (1 << 17) | 40
  mov dword [APIC + 0x380], 1000
  rdtsc
  mov [started], eax
  sti
again:
  mov esi, [APIC + 0x390]
  xor [counts], esi
  inc dword [turns]
  cmp dword [ticks], 8
  jb again
  jmp end
tick:
  push eax
  push edx
  rdtsc
  mov edx, [ticks]
  mov [stamps + edx * 4], eax
  inc dword [ticks]
  mov dword [APIC + 0xb0], 0
  pop edx
  pop eax
  iretd
align 4
started: dd 0
counts: dd 0
turns: dd 0
ticks: dd 0
stamps: times 8 dd 0
`;

describe("the local APIC of the bare machine", () => {
  it("interrupts at the timer's very tick, also in a loop that has become a region", () => {
    const { machine } = runToEnd(TICKING);
    const stamps = Array.from({ length: 8 }, (_, i) => dword(machine, "stamps", i));
    // Delivery is a tick; PUSH, PUSH and RDTSC follow.
    const first = dword(machine, "started") - 1 + 1000 + 3;
    assert.deepEqual(stamps, Array.from({ length: 8 }, (_, i) => first + i * 1000)); // prettier-ignore
  });

  it("gives the same run whatever the slices, and comes back when time goes back", () => {
    const none = { breakpoints: new Set<bigint>() };
    const whole = guest(TICKING);
    while (whole.run(100_000, none) === undefined);
    const pieces = guest(TICKING);
    while (pieces.run(37, none) === undefined);
    assert.equal(fingerprint(pieces), fingerprint(whole));
    pieces.travelTo(3000);
    const middle = fingerprint(pieces);
    pieces.travelTo(1500);
    pieces.travelTo(3000);
    assert.equal(fingerprint(pieces), middle);
    while (pieces.run(100_000, none) === undefined);
    assert.equal(fingerprint(pieces), fingerprint(whole));
  });

  it("is gone without IA32_APIC_BASE.EN, for CPUID too, and comes back as after reset", () => {
    const outcome = runToEnd(`${APIC}
      mov dword [APIC + 0x80], 0x40
      BASE APIC | 0x100
      mov eax, 1
      cpuid
      mov ebp, edx
      mov esi, [APIC + 0x30]
      BASE APIC | ENABLE
      mov edi, [APIC + 0xf0]
      mov ebx, [APIC + 0x80]
      mov eax, 1
      push ebx
      cpuid
      pop ebx
      jmp end`);
    const { machine } = outcome;
    assert.equal((register(machine, "rbp") >> 9n) & 1n, 0n);
    assert.equal((register(machine, "rdx") >> 9n) & 1n, 1n);
    assert.deepEqual(["rsi", "rdi", "rbx"].map((name) => register(machine, name)), [0xffffffffn, 0xffn, 0n]); // prettier-ignore
  });

  it("refuses reserved bits of IA32_APIC_BASE, x2APIC mode among them", () => {
    for (const bits of ["1", "0x200", "0x400"]) {
      const outcome = runToEnd(`${APIC}
        mov ecx, 0x1b
        mov eax, APIC | ENABLE | ${bits}
        xor edx, edx
      here:
        wrmsr`);
      assert.deepEqual(faults(outcome, "here"), ["13(0x0) at here"], bits);
    }
  });

  it("moves with IA32_APIC_BASE, also over RAM, which it hides", () => {
    const { machine } = runToEnd(`${APIC}
      mov dword [0x200080], 0x12345678
      mov eax, [0x200080]
      BASE 0x200000 | ENABLE
      mov ebx, [0x200080]
      mov dword [0x200080], 0x30
      mov esi, [0x200080]
      BASE 0xfed40000 | ENABLE
      mov edi, [0xfed40080]
      mov ebp, [0x200080]
      mov eax, [APIC + 0x80]
      jmp end`);
    const values = ["rbx", "rsi", "rdi", "rbp", "rax"].map((name) => register(machine, name));
    assert.deepEqual(values, [0n, 0x30n, 0x30n, 0x12345678n, 0xffffffffn]);
  });

  it("has TPR and CR8 be one register", () => {
    const { machine } = runToEnd(`${APIC}
      mov dword [APIC + 0x80], 0x57
      jmp end`);
    assert.equal(machine.vcpu().registers.cr8, 5n);
  });

  it("shows its registers to a debugger, which changes nothing by looking", () => {
    const { machine } = runToEnd(`${APIC}
      mov dword [APIC + 0x80], 0x57
      jmp end`);
    const before = fingerprint(machine);
    const read = (space: "gva" | "gpa" | "hpa", at: bigint): number[] => [...machine.readMemory(space, at, 8)]; // prettier-ignore
    assert.deepEqual(read("gpa", 0xfee00080n), [0x57, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(read("gva", 0xfee00030n), [0x14, 0, 5, 0, 0, 0, 0, 0]);
    assert.deepEqual(read("hpa", 0xfee002a0n), [0, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(machine.readMemory("gpa", 0xfee01000n, 4).length, 0);
    assert.equal(fingerprint(machine), before);
  });

  it("wakes a halted processor by NMI, with interrupts off, through LINT0", () => {
    const { machine } = runToEnd(
      `${APIC}
      GATE 2, nmi, 0x8e
      mov dword [APIC + 0x350], 0x400
      mov al, 0xfe
      out 0x21, al
      hlt
      jmp end
    nmi:
      mov ebx, 7
      iretd`,
      {},
      20_000_000,
    );
    assert.equal(register(machine, "rbx"), 7n);
  });
});
