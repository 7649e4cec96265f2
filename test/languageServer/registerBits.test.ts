/** What the rules believe of registers, against the processor itself: whatever is said to be known must be so. */
import assert from "node:assert/strict";
import { Prng } from "../../src/engine/base/prng";
import type { Bits } from "../../src/engine/language";
import { bitsBefore, knownValue } from "../../src/languageServer/knowledge/registerBits";
import { bareProcessor } from "../support/bareProcessor";
import { scene } from "./support";

const CODE = 0x4000;
const ROUNDS = 100;
const LENGTH = 10;

const REGISTERS: Readonly<Record<number, readonly string[]>> = {
  8: ["al", "cl", "dl", "bl", "ah", "bh"],
  16: ["ax", "cx", "dx", "bx"],
  32: ["eax", "ecx", "edx", "ebx"],
  64: ["rax", "rcx", "rdx", "rbx"],
};
const MNEMONICS = ["mov", "or", "and", "xor", "add", "sub", "bts", "btr", "shl", "shr", "inc", "dec", "lea", "movzx", "xchg", "not", "imul", "cmp"]; // prettier-ignore

function pick<Item>(random: Prng, items: readonly Item[]): Item {
  return items[random.next32() % items.length]!;
}

function instruction(random: Prng, bits: Bits): string {
  const mnemonic = pick(random, MNEMONICS);
  const wide = bits === 64 ? [16, 32, 64] : [16, 32];
  const size = /^(bts|btr|lea|movzx|imul)$/.test(mnemonic) ? pick(random, wide) : pick(random, [8, ...wide]); // prettier-ignore
  const target = pick(random, REGISTERS[size]!);
  const number = pick(random, [0, 1, 3, 5, 31, 0x80, 0x200, 0x7fffffff]) % (size === 8 ? 0x80 : size === 16 ? 0x8000 : 0x80000000); // prettier-ignore
  if (/^(inc|dec|not)$/.test(mnemonic)) return `${mnemonic} ${target}`;
  if (/^(shl|shr)$/.test(mnemonic)) return `${mnemonic} ${target}, ${random.next32() % 8}`;
  if (/^(bts|btr)$/.test(mnemonic)) return `${mnemonic} ${target}, ${random.next32() % 32}`;
  if (mnemonic === "lea") return `lea ${target}, [0x${(number & 0x7fff).toString(16)}]`;
  if (mnemonic === "movzx") return `movzx ${target}, ${pick(random, ["al", "bl"])}`;
  const source = pick(random, REGISTERS[size]!);
  const isBoth = mnemonic === "xchg" || mnemonic === "imul" || random.next32() % 2 === 0;
  return `${mnemonic} ${target}, ${isBoth ? source : number}`;
}

describe("bits that are known of registers", () => {
  for (const bits of [16, 32, 64] as const)
    it(`are what the processor has, in ${bits}-bit code`, function () {
      this.timeout(30_000);
      const random = new Prng(0xb175 + bits);
      const { cpu, executor } = bareProcessor(bits, 0x10000);
      let known = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const lines = Array.from({ length: LENGTH }, () => instruction(random, bits));
        const text = `bits ${bits}\norg ${CODE}\n${lines.join("\n")}\nhlt\n`;
        const { analysis } = scene(text);
        assert.deepEqual(analysis.model.assembly.diagnostics.filter((each) => each.severity === "error"), [], text); // prettier-ignore
        cpu.ram.writeBytes(CODE, analysis.model.assembly.image);
        for (let i = 0; i < 4; i++)
          cpu.registers[i] = (BigInt(random.next32()) << 32n) | BigInt(random.next32());
        cpu.rip = BigInt(CODE);
        executor.run(LENGTH);
        const end = analysis.model.statements.findIndex(({ form }) => form?.mnemonic === "hlt");
        for (let register = 0; register < 4; register++) {
          const { ones, zeros } = bitsBefore(analysis, end, register);
          const width = bits === 64 ? 64 : 32;
          const value = BigInt.asUintN(width, cpu.registers[register]!);
          const mask = (1n << BigInt(width)) - 1n;
          assert.equal(ones & mask & ~value, 0n, `r${register} ones\n${text}`);
          assert.equal(zeros & value, 0n, `r${register} zeros\n${text}`);
          if (ones !== 0n || zeros !== 0n) known += 1;
        }
      }
      assert.ok(known > ROUNDS, `${known} registers were known in part`);
    });

  it("keep the bits of a control register that an OR does not touch", () => {
    const bitsAtEnd = (text: string): ReturnType<typeof bitsBefore> => {
      const { analysis } = scene(text);
      return bitsBefore(analysis, analysis.model.statements.length - 1, 0);
    };
    const flags = bitsAtEnd("bits 32\nmov eax, cr4\nor eax, 1 << 5\nnop\n");
    assert.deepEqual(flags, { ones: 0x20n, zeros: flags.zeros, from: "cr4" });
    assert.equal(bitsAtEnd("bits 32\nmov eax, [8]\nor eax, 1\nnop\n").from, undefined);
    assert.equal(bitsAtEnd("bits 32\nmov eax, cr4\nadd eax, ebx\nnop\n").from, undefined);
  });

  it("are forgotten at labels and calls", () => {
    const valueAtEnd = (text: string): bigint | undefined => {
      const { analysis } = scene(text);
      return knownValue(bitsBefore(analysis, analysis.model.statements.length - 1, 0), 32);
    };
    assert.equal(valueAtEnd("bits 32\nmov eax, 5\nshl eax, 4\nnop\n"), 0x50n);
    assert.equal(valueAtEnd("bits 32\nmov eax, 5\nthere: nop\nnop\n"), undefined);
    assert.equal(valueAtEnd("bits 32\nmov eax, 5\ncall 8\nnop\n"), undefined);
  });
});
