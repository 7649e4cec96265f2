import assert from "node:assert/strict";
import { dword, LONG, PROTECTED, register, runToEnd, type Outcome } from "../support/conformance";
import { symbol } from "../support/guest";

/** A #DB handler that keeps the saved EIP and DR6 of up to 16 traps; IRETs with RF set. */
const TRAPS = `${PROTECTED}
  GATE 1, trap, 0x8e
  jmp program
count: dd 0
places: times 16 dd 0
causes: times 16 dd 0
saved: dd 0
trap:
  push eax
  push ebx
  mov ebx, [count]
  mov eax, [esp + 8]
  mov [places + ebx * 4], eax
  mov eax, dr6
  mov [causes + ebx * 4], eax
  mov eax, [esp + 16]
  mov [saved], eax
  xor eax, eax
  mov dr6, eax
  inc dword [count]
  or dword [esp + 16], 0x10000
  pop ebx
  pop eax
  iretd
program:
`;

function traps({ machine }: Outcome, ...labels: string[]): string[] {
  return Array.from({ length: dword(machine, "count") }, (_, i) => {
    const place = BigInt(dword(machine, "places", i));
    const label =
      labels.find((name) => symbol(machine, name) === place) ?? `0x${place.toString(16)}`;
    return `${label} ${(dword(machine, "causes", i) & 0xe00f).toString(16)}`;
  });
}

const SET_TF = "pushfd\nor dword [esp], 0x100\npopfd";
const CLEAR_TF = "pushfd\nand dword [esp], ~0x100\npopfd";

