import assert from "node:assert/strict";
import { brief, diagnose, messageOf } from "../support";
import { linesOf } from "./support";

describe("FLOW5: boot sectors", () => {
  const boot = (body: string): string => `bits 16\norg 0x7c00\n${body}\n`;
  const END = "times 510-($-$$) db 0\ndw 0xaa55";

  it("accepts a right one, and programs that are none", () => {
    assert.deepEqual(brief(diagnose(boot(`jmp $\n${END}`))), []);
    assert.deepEqual(brief(diagnose(boot(`jmp $\n${END}\ntimes 512 db 1`))), []);
    assert.deepEqual(brief(diagnose("bits 16\norg 0x7c00\njmp $\n")), []);
    assert.deepEqual(brief(diagnose("bits 32\norg 0x100000\ndw 0xaa55\n")), []);
  });

  it("says by how much a sector is too long", () => {
    const found = diagnose(boot(`times 600 nop\n${END}`));
    assert.deepEqual(
      found.map((each) => each.code),
      ["FLOW5"],
    );
    assert.match(messageOf(found[0]), /90 bytes too long/);
  });

  it("finds a misplaced or missing signature", () => {
    assert.deepEqual(linesOf("FLOW5", boot("times 508-($-$$) db 0\ndw 0xaa55")), [4]);
    assert.deepEqual(linesOf("FLOW5", boot("hlt\ntimes 512-($-$$) db 0")), [4]);
  });
});

/** A 32-bit program that calls `f`, whose lines begin at line 5. */
function calling(...lines: string[]): string {
  return `bits 32\ncall f\nhlt\njmp $-1\n${lines.join("\n")}\n`;
}

describe("FLOW1: stack at a return", () => {
  it("finds what is still pushed, on the path where it is", () => {
    assert.deepEqual(
      linesOf("FLOW1", calling("f: push eax", "mov eax, 1", "nop", "nop", "ret")),
      [9],
    );
    const branch = [
      "f: push eax",
      "jz .out",
      "pop eax",
      "ret",
      ".out: xor eax, eax",
      "inc eax",
      "nop",
      "ret",
    ];
    assert.deepEqual(linesOf("FLOW1", calling(...branch)), [12]);
  });

  it("names the function and the bytes", () => {
    const found = diagnose(calling("f: pusha", "mov eax, 1", "nop", "nop", "ret"));
    assert.match(messageOf(found.at(-1)), /from f 32 bytes are still on the stack/);
  });

  it("follows frames, arguments of callees and arithmetic on ESP", () => {
    const frame = [
      "f: push ebp",
      "mov ebp, esp",
      "sub esp, 16",
      "push 1",
      "mov esp, ebp",
      "pop ebp",
      "ret",
    ];
    assert.deepEqual(linesOf("FLOW1", calling(...frame)), []);
    assert.deepEqual(linesOf("FLOW1", calling("f: enter 8, 0", "push ecx", "leave", "ret")), []);
    assert.deepEqual(linesOf("FLOW1", calling("f: push eax", "call g", "ret", "g: ret 4")), []);
    assert.deepEqual(linesOf("FLOW1", calling("f: push eax", "add esp, 4", "ret")), []);
  });

  it("follows control through the NOPs of ALIGN and past labels", () => {
    const text = calling("f: push eax", "align 16", ".next:", "nop", "nop", "nop", "ret");
    assert.deepEqual(linesOf("FLOW1", text), [11]);
  });

  it("follows tails that functions share, and stops where one jumps to another", () => {
    const shared = calling("f: push eax", "jmp out", "nop", "out: pop eax", "nop", "nop", "ret");
    assert.deepEqual(linesOf("FLOW1", shared), []);
    const other = calling("call g", "f: push eax", "jmp g", "g: nop", "nop", "nop", "ret");
    assert.deepEqual(linesOf("FLOW1", other), []);
  });

  it("judges handlers at IRET", () => {
    const lines = ["handler: push ax", "push bx", "nop", "pop bx", "nop", "nop", "nop", "iret"];
    assert.deepEqual(linesOf("FLOW1", installing(0x1c, ...lines)), [16]);
    assert.deepEqual(linesOf("FLOW1", installing(0x1c, "handler: push ax", "pop ax", "iret")), []);
  });

  it("is silent about jumps by RET, loops that push, and unknown stacks", () => {
    assert.deepEqual(linesOf("FLOW1", calling("f: push eax", "ret")), []);
    const digits = ["f: push edx", "loop f", ".put: pop eax", "dec ebx", "jnz .put", "ret"];
    assert.deepEqual(linesOf("FLOW1", calling(...digits)), []);
    assert.deepEqual(
      linesOf("FLOW1", calling("f: push eax", "mov esp, [ebx]", "nop", "nop", "nop", "ret")),
      [],
    );
    assert.deepEqual(
      linesOf("FLOW1", calling("f: push eax", "call [ebx]", "nop", "nop", "ret")),
      [],
    );
  });
});

