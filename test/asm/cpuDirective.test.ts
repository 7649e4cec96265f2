import assert from "node:assert/strict";
import { assembleWith } from "../../src/engine/asm/assemble";
import { readCpu } from "../../src/engine/asm/cpuDirective";
import { Reuse } from "../../src/engine/asm/knownLines";
import { levelOfTemplate } from "../../src/engine/codec/nasm/processors";
import { TEMPLATE_MNEMONICS, templatesOf } from "../../src/engine/codec/nasm/compile";
import { EVERY_PROCESSOR, PROCESSORS } from "../../src/engine/isa/processors";
import { MNEMONICS } from "../../src/engine/isa/table";
import { hexBytes } from "../../src/engine/base/hex";
import { FILE, image } from "./support";

const REFUSED = "no instruction for this cpu level";

/** The processor that a list of words leaves, by name. */
function processor(text: string): string {
  const { target, unknown } = readCpu(text, undefined);
  if (unknown !== undefined) return `unknown ${unknown}`;
  return PROCESSORS[target?.level ?? EVERY_PROCESSOR] ?? "every";
}

describe("the CPU directive", () => {
  it("refuses what came with a later processor", () => {
    assert.equal(image("cpu 8086\npush 5\npusha\nmov ax, 1"), `2: ${REFUSED}\n3: ${REFUSED}`);
    assert.equal(image("cpu 286\nmov eax, 1\nbts ax, 1\npusha"), `2: ${REFUSED}\n3: ${REFUSED}`);
    assert.equal(image("cpu 486\ncpuid"), `2: ${REFUSED}`);
    assert.equal(image("bits 64\ncpu p4\nmov rax, 1\nmovapd xmm0, xmm1"), `3: ${REFUSED}`);
  });

  it("holds from where it stands to the next one", () => {
    assert.equal(image("pusha\ncpu 8086\nnop\ncpu 186\npusha\ncpu any\ncpuid"), "6090600fa2");
  });

  it("refuses code of a size that the processor does not have", () => {
    const below = (bits: number, what: string): string =>
      `2: cannot specify ${bits}-bit segment on processor below ${what}`;
    assert.equal(image("cpu 286\nbits 32"), below(32, "a 386"));
    assert.equal(image("cpu prescott\nbits 64"), below(64, "an x86-64"));
  });

  it("takes LOCK for the eighth control register only from x64 on", () => {
    assert.equal(
      image("cpu prescott\nbits 32\nmov cr8, eax"),
      "3: invalid operands in non-64-bit mode",
    );
    assert.equal(image("cpu x64\nbits 32\nmov cr8, eax"), "f00f22c0");
  });

  it("knows a processor by how its name begins, the first in NASM's order", () => {
    const words = [
      "8",
      "p",
      "pentiumm",
      "P",
      "x86",
      "i",
      "ivy",
      "a",
      "*",
      "386 *",
      "no486",
      "+686",
    ];
    assert.deepEqual(words.map(processor), [
      "8086", "pentium", "pentium", "pentium", "x64", "ia64", "future", "every", "every", "every", "486", "p6",
    ]); // prettier-ignore
    assert.equal(processor("486, bogus"), "unknown bogus");
    assert.equal(processor("pentium4"), "unknown pentium4");
  });

  it("leaves the processor alone where only a flag is given", () => {
    assert.equal(processor("8086 evex,-latevex novex"), "8086");
    assert.equal(
      image("cpu sandybridge -vex\nvaddps xmm1, xmm1, xmm2"),
      "2: instruction not encodable without explicit prefix",
    );
    assert.equal(image("cpu sandybridge -vex\ncpu vex\nvaddps xmm1, xmm1, xmm2"), "c5f058ca");
  });

  it("does not take lines known from before without it", () => {
    const reuse = new Reuse();
    const run = (text: string): string => {
      const { ok, image: bytes } = assembleWith({ file: FILE, text }, reuse);
      return ok ? hexBytes(bytes) : "refused";
    };
    const lines = "push 5\nshl ax, 3\npusha";
    assert.equal(run(lines), "6a05c1e00360");
    assert.equal(run(`cpu 8086\n${lines}`), "refused");
    assert.equal(run("cpu 8086\npush 6"), "refused");
    assert.equal(run(`cpu 186\n${lines}`), "6a05c1e00360");
  });

  it("has a processor for every template", () => {
    for (const mnemonic of [...MNEMONICS, ...TEMPLATE_MNEMONICS])
      for (const template of templatesOf(mnemonic))
        assert.ok(levelOfTemplate(template, mnemonic) < EVERY_PROCESSOR, mnemonic);
  });
});
