/**
 * Random 32-bit guest kernels for comparing a technique with the bare machine: a fixed frame (descriptor tables, page tables, one handler for everything) around
 * chunks of random instructions. Each exception leads on to the next chunk, in a ring and with flags that are random too.
 */
import { Prng } from "../../src/engine/base/prng";
import { sampleInstructions, type Sample } from "../codec/samples";

export const GUEST_BYTES = 4 << 20;
const ORIGIN = 0x100000;
const TABLES = 0x110000;
/** GPAs of the page tables. */
export const TABLE_RANGE = { from: TABLES, to: TABLES + 0x3000 } as const;
const FREE = 0x200000;
const CHUNKS = 24;

/** What a program is made of. */
export interface Recipe {
  readonly seed: number;
  /** Whether instructions may occur that do not trap where they should, and bytes that are no chosen instruction. */
  readonly kind: "faithful" | "silent" | "hostile";
}

/** Instructions whose results depend on the time, which a VMM takes its share of. */
const TIMED = new Set(["rdtsc", "rdtscp", "rdpmc", "rdrand", "rdseed", "in", "ins", "out", "outs", "cpuid"]); // prettier-ignore
/** HLT may sleep for ever; MSRs and control registers lead out of what the technique takes; STAC and CLAC are not offered at ring 3. */
const UNWANTED = new Set([
  "hlt",
  "mwait",
  "monitor",
  "wrmsr",
  "rdmsr",
  "mov_to_cr",
  "lmsw",
  "stac",
  "clac",
]);

/** Without those that the simulated processor answers with #UD. */
const SAMPLES = sampleInstructions(32, 3).filter(
  ({ instruction: { form } }) => form.semantics !== undefined,
);
const FAITHFUL = SAMPLES.filter(
  ({ instruction: { form } }) =>
    !TIMED.has(form.semantics!) &&
    !UNWANTED.has(form.semantics!) &&
    form.sensitivity !== "sensitive-unprivileged" &&
    form.sensitivity !== "vm-instruction",
);
const SILENT = SAMPLES.filter(
  ({ instruction: { form } }) => form.sensitivity === "sensitive-unprivileged",
);
const SYSTEM = FAITHFUL.filter(({ instruction: { form } }) => form.sensitivity !== "innocuous");

/** Lines that no random choice would find. */
const IDIOMS: readonly string[] = [
  "cli", "sti", "mov ss, [dataSelector]", "mov eax, cr0", "mov ebx, cr3", "mov cr3, ebx", "clts",
  "int 0x80", "int3", "ud2", "lgdt [gdtPointer]", "lidt [idtPointer]", "mov ds, [dataSelector]", "mov es, [dataSelector]",
  "mov fs, [userSelector]", "mov gs, [emptySelector]", "in al, 0x80", "out 0x80, al", "out 0xe9, al", "in al, 0x3fb", "invlpg [edi]", "wbinvd",
  "mov eax, [0xffc00000 + 8]", "mov [0xffc45000], eax", "mov dword [0xfffffffc], 1", "mov eax, [0xd0000000]", "rep movsd", "rep stosb",
  "lock inc dword [0x200000]", "mov eax, 0x23", "jmp 0x08:$ + 7", "mov dr7, eax", "mov eax, dr6", "inc dword [gdt + 0x28]", "push dword 0x3202",
  "mov esp, kernelStack", "mov cr2, eax", "call 0x50:0", "mov ecx, 0x277\nrdmsr\nwrmsr", "mov byte [gdt + 0x2d], 0x93", "lldt [ldtSelector]", "mov fs, [localSelector]",
]; // prettier-ignore

class Choice {
  constructor(private readonly random: Prng) {}

