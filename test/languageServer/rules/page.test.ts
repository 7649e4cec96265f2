import assert from "node:assert/strict";
import { diagnose, messageOf } from "../support";
import { fixed } from "./fixes";
import { linesOf } from "./support";

const TOP = 0x200000;
const TABLE = 0x201000;
/** CR3 names TOP; `rest` follows on line 4. */
const paged = (rest: string, bits = 32): string =>
  `bits ${bits}\nmov eax, ${TOP}\nmov cr3, ${bits === 64 ? "rax" : "eax"}\n${rest}\n`;
const PAE = "mov eax, cr4\nor eax, 0x20\nmov cr4, eax\n";
const PSE = "mov eax, cr4\nor eax, 0x10\nmov cr4, eax\n";
const PG = "mov eax, cr0\nor eax, 1 << 31\nmov cr0, eax\n";

describe("PAGE1: reserved bits", () => {
  it("finds them at each level of each format", () => {
    assert.deepEqual(linesOf("PAGE1", paged(`${PAE}mov dword [${TOP}], ${TABLE} | 3`)), [7]);
    assert.deepEqual(linesOf("PAGE1", paged(`mov qword [${TOP}], ${TABLE} | 0x83`, 64)), [4]);
    const data = `bits 32\norg 0x100000\n${PAE}mov eax, top\nmov cr3, eax\nhlt\nalign 4096\ntop: dq 0x2001, 0x3003\n`; // prettier-ignore
    assert.deepEqual(linesOf("PAGE1", data), [10]);
  });

  it("follows the tables and registers that constants name", () => {
    const through = `mov edi, ${TOP}\nmov qword [rdi], ${TABLE} | 3\nadd edi, 0x1000\nmov eax, 0x202083\nmov [rdi + 8], rax`;
    const text = paged(through, 64);
    assert.deepEqual(linesOf("PAGE6", text), [8], "a page-directory-pointer entry with PS");
    assert.deepEqual(linesOf("PAGE1", text), []);
  });

  it("is silent for right entries, absent ones, and where the format is not known", () => {
    assert.deepEqual(linesOf("PAGE1", paged(`${PAE}mov dword [${TOP}], ${TABLE} | 1`)), []);
    assert.deepEqual(linesOf("PAGE1", paged(`mov dword [${TOP}], ${TABLE} | 3`)), []);
    assert.deepEqual(linesOf("PAGE1", paged(`${PAE}mov dword [${TOP}], 2`)), []);
    assert.deepEqual(linesOf("PAGE1", paged(`mov cr4, ebx\nmov dword [${TOP}], ${TABLE} | 3`)), []); // prettier-ignore
    assert.deepEqual(linesOf("PAGE1", paged(`${PAE}mov dword [${TOP + 0x2000}], ${TABLE} | 3`)), []); // prettier-ignore
  });
});

describe("PAGE2: translations that stay in the TLB", () => {
  const program = (store: string, rest: string): string =>
    `bits 32\nmov dword [${TOP}], ${TABLE} | 3\nmov eax, ${TOP}\nmov cr3, eax\n${PG}${store}\n${rest}\n`;

  it("are found where a right is taken back and nothing flushes", () => {
    for (const store of [
      `mov dword [${TABLE} + 20], 0`,
      `and dword [${TABLE} + 20], ~2`,
      `btr dword [${TABLE} + 20], 0`,
    ])
      // prettier-ignore
      assert.deepEqual(linesOf("PAGE2", program(store, "iretd")), [8], store);
  });

  it("are none after a flush, before paging, where a caller may flush, and for new rights", () => {
    const store = `mov dword [${TABLE} + 20], 0`;
    for (const rest of ["invlpg [0x5000]\nhlt", "mov cr3, eax\nhlt", "call f\nhlt\nf: ret", "ret"])
      assert.deepEqual(linesOf("PAGE2", program(store, rest)), [], rest);
    assert.deepEqual(linesOf("PAGE2", program(`mov dword [${TABLE} + 20], 0x5003`, "hlt")), []);
    assert.deepEqual(linesOf("PAGE2", paged(`${store}\nhlt\n${PG}hlt`)), []);
  });

  it("inserts INVLPG of the page that the entry maps", () => {
    const after = fixed("PAGE2", program(`mov dword [${TABLE} + 20], 0`, "hlt"));
    assert.match(after, /\+ 20\], 0\n +invlpg +\[0x5000\]\nhlt/);
    assert.deepEqual(linesOf("PAGE2", after), []);
  });
});