describe("FLOW2: control into data", () => {
  const boot = (body: string): number[] => linesOf("FLOW2", `bits 16\norg 0x7c00\n${body}\n`);

  it("finds code before text, padding and variables", () => {
    assert.deepEqual(boot('mov si, text\ntext: db "hello"'), [3]);
    assert.deepEqual(boot("xor ax, ax\ntimes 510-($-$$) db 0"), [3]);
    assert.deepEqual(boot("inc word [n]\nn: dw 0"), [3]);
    assert.deepEqual(boot("call f\ntimes 100 db 0\nf: ret"), [3], "the call comes back");
  });

  it("is silent behind transfers, about bytes that may be code, and texts behind calls", () => {
    assert.deepEqual(boot('jmp $\ntext: db "hello"'), []);
    assert.deepEqual(boot("call f\ntimes 100 db 0\nf: jmp f"), [], "the call never comes back");
    assert.deepEqual(boot("nop\ndb 0xea\ndw 0, 0xffff"), []);
    assert.deepEqual(boot('call print\ndb "hello", 0\njmp $\nprint: pop si\nret'), []);
    assert.deepEqual(boot('jmp start\nnop\ndb "MSDOS5.0"\nstart: jmp $'), []);
  });
});

/** A real-mode program that installs `handler` for a vector; its lines begin at line 9. */
function installing(vector: number, ...lines: string[]): string {
  return `bits 16
org 0x7c00
xor ax, ax
mov ds, ax
mov word [${vector} * 4], handler
mov word [${vector} * 4 + 2], ax
hlt
jmp $-1
${lines.join("\n")}
`;
}

const EOI = ["mov al, 0x20", "out 0x20, al"];

describe("FLOW3: handlers that end in RET", () => {
  it("finds them for the vector table and for stored gates", () => {
    assert.deepEqual(linesOf("FLOW3", installing(0x1c, "handler: nop", "ret")), [10]);
    const gate =
      "bits 32\norg 0x1000\nlidt [p]\nmov eax, h\nmov [idt + 8 * 33], ax\nhlt\njmp $-1\nh: nop\nret\np: dw 2047\ndd idt\nidt: times 256 dq 0\n";
    assert.deepEqual(linesOf("FLOW3", gate), [9]);
  });

  it("finds handlers that a function puts into the table", () => {
    const call =
      "bits 32\norg 0x1000\nlidt [p]\nmov eax, h\nmov ecx, 33\ncall setGate\njmp $\nh: nop\nret\nsetGate: mov [idt + ecx * 8], ax\nshr eax, 16\nmov [idt + ecx * 8 + 6], ax\nret\np: dw 2047\ndd idt\nidt: times 256 dq 0\n";
    assert.deepEqual(linesOf("FLOW3", call), [9]);
    assert.deepEqual(linesOf("FLOW3", call.replace("setGate: ", "setGate: mov eax, ebx\n")), []);
  });

  it("is silent about IRET, jumps by RET, and other stores", () => {
    assert.deepEqual(linesOf("FLOW3", installing(0x1c, "handler: nop", "iret")), []);
    assert.deepEqual(linesOf("FLOW3", installing(0x1c, "handler: push ax", "ret")), []);
    assert.deepEqual(linesOf("FLOW3", installing(0x200, "handler: nop", "ret")), []);
    const pointer =
      "bits 16\nmov word [v], h\nmov word [v + 2], 0\njmp $\nalign 4\nv: dd 0\nh: nop\nret\n";
    assert.deepEqual(linesOf("FLOW3", pointer), [], "a pointer of the program's own");
  });
});