  below(limit: number): number {
    return this.random.next32() % limit;
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  word(): number {
    return this.random.next32();
  }
}

function bytesLine(bytes: Uint8Array): string {
  return `db ${[...bytes].map((byte) => `0x${byte.toString(16)}`).join(", ")}`;
}

function randomLine(choice: Choice, kind: Recipe["kind"]): string {
  if (choice.below(4) === 0) return choice.of(IDIOMS);
  const wild = kind === "hostile" && choice.below(3) === 0;
  if (wild) return bytesLine(Uint8Array.from({ length: 1 + choice.below(4) }, () => choice.word() >>> 9)); // prettier-ignore
  const pool: readonly Sample[] =
    kind !== "faithful" && choice.below(4) === 0 ? SILENT : choice.below(4) === 0 ? SYSTEM : FAITHFUL; // prettier-ignore
  return bytesLine(choice.of(pool).bytes);
}

/** Random registers first, most of them in RAM, some at the top of the address space. */
function chunk(choice: Choice, kind: Recipe["kind"], index: number): string {
  const pointer = (): number => {
    const where = choice.below(8);
    if (where === 0) return choice.word();
    if (where === 1) return 0xffc00000 + choice.below(0x46000);
    return FREE + choice.below(0x100000);
  };
  const lines = ["eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"].map(
    (register) => `mov ${register}, 0x${(register === "ecx" ? choice.below(64) : pointer()).toString(16)}`,
  ); // prettier-ignore
  const code = Array.from({ length: 3 + choice.below(8) }, () => randomLine(choice, kind));
  return [`chunk${index}:`, ...lines, ...code, "int 0x81"].join("\n");
}

/** P, R/W, U/S of a page of the image and of the free memory. */
function pageEntry(choice: Choice, page: number): number {
  const own = page << 12;
  // Nobody changes an entry without a flush: what the processor does then is not defined.
  if (page >= TABLES >> 12 && page < (TABLES >> 12) + 4) return 0;
  if (page < FREE >> 12) return own | 7;
  switch (choice.below(8)) {
    case 0:
      return choice.word() & ~1;
    case 1:
      return own | 5;
    case 2:
      return own | 3;
    case 3:
      return (((FREE >> 12) + choice.below(0x200)) << 12) | 7;
    default:
      return own | 7;
  }
}

function pageTables(choice: Choice): string {
  const entries = Array.from({ length: 1024 }, (_, page) => pageEntry(choice, page));
  const top = choice.of(["0", "topTable + 7", "topTable + 3", "0x200087"]);
  const second = choice.of(["0", "0xd0000087", "0xd0000085"]);
  return `
  times ${TABLES - ORIGIN} - ($ - $$) db 0
pageDirectory:
  dd pageTable + 7, ${second}
  times 1021 dd 0
  dd ${top}
pageTable:
  dd ${entries.map((entry) => `0x${(entry >>> 0).toString(16)}`).join(", ")}
topTable:
  times 1024 dd 0x${FREE.toString(16)} + 7
`;
}

/** CS, SS, EFLAGS that a chunk starts with. */
function starts(choice: Choice): string {
  return Array.from({ length: CHUNKS }, (_, index) => {
    const user = choice.below(3) === 0;
    const flags = 2 | (choice.below(4) > 0 ? 0x200 : 0) | (choice.below(8) === 0 ? 0x100 : 0) | (choice.below(8) === 0 ? 0x3000 : 0) | (choice.word() & 0x8d5); // prettier-ignore
    return `dd chunk${index}, ${user ? "0x1b, 0x23" : "0x08, 0x10"}, 0x${flags.toString(16)}`;
  }).join("\n");
}

const withCode = (vector: number): boolean => [8, 10, 11, 12, 13, 14, 17].includes(vector);

function stubs(): string {
  return Array.from(
    { length: 48 },
    (_, vector) => `stub${vector}:\n${withCode(vector) ? "" : "push dword 0\n"}push dword ${vector}\njmp handler`, // prettier-ignore
  ).join("\n");
}

function gates(): string {
  return Array.from({ length: 48 }, (_, vector) => `GATE stub${vector}, ${vector === 3 ? "0xee00" : "0x8e00"}`).join("\n"); // prettier-ignore
}

/** The program's text. */
export function randomGuest({ seed, kind }: Recipe): string {
  const choice = new Choice(new Prng(seed));
  const paging = choice.below(4) > 0;
  const wp = choice.below(2) === 0;
  const chunks = Array.from({ length: CHUNKS }, (_, index) => chunk(choice, kind, index)).join("\n"); // prettier-ignore
  return `bits 32
org 0x${ORIGIN.toString(16)}
%macro GATE 2
  dw (%1 - $$) & 0xffff, 8, %2, (%1 - $$ + 0x${ORIGIN.toString(16)}) >> 16
%endmacro
start:
  mov esp, kernelStack
  lgdt [gdtPointer]
  jmp 0x08:loaded
loaded:
  mov eax, 0x10
  mov ds, eax
  mov es, eax
  mov ss, eax
  lidt [idtPointer]
  mov eax, 0x30
  ltr ax
  mov al, 0x11
  out 0x20, al
  mov al, 0x20
  out 0x21, al
  mov al, 4
  out 0x21, al
  mov al, 1
  out 0x21, al
  mov al, 0xdf
  out 0x21, al
${paging ? `  mov eax, cr4\n  or eax, 0x10\n  mov cr4, eax\n  mov eax, pageDirectory\n  mov cr3, eax\n  mov eax, cr0\n  or eax, ${wp ? "0x80010000" : "0x80000000"}\n  mov cr0, eax` : ""}
  jmp next

stub128: push dword 0
  push dword 0x80
  jmp handler
stub129: push dword 0
  push dword 0x81
  jmp handler
${stubs()}

; Error code and vector are on the stack. Interrupts and breakpoints go back; everything else goes on with the next chunk.
handler:
  mov eax, 0x10
  mov ds, eax
  mov eax, [esp]
  cmp eax, 0x25
  je device
  cmp eax, 0x80
  je back
  cmp eax, 1
  jne next
  inc dword [traps]
  cmp dword [traps], 40
  jb back
next:
  lgdt [gdtPointer]
  mov eax, 0x10
  mov ds, eax
  mov es, eax
  mov ss, eax
  mov esp, kernelStack
  lidt [idtPointer]
  xor eax, eax
  mov dr7, eax
  mov ebx, [current]
  inc dword [current]
  cmp ebx, ${CHUNKS}
  jae finish
  shl ebx, 4
  cld
  mov eax, [starts + ebx + 4]
  test eax, 3
  jz kernel
  push dword [starts + ebx + 8]
  push dword userStack
kernel:
  push dword [starts + ebx + 12]
  push eax
  push dword [starts + ebx]
  iret
device:
  mov al, 0x20
  out 0x20, al
back:
  add esp, 8
  iret
finish:
  mov al, 0
  out 0xf4, al

align 16
${chunks}

align 16
gdt: dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
  dq 0x00cf93000000ffff ; 0x28: what the chunks change
  dw 103, tss - $$, 0x8910, 0 ; 0x30
  dw 15, ldt - $$, 0x8210, 0 ; 0x38
  dq 0x0000930010001fff ; 0x40: small
  dq 0 ; 0x48
  dw stub128 - $$, 8, 0xec00, 0x10 ; 0x50: a call gate
  dq 0x00cf970000000200 ; 0x58: expand-down
ldt: dq 0x00cff3000000ffff, 0x00cf92000000ffff
gdtPointer: dw 0x5f
  dd gdt
idtPointer: dw 0x81 * 8 + 7
  dd idt
dataSelector: dd 0x10
userSelector: dd 0x23
emptySelector: dd 0
ldtSelector: dd 0x38
localSelector: dd 4
current: dd 0
traps: dd 0
align 16
starts:
${starts(choice)}
align 8
idt:
${gates()}
  times 0x80 - 48 dq 0
  GATE stub128, 0xee00
  GATE stub129, 0xee00
tss: dd 0, kernelStack, 0x10
  times 22 dd 0
  dw 0, 104
  times 1024 db 0
kernelStack:
  times 512 db 0
userStack:
  times 64 db 0
${pageTables(choice)}
`;
}