describe("PAGE3: alignment of CR3", () => {
  const load = (value: string, before = ""): number[] =>
    linesOf("PAGE3", `bits 32\n${before}mov eax, ${value}\nmov cr3, eax\n`);

  it("is 4096, or 32 for the pointers of PAE", () => {
    assert.deepEqual(load("0x200800"), [3]);
    assert.deepEqual(load("0x200004", PAE), [6]);
    assert.deepEqual(linesOf("PAGE3", "bits 64\nmov eax, 0x200400\nmov cr3, rax\n"), [3]);
  });

  it("is mended by align before the label", () => {
    const text = "bits 32\norg 0x100000\nmov eax, top\nmov cr3, eax\nhlt\ntop: times 1024 dd 2\n";
    const after = fixed("PAGE3", text);
    assert.match(after, /\n +align +4096\ntop:/);
    assert.deepEqual(linesOf("PAGE3", after), []);
  });

  it("leaves flags, PCIDs and unknown values alone", () => {
    assert.deepEqual(load("0x200018"), []);
    assert.deepEqual(load("0x200020", PAE), []);
    assert.deepEqual(load("[ebx]"), []);
    const pcid = "bits 64\nmov eax, 1 << 17\nmov cr4, rax\nmov eax, 0x200001\nmov cr3, rax\n";
    assert.deepEqual(linesOf("PAGE3", pcid), []);
  });
});

describe("PAGE4: the code that turns paging on", () => {
  const program = (entries: string, org = "0x100000"): string =>
    `bits 32\norg ${org}\n${PSE}mov eax, ${TOP}\nmov cr3, eax\n${entries}\n${PG}hlt\n`;

  it("must be mapped, and to where it lies", () => {
    assert.deepEqual(linesOf("PAGE4", program(`mov dword [${TOP}], 0x400083`)), [11]);
    assert.deepEqual(linesOf("PAGE4", program(`mov dword [${TOP}], 2`)), [11]);
    const small = `mov dword [${TOP}], ${TABLE} | 3\nmov dword [${TABLE} + 0x400], `;
    assert.deepEqual(linesOf("PAGE4", program(`${small}0x200003`)), [12]);
    assert.deepEqual(linesOf("PAGE4", program(`${small}0x100003`)), []);
  });

  it("is not judged where entries are not known or the addresses are not physical", () => {
    assert.deepEqual(linesOf("PAGE4", program("nop")), []);
    assert.deepEqual(linesOf("PAGE4", program(`mov dword [${TOP}], 0x83`)), []);
    assert.deepEqual(linesOf("PAGE4", program(`mov dword [${TOP}], 2\nmov [${TOP}], ebx`)), []);
    assert.deepEqual(linesOf("PAGE4", program(`mov dword [${TOP} + 0xc00], 0x83`, "0xc0100000")), []); // prettier-ignore
  });
});

describe("PAGE5: paging without CR3", () => {
  it("speaks where nothing loads it", () => {
    assert.deepEqual(linesOf("PAGE5", `bits 32\n${PG}hlt\n`), [4]);
  });

  it("is silent with CR3, for other bits of CR0, and for parts of programs", () => {
    assert.deepEqual(linesOf("PAGE5", `bits 32\nmov cr3, ebx\n${PG}`), []);
    assert.deepEqual(linesOf("PAGE5", `bits 32\n${PG.replace("31", "16")}`), []);
    assert.deepEqual(linesOf("PAGE5", `bits 32\nextern setUpPaging\n${PG}`), []);
  });
});