describe("debug facilities", () => {
  it("trap after every instruction under TF, beginning with the one after POPF", () => {
    const outcome = runToEnd(`${TRAPS}${SET_TF}
      nop
    a:
      nop
    b:
      ${CLEAR_TF}
    c:
      jmp end`);
    const labels = traps(outcome, "a", "b", "c");
    assert.deepEqual(labels.slice(0, 2), ["a 4000", "b 4000"]);
    assert.equal(labels.at(-1), "c 4000", "the POPF that clears TF still traps");
    assert.equal(labels.length, 5);
  });

  it("trap after each iteration of a repeated string instruction", () => {
    const outcome = runToEnd(`${TRAPS}
      mov ecx, 3
      mov edi, 0x80000
      ${SET_TF}
    a:
      rep stosb
    b:
      ${CLEAR_TF}
      jmp end`);
    assert.deepEqual(traps(outcome, "a", "b").slice(0, 3), ["a 4000", "a 4000", "b 4000"]);
  });

  it("do not trap between MOV SS and the next instruction", () => {
    const outcome = runToEnd(`${TRAPS}
      mov ebx, ss
      ${SET_TF}
      mov ss, ebx
    a:
      nop
    b:
      ${CLEAR_TF}
      jmp end`);
    assert.equal(traps(outcome, "a", "b")[0], "b 4000");
  });

  it("are off in a handler and come back with IRET", () => {
    const outcome = runToEnd(`${TRAPS}
      GATE 0x20, handler, 0x8e
      ${SET_TF}
      int 0x20
    a:
      nop
    b:
      ${CLEAR_TF}
      jmp end
    handler:
      nop
      nop
      iretd`);
    assert.deepEqual(traps(outcome, "a", "b").slice(0, 1), ["b 4000"]);
  });

  it("stop before an instruction breakpoint once, thanks to RF", () => {
    const outcome = runToEnd(`${TRAPS}
      mov eax, a
      mov dr0, eax
      mov eax, 1
      mov dr7, eax
    a:
      inc ebx
      inc ebx
      xor eax, eax
      mov dr7, eax
      jmp end`);
    assert.deepEqual(traps(outcome, "a"), ["a 1"]);
    assert.equal(dword(outcome.machine, "saved") & 0x10000, 0, "RF is the handler's to set");
  });

  it("keep RF over the iterations of a string instruction", () => {
    const outcome = runToEnd(`${TRAPS}
      mov eax, a
      mov dr0, eax
      mov eax, 1
      mov dr7, eax
      mov ecx, 5
      mov edi, 0x80000
    a:
      rep stosb
      mov edx, ecx
      xor eax, eax
      mov dr7, eax
      jmp end`);
    assert.deepEqual(traps(outcome, "a"), ["a 1"]);
    assert.equal(register(outcome.machine, "rdx"), 0n);
  });

  it("trap after an access that overlaps a data breakpoint", () => {
    const outcome = runToEnd(`${TRAPS}
      mov eax, 0x80004
      mov dr1, eax
      mov eax, 0xd00004
      mov dr7, eax
      mov eax, [0x80004]
      mov [0x80008], eax
      mov [0x80001], eax
    a:
      mov byte [0x80003], 1
      mov word [0x80007], 1
    b:
      xor eax, eax
      mov dr7, eax
      jmp end`);
    assert.deepEqual(traps(outcome, "a", "b"), ["a 2", "b 2"]);
  });

  it("forget a data breakpoint whose instruction faults", () => {
    const outcome = runToEnd(`${TRAPS}
      mov eax, 0x80004
      mov dr0, eax
      mov eax, 0xf0001
      mov dr7, eax
      GATE 12, handler, 0x8e
      mov dword [free], 0x0000ffff
      mov dword [free + 4], 0x00409300
      mov eax, FREE
      mov ss, eax
      mov esp, 0x10002
      push dword [0x80004]
    handler:
      mov ebx, DATA0
      mov ss, ebx
      mov esp, 0x90000
      jmp end`);
    assert.deepEqual(traps(outcome), []);
  });

  it("stop on ports with CR4.DE", () => {
    const outcome = runToEnd(`${TRAPS}
      mov eax, cr4
      or eax, 8
      mov cr4, eax
      mov eax, 0x80
      mov dr3, eax
      mov eax, 0x20000040
      mov dr7, eax
      out 0x80, al
    a:
      out 0x81, al
      xor eax, eax
      mov dr7, eax
      jmp end`);
    assert.deepEqual(traps(outcome, "a"), ["a 8"]);
  });

  it("guard their registers with DR7.GD, which the handler finds cleared", () => {
    const outcome = runToEnd(`${TRAPS}
      mov eax, 0x2000
      mov dr7, eax
    a:
      mov ebx, dr0
      mov ecx, dr7
      jmp end`);
    assert.deepEqual(traps(outcome, "a"), ["a 2000"]);
    assert.equal(register(outcome.machine, "rcx"), 0x400n);
  });

  it("accumulate causes in DR6 until software clears them, but not the breakpoint numbers", () => {
    const { machine } = runToEnd(`${PROTECTED}
      GATE 1, trap, 0x8e
      mov eax, a
      mov dr0, eax
      mov eax, b
      mov dr1, eax
      mov eax, 5
      mov dr7, eax
    a:
      nop
    b:
      nop
      mov ecx, dr6
      jmp end
    trap:
      or dword [esp + 8], 0x10000
      iretd`);
    assert.equal(register(machine, "rcx"), 0xffff0ff2n);
  });

  it("step over SYSCALL with TF masked by IA32_FMASK", () => {
    const { machine } = runToEnd(`${LONG}
      GATE 1, trap, 0x8e, 0
      mov ecx, 0xc0000080
      rdmsr
      or eax, 1
      wrmsr
      mov ecx, 0xc0000081
      xor eax, eax
      mov edx, 0x00180008
      wrmsr
      inc ecx
      mov eax, entry
      xor edx, edx
      wrmsr
      mov ecx, 0xc0000084
      mov eax, 0x300
      wrmsr
      xor ebx, ebx
      mov qword [abs gdt + 0x20], 0
      mov rax, 0x00cff3000000ffff
      mov [abs gdt + 0x20], rax
      RING3 user
    user:
      pushfq
      or qword [rsp], 0x100
      popfq
      syscall
    behind:
      nop
      ud2
    entry:
      nop
      nop
      o64 sysret
    trap:
      inc ebx
      mov rsi, [rsp]
      and qword [rsp + 16], ~0x100
      iretq`);
    assert.equal(register(machine, "rbx"), 1n);
    assert.equal(register(machine, "rsi"), symbol(machine, "behind"));
  });

  it("do not match an instruction right behind MOV SS or POP SS", () => {
    for (const load of ["mov ss, ax", "push ss\npop ss"]) {
      const outcome = runToEnd(`${TRAPS}
        mov eax, target
        mov dr0, eax
        mov eax, 0x402
        mov dr7, eax
        mov eax, DATA0
        ${load}
      target:
        nop
        jmp end`);
      assert.deepEqual(traps(outcome, "target"), [], load);
    }
  });

  it("give up what MOV SS held back when INT1 or a general-detect fault raises #DB, but not for INT 1 and INT3", () => {
    const behindMovSs = (instruction: string): string => `${TRAPS}
      GATE 3, trap, 0x8e
      mov eax, word_read
      mov dr0, eax
      mov eax, 0xf0402
      mov dr7, eax
      mov ss, [word_read]
      ${instruction}
    behind:
      jmp end
    align 4
    word_read: dd DATA0`;
    const places = (text: string): string[] => traps(runToEnd(text), "behind", "trap");
    assert.deepEqual(places(behindMovSs("db 0xf1")), ["behind 0"]);
    assert.deepEqual(places(behindMovSs("int 1")), ["trap 1", "behind 0"]);
    assert.deepEqual(places(behindMovSs("int3")), ["trap 1", "behind 0"]);
    const guarded = runToEnd(`${TRAPS}
      mov eax, 0x2400
      mov dr7, eax
      mov eax, DATA0
      pushfd
      or dword [esp], 0x100
      popfd
      mov ss, ax
    here:
      mov ebx, dr6
    behind:
      jmp end`);
    assert.deepEqual(traps(guarded, "here", "behind").slice(0, 2), ["here 2000", "behind 4000"]);
  });
});
