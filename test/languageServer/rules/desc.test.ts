import assert from "node:assert/strict";
import { brief, diagnose } from "../support";
import { linesOf } from "./support";

describe("DESC1: a GDT in the source", () => {
  const program = (limit: string, entries: readonly string[], after = ""): string =>
    ["bits 32", "org 0x1000", "lgdt [pointer]", after, `pointer: dw ${limit}`, "dd gdt", "gdt:"]
      .concat(entries.map((entry) => `dq ${entry}`))
      .concat("end:\n")
      .join("\n");
  const CODE = "0x00cf9a000000ffff";
  const DATA = "0x00cf92000000ffff";

  it("accepts a right one", () => {
    const text = program("end - gdt - 1", ["0", CODE, DATA], "jmp 8:next\nnext: jmp next");
    assert.deepEqual(brief(diagnose(text)), []);
  });

  it("finds a limit that is a byte too large", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt", ["0", CODE])), [5]);
  });

  it("finds a segment in the place of the null descriptor", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt - 1", [CODE, DATA])), [8]);
  });

  it("finds L and D together", () => {
    assert.deepEqual(linesOf("DESC1", program("end - gdt - 1", ["0", "0x00ef9a000000ffff"])), [9]);
  });

  it("finds a far jump to what is no code segment", () => {
    const text = program("end - gdt - 1", ["0", CODE, DATA], "jmp 16:0x2000");
    assert.deepEqual(linesOf("DESC1", text), [4]);
  });

  it("says nothing of tables and entries that code fills in", () => {
    const empty = program("end - gdt - 1", ["0", CODE, "0"], "jmp 16:0x2000");
    assert.deepEqual(linesOf("DESC1", empty), []);
    assert.deepEqual(linesOf("DESC1", "bits 32\nlgdt [p]\np: dw 0\ndd 0\n"), []);
    assert.deepEqual(linesOf("DESC1", "bits 32\nlgdt [eax]\n"), []);
  });

  it("says nothing of a table whose address is code in this image", () => {
    const text =
      "bits 32\norg 0x1000\nlgdt [p]\njmp 16:f\nf: times 8 mov eax, 1\njmp f\np: dw 31\ndd f\n";
    assert.deepEqual(linesOf("DESC1", text), []);
  });
});

/** A 32-bit program that loads a GDT; `code` stands behind LGDT. */
function withGdt(code: string, entries: readonly string[], more = ""): string {
  return `bits 32
org 0x100000
lgdt [gdtPointer]
${code}
hlt
jmp $-1
gdt: dq 0
${entries.map((entry) => `dq ${entry}`).join("\n")}
gdtEnd:
gdtPointer: dw gdtEnd - gdt - 1
dd gdt
${more}
`;
}

const FLAT_CODE = "0x00cf9a000000ffff";
const FLAT_DATA = "0x00cf92000000ffff";
const USER_DATA = "0x00cff2000000ffff";

describe("DESC2: size of an IDT", () => {
  const idt = (limit: string, count: number, bits = 32): string =>
    `bits ${bits}\norg 0x1000\nlidt [pointer]\nhlt\njmp $-1\npointer: dw ${limit}\ndd idt\ndd 0\nidt: times ${count} dq 0\nend:\n`;

  it("accepts a limit of the size minus 1, and a part of the table", () => {
    assert.deepEqual(linesOf("DESC2", idt("end - idt - 1", 32)), []);
    assert.deepEqual(linesOf("DESC2", idt("8 * 16 - 1", 32)), []);
  });

  it("finds the size itself, and more gates than there are", () => {
    assert.deepEqual(linesOf("DESC2", idt("end - idt", 32)), [6]);
    assert.deepEqual(linesOf("DESC2", idt("256 * 8 - 1", 32)), [6]);
  });

  it("counts gates of 16 bytes in 64-bit code", () => {
    assert.deepEqual(linesOf("DESC2", idt("8 * 31 - 1", 32, 64)), [6]);
    assert.deepEqual(linesOf("DESC2", idt("16 * 16 - 1", 32, 64)), []);
  });
});

