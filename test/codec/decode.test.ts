/** The decoder on its own and beside iced-x86. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Code, CpuidFeature, Decoder, DecoderOptions, Mnemonic } from "iced-x86";
import { Prng } from "../../src/engine/base/prng";
import { hexBytes } from "../../src/engine/base/hex";
import { decode } from "../../src/engine/codec/decode";
import type { Instruction } from "../../src/engine/codec/types";
import { INSTRUCTIONS } from "../../src/engine/isa/table";
import type { Bits } from "../../src/engine/isa/types";
import { sampleInstructions } from "./samples";

const ALL_BITS = [16, 32, 64] as const;

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function decoded(hex: string, bits: Bits): Instruction {
  const result = decode(bytesOf(hex), 0, bits);
  assert.ok(!("failure" in result), `${hex} is ${"failure" in result ? result.failure : ""}`);
  return result;
}

function failureOf(hex: string, bits: Bits): string {
  const result = decode(bytesOf(hex), 0, bits);
  return "failure" in result ? result.failure : result.form.id;
}

interface Iced {
  readonly valid: boolean;
  readonly name: string;
  readonly length: number;
  /** Names of the CPUID features, joined with "+". */
  readonly features: string;
}

function iced(bytes: Uint8Array, bits: Bits): Iced {
  const decoder = new Decoder(bits, bytes.subarray(0, 15), DecoderOptions.None);
  const instruction = decoder.decode();
  const valid = instruction.code !== Code.INVALID;
  const result = {
    valid,
    name: valid ? Mnemonic[instruction.mnemonic].toLowerCase() : "",
    length: instruction.length,
    features: valid
      ? Array.from(instruction.cpuidFeatures(), (one) => CpuidFeature[one]).join("+")
      : "",
  };
  instruction.free();
  decoder.free();
  return result;
}

/** Names that differ by habit only: iced tells the sizes of these apart, and does not number the reserved NOPs. */
function sameName(form: Instruction["form"], name: string): boolean {
  if (form.mnemonic.startsWith("hint_nop"))
    return /^(reservednop|nop|prefetch|endbr|bnd|cldemote|rdssp)/.test(name);
  if (form.mnemonic === "fwait") return name === "wait";
  // FSTP without a fault on an empty stack, at D9 D8 to DF.
  if (form.mnemonic === "fstp" && name === "fstpnce") return true;
  if (form.mnemonic === "fsetpm") return name === "fnsetpm";
  if (form.mnemonic === "pmulhrwa") return name === "pmulhrw";
  if (/^v?pcmpestr[im]$/.test(form.mnemonic))
    return name === form.mnemonic || name === `${form.mnemonic}64`;
  return [form.mnemonic, ...form.aliases].some((own) => own === name || `${own}q` === name);
}

function comparison(bytes: Uint8Array, bits: Bits): string | undefined {
  const own = decode(bytes, 0, bits);
  const theirs = iced(bytes, bits);
  if ("failure" in own || !theirs.valid) return undefined;
  if (own.length === theirs.length && sameName(own.form, theirs.name)) return undefined;
  return `${bits}: ${hexBytes(bytes.subarray(0, 15))} ${own.form.id}/${own.length} against ${theirs.name}/${theirs.length}`;
}

/** Random bytes with an opcode map, prefixes and REX more often than chance. */
function randomBytes(random: Prng, bits: Bits): Uint8Array {
  const bytes = Array.from({ length: 18 }, () => (random.next32() >>> 9) & 0xff);
  const prefixes = [0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64];
  let at = 0;
  while (random.next32() % 3 === 0 && at < 4) bytes[at++] = prefixes[random.next32() % 7]!;
  if (bits === 64 && random.next32() % 3 === 0) bytes[at++] = 0x40 | (random.next32() & 15);
  if (random.next32() % 3 === 0) bytes[at++] = 0x0f;
  return Uint8Array.from(bytes);
}

/** CPUID features of what we refuse to decode: the floating-point and vector extensions that we do not assemble, and rarities. */
const LEFT_OUT =
  /^(AVX512|AMX|FMA4|XOP|AVX_(VNNI|IFMA|NE_CONVERT)|AVX\+SHA512|AVX\+SM|CMPCCXADD|RAO_INT|AESKLE|KL|PADLOCK|RDPRU|ENQCMD|MOVDIR64B|PTWRITE|LKGS|INVLPGB|PREFETCHW|MULTIBYTENOP|SVM|WRMSRNS)/;
/** 3DNow! operations of Cyrix, which iced-x86 does not know. */
const CYRIX = /^pfrs?(cp|qrt)v$/;