describe("FLOW4: flags", () => {
  it("finds conditions on undefined flags", () => {
    assert.deepEqual(linesOf("FLOW4", calling("f: mul ecx", "jz f", "ret")), [6]);
    assert.deepEqual(linesOf("FLOW4", calling("f: div ecx", "nop", "jc f", "ret")), [7]);
    assert.deepEqual(linesOf("FLOW4", calling("f: mul ecx", "jc f", "ret")), []);
    assert.deepEqual(linesOf("FLOW4", calling("f: mul ecx", "test eax, eax", "jz f", "ret")), []);
  });

  it("finds comparisons whose flags are overwritten", () => {
    assert.deepEqual(linesOf("FLOW4", calling("f: cmp eax, 1", "add ecx, 4", "jz f", "ret")), [5]);
    assert.deepEqual(linesOf("FLOW4", calling("f: cmp eax, 1", "mov ecx, 4", "jz f", "ret")), []);
    assert.deepEqual(
      linesOf("FLOW4", calling("f: cmp eax, 1", "inc ecx", "jc f", "ret")),
      [],
      "CF",
    );
    assert.deepEqual(linesOf("FLOW4", calling("f: cmp eax, 1", "sbb ecx, ecx", "ret")), []);
    assert.deepEqual(linesOf("FLOW4", calling("f: cmp [ebx], eax", "add ecx, 4", "ret")), []);
  });

  it("finds the flags of the interrupted program", () => {
    assert.deepEqual(linesOf("FLOW4", installing(0x1c, "handler: push ax", "jz handler")), [10]);
    assert.deepEqual(linesOf("FLOW4", installing(0x1c, "handler: test ax, ax", "jz handler")), []);
  });
});

describe("FLOW6: jumps into instructions", () => {
  const text = (target: string): string =>
    `bits 32\njmp ${target}\na: mov eax, 1\nb: ret\ntimes 4 nop\n`;

  it("finds targets inside", () => {
    assert.deepEqual(linesOf("FLOW6", text("a + 2")), [2]);
  });

  it("is silent about starts, copies of a times line, and places outside", () => {
    assert.deepEqual(linesOf("FLOW6", text("b")), []);
    assert.deepEqual(linesOf("FLOW6", text("a + 5")), []);
    assert.deepEqual(linesOf("FLOW6", text("b + 3")), []);
    assert.deepEqual(linesOf("FLOW6", text("0x5000")), []);
  });
});

describe("FLOW7: HLT at the end", () => {
  it("offers a loop", () => {
    const [found] = diagnose("bits 32\ncli\nhlt\n");
    assert.equal(found?.code, "FLOW7");
    const data = found.data as { fixes: { edits: { newText: string }[] }[] } | undefined;
    assert.equal(data?.fixes[0]?.edits[0]?.newText, "\njmp $-1");
    assert.deepEqual(linesOf("FLOW7", 'bits 32\nhlt\ntext: db "x"\n'), [2]);
  });

  it("is silent when code follows, and behind SYSCALL", () => {
    assert.deepEqual(linesOf("FLOW7", "bits 32\nhlt\njmp $-1\n"), []);
    assert.deepEqual(linesOf("FLOW7", "bits 32\na: hlt\njmp a\n"), []);
    assert.deepEqual(linesOf("FLOW7", "bits 64\nsyscall\nhlt\n"), []);
  });
});

describe("FLOW8: EOI", () => {
  const body = (...lines: string[]): string[] => ["handler: push ax", ...lines, "pop ax", "iret"];

  it("is missed in handlers of the BIOS's vectors and of those in ICW2", () => {
    assert.deepEqual(linesOf("FLOW8", installing(9, ...body("in al, 0x60"))), [9]);
    assert.deepEqual(linesOf("FLOW8", installing(0x74, ...body("in al, 0x60"))), [9]);
    const remapped = installing(0x21, ...body("in al, 0x60")).replace(
      "hlt",
      "mov al, 0x11\nout 0x20, al\nmov al, 0x20\nout 0x21, al\nmov al, 4\nout 0x21, al\nhlt",
    );
    assert.deepEqual(linesOf("FLOW8", remapped), [15]);
  });

  it("is found where it is sent, also in a callee", () => {
    assert.deepEqual(linesOf("FLOW8", installing(9, ...body("in al, 0x60", ...EOI))), []);
    const callee = installing(9, ...body("call end"), "end: mov al, 0x20", "out 0x20, al", "ret");
    assert.deepEqual(linesOf("FLOW8", callee), []);
  });

  it("is not asked of software interrupts, spurious interrupts and handlers that go on elsewhere", () => {
    assert.deepEqual(linesOf("FLOW8", installing(0x60, ...body("in al, 0x60"))), []);
    assert.deepEqual(linesOf("FLOW8", installing(15, ...body("in al, 0x60"))), []);
    assert.deepEqual(linesOf("FLOW8", installing(13, ...body("in al, 0x60"))), [], "or #GP");
    assert.deepEqual(linesOf("FLOW8", installing(9, ...body("int 0x61"))), []);
    assert.deepEqual(linesOf("FLOW8", installing(9, "handler: jmp far [cs:old]", "old: dd 0")), []);
  });
});