describe("DESC3: selectors beyond the limit", () => {
  it("follows constants into segment registers, LTR and far jumps", () => {
    const code = "mov eax, 0x20\nmov ds, eax\nmov ax, 0x28\nltr ax\njmp 0x30:0x100000";
    assert.deepEqual(linesOf("DESC3", withGdt(code, [FLAT_CODE, FLAT_DATA])), [5, 7, 8]);
  });

  it("is silent about entries that there are, the null selector and unknown values", () => {
    const code = "mov eax, 0x10\nmov ds, eax\nxor eax, eax\nmov fs, eax\nmov eax, [0]\nmov gs, eax";
    assert.deepEqual(linesOf("DESC3", withGdt(code, [FLAT_CODE, FLAT_DATA])), []);
  });

  it("is silent about paragraph numbers in 16-bit code", () => {
    const text = withGdt("bits 16\nmov ax, 0xb800\nmov es, ax", [FLAT_CODE]);
    assert.deepEqual(linesOf("DESC3", text), []);
  });
});

describe("DESC4: selectors of the wrong type", () => {
  const load = (register: string, selector: string, ...entries: string[]): number[] =>
    linesOf("DESC4", withGdt(`mov eax, ${selector}\nmov ${register}, eax`, entries));

  it("wants a writable segment with the right DPL for SS", () => {
    assert.deepEqual(load("ss", "8", FLAT_DATA), []);
    assert.deepEqual(load("ss", "8", FLAT_CODE), [5]);
    assert.deepEqual(load("ss", "8", "0x00cf90000000ffff"), [5], "read-only");
    assert.deepEqual(load("ss", "8", USER_DATA), [5], "RPL 0, DPL 3");
    assert.deepEqual(load("ss", "11", USER_DATA), []);
    assert.deepEqual(load("ss", "0", FLAT_DATA), [5]);
  });

  it("wants readable segments for the data registers", () => {
    assert.deepEqual(load("ds", "8", FLAT_CODE), [], "execute/read");
    assert.deepEqual(load("ds", "8", "0x00cf98000000ffff"), [5], "execute-only");
    assert.deepEqual(load("es", "8", "0x0000890000000067"), [5], "a TSS");
    assert.deepEqual(load("ds", "11", FLAT_DATA), [5], "RPL 3, DPL 0");
    assert.deepEqual(load("fs", "0", FLAT_DATA), []);
  });
});

describe("DESC5: LTR and LLDT", () => {
  const load = (mnemonic: string, entry: string): number[] =>
    linesOf("DESC5", withGdt(`mov ax, 8\n${mnemonic} ax`, [entry]));

  it("want an available TSS and an LDT", () => {
    assert.deepEqual(load("ltr", "0x0000890010000067"), []);
    assert.deepEqual(load("ltr", "0x00008b0010000067"), [5], "busy");
    assert.deepEqual(load("ltr", FLAT_DATA), [5]);
    assert.deepEqual(load("lldt", "0x0000820010000067"), []);
    assert.deepEqual(load("lldt", FLAT_DATA), [5]);
    assert.deepEqual(linesOf("DESC5", withGdt("xor eax, eax\nltr ax", [FLAT_CODE])), [5]);
    assert.deepEqual(linesOf("DESC5", withGdt("xor eax, eax\nlldt ax", [FLAT_CODE])), []);
  });

  it("are not judged when code fills the entry in", () => {
    assert.deepEqual(load("ltr", "0"), []);
  });
});

describe("DESC6: task state segments", () => {
  it("have a limit of at least 0x67", () => {
    assert.deepEqual(linesOf("DESC6", withGdt("", ["0x0000890010000067"])), []);
    assert.deepEqual(linesOf("DESC6", withGdt("", ["0x0000890010000066"])), [8]);
    assert.deepEqual(linesOf("DESC6", withGdt("", ["0x0000890000000000"])), [], "filled in");
  });

  it("have no I/O map inside their own fields", () => {
    const gdt = "bits 32\norg 0x1000\nlgdt [p]\njmp $\np: dw 15\ndd gdt\nalign 16\ngdt: dq 0\n";
    const program = (map: string): string =>
      `${gdt}dw 0x67, 0x1020\ndb 0, 0x89, 0, 0\ntimes 0x20-($-$$) db 0\ntss: times 0x66 db 0\ndw ${map}\n`;
    const placed = (map: string): number[] =>
      linesOf("DESC6", program(map).replace("0x1020", "0x1030").replace("0x20-", "0x30-"));
    assert.deepEqual(placed("0x68"), []);
    assert.deepEqual(placed("0x20"), [9]);
    assert.deepEqual(placed("0"), [], "not filled in yet");
  });
});

