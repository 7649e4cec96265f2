import assert from "node:assert/strict";
import { enter, bareProcessor } from "../support/bareProcessor";
import { faults, LONG, PROTECTED, register, runToEnd } from "../support/conformance";
import { symbol } from "../support/guest";

/** Timer on IRQ 0 = vector 0x20, due at once and often; the handler counts in EBX and keeps the first return address in ESI. */
const TIMER = `${PROTECTED}
  GATE 0x20, tick, 0x8e
  mov al, 0x11
  out 0x20, al
  mov al, 0x20
  out 0x21, al
  mov al, 4
  out 0x21, al
  mov al, 1
  out 0x21, al
  mov al, 0xfe
  out 0x21, al
  mov al, 0x34
  out 0x43, al
  mov al, 2
  out 0x40, al
  xor al, al
  out 0x40, al
  xor ebx, ebx
  xor esi, esi
  mov ecx, 10000
delay:
  dec ecx
  jnz delay
  jmp program
tick:
  inc ebx
  test esi, esi
  jnz known
  mov esi, [esp]
known:
  and dword [esp + 8], ~0x200
  iretd
program:
`;

describe("interrupts", () => {
  it("wait for IF, and one instruction longer after STI", () => {
    const { machine } = runToEnd(`${TIMER}
      sti
      nop
    after:
      nop
      jmp end`);
    assert.equal(register(machine, "rbx"), 1n);
    assert.equal(register(machine, "rsi"), symbol(machine, "after"));
  });

  it("do not come between STI and CLI", () => {
    const { machine } = runToEnd(`${TIMER}\nsti\ncli\nnop\njmp end`);
    assert.equal(register(machine, "rbx"), 0n);
  });

  it("have no shadow when IF was on already", () => {
    const { machine } = runToEnd(`${TIMER}
      pushfd
      or dword [esp], 0x200
      popfd
    after:
      sti
      nop
      jmp end`);
    assert.equal(register(machine, "rsi"), symbol(machine, "after"), "POPF has no shadow");
  });

  it("wait for the instruction after MOV SS and POP SS", () => {
    for (const load of ["mov ss, ax", "push ss\npop ss"]) {
      const { machine } = runToEnd(`${TIMER}
        mov eax, ss
        push dword 0x202
        sti
        ${load}
      shadowed:
        nop
      after:
        nop
        jmp end`);
      const at = register(machine, "rsi");
      assert.notEqual(at, symbol(machine, "shadowed"), load);
      assert.equal(register(machine, "rbx"), 1n);
    }
  });

  it("wake the processor from HLT and return behind it", () => {
    const { machine } = runToEnd(`${TIMER}
      sti
      hlt
    after:
      jmp end`);
    assert.equal(register(machine, "rsi"), symbol(machine, "after"));
  });

  it("interrupt a repeated string instruction between two iterations", () => {
    const { machine } = runToEnd(`${TIMER}
      mov ecx, 50000
      mov edi, 0x200000
      sti
      nop
      rep stosb
      mov edx, ecx
      jmp end`);
    assert.equal(register(machine, "rdx"), 0n);
    assert.equal(register(machine, "rbx"), 1n);
  });

  it("of a 64-bit kernel enter on a 16-byte aligned stack", () => {
    const { machine } = runToEnd(`${LONG}
      GATE 0x30, handler, 0x8e, 0
      mov rsp, 0x8fff3
      int 0x30
      jmp end
    handler:
      mov rbx, rsp
      iretq`);
    assert.equal(register(machine, "rbx"), 0x8fff0n - 40n);
    assert.equal(register(machine, "rsp"), 0x8fff3n);
  });

  it("through a gate of too high privilege are #GP for INT n only", () => {
    const outcome = runToEnd(`${PROTECTED}
      RING3 user
    user:
    here:
      int 6`);
    assert.deepEqual(faults(outcome, "here"), ["13(0x32) at here"]);
    const fault = runToEnd(`${PROTECTED}\nRING3 here\nhere:\nud2`);
    assert.deepEqual(faults(fault, "here"), ["6 at here"]);
  });
});

describe("NMI", () => {
  function machine() {
    const { cpu, executor } = bareProcessor(32, 0x40000);
    enter(cpu, 32);
    const { ram } = cpu;
    // IDT at 0x1000: vector 2 to 0x2000; GDT at 0x800: code, data.
    ram.write64(0x1010, 0x00008e0000082000n);
    ram.write64(0x808, 0x00cf9b000000ffffn);
    ram.write64(0x810, 0x00cf93000000ffffn);
    cpu.system.idtr = { base: 0x1000n, limit: 0x7ff };
    cpu.system.gdtr = { base: 0x800n, limit: 0x17 };
    cpu.setGpr(4, 0x8000n);
    cpu.rip = 0x3000n;
    for (let i = 0; i < 64; i++) ram.write8(0x3000 + i, 0x90);
    // Handler: NOP, NOP, IRETD.
    ram.writeBytes(0x2000, Uint8Array.of(0x90, 0x90, 0xcf));
    return { cpu, executor };
  }

  it("does not care for IF and blocks itself until IRET", () => {
    const { cpu, executor } = machine();
    cpu.system.nmiPending = true;
    executor.run(2);
    assert.equal(cpu.rip, 0x2001n);
    cpu.system.nmiPending = true;
    executor.run(1);
    assert.equal(cpu.rip, 0x2002n, "still in the first handler");
    executor.run(1);
    assert.equal(cpu.rip, 0x3000n);
    executor.run(1);
    assert.equal(cpu.rip, 0x2000n, "the second one comes after IRET");
  });

  it("waits behind MOV SS", () => {
    const { cpu, executor } = machine();
    cpu.ram.writeBytes(0x3000, Uint8Array.of(0x8e, 0xd0, 0x90, 0x90));
    cpu.setGpr(0, 0x10n);
    executor.run(1);
    cpu.system.nmiPending = true;
    executor.run(1);
    assert.equal(cpu.rip, 0x3003n);
    executor.run(1);
    assert.equal(cpu.rip, 0x2000n);
  });
});