describe("FLOW9: interrupt between STI and HLT", () => {
  const wait = (...end: string[]): string =>
    calling("f: cli", "test eax, eax", "jnz .out", ...end, "jmp f", ".out: sti", "ret");

  it("finds an instruction between them", () => {
    assert.deepEqual(linesOf("FLOW9", wait("sti", "nop", "hlt")), [10]);
  });

  it("is silent about STI directly before HLT, and without a test", () => {
    assert.deepEqual(linesOf("FLOW9", wait("sti", "hlt")), []);
    assert.deepEqual(linesOf("FLOW9", calling("f: cli", "sti", "nop", "hlt", "jmp f")), []);
  });
});

describe("FLOW10: interrupts left off", () => {
  it("finds the path that forgets STI", () => {
    const text = calling("f: cli", "test eax, eax", "jz .out", "sti", "ret", ".out: ret");
    assert.deepEqual(linesOf("FLOW10", text), [10]);
    const restored = calling(
      "f: pushf",
      "cli",
      "test eax, eax",
      "jz .out",
      "popf",
      "ret",
      ".out: pop eax",
      "ret",
    );
    assert.deepEqual(linesOf("FLOW10", restored), [12]);
  });

  it("is silent about functions that only turn them off, or always on again", () => {
    assert.deepEqual(linesOf("FLOW10", calling("f: cli", "ret")), []);
    const both = calling("f: cli", "test eax, eax", "jz .out", "nop", ".out: sti", "ret");
    assert.deepEqual(linesOf("FLOW10", both), []);
  });
});

describe("FLOW11: upper half of the dividend", () => {
  it("finds DIV and IDIV behind a load of the lower half only", () => {
    assert.deepEqual(linesOf("FLOW11", calling("f: mov eax, [esi]", "div ecx", "ret")), [6]);
    assert.deepEqual(linesOf("FLOW11", calling("f: mov al, [esi]", "div cl", "ret")), [6]);
  });

  it("offers what prepares it", () => {
    const fixOf = (mnemonic: string): string | undefined => {
      const found = diagnose(calling("f: mov eax, [esi]", `${mnemonic} ecx`, "ret"));
      return (found.at(-1)?.data as { fixes: { title: string }[] } | undefined)?.fixes[0]?.title;
    };
    assert.equal(fixOf("div"), "Insert xor edx, edx");
    assert.equal(fixOf("idiv"), "Insert cdq");
  });

  it("is silent when something wrote it on a way there", () => {
    assert.deepEqual(
      linesOf("FLOW11", calling("f: mov eax, [esi]", "xor edx, edx", "div ecx", "ret")),
      [],
    );
    assert.deepEqual(linesOf("FLOW11", calling("f: mov eax, [esi]", "cdq", "idiv ecx", "ret")), []);
    assert.deepEqual(linesOf("FLOW11", calling("f: movzx eax, byte [esi]", "div cl", "ret")), []);
    const loop = calling("f: xor edx, edx", ".next: mov eax, [esi]", "div ecx", "jnz .next", "ret");
    assert.deepEqual(linesOf("FLOW11", loop), []);
    assert.deepEqual(
      linesOf("FLOW11", calling("f: call g", "mov eax, 1", "div ecx", "ret", "g: ret")),
      [],
    );
  });
});