describe("DESC7: gates in the source", () => {
  const idt = (...gates: string[]): number[] =>
    linesOf(
      "DESC7",
      withGdt(
        "lidt [idtPointer]",
        [FLAT_CODE, FLAT_DATA],
        `idt: ${gates.map((gate) => `dq ${gate}`).join("\n")}\nidtPointer: dw ${8 * gates.length - 1}\ndd idt`,
      ),
    );

  it("name a code segment and have a gate's type", () => {
    assert.deepEqual(idt("0x00108e0000081234", "0", "0x0010ef0000081234"), []);
    assert.deepEqual(idt("0x00108e0000101234"), [13], "data");
    assert.deepEqual(idt("0x00108e0000001234"), [13], "null selector");
    assert.deepEqual(idt("0x00108c0000081234"), [13], "a call gate");
    assert.deepEqual(idt("0x00100e0000081234"), [13], "not present");
  });

  it("are not looked for where code stands", () => {
    const text =
      "bits 32\norg 0x1000\nlidt [p]\njmp $\nf: times 8 mov eax, 0x8912\njmp f\np: dw 31\ndd f\n";
    assert.deepEqual(linesOf("DESC7", text), []);
  });

  it("take 16 bytes in 64-bit mode", () => {
    const text = (gate: string): string =>
      `bits 64\norg 0x1000\nlidt [rel p]\njmp $\nidt: ${gate}\np: dw 15\ndq idt\n`;
    assert.deepEqual(linesOf("DESC7", text("dq 0x00008e0000081234, 0")), []);
    assert.deepEqual(linesOf("DESC7", text("dq 0x00008e0000081234, 0x00008e0000085678")), [5]);
  });
});

describe("DESC8: limits", () => {
  it("find the forgotten granularity bit and a jump beyond the limit", () => {
    const short = withGdt("jmp 8:$+7", ["0x004f9a000000ffff"]);
    assert.deepEqual(linesOf("DESC8", short), [4, 8]);
    assert.deepEqual(linesOf("DESC8", withGdt("jmp 8:$+7", [FLAT_CODE])), []);
  });

  it("let small segments be small", () => {
    assert.deepEqual(linesOf("DESC8", withGdt("", ["0x00409200b8000fff"])), []);
    assert.deepEqual(linesOf("DESC8", withGdt("", ["0x000f9a000000ffff"])), [], "16-bit");
  });
});

describe("DESC9: bases of LGDT and LIDT", () => {
  const program = (base: string, prefix = "", org = "0x7c00"): number[] =>
    linesOf(
      "DESC9",
      `bits 16\norg ${org}\n${prefix} lgdt [p]\njmp $\ngdt: dq 0\np: dw 7\n${base}\n`,
    );

  it("have four bytes", () => {
    assert.deepEqual(program("dd gdt"), []);
    assert.deepEqual(program("dw gdt"), [7]);
    assert.deepEqual(program("dw gdt\nmagic: dw 0xaa55"), [7]);
    assert.deepEqual(program("dw gdt, 0"), []);
    assert.deepEqual(program("dw gdt\ndw 0"), []);
    assert.deepEqual(program("dw gdt\ndb 0, 0"), []);
  });

  it("keep their fourth byte with o32 only", () => {
    assert.deepEqual(program("dd 0x12345678"), [3]);
    assert.deepEqual(program("dd 0x12345678", "o32"), []);
    const [found] = diagnose("bits 16\norg 0x7c00\nlgdt [p]\njmp $\np: dw 7\ndd 0x12345678\n");
    const data = found?.data as { fixes: { edits: { newText: string }[] }[] } | undefined;
    assert.equal(data?.fixes[0]?.edits[0]?.newText, "o32 ");
  });
});

describe("DESC10: bases that are offsets", () => {
  const program = (setup: string, base: string): number[] =>
    linesOf("DESC10", `bits 16\n${setup}\nlgdt [p]\njmp $\ngdt: dq 0\np: dw 7\ndd ${base}\n`);

  it("miss the segment's base", () => {
    assert.deepEqual(program("mov ax, 0x7c0\nmov ds, ax", "gdt"), [8]);
    assert.deepEqual(program("mov ax, 0x7c0\nmov ds, ax", "0x7c00 + gdt - $$"), []);
    assert.deepEqual(program("xor ax, ax\nmov ds, ax", "gdt"), []);
    assert.deepEqual(program("org 0x7c00\nmov ax, 0x7c0\nmov ds, ax", "gdt"), []);
  });

  it("are right when code adds it", () => {
    assert.deepEqual(program("mov ax, 0x7c0\nmov ds, ax\nadd dword [p+2], 0x7c00", "gdt"), []);
  });
});
