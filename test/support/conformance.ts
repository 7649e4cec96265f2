/** Small programs with descriptor tables and exception handlers, and what exceptions they met. */
import { guest, symbol, type GuestOptions } from "./guest";
import type { Debuggee, MachineEvent, Stop } from "../../src/engine/index";

type ExceptionEvent = MachineEvent & { readonly kind: "exception" };

export interface Outcome {
  readonly machine: Debuggee;
  readonly stop: Stop | undefined;
  /** All exceptions, in order. */
  readonly exceptions: readonly ExceptionEvent[];
  readonly events: readonly MachineEvent[];
}

/** Runs to the end (HLT, debug exit, shutdown), at most `ticks`. */
export function runToEnd(text: string, options: GuestOptions = {}, ticks = 200_000): Outcome {
  const machine = guest(text, { recording: false, ...options });
  const events: MachineEvent[] = [];
  const stop = machine.run(ticks, {
    breakpoints: new Set(),
    onEvent: (event) => {
      events.push(event);
      return false;
    },
  });
  const exceptions = events.filter((event): event is ExceptionEvent => event.kind === "exception");
  return { machine, stop, exceptions, events };
}

/** "#GP(0x10) at label", for every exception; the label is one of the program's. */
export function faults({ machine, exceptions }: Outcome, ...labels: readonly string[]): string[] {
  return exceptions.map(({ vector, errorCode, rip }) => {
    const code = errorCode === undefined ? "" : `(0x${errorCode.toString(16)})`;
    const label = labels.find((name) => symbol(machine, name) === rip);
    return `${vector}${code} at ${label ?? `0x${rip.toString(16)}`}`;
  });
}

export function register(machine: Debuggee, name: string): bigint {
  const value = machine.cpu().registers[name];
  if (value === undefined) throw new Error(`no register ${name}`);
  return value;
}

/** A dword of the program's data. */
export function dword(machine: Debuggee, name: string, index = 0): number {
  const bytes = machine.readMemory("gpa", symbol(machine, name) + BigInt(4 * index), 4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** Selectors of both prologues. */
const SELECTORS = `
CODE0 equ 0x08
DATA0 equ 0x10
CODE1 equ 0x18 | 1
DATA1 equ 0x20 | 1
CODE3 equ 0x28 | 3
DATA3 equ 0x30 | 3
TSS equ 0x38
FREE equ 0x48
`;

/**
 * Protected mode, flat, ring 0, interrupts off; all 32 exceptions lead to HLT, except where the program changes its IDT. 'GATE vector, offset, type'
 * sets a gate, 'RING3 label' goes there with IOPL 0, 'end:' halts. The program follows at 'main'.
 */
export const PROTECTED = `
bits 32
org 0x100000
${SELECTORS}
%macro GATE 3
  mov dword [idt + (%1) * 8], (CODE0 << 16)
  mov eax, %2
  mov [idt + (%1) * 8], ax
  and eax, 0xffff0000
  or eax, (%3) << 8
  mov [idt + (%1) * 8 + 4], eax
%endmacro
%macro TORING 3
  push dword %1
  push dword 0x80000
  push dword 2
  push dword %2
  push dword %3
  iretd
%endmacro
%macro RING3 1
  mov eax, DATA3
  mov ds, ax
  mov es, ax
  TORING DATA3, CODE3, %1
%endmacro
%macro RING1 1
  mov eax, DATA1
  mov ds, ax
  mov es, ax
  TORING DATA1, CODE1, %1
%endmacro
begin:
  mov esp, 0x90000
  lgdt [gdtr]
  jmp CODE0:reload
reload:
  mov eax, DATA0
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov eax, TSS
  ltr ax
  xor ecx, ecx
fill:
  mov eax, end
  mov [idt + ecx * 8], ax
  mov word [idt + ecx * 8 + 2], CODE0
  mov word [idt + ecx * 8 + 4], 0x8e00
  shr eax, 16
  mov [idt + ecx * 8 + 6], ax
  inc ecx
  cmp ecx, 64
  jb fill
  lidt [idtr]
  jmp main
end:
  cli
  hlt
align 8
gdt: dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cfbb000000ffff, 0x00cfb3000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
  dw 0x2068
  dw tss - 0x100000
  db 0x10, 0x89, 0, 0
  dq 0
free: times 8 dq 0
gdtr: dw $ - gdt - 1
  dd gdt
align 8
idt: times 64 dq 0
idtr: dw $ - idt - 1
  dd idt
align 4
tss: dd 0, 0x8f000, DATA0, 0x8d000, DATA1
  times 20 dd 0
  dw 0
map: dw 104
bitmap: times 8193 db 0xff
align 4096
main:
`;

/** 64-bit mode, ring 0, first 4 GiB mapped, the first 2 MiB for ring 3 too; the same selectors and habits; RSP0 is set, the IST is not. */
export const LONG = `
bits 64
org 0x100000
${SELECTORS}
%macro GATE 4
  mov rax, %2
  mov [abs idt + (%1) * 16], ax
  mov word [abs idt + (%1) * 16 + 2], CODE0
  mov word [abs idt + (%1) * 16 + 4], ((%3) << 8) | (%4)
  shr rax, 16
  mov [abs idt + (%1) * 16 + 6], ax
  shr rax, 16
  mov [abs idt + (%1) * 16 + 8], eax
%endmacro
%macro RING3 1
  push DATA3
  push 0x80000
  push 2
  push CODE3
  push %1
  iretq
%endmacro
begin:
  mov rsp, 0x90000
  lgdt [abs gdtr]
  push CODE0
  push reload
  retfq
reload:
  mov eax, DATA0
  mov ds, eax
  mov es, eax
  mov ss, eax
  mov eax, TSS
  ltr ax
  xor ecx, ecx
fill:
  mov rax, end
  mov rdx, rcx
  shl rdx, 4
  mov [rdx + idt], ax
  mov word [rdx + idt + 2], CODE0
  mov word [rdx + idt + 4], 0x8e00
  shr rax, 16
  mov [rdx + idt + 6], ax
  inc ecx
  cmp ecx, 64
  jb fill
  lidt [abs idtr]
  or byte [abs 0x70000], 4
  or byte [abs 0x71000], 4
  or byte [abs 0x72000], 4
  mov rax, cr3
  mov cr3, rax
  jmp main
end:
  cli
  hlt
align 8
gdt: dq 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0, 0x00affb000000ffff, 0x00cff3000000ffff
  dw 0x67
  dw tss - 0x100000
  db 0x10, 0x89, 0, 0
  dq 0
free: times 8 dq 0
gdtr: dw $ - gdt - 1
  dq gdt
align 16
idt: times 128 dq 0
idtr: dw $ - idt - 1
  dq idt
align 16
tss: dd 0
  dq 0x8f000, 0, 0, 0, 0x8d000
  times 104 - ($ - tss) db 0
align 4096
main:
`;
