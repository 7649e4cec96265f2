/** Tokens, numbers, strings, expressions and data: bytes as NASM 2.16.01 gives them. */
import assert from "node:assert/strict";
import { SourceText } from "../../src/engine/asm/sourceText";
import { lexLine } from "../../src/engine/asm/lexer";
import { WordTable } from "../../src/engine/asm/words";
import { readNumber } from "../../src/engine/asm/numbers";
import { image } from "./support";

function kinds(text: string): string[] {
  const source = new SourceText("a", text);
  return lexLine(source, 0, text.length, new WordTable()).map(
    (token) => `${token.kind} ${token.text}@${token.start}-${token.end}`,
  );
}

describe("assembler tokens", () => {
  it("keep their exact places", () => {
    assert.deepEqual(kinds("  mov ax,[bx+0x10] ; note"), [
      "id mov@2-5",
      "id ax@6-8",
      "op ,@8-9",
      "op [@9-10",
      "id bx@10-12",
      "op +@12-13",
      "number 0x10@13-17",
      "op ]@17-18",
    ]);
  });

  it("tell $ apart as here, base, hexadecimal and escaped name", () => {
    assert.deepEqual(kinds("$ $$ $12 $ax"), [
      "here $@0-1",
      "base $$@2-4",
      "number $12@5-8",
      "id $ax@9-12",
    ]);
  });

  it("know the preprocessor's words", () => {
    assert.deepEqual(kinds("%define %1 %{2} %%a %$b %+ %[c+1] %-1 %% %?"), [
      "directive %define@0-7",
      "param %1@8-10",
      "param %2@11-15",
      "macroLocal %%a@16-19",
      "contextLocal %$b@20-23",
      "paste %+@24-26",
      "indirect c+1@27-33",
      "param %-1@34-37",
      "op %%@38-40",
      "macroName %?@41-43",
    ]);
  });

  it("take a point into a number only before a digit or an exponent", () => {
    assert.deepEqual(kinds("1.5 1.nolist 1e10"), [
      "float 1.5@0-3",
      "number 1@4-5",
      "id .nolist@5-12",
      "float 1e10@13-17",
    ]);
  });

  it("see an unclosed string up to the end of the line", () => {
    assert.deepEqual(kinds("db 'abc"), ["id db@0-2", "openString 'abc@3-7"]);
  });
});

describe("numbers", () => {
  const values: Readonly<Record<string, bigint>> = {
    "10": 10n, "0x1F": 31n, "0h1f": 31n, $1f: 31n, "1fh": 31n, "0b101": 5n, "101b": 5n, "0o17": 15n, "17q": 15n,
    "0d99": 99n, "1_000": 1000n, "0xffffffffffffffff": -1n, "0b1h": 0xb1n,
  }; // prettier-ignore
  for (const [text, value] of Object.entries(values)) {
    it(`reads ${text}`, () => assert.equal(readNumber(text)?.value, value));
  }

  it("refuses digits beyond the radix", () => {
    assert.equal(readNumber("12ah1"), undefined);
    assert.equal(readNumber("0b12"), undefined);
  });
});

describe("expressions", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["db 2+3*4, (2+3)*4, 10-2-3, 7/2, 7 % 4", "0e14050303"],
    ["db -7//2, -7 %% 3, 1<<4, 0x80>>3, ~0 & 0xff, !0, !5", "fdff1010ff0100"],
    ["dq -1/2, -8>>1, -8>>>1", "ffffffffffffff7ffcffffffffffff7ffcffffffffffffff"],
    ["db 1 ? 2 : 3, 0 ? 2 : 3, 1&&0, 1||0, 1^^1, 5<=>3", "020300010001"],
    ["db 1==1, 1!=1, 2<3, 3<=3, 4>5, 5>=6", "010001010000"],
    ["dw 'ab', 'a'|'b'<<8", "61626162"],
    ["dw 'é'", "c3a9"],
  ];
  for (const [text, bytes] of cases) {
    it(text, () => assert.equal(image(text), bytes));
  }

  it("say what cannot be computed", () => {
    assert.equal(image("db 1/0"), "1: division by zero");
    assert.equal(image("db 1+"), "1: expression syntax error");
    assert.equal(image("a: db a*a"), "1: unable to multiply two non-scalar objects");
  });
});

describe("data", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["db 'abc', `x\\n\\x41\\101\\u263a`", "616263780a4141e298ba"],
    ["dw 'a','ab','abc'", "6100616261626300"],
    ["dd 1.5, -2.25", "0000c03f000010c0"],
    ["dq 1.0", "000000000000f03f"],
    ["dt 1.0, 0p12", "0000000000000080ff3f12000000000000000000"],
    ["db 3 dup (1, 2 dup (5))", "010505010505010505"],
    ["dw __?utf16?__('hi')", "68006900"],
    ["times 3 db 1, 2", "010201020102"],
    ["db ''", ""],
  ];
  for (const [text, bytes] of cases) {
    it(text, () => assert.equal(image(text), bytes));
  }
});
