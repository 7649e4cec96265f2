/** Byte sequences for every row of the instruction table, found by decoding: deterministic, with prefixes and all kinds of ModRM bytes. */
import { Prng } from "../../src/engine/base/prng";
import { decode } from "../../src/engine/codec/decode";
import type { Instruction } from "../../src/engine/codec/types";
import { INSTRUCTIONS } from "../../src/engine/isa/table";
import type { Bits, InstructionForm } from "../../src/engine/isa/types";

export interface Sample {
  readonly bytes: Uint8Array;
  readonly instruction: Instruction;
}

const LEGACY = [0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

function prefixBytes(form: InstructionForm, bits: Bits, random: Prng): number[] {
  const bytes: number[] = [];
  if (random.next32() % 4 === 0) bytes.push(LEGACY[random.next32() % LEGACY.length]!);
  const { operandSize, mandatory, addressSize } = form.encoding;
  const default16 = bits === 16;
  if (
    mandatory !== 0x66 &&
    ((operandSize === 16 && !default16) || (operandSize === 32 && default16))
  )
    bytes.push(0x66);
  if (addressSize !== 0 && addressSize !== bits) bytes.push(0x67);
  if (typeof mandatory === "number") bytes.push(mandatory);
  const wide = operandSize === 64 && form.encoding.size64 === undefined;
  if (bits === 64 && (wide || random.next32() % 3 === 0))
    bytes.push(0x40 | (wide ? 8 : 0) | (random.next32() & (operandSize === 0 ? 15 : 7)));
  return bytes;
}

/** ModRM bytes over all modes; every few have small or zero displacements so that short forms occur. */
function tail(form: InstructionForm, random: Prng): number[] {
  const { encoding } = form;
  const bytes: number[] = [];
  if (encoding.fixedModrm !== undefined) bytes.push(encoding.fixedModrm);
  else if (encoding.modrm !== undefined) {
    const mod =
      encoding.mod === "reg"
        ? 3
        : encoding.mod === "mem"
          ? random.next32() % 3
          : random.next32() & 3;
    const reg = typeof encoding.modrm === "number" ? encoding.modrm : random.next32() & 7;
    const vectors = form.operands.some(({ kind }) => kind.startsWith("vm"));
    bytes.push((mod << 6) | (reg << 3) | (vectors ? 4 : random.next32() & 7));
  }
  const small = random.next32() % 3;
  for (let i = 0; i < 14; i++)
    bytes.push(
      small === 0 ? 0 : small === 1 && i % 2 === 0 ? 0xff : (random.next32() >>> 7) & 0xff,
    );
  return bytes;
}

const VEX_PREFIXES = { none: 0, 0x66: 1, 0xf3: 2, 0xf2: 3 } as const;

/** A prefix that VEX allows before it, VEX in its short or long form, and the opcode. */
function vexBytes(form: InstructionForm, bits: Bits, random: Prng): number[] {
  const { vex, map, mandatory, opcode } = form.encoding;
  const needs67 = bits === 16 && form.operands.some(({ kind }) => kind.startsWith("vm"));
  const chance = random.next32() % 4 === 0 ? [[0x67], [0x64], [0x2e]][random.next32() % 3]! : [];
  const other = needs67 ? [0x67] : chance;
  const l = vex?.l ?? random.next32() & 1;
  const wide = vex?.w ?? random.next32() & 1;
  const isXop = map >= 9;
  const usesVvvv = form.operands.some(({ kind }) => /^v(r\d|[xy]mm)/.test(kind));
  const vvvv = usesVvvv ? (random.next32() & 7) | (bits === 64 ? random.next32() & 8 : 8) : 15;
  const last = (vvvv << 3) | (l << 2) | VEX_PREFIXES[mandatory ?? "none"];
  const inverted = bits === 64 ? random.next32() & 0xe0 : 0xe0;
  const prefix =
    map === 1 && wide === 0 && random.next32() % 2 === 0
      ? [0xc5, (bits === 64 ? inverted & 0x80 : 0x80) | last]
      : [isXop ? 0x8f : 0xc4, inverted | map, (wide << 7) | last];
  return [...other, ...prefix, opcode];
}

function opcodeBytes(form: InstructionForm, random: Prng): number[] {
  const { map, opcode, plusReg } = form.encoding;
  const escape = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]][map] ?? [];
  return [...escape, plusReg ? opcode | (random.next32() & 7) : opcode];
}

/** 3DNow! opcodes stand behind the operands: these have a register there. */
function withSuffix(form: InstructionForm, random: Prng): number[] {
  return [0xc0 | (random.next32() & 63), form.encoding.suffix!];
}

/** Up to `perRow` instructions of every row that exists in the code size. */
export function sampleInstructions(bits: Bits, perRow: number): Sample[] {
  const random = new Prng(0x1234567 + bits);
  const samples: Sample[] = [];
  for (const form of INSTRUCTIONS) {
    if (form.modes === (bits === 64 ? "legacy" : "long")) continue;
    let found = 0;
    for (let attempt = 0; attempt < perRow * 8 && found < perRow; attempt++) {
      const bytes = Uint8Array.from([
        ...(form.encoding.vex === undefined
          ? [...prefixBytes(form, bits, random), ...opcodeBytes(form, random)]
          : vexBytes(form, bits, random)),
        ...(form.encoding.suffix === undefined ? tail(form, random) : withSuffix(form, random)),
      ]);
      const instruction = decode(bytes, 0, bits);
      if ("failure" in instruction || instruction.form.id !== form.id) continue;
      found++;
      samples.push({ bytes: bytes.slice(0, instruction.length), instruction });
    }
  }
  return samples;
}