/** D8 to DF, 0F with its maps, or VEX, with random bytes behind. */
function escapedBytes(random: Prng, bits: Bits): Uint8Array {
  const bytes = Array.from({ length: 16 }, () => (random.next32() >>> 9) & 0xff);
  let at = 0;
  while (random.next32() % 3 === 0 && at < 2)
    bytes[at++] = [0x66, 0xf2, 0xf3, 0x67][random.next32() % 4]!;
  const kind = random.next32() % 4;
  if (bits === 64 && kind < 2 && random.next32() % 3 === 0)
    bytes[at++] = 0x40 | (random.next32() & 15);
  // Half of the VEX prefixes say that they name no register in vvvv.
  const vvvv = random.next32() % 2 === 0 ? 0x78 : 0;
  if (kind === 0) bytes[at++] = 0xd8 | (random.next32() & 7);
  else if (kind === 1) {
    bytes[at++] = 0x0f;
    const map = random.next32() % 4;
    if (map < 2) bytes[at] = map === 0 ? 0x38 : 0x3a;
  } else if (kind === 2) {
    bytes[at++] = 0xc5;
    bytes[at] = bytes[at]! | 0xc0 | vvvv;
  } else {
    bytes.splice(at, 2, 0xc4, 0xe0 | (1 + (random.next32() % 3)));
    bytes[at + 2] = bytes[at + 2]! | vvvv;
  }
  return Uint8Array.from(bytes);
}

