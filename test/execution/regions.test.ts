/** Tier 1 against tier 0: the same random programs, hot at once and never hot, must be in the same state after every slice. */
import assert from "node:assert/strict";
import { Prng } from "../../src/engine/base/prng";
import { ACTIVITY, CR0, CR4, EFER } from "../../src/engine/cpu/systemState";
import { EMITTED } from "../../src/engine/cpu/semantics";
import type { Bits } from "../../src/engine/isa/types";
import { sampleInstructions } from "../codec/samples";
import { bareProcessor, enter, type BareProcessor } from "../support/bareProcessor";

const RAM = 0x200000;
const CODE = 0x4000;
const CODE_BYTES = 0x700;
const IDT = 0x1000;
const GDT = 0x2000;
const STACK = 0x9800;
const TABLES = 0x100000;
const PROGRAMS = Number(process.env.RINGSIDE_PROGRAMS ?? 40);
const SLICES = 12;

type Sampler = () => Uint8Array;

/** Instructions that regions are made of; what changes segments, modes or flags of the system would only end the program. */
function sampler(bits: Bits, random: Prng): Sampler {
  const samples = sampleInstructions(bits, 4).filter(
    ({ instruction: { form } }) =>
      form.semantics !== undefined &&
      Object.hasOwn(EMITTED, form.semantics) &&
      !/^(jmp|call|ret|jcc|loop|jcxz|leave)/.test(form.semantics),
  );
  return () => samples[random.next32() % samples.length]!.bytes;
}

/** Stack pointer and index registers that point at memory; ECX small, for loops. */
function header(bits: Bits, random: Prng): number[] {
  const values: readonly (readonly [number, number])[] = [
    [4, STACK],
    [3, 0x20000 + (random.next32() % 0x4000)],
    [6, 0x30000 + (random.next32() % 0x2000)],
    [7, 0x3fff0 + (random.next32() % 32)],
    [5, 0x50000],
    [1, 1 + (random.next32() % 5)],
  ];
  return values.flatMap(([register, value]) => {
    const v = bits === 16 ? value & 0x7fff : value;
    const bytes = [v & 0xff, (v >> 8) & 0xff];
    if (bits !== 16) bytes.push((v >> 16) & 0xff, 0);
    return [0xb8 + register, ...bytes];
  });
}

/** A loop of random instructions with short jumps both ways, calls and returns. */
function program(bits: Bits, random: Prng, next: Sampler): Uint8Array {
  const code = [...header(bits, random)];
  const places: number[] = [];
  const place = (): number => places[random.next32() % places.length]!;
  while (code.length < CODE_BYTES - 40) {
    places.push(code.length);
    const kind = random.next32() % 20;
    if (kind === 0) code.push(0x70 | (random.next32() & 15), random.next32() % 24);
    else if (kind === 1) jumpBack(code, place());
    else if (kind === 2 && random.next32() % 3 === 0) near(code, bits, 0xe8, place());
    else if (kind === 3 && random.next32() % 4 === 0) code.push(0xc3);
    else if (kind < 12) code.push(...condition(random));
    else code.push(...next());
  }
  near(code, bits, 0xe9, 0);
  return Uint8Array.from(code);
}

/** Two small numbers of either sign meet, and a condition is asked for: all relations occur. */
function condition(random: Prng): number[] {
  const wide = random.next32() % 2;
  const small = wide
    ? [0x83, 0xe0, 3, 0x83, 0xe8, 2, 0x83, 0xe2, 3, 0x83, 0xea, 2]
    : [0x24, 3, 0x2c, 2, 0x80, 0xe2, 3, 0x80, 0xea, 2];
  const operations = [
    [0x38 | wide, 0xd0],
    [0x28 | wide, 0xd0],
    [0x00 | wide, 0xd0],
    [0x20 | wide, 0xd0],
    [0x10 | wide, 0xd0],
    [0x18 | wide, 0xd0],
    [0xfe | wide, 0xc8],
    [0xfe | wide, 0xc0],
    [0xf6 | wide, 0xd8],
    [0xd0 | wide, 0xe0],
    [0xd0 | wide, 0xd8],
  ];
  const apart = random.next32() % 3 === 0 ? [0xeb, 0] : [];
  const code = random.next32() & 15;
  const ask = random.next32() % 2 ? [0x0f, 0x90 | code, 0xc2] : [0x70 | code, 2, 0xb0, code];
  return [...small, ...operations[random.next32() % operations.length]!, ...apart, ...ask];
}

/** LOOP, so that it ends, if it reaches; nothing otherwise. */
function jumpBack(code: number[], to: number): void {
  const distance = to - (code.length + 2);
  if (distance >= -128) code.push(0xe2, distance & 0xff);
}

function near(code: number[], bits: Bits, opcode: number, to: number): void {
  const bytes = bits === 16 ? 2 : 4;
  const distance = to - (code.length + 1 + bytes);
  code.push(opcode);
  for (let i = 0; i < bytes; i++) code.push((distance >> (8 * i)) & 0xff);
}

/** Every fault leads to the head of the program. */
function prepare({ cpu }: BareProcessor, bits: Bits, paging: boolean): void {
  const { system, ram } = cpu;
  enter(cpu, bits);
  for (let vector = 0; vector < 32; vector++) {
    const at = IDT + vector * (bits === 64 ? 16 : 8);
    ram.write32(at, 0x80000 | CODE);
    ram.write32(at + 4, bits === 16 ? 0x8600 : 0x8e00);
    if (bits === 64) ram.write64(at + 8, 0n);
  }
  const code = { 16: 0x00009b000000ffffn, 32: 0x00cf9b000000ffffn, 64: 0x00af9b000000ffffn }[bits];
  ram.write64(GDT + 8, code);
  ram.write64(GDT + 16, bits === 16 ? 0x000093000000ffffn : 0x00cf93000000ffffn);
  system.idtr = { base: BigInt(IDT), limit: 0x7ff };
  system.gdtr = { base: BigInt(GDT), limit: 0x7ff };
  system.activity = ACTIVITY.active;
  if (paging) identityMap(ram, cpu);
  cpu.rflags = 2;
  cpu.rip = BigInt(CODE);
  cpu.setGpr(4, BigInt(STACK));
  cpu.refresh();
  cpu.translationChanged();
}

