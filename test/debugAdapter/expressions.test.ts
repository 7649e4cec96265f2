import assert from "node:assert/strict";
import { evaluateText, ExpressionError } from "../../src/debugAdapter/expressions/expression";
import type { Scope, Value } from "../../src/debugAdapter/expressions/evaluator";
import { formatValue } from "../../src/debugAdapter/expressions/formatValue";
import { parseExpression } from "../../src/debugAdapter/expressions/parser";
import { Program } from "../../src/debugAdapter/sources/program";
import { evaluate } from "../../src/debugAdapter/expressions/evaluator";

const MEMORY = Uint8Array.from([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x48, 0x69, 0]);
const NAMES: Readonly<Record<string, Value>> = {
  eax: { value: 0x1234n, width: 32, register: "eax" },
  al: { value: 0xf6n, width: 8, register: "al" },
  label: { value: 0x1000n, width: 64, addressSpace: "gva" },
};

/** Eleven bytes at 0x1000, nothing else; ds has base 0x100. */
const scope: Scope = {
  defaultSize: 4,
  lookup: (name) => NAMES[name],
  segmentBase: (name) => (name === "ds" ? 0x100n : 0n),
  read: (_, address, length) => {
    const start = Number(address) - 0x1000;
    return start < 0 ? new Uint8Array(0) : MEMORY.slice(start, start + length);
  },
};
const program = new Program({ name: "none", bytes: new Uint8Array(0), loadAddress: 0, entry: "real16", entryPoint: 0 }); // prettier-ignore

const value = (text: string): bigint => evaluateText(text, scope).value;

function shown(text: string): string {
  const { expression, suffix } = parseExpression(text);
  return formatValue(evaluate(expression, scope), suffix, scope, program);
}

describe("expressions", () => {
  it("read numbers in every form that NASM has", () => {
    const forms = ["200", "0200", "0200d", "0d200", "0c8h", "$0c8", "0xc8", "0hc8", "310q", "310o", "0o310", "0q310", "11001000b", "1100_1000b", "11001000y", "0b11001000", "0y1100_1000", "0xc_8"]; // prettier-ignore
    for (const form of forms) assert.equal(value(form), 200n, form);
  });

  it("pack characters as NASM does", () => {
    assert.equal(value("'A'"), 0x41n);
    assert.equal(value("'ab'"), 0x6261n);
  });

  it("bind operators as NASM does", () => {
    assert.equal(value("2+3*4"), 14n);
    assert.equal(value("(2+3)*4"), 20n);
    assert.equal(value("1 << 4 | 1"), 17n);
    assert.equal(value("7 & 3 ^ 1"), 2n);
    assert.equal(value("~0 & 0xff"), 0xffn);
    assert.equal(value("-1"), 0xffff_ffff_ffff_ffffn);
    assert.equal(value("10 - 3 - 2"), 5n);
  });

  it("divide unsigned with / and %, signed with // and %%", () => {
    assert.equal(value("-8 / 2"), 0x7fff_ffff_ffff_fffcn);
    assert.equal(value("-8 // 2"), BigInt.asUintN(64, -4n));
    assert.equal(value("-7 %% 4"), BigInt.asUintN(64, -3n));
  });

  it("compare unsigned, because addresses are", () => {
    assert.equal(value("0xffffffff80000000 >= 0x1000"), 1n);
    assert.equal(value("eax == 0x1234 && al <> 0"), 1n);
    assert.equal(value("eax = 1 || al = 2"), 0n);
  });

  it("read memory with a size, a segment and an address space", () => {
    assert.equal(value("[label]"), 0x44332211n);
    assert.equal(value("byte [label+1]"), 0x22n);
    assert.equal(value("qword [0x1000]"), 0x8877665544332211n);
    assert.equal(value("word [ds:0xf00+2]"), 0x4433n);
    assert.equal(value("byte [gpa:0x1000]"), 0x11n);
    assert.equal(evaluateText("gpa:label+4", scope).value, 0x1004n);
    assert.equal(evaluateText("gpa:label+4", scope).addressSpace, "gpa");
  });

  it("do not evaluate what && and || leave out", () => {
    assert.equal(value("0 && [0]"), 0n);
    assert.equal(value("1 || [0]"), 1n);
  });

  it("show values in the format of the suffix", () => {
    assert.equal(shown("eax"), "0x00001234");
    assert.equal(shown("al,d"), "-10");
    assert.equal(shown("al,b"), "0b1111_0110");
    assert.equal(shown("al,o"), "0o366");
    assert.equal(shown("'A',c"), "'A'");
    assert.equal(shown("label+8,s"), '"Hi"');
    assert.equal(shown("gpa:0x7000"), "gpa:0x7000");
  });

  it("say what is wrong", () => {
    const wrong: Readonly<Record<string, RegExp>> = {
      "1 +": /end of expression/,
      "(1": /Missing "\)"/,
      nosuch: /not a register or a label/,
      "[0]": /Cannot read 4 bytes at gva:0x0/,
      "1/0": /Division by zero/,
      "1 2": /Unexpected number/,
      "eax,z": /x, d, b, o, s or c/,
      "09b8": /not a number/,
      "'a": /closing quote/,
    };
    for (const [text, message] of Object.entries(wrong)) {
      assert.throws(
        () => evaluateText(text, scope),
        (error: unknown) => error instanceof ExpressionError && message.test(error.message),
        text,
      );
    }
  });

  it("refuse nesting that no person writes, instead of overflowing the stack", () => {
    assert.throws(() => value("(".repeat(5000) + "1" + ")".repeat(5000)), /nested too deeply/);
    assert.throws(() => value("-".repeat(50000) + "1"), /nested too deeply/);
  });
});