describe("decode", () => {
  for (const bits of ALL_BITS) {
    it(`agrees with iced-x86 on samples of every row (${bits}-bit)`, () => {
      const samples = sampleInstructions(bits, 6);
      const differences = samples.map(({ bytes }) => comparison(bytes, bits)).filter(Boolean);
      assert.deepEqual(differences.slice(0, 10), []);
      const reached = new Set(samples.map(({ instruction }) => instruction.form.id));
      const missed = INSTRUCTIONS.filter(
        (form) => form.modes !== (bits === 64 ? "legacy" : "long") && !reached.has(form.id),
      ).map((form) => form.id);
      assert.deepEqual(missed, UNREACHABLE[bits]);
    });

    it(`agrees with iced-x86 on random bytes (${bits}-bit)`, () => {
      const random = new Prng(0xc0ffee + bits);
      const differences: string[] = [];
      for (let i = 0; i < 30_000; i++) {
        const difference = comparison(randomBytes(random, bits), bits);
        if (difference !== undefined) differences.push(difference);
      }
      assert.deepEqual(differences.slice(0, 10), []);
    });
  }

  for (const bits of ALL_BITS)
    it(`knows behind D8 to DF, 0F and VEX what iced-x86 knows, but for what is left out (${bits}-bit)`, () => {
      const random = new Prng(0xabc + bits);
      const differences: string[] = [];
      for (let i = 0; i < 40_000; i++) {
        const bytes = escapedBytes(random, bits);
        const own = decode(bytes, 0, bits);
        const theirs = iced(bytes, bits);
        const difference = comparison(bytes, bits);
        if (difference !== undefined) differences.push(difference);
        else if ("failure" in own && theirs.valid && !LEFT_OUT.test(theirs.features))
          differences.push(`${bits}: ${hexBytes(bytes)} ${theirs.name} ${theirs.features}`);
        else if (!("failure" in own) && !theirs.valid && !CYRIX.test(own.form.mnemonic))
          differences.push(`${bits}: ${hexBytes(bytes)} ${own.form.id}, nothing to iced-x86`);
      }
      assert.deepEqual(differences.slice(0, 10), []);
    });

  it("accepts no instruction that iced-x86 refuses", () => {
    const differences: string[] = [];
    for (const bits of ALL_BITS)
      for (const { bytes, instruction } of sampleInstructions(bits, 6))
        if (!iced(bytes, bits).valid && !CYRIX.test(instruction.form.mnemonic))
          differences.push(`${bits}: ${hexBytes(bytes)} ${instruction.form.id}`);
    assert.deepEqual(differences.slice(0, 10), []);
  });

  it("never throws, and never reads beyond 15 bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.constantFrom(...ALL_BITS), (bytes, bits) => {
        const result = decode(bytes, 0, bits);
        assert.ok(result.length <= 15 && result.length <= bytes.length);
      }),
      { numRuns: 3000 },
    );
  });

  it("asks for more bytes where they run out, at every length", () => {
    for (const bits of ALL_BITS)
      for (const { bytes } of sampleInstructions(bits, 1))
        for (let length = 0; length < bytes.length; length++) {
          const result = decode(bytes.subarray(0, length), 0, bits);
          assert.deepEqual(result, { failure: "truncated", length }, hexBytes(bytes));
        }
  });

  it("refuses more than 15 bytes", () => {
    assert.equal(failureOf("66".repeat(14) + "90", 32), "nop");
    assert.equal(failureOf("66".repeat(15) + "90", 32), "too-long");
    assert.equal(failureOf("2e".repeat(10) + "66c70400123456", 32), "too-long");
  });

  it("takes prefixes in any order and the last segment override", () => {
    const { operands } = decoded("2e64668b00", 32);
    assert.deepEqual(operands[1], {
      kind: "mem", size: 16, segment: 4, segmentOverride: true, base: 0, index: -1, scale: 1,
      displacement: 0, displacementHigh: 0, displacementBytes: 0, addressSize: 32, ripRelative: false,
    }); // prettier-ignore
    assert.equal(decoded("66642e8b00", 32).segmentPrefix, 1);
  });

  it("lets ES, CS, SS and DS overrides mean nothing in 64-bit mode", () => {
    const memory = decoded("642e8b00", 64).operands[1];
    assert.ok(memory?.kind === "mem" && memory.segment === 4);
    const plain = decoded("2e8b00", 64).operands[1];
    assert.ok(plain?.kind === "mem" && plain.segment === 3 && !plain.segmentOverride);
  });

  it("takes REX only directly before the opcode", () => {
    assert.equal(decoded("4889c8", 64).form.id, "mov_rm64_r64");
    assert.equal(decoded("486689c8", 64).form.id, "mov_rm16_r16");
    assert.equal(decoded("48", 32).form.id, "dec_r32");
  });

  it("tells NOP, PAUSE and XCHG apart", () => {
    assert.equal(decoded("90", 32).form.id, "nop");
    assert.equal(decoded("f390", 32).form.id, "pause");
    assert.equal(decoded("4190", 64).form.id, "xchg_eax_r32");
    assert.equal(decoded("4890", 64).form.id, "nop");
    assert.equal(decoded("6690", 32).form.id, "nop");
  });

  it("chooses by mandatory prefix", () => {
    assert.equal(decoded("0fbcc1", 32).form.id, "bsf_r32_rm32");
    assert.equal(decoded("f30fbcc1", 32).form.id, "tzcnt_r32_rm32");
    assert.equal(decoded("66f30fb8c1", 32).form.id, "popcnt_r16_rm16");
    assert.equal(failureOf("0fb8c1", 32), "invalid");
    assert.equal(decoded("0fc730", 32).form.id, "vmptrld_m64");
    assert.equal(decoded("660fc730", 32).form.id, "vmclear_m64");
    assert.equal(decoded("f30fc730", 32).form.id, "vmxon_m64");
    assert.equal(decoded("0fc7f0", 32).form.id, "rdrand_rr32");
    assert.equal(decoded("f20f38f1c1", 32).form.id, "crc32_r32_rm32");
    assert.equal(failureOf("660f01c1", 32), "invalid");
  });

  it("knows the 64-bit operand sizes of stack and branch instructions", () => {
    assert.equal(decoded("50", 64).operandSize, 64);
    assert.equal(decoded("6650", 64).operandSize, 16);
    assert.equal(decoded("66e800000000", 64).form.id, "call_rel32_o64");
    assert.equal(decoded("0f20c0", 64).form.id, "mov_rr64_cr");
    assert.equal(decoded("48e510", 64).form.id, "in_eax_imm8");
  });

  it("chooses JCXZ by the address size", () => {
    assert.deepEqual(
      [decoded("e300", 16), decoded("67e300", 16), decoded("e300", 64), decoded("67e300", 64)].map(
        ({ form }) => form.mnemonic,
      ),
      ["jcxz", "jecxz", "jrcxz", "jecxz"],
    );
  });

  it("allows LOCK only with a memory destination of the instructions that take it", () => {
    assert.equal(decoded("f00108", 32).lock, true);
    assert.equal(failureOf("f001c8", 32), "invalid");
    assert.equal(failureOf("f08908", 32), "invalid");
    assert.equal(failureOf("f03908", 32), "invalid");
  });

  it("ignores mod in moves to and from control registers, and refuses registers that do not exist", () => {
    assert.equal(decoded("0f2000", 32).length, 3);
    assert.equal(failureOf("0f20c8", 32), "invalid");
    assert.equal(decoded("440f20c0", 64).form.semantics, "mov_from_cr");
    assert.equal(failureOf("8ec8", 32), "invalid");
    assert.equal(failureOf("8ef0", 32), "invalid");
  });

  it("keeps the undocumented encodings", () => {
    assert.equal(decoded("82c001", 32).form.mnemonic, "add");
    assert.equal(failureOf("82c001", 64), "invalid");
    assert.equal(decoded("d0f0", 32).form.mnemonic, "shl");
    assert.equal(decoded("f6c801", 32).form.mnemonic, "test");
    assert.equal(decoded("d6", 32).form.mnemonic, "salc");
    assert.equal(decoded("f1", 32).form.mnemonic, "int1");
  });

  it("gives immediates as the row says", () => {
    const value = (hex: string, bits: Bits): unknown => {
      const operand = decoded(hex, bits).operands.at(-1);
      return operand?.kind === "imm" ? [operand.size, operand.value, operand.high] : undefined;
    };
    assert.deepEqual(value("b0ff", 32), [8, 255, 0]);
    assert.deepEqual(value("83c0ff", 32), [32, -1, -1]);
    assert.deepEqual(value("66b8ffff", 32), [16, 65535, 0]);
    assert.deepEqual(value("b8ffffffff", 32), [32, -1, 0]);
    assert.deepEqual(value("48c7c0ffffffff", 64), [64, -1, -1]);
    assert.deepEqual(value("48b80100000002000000", 64), [64, 1, 2]);
  });
});

const UNREACHABLE: Readonly<Record<Bits, readonly string[]>> = { 16: [], 32: [], 64: [] };