describe("FLOW12: REP and DF", () => {
  it("finds a count of 0", () => {
    assert.deepEqual(linesOf("FLOW12", calling("f: xor ecx, ecx", "rep stosb", "ret")), [6]);
    assert.deepEqual(linesOf("FLOW12", calling("f: mov ecx, 4", "rep stosb", "ret")), []);
    assert.deepEqual(linesOf("FLOW12", calling("f: xor ecx, ecx", "stosb", "ret")), []);
  });

  it("finds STD without CLD before the return", () => {
    assert.deepEqual(linesOf("FLOW12", calling("f: std", "movsb", "ret")), [5]);
    assert.deepEqual(linesOf("FLOW12", calling("f: std", "movsb", "cld", "ret")), []);
    assert.deepEqual(linesOf("FLOW12", calling("f: pushf", "std", "movsb", "popf", "ret")), []);
  });
});

describe("FLOW13: LOOP from 0", () => {
  it("tells how many rounds it makes", () => {
    const found = (bits: number): string =>
      messageOf(diagnose(`bits ${bits}\nxor cx, cx\na: nop\nloop a\njmp $\n`)[0]);
    assert.match(found(16), /65536 rounds/);
    assert.match(found(32), /4294967296 rounds/);
  });

  it("is silent about other counts, and loops that set it themselves", () => {
    assert.deepEqual(linesOf("FLOW13", "bits 32\nmov ecx, 3\na: nop\nloop a\njmp $\n"), []);
    assert.deepEqual(linesOf("FLOW13", "bits 32\nmov ecx, [esi]\na: nop\nloop a\njmp $\n"), []);
  });
});

/** A boot sector whose code begins at line 3. */
function sector(...lines: string[]): string {
  return `bits 16\norg 0x7c00\n${lines.join("\n")}\ntimes 510-($-$$) db 0\ndw 0xaa55\n`;
}

const READ = ["mov ax, 0x0201", "int 0x13", "jc $", "jmp $"];

describe("FLOW14: boot drive", () => {
  it("is lost when DL is overwritten first", () => {
    assert.deepEqual(linesOf("FLOW14", sector("xor dx, dx", ...READ)), [3]);
    assert.deepEqual(linesOf("FLOW14", sector("mov ah, 3", "int 0x10", ...READ)), [4]);
    const fixed = diagnose(sector("mov dl, 0x80", ...READ));
    assert.match(messageOf(fixed[0]), /always reads drive 0x80/);
  });

  it("is kept in DL, in memory, on the stack or in a register", () => {
    assert.deepEqual(linesOf("FLOW14", sector(...READ)), []);
    assert.deepEqual(linesOf("FLOW14", sector("mov dh, 0", ...READ)), []);
    assert.deepEqual(linesOf("FLOW14", sector("mov [0x500], dl", "xor dx, dx", ...READ)), []);
    assert.deepEqual(linesOf("FLOW14", sector("push dx", "mul bx", "pop dx", ...READ)), []);
    assert.deepEqual(linesOf("FLOW14", sector("mov bl, dl", "cwd", "mov dl, bl", ...READ)), []);
  });
});

describe("FLOW15: segments of a boot sector", () => {
  it("are used before they are set", () => {
    assert.deepEqual(linesOf("FLOW15", sector("push ax", "jmp $")), [3]);
    assert.deepEqual(linesOf("FLOW15", sector("mov al, [v]", "jmp $", "v: db 1")), [3]);
    assert.deepEqual(linesOf("FLOW15", sector("mov si, v", "lodsb", "jmp $", "v: db 1")), [4]);
  });

  it("are set before", () => {
    const set = ["xor ax, ax", "mov ds, ax", "mov ss, ax", "mov sp, 0x7c00"];
    assert.deepEqual(
      linesOf("FLOW15", sector(...set, "push ax", "mov al, [v]", "jmp $", "v: db 1")),
      [],
    );
    assert.deepEqual(linesOf("FLOW15", sector("mov al, [cs:v]", "jmp $", "v: db 1")), []);
    assert.deepEqual(
      linesOf("FLOW15", "bits 16\norg 0x100\npush ax\njmp $\n"),
      [],
      "no boot sector",
    );
  });
});

describe("FLOW16: SS and SP", () => {
  it("belong together", () => {
    const split = ["mov ss, ax", "mov es, ax", "mov sp, 0x7c00", "jmp $"];
    assert.deepEqual(linesOf("FLOW16", sector("xor ax, ax", ...split)), [4]);
    assert.deepEqual(linesOf("FLOW16", sector("cli", ...split)), []);
    assert.deepEqual(linesOf("FLOW16", sector("mov ss, ax", "mov sp, 0x7c00", "jmp $")), []);
  });
});

