/** REP MOVS and REP STOS: a run does what as many single steps do, one tick an iteration. */
import assert from "node:assert/strict";
import { Prng } from "../../src/engine/base/prng";
import type { Bits } from "../../src/engine/isa/types";
import { bareProcessor, type BareProcessor } from "../support/bareProcessor";

const RAM = 0x100000;
const CODE = 0x4000;
const DF = 0x400;
const RCX = 1;
const RSI = 6;
const RDI = 7;

const SIZE_PREFIX: Readonly<Record<Bits, Readonly<Record<number, readonly number[]>>>> = {
  16: { 8: [], 16: [], 32: [0x66] },
  32: { 8: [], 16: [0x66], 32: [] },
  64: { 8: [], 16: [0x66], 32: [], 64: [0x48] },
};

interface Case {
  readonly bits: Bits;
  readonly code: readonly number[];
  readonly rsi: number;
  readonly rdi: number;
  readonly rcx: number;
  readonly down: boolean;
}

function randomCase(random: Prng, bits: Bits): Case {
  const sizes = bits === 64 ? [8, 16, 32, 64] : [8, 16, 32];
  const size = sizes[random.next32() % sizes.length]!;
  const opcode = (random.next32() % 2 ? 0xa4 : 0xaa) + (size === 8 ? 0 : 1);
  const otherAddressSize = random.next32() % 4 === 0 ? [0x67] : [];
  const rsi = 0x8000 + (random.next32() % 0x6000);
  const near = random.next32() % 2 === 0;
  const rdi = near ? rsi - 40 + (random.next32() % 80) : 0x8000 + (random.next32() % 0x6000);
  const [rep, w] = [[0xf3], SIZE_PREFIX[bits][size]!];
  const prefixes = w[0] === 0x48 ? [...otherAddressSize, ...rep, ...w] : [...otherAddressSize, ...w, ...rep]; // prettier-ignore
  return {
    bits,
    code: [...prefixes, opcode],
    rsi,
    rdi,
    rcx: random.next32() % 1500,
    down: random.next32() % 8 === 0,
  };
}

function start({ code, rsi, rdi, rcx, down, bits }: Case): BareProcessor {
  const machine = bareProcessor(bits, RAM);
  const { cpu } = machine;
  const pattern = Uint8Array.from({ length: 0xc000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  cpu.ram.writeBytes(0x5000, pattern);
  cpu.ram.writeBytes(CODE, Uint8Array.from(code));
  cpu.rip = BigInt(CODE);
  cpu.setGpr(0, 0x1122334455667788n);
  cpu.setGpr(RSI, BigInt(rsi));
  cpu.setGpr(RDI, BigInt(rdi));
  cpu.setGpr(RCX, BigInt(rcx));
  if (down) cpu.flagSystem |= DF;
  return machine;
}

function state({ cpu }: BareProcessor): unknown {
  return [[...cpu.registers], cpu.rip, cpu.ticks, Buffer.from(cpu.ram.readBytes(0, RAM)).toString("latin1")]; // prettier-ignore
}

describe("repeated string instructions", () => {
  for (const bits of [16, 32, 64] as const) {
    it(`in ${bits}-bit code: one run equals single steps, whatever overlaps or crosses`, function () {
      this.timeout(60_000);
      const random = new Prng(0xb01d + bits);
      for (let round = 0; round < 60; round++) {
        const test = randomCase(random, bits);
        const ticks = 1 + (random.next32() % (test.rcx + 1));
        const [whole, stepped] = [start(test), start(test)];
        whole.executor.run(ticks);
        for (let i = 0; i < ticks; i++) stepped.executor.run(1);
        assert.deepEqual(state(whole), state(stepped), JSON.stringify(test));
      }
    });
  }
});
