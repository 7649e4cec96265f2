import assert from "node:assert/strict";
import { Prng } from "../../src/engine/base/prng";
import { ACTIVITY, CR0, CR4, RFLAGS } from "../../src/engine/cpu/systemState";
import type { Bits } from "../../src/engine/isa/types";
import { sampleInstructions } from "../codec/samples";
import { bareProcessor, enter } from "../support/bareProcessor";

const RAM = 0x200000;
const CODE = 0x4000;
const CODE_BYTES = 256;
const ROUNDS = 250;
const STEPS = 40;
const TABLES = { directory: 0x100000, table: 0x101000 };

/** Code that is half random bytes, half instructions of the table. */
function randomCode(random: Prng, samples: readonly { readonly bytes: Uint8Array }[]): Uint8Array {
  const code = new Uint8Array(CODE_BYTES);
  for (let at = 0; at < CODE_BYTES;) {
    if (random.next32() % 4 === 0) code[at++] = random.next32() >>> 7;
    else {
      const { bytes } = samples[random.next32() % samples.length]!;
      code.set(bytes.subarray(0, CODE_BYTES - at), at);
      at += bytes.length;
    }
  }
  return code;
}

describe("random code", () => {
  for (const bits of [16, 32, 64] as const satisfies readonly Bits[]) {
    for (const setting of ["ring 0", "ring 3", "paging", "single step"] as const) {
      // 64-bit mode always has paging on.
      if (setting === "paging" && bits === 64) continue;
      it(`random ${bits}-bit code, ${setting}: whatever happens is the guest's`, function () {
        this.timeout(20_000);
        const seed = Number(process.env.RINGSIDE_SEED ?? 0x5eed + bits);
        const random = new Prng(seed);
        const { cpu, executor } = bareProcessor(bits, RAM);
        const samples = sampleInstructions(bits, 3);
        const started = cpu.ticks;
        for (let round = 0; round < ROUNDS; round++) {
          begin(round);
          try {
            executor.run(STEPS);
          } catch (problem) {
            const code = Buffer.from(cpu.ram.readBytes(CODE, CODE_BYTES)).toString("hex");
            throw new Error(
              `seed ${seed}, round ${round}, rip 0x${cpu.rip.toString(16)}: ${String(problem)}\n${code}`,
              { cause: problem },
            );
          }
          assert.ok(cpu.cpl >= 0 && cpu.cpl <= 3);
          assert.equal(cpu.registers[16], 0n, "the zero slot is zero");
        }
        assert.ok(cpu.ticks - started >= ROUNDS, "something was executed");

        function begin(round: number): void {
          const { system, ram } = cpu;
          system.activity = ACTIVITY.active;
          system.cr4 = 0;
          system.dr7 = 0x400;
          system.pendingDebug = 0;
          system.shadow = "none";
          system.vmx.vmxon = -1;
          system.vmx.current = -1;
          system.vmx.nonRoot = false;
          cpu.rflags = 2;
          enter(cpu, bits);
          if (round % 8 === 0) buildDescriptors();
          ram.writeBytes(CODE, randomCode(random, samples));
          for (let i = 0; i < 16; i++)
            cpu.registers[i] = BigInt(random.next32() % (random.next32() % 3 ? RAM : 0xffffffff));
          cpu.setGpr(4, 0x9000n);
          cpu.rflags = (random.next32() & 0xcd5) | 2 | (setting === "single step" ? RFLAGS.TF : 0);
          cpu.rip = BigInt(CODE);
          if (setting === "ring 3") {
            system.cpl = 3;
            cpu.flagSystem |= random.next32() & RFLAGS.IOPL;
          }
          if (setting === "paging") {
            buildPages();
            system.cr0 |= CR0.PG | CR0.WP;
            system.cr3 = TABLES.directory;
            system.cr4 = CR4.PSE;
          }
          cpu.tlb.flushAll();
          cpu.refresh();
          cpu.translationChanged();
        }

        /** Tables of random gates and descriptors, most of them present. */
        function buildDescriptors(): void {
          const { system, ram } = cpu;
          for (let at = 0x1000; at < 0x3000; at += 4) {
            const word = random.next32();
            ram.write32(at, at % 8 === 4 ? word | 0x8000 : word);
          }
          // Half of the vectors lead into the code; in 64-bit mode gates take two entries.
          const gate = bits === 16 ? 0x86 : 0x8e;
          for (let at = 0x1000; at < 0x1800; at += bits === 64 ? 16 : 8) {
            if (random.next32() % 2) continue;
            ram.write32(at, 0x80000 | (CODE + (random.next32() % CODE_BYTES)));
            ram.write32(at + 4, gate << 8);
            if (bits === 64) ram.write64(at + 8, 0n);
          }
          ram.write64(0x2008, bits === 64 ? 0x00af9b000000ffffn : 0x00cf9b000000ffffn);
          ram.write64(0x2010, 0x00cf93000000ffffn);
          system.idtr = { base: 0x1000n, limit: 0x7ff };
          system.gdtr = { base: 0x2000n, limit: 0x7ff };
          system.tr = { selector: 0x18, base: 0x3000n, limit: 0x2067, ar: 0x8b };
        }

        function buildPages(): void {
          const { ram } = cpu;
          ram.write32(TABLES.directory, TABLES.table | 7);
          ram.write32(TABLES.directory + 4, 0x83);
          for (let page = 0; page < 1024; page++) {
            const missing = page > 16 && random.next32() % 4 === 0;
            ram.write32(TABLES.table + 4 * page, missing ? random.next32() : (page << 12) | 7);
          }
        }
      });
    }
  }
});
