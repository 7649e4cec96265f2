import assert from "node:assert/strict";
import fc from "fast-check";
import { buildSourceModel } from "../../src/engine/asm/buildSourceModel";
import { assembled, image, messages, shown } from "./support";

describe("a diagnostic", () => {
  it("stands on the token that is wrong", () => {
    const text = "mov ax, nowhere\n  bogus eax, 1\nmov [bx+missing], al\ndb 1, gone, 3";
    assert.deepEqual(
      assembled(text).diagnostics.map((d) => `${shown(d.range)} ${d.message}`),
      [
        "1:9-16 symbol `nowhere' not defined",
        "2:9-12 parser: instruction expected",
        "3:9-16 symbol `missing' not defined",
        "4:7-11 symbol `gone' not defined",
      ],
    );
  });

  it("stands at the call of a macro, with the place in the body beside it", () => {
    const text =
      "%macro inner 1\nmov ax, %1\nmov bx, wrong\n%endmacro\n%macro outer 1\ninner %1\n%endmacro\n  outer absent";
    assert.deepEqual(
      assembled(text).diagnostics.map((d) => [
        `${shown(d.range)} ${d.message}`,
        ...d.related.map((r) => `${shown(r.range)} ${r.message}`),
      ]),
      [
        [
          "8:3-8 symbol `wrong' not defined",
          "3:9-14 in the expansion of macro `inner'",
          "6:1-6 in the expansion of macro `outer'",
        ],
        ["8:9-15 symbol `absent' not defined", "6:1-6 in the expansion of macro `outer'"],
      ],
    );
  });

  it("stands where a define is used, with the definition beside it", () => {
    const [diagnostic] = assembled("%define P nothing+1\nmov ax, P").diagnostics;
    assert.equal(shown(diagnostic!.range), "2:9-10");
    assert.deepEqual(
      diagnostic!.related.map((r) => `${shown(r.range)} ${r.message}`),
      ["1:11-18 in the definition of `P'"],
    );
  });

  it("points at the first definition of a label", () => {
    const [diagnostic] = assembled("a: nop\na: nop").diagnostics;
    assert.equal(diagnostic!.message, "label `a' inconsistently redefined");
    assert.equal(shown(diagnostic!.related[0]!.range), "1:1-2");
  });

  it("costs one line: the others are assembled", () => {
    const assembly = assembled("mov al, 1\nfoo bar\nmov al, 2");
    assert.equal(assembly.ok, false);
    assert.deepEqual([...assembly.image], [0xb0, 1, 0xb0, 2]);
  });

  it("does not follow from another on the same line", () => {
    assert.deepEqual(messages(assembled("times later-$ db 0\nlater:"), "error"), [
      "1: non-constant argument supplied to TIMES",
    ]);
  });
});

describe("refusals in NASM's words", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["times -1 db 0", "1: TIMES value -1 is negative"],
    ["%error stop here", "1: stop here"],
    ["%if 1", "1: expected `%endif' before end of file"],
    ["%macro m 0", "1: `%macro' without `%endmacro'"],
    ["align 3", "1: segment alignment `3' is not power of two"],
    ["eax: nop", "1: label or instruction expected at start of line"],
    ["org 1\norg 2", "2: program origin redefined"],
    ["bits 8", "1: `8' is not a valid segment size; must be 16, 32 or 64"],
    ["extern x\nmov ax, x", "2: binary output format does not support external references"],
    ["mov ax, [bx", "1: expecting ] at end of memory operand"],
    ["loop x\ntimes 130 nop\nx:", "1: short jump is out of range"],
    ['%include "no.inc"', "1: unable to open include file `no.inc': No such file or directory"],
    ["vaddps xmm0{k1}, xmm1", "1: decorators are not supported: known, not assembled"],
    ["vaddps zmm0, zmm1, zmm2", "1: register `zmm0' is not supported: known, not assembled"],
    ["vpslld xmm1, [bx], 5", "1: this form is not supported: known, not assembled"],
    ["vaddph xmm0, xmm1", "1: instruction `vaddph' is not supported: known, not assembled"],
  ];
  for (const [text, expected] of cases) {
    it(JSON.stringify(text), () => assert.equal(image(text), expected));
  }
});

describe("any text", () => {
  const word = fc.constantFrom(
    "mov", "ax", "[", "]", ",", ":", "db", "%macro", "%endmacro", "m", "1-*", "%1", "%rep", "%endrep", "%if", "%else", "%endif",
    "%define", "x", "(", ")", "%+", "%[", "'", '"', "`", "\\", "$", "$$", "equ", "times", "section", ".text", "struc", "endstruc",
    "%push", "%pop", "%$l", "%%l", "{", "}", "3", "0x", "1e5", "+", "-", "*", "/", "%", "?", "dup", "resb", "org", "align",
    "%assign", "%include", "%rotate", "%0", "%exitrep", "%use", "[section", "[bits", "absolute", "jmp", "foo:", ".a", "%line",
  ); // prettier-ignore
  const lines = fc.array(fc.array(word, { maxLength: 7 }), { maxLength: 14 });

  it("is assembled or refused, never a crash", () => {
    fc.assert(
      fc.property(lines, (list) => {
        const text = list.map((line) => line.join(" ")).join("\n");
        const model = buildSourceModel({ file: "a.asm", text });
        assert.ok(model.assembly.lines.length >= 0);
        assert.equal(typeof model.assembly.listing(), "string");
      }),
      { numRuns: 400, seed: 20240117 },
    );
  });

  it("of arbitrary characters too", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
        assert.ok(assembled(text).diagnostics.length >= 0);
      }),
      { numRuns: 400, seed: 7 },
    );
  });
});
