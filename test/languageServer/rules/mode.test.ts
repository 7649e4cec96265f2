import assert from "node:assert/strict";
import { brief, diagnose } from "../support";
import { fixed } from "./fixes";
import { linesOf } from "./support";

describe("MODE2: CR0.PE without a far jump", () => {
  const set = "bits 16\nmov eax, cr0\nor al, 1\nmov cr0, eax\n";

  it("speaks when control runs on in 16-bit code", () => {
    assert.deepEqual(linesOf("MODE2", `${set}bits 32\nmov esp, 0x9000\n`), [4]);
    assert.deepEqual(linesOf("MODE2", `${set}${"mov ax, 8\n".repeat(8)}`), [4]);
  });

  it("is silent with a far transfer of any form", () => {
    for (const jump of [
      "jmp 8:next\nnext:",
      "jmp dword 8:next\nnext:",
      "jmp short $+2\nmov ds, bx\njmp 8:next\nnext:",
      "db 0x66, 0xea",
      "jmp far [pointer]\npointer: dw 0, 8",
      "push word 8\npush word next\nretf\nnext:",
    ])
      assert.deepEqual(linesOf("MODE2", `${set}${jump}\nbits 32\nmov eax, 1\n`), [], jump);
  });

  it("is silent for unreal mode, for calls away, and for paging in 32-bit code", () => {
    assert.deepEqual(linesOf("MODE2", `${set}mov ds, bx\nand al, 0xfe\nmov cr0, eax\n`), []);
    const segments = ["ds", "es", "fs", "gs", "ss"].map((name) => `mov ${name}, ax\n`).join("");
    const unreal = `jmp next\nnext: mov ax, 16\n${segments}mov eax, cr0\nand eax, 0xfffe\nmov cr0, eax\n`;
    assert.deepEqual(linesOf("MODE2", `${set}${unreal}`), []);
    assert.deepEqual(linesOf("MODE2", `${set}ret\n`), []);
    const paging = "bits 32\nmov eax, cr0\nor eax, 0x80000001\nmov cr0, eax\n";
    assert.deepEqual(linesOf("MODE2", `${paging}${"nop\n".repeat(12)}`), []);
    const clear = "bits 16\nmov eax, cr0\nand al, 0xfe\nmov cr0, eax\n";
    assert.deepEqual(linesOf("MODE2", `${clear}${"nop\n".repeat(12)}`), []);
  });
});

const CODE32 = "0x00cf9a000000ffff";
const CODE16 = "0x00009a000000ffff";
const CODE64 = "0x00af9a000000ffff";

/** Enters protected mode by `jmp 8:start`; `code` follows at `start`. */
function entering(code: string, descriptor = CODE32, before = ""): string {
  const table = `gdt: dq 0\ndq ${descriptor}\ndq 0x00cf92000000ffff\npointer: dw $-gdt-1\ndd gdt\n`;
  const change = "mov eax, cr0\nor al, 1\nmov cr0, eax\njmp 8:start\n";
  return `bits 16\norg 0x7c00\n${before}lgdt [pointer]\n${change}${code}\n${table}`;
}

describe("MODE2: its quick fix", () => {
  it("inserts a far jump to the first 32-bit code segment, and a label with a new name", () => {
    const set = "bits 16\norg 0x7c00\nlgdt [pointer]\nmov eax, cr0\nor al, 1\nmov cr0, eax ; now\n";
    const table = `gdt: dq 0\ndq ${CODE16}\ndq ${CODE32}\npointer: dw $-gdt-1\ndd gdt\n`;
    const text = `${set}bits 32\nprotectedMode: mov eax, 1\nhlt\n${table}`;
    const after = fixed("MODE2", text);
    assert.ok(after.includes("; now\n        jmp     0x10:protectedMode2\nbits 32\nprotectedMode2:\n"), after); // prettier-ignore
    const left = brief(diagnose(after)).filter((each) => !each.includes("MODE4"));
    assert.deepEqual(left, []);
  });
});