describe("PAGE6: frames of large pages", () => {
  it("are multiples of the page's size", () => {
    assert.deepEqual(linesOf("PAGE6", paged(`${PSE}mov dword [${TOP}], 0x100083`)), [7]);
    const text = paged(`mov qword [${TOP}], ${TABLE} | 3\nmov qword [${TABLE}], 0x203000 | 3\nmov qword [0x203000], 0x1000 | 0x183`, 64); // prettier-ignore
    assert.deepEqual(linesOf("PAGE6", text), [], "0x1183 has the PAT bit");
    assert.deepEqual(linesOf("PAGE6", text.replace("0x1000 |", "0x100000 |")), [6]);
  });

  it("are right otherwise", () => {
    assert.deepEqual(linesOf("PAGE6", paged(`${PSE}mov dword [${TOP}], 0x400083`)), []);
    assert.deepEqual(linesOf("PAGE6", paged(`mov dword [${TOP}], 0x100003`)), []);
  });
});

describe("PAGE7: 4 MiB pages without PSE", () => {
  it("are page tables to the processor", () => {
    assert.deepEqual(linesOf("PAGE7", paged(`mov dword [${TOP}], 0x83`)), [4]);
  });

  it("are right where PSE is or may be set", () => {
    assert.deepEqual(linesOf("PAGE7", paged(`${PSE}mov dword [${TOP}], 0x83`)), []);
    assert.deepEqual(linesOf("PAGE7", paged(`mov cr4, ebx\nmov dword [${TOP}], 0x83`)), []);
    assert.deepEqual(linesOf("PAGE7", paged(`extern f\nmov dword [${TOP}], 0x83`)), []);
    assert.deepEqual(linesOf("PAGE7", paged(`mov dword [${TOP}], 3`)), []);
  });
});

describe("PAGE8: user pages below supervisor entries", () => {
  const program = (above: string, more = ""): string =>
    paged(`mov dword [${TOP}], ${TABLE} | ${above}\nmov dword [${TABLE}], 0x8007\n${more}`);

  it("are closed to ring 3", () => {
    assert.deepEqual(linesOf("PAGE8", program("3")), [5]);
    assert.match(messageOf(diagnose(program("3")).at(-1)), /0 in the PDE above/);
  });

  it("are open where every level says so or may say so", () => {
    assert.deepEqual(linesOf("PAGE8", program("7")), []);
    assert.deepEqual(linesOf("PAGE8", program("3", `or dword [${TOP}], 4`)), []);
    assert.deepEqual(linesOf("PAGE8", program("3", `mov dword [${TOP} + 4], ${TABLE} | 7`)), []);
  });
});

describe("PAGE9: execute-disable without NXE", () => {
  const entry = `mov rax, 1 << 63 | ${TABLE} | 3\nmov [${TOP}], rax`;
  const efer = (bit: number): string => `mov ecx, 0xc0000080\nrdmsr\nbts eax, ${bit}\nwrmsr\n`;

  it("is reserved", () => {
    assert.deepEqual(linesOf("PAGE9", paged(entry, 64)), [5]);
    assert.deepEqual(linesOf("PAGE9", paged(efer(0) + entry, 64)), [9]);
  });

  it("is right where NXE is or may be set", () => {
    assert.deepEqual(linesOf("PAGE9", paged(efer(11) + entry, 64)), []);
    assert.deepEqual(linesOf("PAGE9", paged(`wrmsr\n${entry}`, 64)), []);
  });
});

describe("PAGE10: tables over code", () => {
  it("are found for CR3 and for tables below", () => {
    const load = "bits 32\nmov eax, 0x7000\nmov cr3, eax\n";
    assert.deepEqual(linesOf("PAGE10", `org 0x7c00\n${load}`), [3]);
    const below = `org 0x201800\n${paged(`mov dword [${TOP}], ${TABLE} | 3`)}`;
    assert.deepEqual(linesOf("PAGE10", below), [3]);
  });

  it("are none elsewhere, and without org nothing is known", () => {
    assert.deepEqual(linesOf("PAGE10", "org 0x7c00\nbits 32\nmov eax, 0x8000\nmov cr3, eax\n"), []); // prettier-ignore
    assert.deepEqual(linesOf("PAGE10", "bits 32\nmov eax, 0x1\nmov cr3, eax\n"), []);
  });
});