/** 32-bit paging with holes: page faults, accessed and dirty bits. */
function identityMap(ram: BareProcessor["cpu"]["ram"], cpu: BareProcessor["cpu"]): void {
  ram.write32(TABLES, (TABLES + 0x1000) | 7);
  for (let page = 0; page < 1024; page++)
    ram.write32(TABLES + 0x1000 + 4 * page, page > 32 && page % 5 === 0 ? 0 : (page << 12) | 7);
  cpu.system.cr3 = TABLES;
  cpu.system.cr4 = CR4.PSE;
  cpu.system.cr0 |= CR0.PG | CR0.WP;
  cpu.system.efer &= ~EFER.LMA;
}

function state({ cpu }: BareProcessor): Record<string, unknown> {
  return {
    registers: [...cpu.registers].map((value) => value.toString(16)).join(" "),
    rip: cpu.rip.toString(16),
    flags: cpu.rflags.toString(16),
    ticks: cpu.ticks,
    deliveries: cpu.deliveries,
    cr2: cpu.system.cr2,
  };
}

/** A number that depends on every byte of memory. */
function hashOf({ cpu }: BareProcessor): number {
  const words = new Uint32Array(cpu.ram.readBytes(0, RAM).buffer);
  let hash = 0;
  for (const word of words) hash = (Math.imul(hash, 31) + word) | 0;
  return hash;
}

describe("regions", () => {
  for (const bits of [16, 32, 64] as const satisfies readonly Bits[]) {
    for (const setting of ["flat", "paging"] as const) {
      if (setting === "paging" && bits !== 32) continue;
      it(`run random ${bits}-bit programs (${setting}) as the interpreter does`, function () {
        this.timeout(120_000);
        const seed = Number(process.env.RINGSIDE_SEED ?? 0x7e91 + bits);
        const random = new Prng(seed);
        const hot = bareProcessor(bits, RAM);
        const cold = bareProcessor(bits, RAM);
        hot.executor.blocks.hotAfter = 2;
        cold.executor.blocks.hotAfter = "never";
        const next = sampler(bits, random);
        for (let round = 0; round < PROGRAMS; round++) {
          const code = program(bits, random, next);
          for (const machine of [hot, cold]) {
            machine.cpu.ram.writeBytes(0, new Uint8Array(RAM));
            machine.cpu.registers.fill(0n);
            machine.executor.blocks.clear();
            machine.cpu.tlb.flushAll();
            prepare(machine, bits, setting === "paging");
            machine.cpu.ram.writeBytes(CODE, code);
          }
          for (let slice = 0; slice < SLICES; slice++) {
            const budget = 1 + (random.next32() % 3000);
            hot.executor.run(budget);
            cold.executor.run(budget);
            const where = `seed ${seed}, program ${round}, slice ${slice}: ${Buffer.from(code).toString("hex")}`;
            assert.deepEqual(state(hot), state(cold), where);
          }
          assert.equal(hashOf(hot), hashOf(cold), `memory, seed ${seed}, program ${round}`);
        }
        assert.ok(hot.executor.blocks.regionCount > 0, "regions were compiled");
      });
    }
  }
});

describe("a region", () => {
  it("is compiled once, however often it is entered", () => {
    const { cpu, executor } = bareProcessor(32, RAM);
    // Twelve times INC EAX, a jump into the next page and one back.
    cpu.ram.writeBytes(CODE, Uint8Array.from([...Array<number>(12).fill(0x40), 0xe9]));
    cpu.ram.write32(CODE + 13, 0x1000 - 17);
    cpu.ram.write8(CODE + 0x1000, 0xe9);
    cpu.ram.write32(CODE + 0x1001, -0x1005 >>> 0);
    cpu.rip = BigInt(CODE);
    executor.run(200_000);
    assert.equal(executor.blocks.regionCount, 1);
  });

  it("is not compiled again and again where code keeps changing", () => {
    const { cpu, executor } = bareProcessor(32, RAM);
    executor.blocks.hotAfter = 4;
    // mov ecx, 7; dec ecx and jnz back; then the 7 is written, which is part of the region; and again.
    const code = [0xb9, 7, 0, 0, 0, 0x49, 0x75, 0xfd, 0xc6, 0x05, 1, 0x40, 0, 0, 7, 0xeb, 0xef];
    cpu.ram.writeBytes(CODE, Uint8Array.from(code));
    cpu.rip = BigInt(CODE);
    executor.run(100_000);
    assert.ok(executor.blocks.regionCount > 0);
    assert.ok(executor.blocks.regionCount < 40, `${executor.blocks.regionCount} regions`);
  });

  it("is not asked for by one instruction past a breakpoint", () => {
    const { cpu, executor } = bareProcessor(32, RAM);
    executor.blocks.hotAfter = 1;
    executor.blocks.makeRegion = () => assert.fail("a block for one instruction has become hot");
    cpu.ram.writeBytes(CODE, Uint8Array.of(0x40, 0x40));
    cpu.rip = BigInt(CODE);
    executor.run(1, true);
    assert.equal(cpu.rip, BigInt(CODE + 1));
  });
});
