import assert from "node:assert/strict";
import { brief, diagnose, messageOf } from "../support";
import { linesOf } from "./support";

describe("ASM1: labels that look like mnemonics", () => {
  it("takes mistyped and foreign words for what was meant", () => {
    const meant = (text: string): unknown => diagnose(text)[0]?.data;
    assert.deepEqual(meant("bits 32\niretdd\n"), { replacement: "iretd" });
    assert.deepEqual(meant("bits 32\nhalt\n"), { replacement: "hlt" });
    assert.deepEqual(meant("bits 64\nsysretq\n"), { replacement: "o64 sysret" });
  });

  it("replaces NASM's own warning there", () => {
    assert.deepEqual(brief(diagnose("bits 32\nhalt\n")), ["2:1-5 ASM1"]);
  });

  it("is silent when an include is missing, which may define the word", () => {
    assert.deepEqual(linesOf("ASM1", 'bits 32\n%include "macros.inc"\nlleave\n'), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nlleave\n"), [2]);
  });

  it("leaves labels alone that are used, have a colon, or look like nothing", () => {
    assert.deepEqual(linesOf("ASM1", "bits 32\nhalt\nhlt\njmp halt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nhalt: hlt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nwaiting\nhlt\n"), []);
    assert.deepEqual(linesOf("ASM1", "bits 32\nmovx\n"), [], "MOV does not stand alone");
  });
});

describe("ASM2: unsigned operators", () => {
  it("tells of negative left sides, also of constants", () => {
    assert.deepEqual(
      linesOf("ASM2", "bits 32\ndd -8 / 2\ndd (1 - 5) >> 1\ndd -7 % 4\n"),
      [2, 3, 4],
    );
    assert.deepEqual(linesOf("ASM2", "bits 32\nN equ -4\nmov eax, N / 2\n"), [3]);
    assert.deepEqual(linesOf("ASM2", "bits 32\n%define N -4\nmov eax, N / 2\n"), [3]);
  });

  it("is silent about positive numbers, signed operators and unknown values", () => {
    assert.deepEqual(linesOf("ASM2", "bits 32\ndd 8 / 2, -8 // 2, -8 >>> 1, -(8 / 2)\n"), []);
    assert.deepEqual(linesOf("ASM2", "bits 32\na: dd (a - b) / 2\nb:\n"), []);
  });
});

describe("ASM3: shifts by byte 1", () => {
  it("offers the short form", () => {
    const [found] = diagnose("bits 32\nshl eax, byte 1\nret\n");
    assert.deepEqual([found?.code, found?.data], ["ASM3", { replacement: "1" }]);
    assert.deepEqual(linesOf("ASM3", "bits 32\nshl eax, 1\nshl eax, byte 2\nret\n"), []);
  });
});

describe("ASM4: unused names", () => {
  const program = (body: string): string => `bits 32\norg 0x100000\n${body}`;

  it("finds functions, texts, macros and constants that nothing refers to", () => {
    const body =
      '%macro twice 1\ndd %1, %1\n%endmacro\n\nhlt\njmp $-1\nspare: ret\nnote: db "never printed"\n';
    assert.deepEqual(linesOf("ASM4", program(body)), [3, 9, 10]);
    assert.deepEqual(linesOf("ASM4", program("jmp $\n\nWIDTH equ 80\n")), [5]);
  });

  it("fades them", () => {
    const [found] = diagnose(program("jmp $\nspare: ret\n"));
    assert.deepEqual(found?.tags, [1]);
  });

  it("leaves alone what is used, global, an entry, in a table or named for the reader", () => {
    const used = "call f\njmp $\nf: ret\n";
    assert.deepEqual(linesOf("ASM4", program(used)), []);
    assert.deepEqual(linesOf("ASM4", program("global f\njmp $\nf: ret\n")), []);
    assert.deepEqual(linesOf("ASM4", program("_start: jmp $\n")), []);
    assert.deepEqual(linesOf("ASM4", program("jmp $\nA equ 1\nB equ 2\n")), []);
    assert.deepEqual(linesOf("ASM4", program("jmp $\nwidth: dd 80\n")), []);
    assert.deepEqual(linesOf("ASM4", program("nop\npassed: jmp $\n")), []);
  });

  it("leaves alone what other programs may include", () => {
    assert.deepEqual(linesOf("ASM4", "bits 32\nspare: ret\n"), []);
    const found = diagnose(program('%include "lib.inc"\njmp $\n'), {}, { "lib.inc": "f: ret\n" });
    assert.deepEqual(brief(found), []);
  });

  it("leaves names alone that a macro may put together", () => {
    const body = "%macro go 1\ncall do_%1\n%endmacro\ngo it\njmp $\ndo_it: ret\ndo_more: ret\n";
    assert.deepEqual(linesOf("ASM4", program(body)), []);
  });
});

describe("ASM5: padding almost used up", () => {
  const sector = (bytes: number): string =>
    `bits 16\norg 0x7c00\njmp $\ntimes ${bytes - 2} nop\ntimes 510-($-$$) db 0\ndw 0xaa55\n`;

  it("counts the bytes that are left below a twentieth", () => {
    const found = diagnose(sector(500)).filter((each) => each.code === "ASM5");
    assert.match(messageOf(found[0]), /^10 bytes are left of 510/);
    assert.deepEqual(linesOf("ASM5", sector(510)), [5]);
  });

  it("is silent while there is room", () => {
    assert.deepEqual(linesOf("ASM5", sector(484)), []);
  });
});

describe("ASM6: other bytes under NASM 3", () => {
  it("tells of near jumps that would be short", () => {
    assert.deepEqual(linesOf("ASM6", "bits 32\na: jmp near a\njz near a\n"), [2, 3]);
  });

  it("is silent about far targets, strict, calls and jumps without a word", () => {
    const text =
      "bits 32\na: jmp a\njmp strict near a\ncall near a\njmp near b\ntimes 200 nop\nb: ret\n";
    assert.deepEqual(linesOf("ASM6", text), []);
  });
});

describe("ASM7: defines without parentheses", () => {
  const uses = (body: string, expression: string): number[] =>
    linesOf("ASM7", `bits 32\n%define N ${body}\nmov eax, ${expression}\nret\n`);

  it("finds neighbours that bind tighter", () => {
    for (const expression of ["N * 2", "2 * N", "8 - N", "-N", "~N", "[ebx - N]"])
      assert.deepEqual(uses("3 + 4", expression), [3], expression);
    assert.deepEqual(uses("3 * 4", "100 / N"), [3]);
    assert.deepEqual(uses("1 | 2", "N + 1"), [3]);
  });

  it("is silent where the value is the same", () => {
    for (const expression of ["N", "N + 1", "1 + N", "N - 1", "(N) * 2", "N << 1", "[ebx + N]"])
      assert.deepEqual(uses("3 + 4", expression), [], expression);
    assert.deepEqual(uses("(3 + 4)", "N * 2"), []);
    assert.deepEqual(uses("-3", "N * 2"), []);
    assert.deepEqual(uses("3 * 4", "N + 1"), []);
  });
});

describe("ASM8: macros with taken names", () => {
  it("finds registers and instructions as defines", () => {
    assert.deepEqual(linesOf("ASM8", "bits 32\n%define ecx 5\nret\n"), [2]);
    assert.deepEqual(linesOf("ASM8", "bits 32\n%define stosb nop\nret\n"), [2]);
  });

  it("is silent about other names and about wrappers", () => {
    assert.deepEqual(linesOf("ASM8", "bits 32\n%define counter ecx\nret\n"), []);
    assert.deepEqual(linesOf("ASM8", "bits 32\n%macro push 2\npush %1\npush %2\n%endmacro\n"), []);
  });
});

describe("ASM9: accesses wider than the variable", () => {
  const program = (access: string): number[] =>
    linesOf("ASM9", `bits 32\n${access}\nret\nfirst: db 0\nsecond: db 0\nthird: db 0\n`);

  it("finds size words and registers that are too wide", () => {
    assert.deepEqual(program("mov eax, [first]"), [2]);
    assert.deepEqual(program("inc word [second]"), [2]);
  });

  it("is silent about right widths, the last variable, pairs and computed addresses", () => {
    assert.deepEqual(program("mov al, [first]"), []);
    assert.deepEqual(program("mov eax, [third]"), []);
    assert.deepEqual(program("mov eax, [first + ecx]"), []);
    const pair = "bits 32\nmov ax, [pair]\nret\npair:\nlow: db 0\nhigh: db 0\n";
    assert.deepEqual(linesOf("ASM9", pair), []);
  });
});

describe("ASM10: no bits", () => {
  it("finds programs that start in 32-bit mode", () => {
    assert.deepEqual(linesOf("ASM10", "org 0x100000\nmov eax, 1\nhlt\njmp $-1\n"), [2]);
    assert.deepEqual(
      linesOf("ASM10", "align 4\ndd 0x1badb002, 0, -0x1badb002\nhlt\njmp $-1\n"),
      [3],
    );
  });

  it("is silent with bits, and about 16-bit programs", () => {
    assert.deepEqual(linesOf("ASM10", "bits 32\norg 0x100000\nhlt\njmp $-1\n"), []);
    assert.deepEqual(linesOf("ASM10", "bits 16\norg 0x100000\nhlt\njmp $-1\n"), []);
    assert.deepEqual(linesOf("ASM10", "org 0x7c00\nhlt\njmp $-1\n"), []);
  });
});

describe("ASM11: addresses in byte registers", () => {
  it("offers brackets", () => {
    const found = diagnose("bits 16\nmov al, v\nret\nv: db 0\n").find(
      (each) => each.code === "ASM11",
    );
    assert.deepEqual(found?.data, { replacement: "[v]" });
  });

  it("is silent about wide registers, differences and computed bytes", () => {
    const text = "bits 16\nmov ax, v\nmov al, v - $$\nmov al, v + 1\nmov al, [v]\nret\nv: db 0\n";
    assert.deepEqual(linesOf("ASM11", text), []);
  });
});

describe("ASM12: signed jumps after unsigned constants", () => {
  const program = (compare: string, jump: string): number[] =>
    linesOf("ASM12", `bits 32\nf: ${compare}\n${jump} f\nret\n`);

  it("finds constants with the top bit set", () => {
    assert.deepEqual(program("cmp al, 200", "jg"), [3]);
    assert.deepEqual(program("cmp byte [esi], 0x80", "jl"), [3]);
    assert.deepEqual(program("cmp ax, 40000", "jle"), [3]);
  });

  it("is silent about unsigned jumps, small constants and negative ones", () => {
    assert.deepEqual(program("cmp al, 200", "ja"), []);
    assert.deepEqual(program("cmp al, 200", "je"), []);
    assert.deepEqual(program("cmp al, 100", "jg"), []);
    assert.deepEqual(program("cmp al, -56", "jg"), []);
    assert.deepEqual(program("cmp al, 0xff", "jg"), [], "a way to write -1");
    assert.deepEqual(program("cmp eax, 40000", "jg"), []);
  });
});
