import assert from "node:assert/strict";
import { hexBytes } from "../../src/engine/base/hex";
import { assembled, image, messages } from "./support";

describe("relaxation", () => {
  it("takes the short jump up to 127 bytes, the near one beyond", () => {
    assert.equal(image("jmp x\ntimes 127 nop\nx:").slice(0, 4), "eb7f");
    assert.equal(image("jmp x\ntimes 128 nop\nx:").slice(0, 6), "e98000");
  });

  it("follows a chain in which one long jump makes another long", () => {
    // `jz a` would reach over a short `jz b`, not over the near one that it must become.
    const text = "jz a\njz b\ntimes 124 nop\na:\ntimes 5 nop\nb:";
    assert.equal(image(text).slice(0, 16), "0f8480000f848100");
  });

  it("keeps a jump near over a RIP-relative operand that the first pass counted a byte longer", () => {
    const program = (operand: string, nops: number): string =>
      image(`bits 64\nje x\nmov [${operand}], rax\ntimes ${nops} nop\nx:\nd:`);
    assert.equal(program("rel d", 119).slice(0, 18), "747e48890577000000");
    assert.equal(program("rel d", 120).slice(0, 26), "0f847f00000048890578000000");
    // Without `rel` it is as long in every pass.
    assert.equal(program("d", 119).slice(0, 20), "747f4889042581000000");
  });

  it("takes LEA of a bare label as RIP-relative under `default rel`", () => {
    assert.equal(image("bits 64\ndefault rel\nx: lea rax, x"), "488d05f9ffffff");
    assert.equal(image("bits 64\nx: lea rax, x"), "488d042500000000");
  });

  it("shortens label differences too", () => {
    assert.equal(image("bits 32\nadd eax, b-a\na: nop\nb:"), "83c00190");
  });

  it("evaluates $ of a repeated jump once", () => {
    assert.equal(image("times 3 jmp $"), "ebfeebfcebfa");
  });

  it("goes over a JMP on a processor without near conditions", () => {
    assert.equal(image("cpu 8086\njz x\ntimes 130 nop\nx:").slice(0, 10), "7503e98200");
    const wide = "bits 32\ncpu 286\njz x\ntimes 130 nop\nx:";
    assert.equal(image(wide).slice(0, 14), "7505e982000000");
  });
});

describe("sections", () => {
  it("follow each other aligned to 4, .bss behind all without bytes", () => {
    const text = [
      "org 0x1000", "mov ax, [d]", "mov bx, r", "section .data", "d: dw 5", "section .bss", "r: resb 3",
    ].join("\n"); // prettier-ignore
    const assembly = assembled(text);
    assert.equal(hexBytes(assembly.image), "a10810bb0c10" + "0000" + "0500");
    assert.deepEqual(
      assembly.sections.map(({ name, address, fileOffset, length }) => [
        name,
        address,
        fileOffset,
        length,
      ]),
      [
        [".text", 0x1000, 0, 6],
        [".data", 0x1008, 8, 2],
        [".bss", 0x100c, -1, 3],
      ],
    );
  });

  it("have places in memory and in the file of their own", () => {
    const text = "section .text\ndw d\nsection .x vstart=0x8000 align=16\nd: dw $$";
    assert.equal(image(text), "0080" + "00".repeat(14) + "0080");
  });

  it("raise the alignment of the file for align", () => {
    assert.equal(image("org 0x7c0f\nnop\nalign 4\nnop"), "0090909090" + "90");
  });

  it("keep high addresses exact, as negative numbers", () => {
    const assembly = assembled("bits 64\norg 0xffffffff80000000\ns: dq s");
    assert.equal(hexBytes(assembly.image), "00000080ffffffff");
    assert.equal(assembly.origin, -0x80000000);
    assert.equal(assembly.symbols[0]!.value, 0xffffffff80000000n);
  });
});

describe("structures and absolute space", () => {
  it("give offsets and instances", () => {
    const text = [
      "struc p", ".x: resw 1", ".y: resd 1", "endstruc", "istruc p", "at p.y, dd 7", "iend", "db p_size, p.y",
    ].join("\n"); // prettier-ignore
    assert.equal(image(text), "000007000000" + "0602");
  });

  it("hold no code", () => {
    assert.equal(image("absolute 0\nnop"), "2: attempt to assemble code in [ABSOLUTE] space");
  });
});

describe("the line map", () => {
  const text = [
    "org 0x7c00",
    "%macro two 0",
    "nop",
    "cli",
    "%endmacro",
    "start: two",
    "%rep 2",
    "hlt",
    "%endrep",
    "times 2 sti",
    "db 1, 2",
  ].join("\n");

  it("covers every byte of the image once", () => {
    const { lines, image: bytes } = assembled(text);
    const covered = lines.flatMap((line) =>
      Array.from({ length: line.length }, (_, i) => line.fileOffset + i),
    );
    assert.deepEqual(covered, Array.from(bytes.keys()));
  });

  it("puts macro code at the call and keeps the body lines as its trail", () => {
    const { lines } = assembled(text);
    assert.deepEqual(
      lines.map((l) => [
        l.address,
        l.kind,
        l.range.line,
        l.macroTrail.map((t) => `${t.macro}:${t.range.line}`),
      ]),
      [
        [0x7c00, "code", 6, ["two:3"]],
        [0x7c01, "code", 6, ["two:4"]],
        [0x7c02, "code", 8, ["%rep:8"]],
        [0x7c03, "code", 8, ["%rep:8"]],
        [0x7c04, "code", 10, []],
        [0x7c05, "code", 10, []],
        [0x7c06, "data", 11, []],
      ],
    );
  });

  it("knows symbols by their full names", () => {
    const { symbols } = assembled(
      "global main\nmain:\n.loop: nop\nk equ 5\nextern e\n..@free: nop",
    );
    assert.deepEqual(
      symbols.map((s) => [s.name, s.kind, s.value, s.global, s.range.line]),
      [
        ["main", "label", 0n, true, 2],
        ["main.loop", "label", 0n, false, 3],
        ["k", "equ", 5n, false, 4],
        ["e", "extern", 0n, false, 5],
        ["..@free", "label", 1n, false, 6],
      ],
    );
  });
});

describe("the listing", () => {
  it("is NASM's", () => {
    const text = "org 0x100\nstart: mov ax, msg ; note\n jmp start\nmsg: db 'hi'\ntimes 3 nop\n";
    assert.equal(
      assembled(text).listing(),
      [
        "     1                                  org 0x100",
        "     2 00000000 B8[0500]                start: mov ax, msg ; note",
        "     3 00000003 EBFB                     jmp start",
        "     4 00000005 6869                    msg: db 'hi'",
        "     5 00000007 90<rep 3h>              times 3 nop",
        "",
      ].join("\n"),
    );
  });
});

describe("warnings", () => {
  it("have NASM's classes and switches", () => {
    const text = "foo\ndb 256\n[warning -number-overflow]\ndb 257\nresb 2";
    assert.deepEqual(
      assembled(text).diagnostics.map((d) => `${d.range.line} ${d.code}`),
      ["1 label-orphan", "2 number-overflow", "5 zeroing"],
    );
  });

  it("may be made errors", () => {
    assert.deepEqual(messages(assembled("[warning error=label-orphan]\nfoo"), "error"), [
      "2: label alone on a line without a colon might be in error",
    ]);
  });
});