describe("FLOW17: error codes", () => {
  const handler = (vector: number, ...lines: string[]): number[] =>
    linesOf(
      "FLOW17",
      `bits 32\norg 0x1000\nlidt [p]\nmov eax, h\nmov [idt + 8 * ${vector}], ax\nhlt\njmp $-1\n${lines.join("\n")}\np: dw 2047\ndd idt\nidt: times 256 dq 0\n`,
    );

  it("are left on the stack", () => {
    assert.deepEqual(handler(13, "h: push eax", "pop eax", "iretd"), [10]);
  });

  it("are taken off, or not pushed", () => {
    assert.deepEqual(handler(13, "h: add esp, 4", "iretd"), []);
    assert.deepEqual(handler(14, "h: pop eax", "iretd"), []);
    assert.deepEqual(handler(6, "h: push eax", "pop eax", "iretd"), []);
    assert.deepEqual(linesOf("FLOW17", installing(13, "handler: iret")), [], "real mode");
  });
});

describe("FLOW18: registers of the interrupted program", () => {
  it("are changed", () => {
    const found = diagnose(
      installing(8, "handler: push ax", "mov bx, 1", ...EOI, "pop ax", "iret"),
    );
    assert.match(messageOf(found.find(({ code }) => code === "FLOW18")), /changes BX and does not/);
  });

  it("are saved, or not a hardware interrupt's", () => {
    assert.deepEqual(
      linesOf("FLOW18", installing(8, "handler: pusha", "mov bx, 1", ...EOI, "popa", "iret")),
      [],
    );
    assert.deepEqual(
      linesOf("FLOW18", installing(8, "handler: push ax", ...EOI, "pop ax", "iret")),
      [],
    );
    assert.deepEqual(linesOf("FLOW18", installing(0x60, "handler: mov ax, 1", "iret")), []);
  });
});

describe("FLOW19: result of INT 13h", () => {
  it("is not looked at", () => {
    assert.deepEqual(linesOf("FLOW19", sector("mov ah, 2", "int 0x13", "jmp 0:0x8000")), [4]);
    assert.deepEqual(
      linesOf("FLOW19", sector("mov ax, 0x0201", "int 0x13", "add bx, 512", "jc $", "jmp $")),
      [4],
    );
  });

  it("is looked at, or handed on", () => {
    assert.deepEqual(linesOf("FLOW19", sector("mov ah, 2", "int 0x13", "jc $", "jmp $")), []);
    assert.deepEqual(
      linesOf("FLOW19", sector("mov ah, 2", "int 0x13", "test ah, ah", "jnz $", "jmp $")),
      [],
    );
    assert.deepEqual(
      linesOf("FLOW19", sector("mov ah, 0", "int 0x13", "jmp 0:0x8000")),
      [],
      "reset",
    );
    assert.deepEqual(
      linesOf("FLOW19", sector("call f", "jmp $", "f: mov ah, 2", "int 0x13", "ret")),
      [],
    );
  });
});

describe("FLOW20: unreachable code", () => {
  it("is faded from its first to its last line", () => {
    const found = diagnose(calling("f: ret", "mov eax, 1", "ret", "g: jmp g"));
    const [only] = found.filter(({ code }) => code === "FLOW20");
    assert.deepEqual([only?.range.start.line, only?.range.end.line, only?.tags], [5, 6, [1]]);
  });

  it("is not seen behind labels, in fillers, in tables of jumps and behind data", () => {
    assert.deepEqual(linesOf("FLOW20", calling("f: ret", "g: mov eax, 1", "ret")), []);
    assert.deepEqual(linesOf("FLOW20", calling("f: ret", "times 3 nop")), []);
    assert.deepEqual(linesOf("FLOW20", calling("f: jmp g", "jmp g", "jmp g", "g: ret")), []);
    assert.deepEqual(linesOf("FLOW20", calling("f: ret", "db 0x90", "mov eax, 1", "ret")), []);
    assert.deepEqual(linesOf("FLOW20", calling("f: jmp $+3", "nop", "mov eax, 1", "ret")), []);
  });
});