describe("MODE1: code size against the descriptor", () => {
  it("speaks where D says something else than bits", () => {
    assert.deepEqual(linesOf("MODE1", entering("start: mov ax, 16")), [8]);
    assert.deepEqual(linesOf("MODE1", entering("bits 32\nstart: mov ax, 16", CODE16)), [9]);
  });

  it("inserts bits", () => {
    const after = fixed("MODE1", entering("start: mov ax, 16"));
    assert.ok(after.includes("\nbits 32\nstart: mov ax, 16\n"), after);
    assert.deepEqual(linesOf("MODE1", after), []);
  });

  it("is silent where they agree, and where the target or the table is elsewhere", () => {
    assert.deepEqual(linesOf("MODE1", entering("bits 32\nstart: mov ax, 16")), []);
    assert.deepEqual(linesOf("MODE1", entering("start: mov ax, 16", CODE16)), []);
    assert.deepEqual(linesOf("MODE1", entering("start equ 0x9000")), []);
    const second = entering("start: lgdt [bx]");
    assert.deepEqual(linesOf("MODE1", second), [], "another table may be in force");
    assert.deepEqual(linesOf("MODE1", "bits 16\njmp 0:start\nstart: nop\nlgdt [bx]\n"), []);
  });
});

describe("MODE3: protected mode without LGDT", () => {
  const program = (first: string): string =>
    `bits 16\n${first}\nmov eax, cr0\nor al, 1\nmov cr0, eax\njmp 8:start\nbits 32\nstart: hlt\n`;

  it("speaks at the far jump", () => {
    assert.deepEqual(linesOf("MODE3", program("cli")), [6]);
  });

  it("is silent with LGDT anywhere, and for parts of programs", () => {
    assert.deepEqual(linesOf("MODE3", program("lgdt [bx]")), []);
    assert.deepEqual(linesOf("MODE3", program("extern loadTables")), []);
    assert.deepEqual(linesOf("MODE3", program("call missing")), []);
  });
});

describe("MODE4: interrupts on at the switch", () => {
  it("speaks after STI, and in boot sectors without CLI", () => {
    const text = "bits 16\nsti\nmov eax, cr0\nor al, 1\nmov cr0, eax\n";
    assert.deepEqual(linesOf("MODE4", text), [5]);
    assert.deepEqual(linesOf("MODE4", entering("bits 32\nstart: hlt")), [6]);
  });

  it("is silent after CLI, and in code that starts with interrupts off", () => {
    const text = "bits 16\nsti\nnop\ncli\nmov eax, cr0\nor al, 1\nmov cr0, eax\n";
    assert.deepEqual(linesOf("MODE4", text), []);
    assert.deepEqual(linesOf("MODE4", entering("bits 32\nstart: hlt", CODE32, "cli\n")), []);
    assert.deepEqual(linesOf("MODE4", "bits 16\nmov eax, cr0\nor al, 1\nmov cr0, eax\n"), []);
  });

  it("inserts CLI", () => {
    const after = fixed("MODE4", entering("bits 32\nstart: hlt"));
    assert.match(after, /cli\n +mov cr0, eax/);
    assert.deepEqual(brief(diagnose(after)).filter((each) => each.includes("MODE4")), []); // prettier-ignore
  });
});

describe("MODE5: stale data segments", () => {
  const at = (code: string): number[] => linesOf("MODE5", entering(`bits 32\nstart: ${code}`));

  it("finds the first access through a segment that was not loaded", () => {
    assert.deepEqual(at("mov eax, [0x9000]"), [9]);
    assert.deepEqual(at("mov ax, 16\nmov ds, ax\npush eax"), [11]);
    assert.deepEqual(at("mov ax, 16\nmov ds, ax\nmov ss, ax\nstosb"), [12]);
  });

  it("is silent after loads, for addresses that are not accessed, and behind jumps", () => {
    assert.deepEqual(at("mov ax, 16\nmov ds, ax\nmov eax, [0x9000]"), []);
    assert.deepEqual(at("lea eax, [ebx]\nmov esp, 0x9000"), []);
    assert.deepEqual(at("jmp there\nthere: mov eax, [0x9000]"), []);
    const early = entering("bits 32\nstart: mov eax, [0x9000]").replace("jmp 8", "mov ds, bx\njmp 8"); // prettier-ignore
    assert.deepEqual(linesOf("MODE5", early), []);
  });
});

const LME = "mov ecx, 0xc0000080\nrdmsr\nor eax, 1 << 8\nwrmsr\n";
const PG = "mov eax, cr0\nor eax, 1 << 31\nmov cr0, eax\n";

