import assert from "node:assert/strict";
import { preprocess } from "../../src/engine/asm/assemble";
import { bytesText, utf8 } from "../../src/engine/asm/stringLiterals";
import { assembled, FILE, image, messages } from "./support";

function lines(...text: readonly string[]): string {
  return text.join("\n");
}

describe("a question mark", () => {
  it("grows together with a parameter to a name", () => {
    const text = lines("%macro set 1", "%ifdef ?%1", "db 1", "%endif", "%assign ?%1 5", "db ?%1", "%endmacro", "set x", "set x"); // prettier-ignore
    assert.equal(image(text), "050105");
  });
});

describe("words in braces", () => {
  it("ask for a REX prefix", () => {
    assert.equal(image("bits 64\n{rex} mov eax, ebx"), "4089d8");
    assert.equal(image("bits 32\n{vex3} vxorps xmm0, xmm0"), "c4e17857c0");
    assert.equal(image("bits 64\n{vex} vaddps xmm0, xmm1, xmm2"), "c5f058c2");
  });

  it("are refused where the instruction does not take them, in NASM's words", () => {
    const text = lines("mov ax, bx {k1}", "{vex} nop", "mov ax, bx {x}", "mov ax, [bx {1,2}]");
    assert.deepEqual(messages(assembled(text)).sort(), [
      "1: mask not permitted on this operand",
      "2: instruction not encodable with {vex} prefix",
      "3: `x' is not a valid decorator with braces",
      "3: comma, colon, decorator or end of line expected after operand",
      "4: expecting ] at end of memory operand",
      "4: invalid decorator token inside braces",
    ]);
  });
});

describe("environment variables", () => {
  const environment = (name: string): string | undefined => (name === "HOME_BYTE" ? "7" : undefined); // prettier-ignore

  it("are put in, and asked for", () => {
    const text = lines("db %!HOME_BYTE", "%ifenv HOME_BYTE", "db 1", "%endif", "%ifnenv OTHER", "db 2", "%endif"); // prettier-ignore
    assert.equal(image(text, { environment }), "070102");
  });

  it("are empty with a warning where there are none", () => {
    assert.deepEqual(messages(assembled("db 1, %!OTHER")), [
      "1: nonexistent environment variable `OTHER'",
    ]);
  });
});

describe("the package masm", () => {
  it("gives PTR, OFFSET and PROC their meaning", () => {
    const text = lines("%use masm", "main proc far", "mov al, byte ptr [bx]", "mov bx, offset data", "ret", "main endp", "data: db 5"); // prettier-ignore
    assert.equal(image(text), "8a07bb0600cb05");
  });

  it("is needed for that: PTR is warned of as a foreign word", () => {
    assert.deepEqual(messages(assembled("ptr: db 5")), ["1: `ptr' is not a NASM keyword"]);
  });
});

describe("a legacy call of a macro", () => {
  it("loses its empty last argument before defaults are counted", () => {
    const text = lines("%macro m 2-3 9", "db %0", "%endmacro", "m 1,");
    assert.equal(image(text), "01");
    assert.match(messages(assembled(text))[0] ?? "", /dropping trailing empty parameter/);
  });
});

describe("sections that follow each other in a chain", () => {
  it("lie where NASM's steps put them", () => {
    const text = lines("org 0", "section .a follows=.b", "db 1", "section .b follows=.c", "db 2", "section .c", "db 3"); // prettier-ignore
    assert.equal(image(text), "0300000002000000".concat("01"));
  });
});

describe("bytes that are no UTF-8", () => {
  it("come through text unchanged", () => {
    const bytes = [
      0x41, 0x80, 0xc0, 0xad, 0xed, 0xa0, 0x80, 0xc3, 0xa4, 0xff, 0xe2, 0x82, 0xac, 0xc3,
    ];
    assert.deepEqual(utf8(bytesText(bytes)), bytes);
  });
});

describe("preprocessing only", () => {
  it("gives the lines with %line where the numbers jump, as nasm -E", () => {
    const text = lines("; comment", "  mov  ax,X ; c", "", "%macro m 1.nolist", "push %1", "pop %1", "%endmacro", "m cx", "lbl: nop", ""); // prettier-ignore
    const result = preprocess({ file: FILE, text, preamble: ["%define X 5"] });
    assert.equal(
      result.text,
      lines("%line 2+1 a.asm", " mov ax,5", "", "%line 8+1 a.asm", "push cx", "%line 8+0 a.asm", "pop cx", "%line 9+1 a.asm", "lbl: nop", ""), // prettier-ignore
    );
  });
});

describe("a section whose place is written behind a jump to it", () => {
  it("is where the jump goes", () => {
    const text = lines("jmp there", "section .data vstart=0xa000", "there:");
    assert.equal(image(text), "e9fd9f");
  });
});