describe("MODE6: IA-32e mode without PAE", () => {
  it("speaks where nothing sets PAE", () => {
    assert.deepEqual(linesOf("MODE6", `bits 32\nmov cr3, eax\n${LME}${PG}`), [9]);
  });

  it("is silent where PAE is or may be set, and for other paging", () => {
    assert.deepEqual(linesOf("MODE6", `bits 32\nmov eax, 0x20\nmov cr4, eax\n${LME}${PG}`), []);
    assert.deepEqual(linesOf("MODE6", `bits 32\nmov cr4, ebx\n${LME}${PG}`), []);
    assert.deepEqual(linesOf("MODE6", `bits 32\n${PG}`), []);
    assert.deepEqual(linesOf("MODE6", `bits 32\nextern f\n${LME}${PG}`), []);
  });
});

describe("MODE7: the L bit", () => {
  const program = (bits: number, descriptor: string): string =>
    `bits 32\norg 0x100000\nlgdt [pointer]\njmp 8:start\nbits ${bits}\nstart: mov eax, 1\ngdt: dq 0\ndq ${descriptor}\npointer: dw $-gdt-1\ndq gdt\n`;

  it("must be set for 64-bit code and clear for other code", () => {
    assert.deepEqual(linesOf("MODE7", program(64, CODE32)), [6]);
    assert.deepEqual(linesOf("MODE7", program(32, CODE64)), [6]);
  });

  it("is right otherwise", () => {
    assert.deepEqual(linesOf("MODE7", program(64, CODE64)), []);
    assert.deepEqual(linesOf("MODE7", program(32, CODE32)), []);
  });
});

describe("MODE8: rel outside 64-bit code", () => {
  it("has no effect", () => {
    assert.deepEqual(linesOf("MODE8", "bits 32\nmov eax, [rel x]\nx: dd 0\n"), [2]);
    assert.deepEqual(linesOf("MODE8", "bits 16\nlea ax, [rel x]\nx: dd 0\n"), [2]);
  });

  it("can be left out by a quick fix", () => {
    const [found] = diagnose("bits 32\nmov eax, [rel x+4]\nx: dd 0\n");
    assert.deepEqual(found?.data, { replacement: "[x+4]" });
  });

  it("is right in 64-bit code, and `default rel` is nobody's mistake", () => {
    assert.deepEqual(linesOf("MODE8", "bits 64\nmov eax, [rel x]\nx: dd 0\n"), []);
    assert.deepEqual(linesOf("MODE8", "default rel\nbits 32\nmov eax, [x]\nx: dd 0\n"), []);
  });
});

describe("MODE9: sign-extended displacements", () => {
  it("are found with and without registers, in place of NASM's warning", () => {
    assert.deepEqual(brief(diagnose("bits 64\nmov eax, [0xfee00020]\n")), ["2:10-22 MODE9"]);
    assert.deepEqual(linesOf("MODE9", "bits 64\nmov eax, [rbx+0xfee00020]\n"), [2]);
  });

  it("are not found where the address is what is written", () => {
    for (const operand of [
      "[0x7fffffff]",
      "[qword 0xfee00020]",
      "[ebx+0xfee00020]",
      "[rbx+0xfffffff8]",
      "[0xffffffff80000000]",
      "[rbx-8]",
    ])
      // prettier-ignore
      assert.deepEqual(linesOf("MODE9", `bits 64\nmov eax, ${operand}\n`), [], operand);
    assert.deepEqual(linesOf("MODE9", "bits 32\nmov eax, [0xfee00020]\n"), []);
  });
});

describe("MODE10: addresses beyond 64 KiB in real mode", () => {
  it("are found where the offset is known", () => {
    assert.deepEqual(linesOf("MODE10", "bits 16\nmov al, [dword 0x100000]\n"), [2]);
    assert.deepEqual(linesOf("MODE10", "bits 16\nmov edi, 0xb8000\nmov [edi], al\n"), [3]);
  });

  it("are fine where the limit may be raised, below it, and without an access", () => {
    const wide = "mov al, [dword 0x100000]\n";
    assert.deepEqual(linesOf("MODE10", `bits 16\nmov cr0, eax\n${wide}`), []);
    assert.deepEqual(linesOf("MODE10", `bits 16\nlgdt [bx]\n${wide}`), []);
    assert.deepEqual(linesOf("MODE10", `bits 32\n${wide}`), []);
    assert.deepEqual(linesOf("MODE10", "bits 16\nmov al, [dword 0x8000]\n"), []);
    assert.deepEqual(linesOf("MODE10", "bits 16\nlea eax, [dword 0x100000]\n"), []);
  });

  it("are fine in the second stage of a loader that has raised the limit in the first", () => {
    const copy = "mov esi, 0x1000000\nmov al, [esi]\n";
    const check = "mov ebx, 0x90000\ncmp word [ebx+0x1fe], 0xaa55\n";
    assert.deepEqual(linesOf("MODE10", `bits 16\n${copy}${check}`), []);
    assert.deepEqual(linesOf("MODE10", `bits 16\nmov esi, 0x1000000\n${check}`), [4]);
  });
});

describe("MODE11: BIOS services in protected mode", () => {
  it("are found in a kernel without an IDT", () => {
    assert.deepEqual(linesOf("MODE11", entering("bits 32\nstart: int 0x10")), [9]);
  });

  it("are silent in real mode, with an IDT, for other vectors and in programs for other kernels", () => {
    assert.deepEqual(linesOf("MODE11", entering("bits 32\nstart: hlt", CODE32, "int 0x10\n")), []);
    assert.deepEqual(linesOf("MODE11", entering("bits 32\nstart: lidt [eax]\nint 0x10")), []);
    assert.deepEqual(linesOf("MODE11", entering("bits 32\nstart: int 0x80")), []);
    assert.deepEqual(linesOf("MODE11", "bits 32\nint 0x10\n"), []);
  });
});

describe("MODE12: the A20 line", () => {
  const store = "bits 32\nstart: mov ax, 16\nmov ds, ax\nmov dword [0x100000], 1";

  it("is missed where memory above 1 MiB is used", () => {
    assert.deepEqual(linesOf("MODE12", entering(store)), [11]);
    assert.deepEqual(linesOf("MODE12", entering("bits 32\nstart: jmp 0x100000")), [9]);
  });

  it("is not missed where anything may open it, or where bit 20 is 0", () => {
    for (const way of [
      "in al, 0x92\n",
      "out 0x64, al\n",
      "out dx, al\n",
      "mov ax, 0x2401\nint 0x15\n",
      "int 0x15\n",
    ])
      // prettier-ignore
      assert.deepEqual(linesOf("MODE12", entering(store, CODE32, way)), [], way);
    const memory = "mov ax, 0xe820\nint 0x15\n";
    assert.deepEqual(linesOf("MODE12", entering(store, CODE32, memory)), [13]);
    assert.deepEqual(linesOf("MODE12", entering(store.replace("0x100000", "0x200000"))), []);
    assert.deepEqual(linesOf("MODE12", store.replace("start:", "")), []);
  });
});

describe("MODE13: SYSCALL and SYSRET", () => {
  const efer = (bit: number): string =>
    `bits 64\nmov ecx, 0xc0000080\nrdmsr\nor eax, ${bit}\nwrmsr\n`;
  const msr = (number: string): string => `mov ecx, ${number}\nwrmsr\n`;

  it("need SCE and their MSRs in a program that writes EFER", () => {
    assert.deepEqual(linesOf("MODE13", `${efer(0x100)}syscall\n`), [6]);
    assert.deepEqual(linesOf("MODE13", `${efer(1)}${msr("0xc0000081")}syscall\n`), [8]);
    assert.deepEqual(linesOf("MODE13", `${efer(1)}o64 sysret\n`), [6]);
  });

  it("are right with them, and not judged where something else sets up the processor", () => {
    const all = efer(1) + msr("0xc0000081") + msr("0xc0000082");
    assert.deepEqual(linesOf("MODE13", `${all}syscall\no64 sysret\n`), []);
    assert.deepEqual(linesOf("MODE13", `${efer(0x100)}mov ecx, ebx\nwrmsr\nsyscall\n`), []);
    assert.deepEqual(linesOf("MODE13", "bits 64\nsyscall\n"), []);
  });
});

describe("MODE14: instructions that real mode has not", () => {
  it("are found in a program that stays there", () => {
    assert.deepEqual(linesOf("MODE14", "bits 16\nsmsw ax\nstr ax\nlar ax, bx\n"), [3, 4]);
  });

  it("are fine where the program may leave it", () => {
    assert.deepEqual(linesOf("MODE14", "bits 16\nmov cr0, eax\nstr ax\n"), []);
    assert.deepEqual(linesOf("MODE14", "bits 16\nstr ax\nbits 32\nhlt\n"), []);
    assert.deepEqual(linesOf("MODE14", "bits 32\nstr ax\n"), []);
    assert.deepEqual(linesOf("MODE14", "bits 16\nextern enter\nstr ax\n"), []);
  });
});
