/** Every mnemonic with many operand shapes, in the three code sizes, against the installed NASM. */
import assert from "node:assert/strict";
import { encodeInstruction } from "../../src/engine/codec/encode";
import { MNEMONICS } from "../../src/engine/isa/table";
import { TEMPLATE_MNEMONICS, templatesOf } from "../../src/engine/codec/nasm/compile";
import { hexBytes } from "../../src/engine/base/hex";
import type { AsmOperand } from "../../src/engine/codec/types";
import type { Bits } from "../../src/engine/isa/types";
import { assembleLines, skipWithoutPinnedNasm } from "./nasm";
import type { LineResult } from "./nasm";
import { far, here, imm, mem, reg, toRegister } from "./shapes";
import type { Shape } from "./shapes";

const BATCH = 6000;

interface Case {
  readonly text: string;
  readonly mnemonic: string;
  readonly prefixes: readonly string[];
  readonly operands: readonly Shape[];
}

function caseOf(
  mnemonic: string,
  operands: readonly Shape[],
  prefixes: readonly string[] = [],
): Case {
  const text = [...prefixes, mnemonic, operands.map((shape) => shape.text).join(", ")].join(" ");
  return { text: text.trim(), mnemonic, prefixes, operands };
}

const REGISTERS = [
  "al", "cl", "ah", "ax", "cx", "dx", "si", "eax", "ecx", "edx", "esi", "rax", "rcx", "rdx", "rsp",
  "spl", "r9b", "r9w", "r9d", "r9", "es", "cs", "fs", "cr0", "cr8", "dr7",
].map(reg); // prettier-ignore
const SIZES = [8, 16, 32, 64] as const;
const MEMORIES = [
  mem({ displacement: 0x1234n }),
  mem({ base: "bx", index: "si", displacement: 4n }),
  mem({ base: "ebx" }),
  mem({ base: "rbx", displacement: 0x80n }),
  ...[8, 16, 32, 64, 80, 128].map((size) => mem({ size, displacement: 0x40n })),
  ...SIZES.map((size) => mem({ size, base: "ebp" })),
];
const VALUES = [
  0n,
  1n,
  2n,
  3n,
  0x7fn,
  0x80n,
  0xffn,
  0xff80n,
  0xffffn,
  0x12345678n,
  0xffffff80n,
  -1n,
  -128n,
  -129n,
];
const IMMEDIATES = [
  ...VALUES.map((value) => imm(value)),
  ...SIZES.flatMap((size) => [
    imm(5n, { size }),
    imm(0x90n, { size }),
    imm(5n, { size, strict: true }),
  ]),
  imm(5n, { strict: true }),
  imm(0x123456789abcn),
  here(0),
];
const JUMPS = [
  ...[-126, -127, -3000, 0, 2, 100, 129, 130, 131, 5000].map((distance) => here(distance)),
  ...(["short", "near"] as const).map((distance) => here(10, { distance })),
  ...SIZES.map((size) => here(10, { size })),
  ...SIZES.map((size) => here(10, { size, distance: "near" })),
  here(10, { distance: "near", strict: true }),
  here(10, { strict: true }),
  imm(0x1234n),
];
const FAR = [
  here(10, { distance: "far" }),
  imm(10n, { distance: "far" }),
  far(8, 0x100), far(8, 0x100, 16), far(8, 0x100, 32), mem({ far: true, displacement: 0x40n }),
  ...SIZES.map((size) => mem({ far: true, size, displacement: 0x40n })),
]; // prettier-ignore

/** Fewer shapes where two or three operands multiply. */
const SOME_IMMEDIATES = [
  imm(1n),
  imm(5n),
  imm(0x80n),
  imm(0xfff0n),
  imm(-3n),
  imm(5n, { size: 8 }),
  imm(0x1234567n, { size: 32 }),
];

function addressCases(): Case[] {
  const cases: Case[] = [];
  const registers = {
    16: ["bx", "bp", "si", "di", "ax"],
    32: ["eax", "ebx", "esp", "ebp", "edi", "r12d", "r13d"],
    64: ["rax", "rbx", "rsp", "rbp", "r12", "r13"],
  } as const;
  const displacements = [
    undefined,
    0n,
    1n,
    -128n,
    127n,
    128n,
    -129n,
    0x7fffn,
    0x8000n,
    0xfff0n,
    0xffffn,
    0x12345678n,
    0xfffffff0n,
  ];
  for (const size of [16, 32, 64] as const)
    for (const base of [undefined, ...registers[size]])
      for (const index of [undefined, ...registers[size]])
        for (const scale of index === undefined ? [1] : [1, 2, 3, 4, 5, 8, 9])
          for (const displacement of scale === 1 || scale === 4 ? displacements : [undefined, 8n]) {
            if (base === undefined && index === undefined && displacement === undefined) continue;
            // NASM adds up terms of one register before it looks at the address.
            if (base === index && base !== undefined) continue;
            cases.push(
              caseOf("mov", [
                reg("cl"),
                mem({
                  scale,
                  ...(base === undefined ? {} : { base }),
                  ...(index === undefined ? {} : { index }),
                  ...(displacement === undefined ? {} : { displacement }),
                }),
              ]),
            );
          }
  return cases;
}

function specialAddresses(): Case[] {
  const target = reg("ecx");
  const cases: Case[] = [];
  for (const displacementSize of SIZES)
    for (const base of [undefined, "bx", "ebx", "rbx"]) {
      const options = {
        displacementSize,
        displacement: 5n,
        ...(base === undefined ? {} : { base }),
      };
      cases.push(caseOf("mov", [target, mem(options)]), caseOf("mov", [reg("eax"), mem(options)]));
    }
  for (const relative of ["rel", "abs"] as const) {
    cases.push(caseOf("mov", [target, mem({ relative, displacement: 0x10n })]));
    cases.push(caseOf("mov", [target, mem({ relative, here: true, displacement: 0x10n })]));
    cases.push(caseOf("add", [mem({ relative, here: true, size: 32 }), imm(5n)]));
  }
  for (const index of ["eax", "ebp", "rax"]) {
    for (const scale of [1, 2, 3, 4]) {
      cases.push(caseOf("mov", [target, mem({ index, scale, noSplit: true })]));
      cases.push(caseOf("mov", [target, mem({ index, scale, noSplit: true, displacement: 4n })]));
    }
  }
  for (let segment = 0; segment < 6; segment++) {
    cases.push(caseOf("mov", [target, mem({ segment, base: "ebx" })]));
    cases.push(caseOf("mov", [reg("eax"), mem({ segment, displacement: 0x30n })]));
  }
  return cases;
}

const PREFIXES = [
  ["o16"],
  ["o32"],
  ["o64"],
  ["a16"],
  ["a32"],
  ["lock"],
  ["rep"],
  ["repne"],
  ["fs"],
  ["es"],
  ["rep", "o16"],
  ["lock", "fs", "a32", "o32"],
  ["xacquire"],
  ["xrelease"],
  ["xacquire", "lock"],
  ["{rex}"],
  ["{vex}"],
  ["{vex2}"],
  ["{vex3}"],
];

function prefixCases(mnemonic: string): Case[] {
  const shapes = [
    [],
    [mem({ size: 32, base: "ebx" }), reg("ecx")],
    [mem({ size: 16, displacement: 64n })],
    [reg("eax"), imm(5n)],
    [imm(5n)],
    [here(5)],
    [reg("ds")],
    ...(usesVectorUnit(mnemonic)
      ? [
          [mem({ size: 64, base: "ebx" })],
          [reg("st1")],
          [reg("xmm1"), reg("xmm2")],
          [reg("mm1"), reg("mm2")],
          [reg("xmm1"), mem({ base: "ebx" })],
          [reg("xmm1"), reg("xmm2"), reg("xmm3")],
          [reg("ymm1"), reg("ymm2"), reg("ymm9")],
        ]
      : []),
  ];
  return PREFIXES.flatMap((prefixes) =>
    shapes.map((operands) => caseOf(mnemonic, operands, prefixes)),
  );
}

/** The most operands that NASM takes for it, from our own templates: what is beyond is refused for its count alone. */
function mostOperands(mnemonic: string): number {
  return Math.max(...templatesOf(mnemonic).map((template) => template.patterns.length));
}

/**
 * NASM 2.16.01 stops with a failed assertion on instructions that count with RCX, or have an address in a register, if another address size is
 * written; and on FWAIT with REX.
 */
function isLeftOut(one: Case): boolean {
  // A panic for the left-out source of a masked store, too.
  if (/^vpmaskmov[dq]$/.test(one.mnemonic) && one.operands.length === 2) return true;
  const hasRex = one.prefixes.some((prefix) => prefix === "o64" || prefix === "{rex}");
  if (one.mnemonic === "fwait" && hasRex) return true;
  const isWide = /^r([a-z]+|\d+)$/.test(one.operands[0]?.text ?? "");
  const otherSize =
    one.prefixes.some((prefix) => prefix === "a32" || prefix === "a16") ||
    (isWide && one.operands.some(({ text }) => /\[e|\[.*r12d|\[.*r13d/.test(text)));
  return otherSize && /^(jrcxz|loop.*|invlpga|umonitor|movdir64b|enqcmds?)$/.test(one.mnemonic);
}

const VECTOR_REGISTERS = [
  "al", "ax", "eax", "rax", "r9d", "st0", "st1", "mm1", "xmm0", "xmm1", "xmm9", "ymm1", "ymm9",
].map(reg); // prettier-ignore
const VECTOR_MEMORIES = [
  mem({ base: "ebx" }),
  mem({ base: "r9", index: "rax", scale: 2 }),
  ...[8, 16, 32, 64, 80, 128, 256].map((size) => mem({ size, displacement: 0x40n })),
];
const VECTOR_SHAPES = [...VECTOR_REGISTERS, ...VECTOR_MEMORIES];
const VECTOR_IMMEDIATES = [
  imm(5n),
  imm(0x80n),
  imm(0x123n),
  imm(-3n),
  imm(5n, { size: 8 }),
  imm(5n, { size: 32 }),
];
/** Fewer shapes where three and four operands multiply. */
const FEW_VECTOR_SHAPES = [
  ...["eax", "rax", "mm1", "xmm1", "xmm9", "ymm1"].map(reg),
  mem({ base: "ebx" }),
  ...[32, 64, 128, 256].map((size) => mem({ size, displacement: 0x40n })),
];
const TARGETS = [...["eax", "rax", "mm1", "xmm1", "ymm1"].map(reg), mem({ base: "ebx" })];

function vectorCases(mnemonic: string): Case[] {
  const most = mostOperands(mnemonic);
  const to = ["st0", "st2", "xmm1"].map(toRegister);
  const cases = [[], ...[...VECTOR_SHAPES, ...VECTOR_IMMEDIATES, ...to].map((shape) => [shape])];
  if (most >= 1)
    for (const first of [...VECTOR_SHAPES, toRegister("st1")])
      for (const second of [...VECTOR_SHAPES, ...VECTOR_IMMEDIATES, toRegister("st0")])
        cases.push([first, second]);
  if (most >= 2) cases.push([reg("xmm1"), mem({ base: "ebx", index: "xmm2" })]);
  if (most >= 3)
    for (const first of [...TARGETS, mem({ size: 128, base: "ebx" })])
      for (const second of FEW_VECTOR_SHAPES)
        for (const third of [...FEW_VECTOR_SHAPES, ...VECTOR_IMMEDIATES])
          cases.push([first, second, third]);
  if (most >= 4)
    for (const first of TARGETS)
      for (const second of [...TARGETS, imm(5n)])
        for (const third of [...TARGETS, mem({ size: 64, base: "ebx" }), imm(5n)])
          for (const fourth of [...TARGETS, imm(5n), imm(0x123n)])
            cases.push([first, second, third, fourth]);
  return cases.map((operands) => caseOf(mnemonic, operands));
}

/** Memory at the indexes in a vector register. */
const GATHERED = [
  ...["xmm1", "xmm9", "ymm3"].flatMap((index) =>
    ["ebx", "rbx", "r9"].map((base) => mem({ base, index, scale: 4 })),
  ),
  ...["xmm1", "ymm2"].flatMap((index) => [
    mem({ index, scale: 1 }),
    mem({ index, scale: 2, displacement: 0x1234n }),
    mem({ index, scale: 3 }),
    mem({ base: "ebp", index, scale: 8, displacement: -4n }),
    mem({ base: "esp", index, displacement: 0x80n }),
    mem({ base: "bx", index }),
    ...[32, 64, 128].map((size) => mem({ base: "ebx", index, size })),
  ]),
];

function gatherCases(mnemonic: string): Case[] {
  const registers = ["xmm0", "xmm12", "ymm5", "eax"].map(reg);
  return registers.flatMap((first) =>
    GATHERED.flatMap((second) => [
      ...registers.map((third) => caseOf(mnemonic, [first, second, third])),
      caseOf(mnemonic, [first, second]),
    ]),
  );
}

/** Everything of a mnemonic's templates but the opcode. */
function templateShape(mnemonic: string): string {
  return JSON.stringify(
    templatesOf(mnemonic).map(({ form, ...template }) => ({
      ...template,
      ...form.encoding,
      operands: form.operands,
      opcode: 0,
    })),
  );
}

/** Of vector mnemonics that differ only in their opcode one is compared in full, the others like this. */
function vectorSample(mnemonic: string): Case[] {
  const memory = mem({ base: "ebx" });
  const registers = ["mm1", "xmm1", "ymm1", "eax"].map(reg);
  const cases: Shape[][] = [[], [memory], [mem({ size: 32, base: "ebx" })]];
  for (const first of registers) {
    cases.push([memory, first]);
    for (const second of [...registers, memory, imm(5n)]) cases.push([first, second]);
    if (mostOperands(mnemonic) < 3) continue;
    for (const third of [first, memory, imm(5n)])
      cases.push(
        [first, first, third],
        [first, first, third, imm(5n)],
        [first, first, third, first],
      );
  }
  return cases.map((operands) => caseOf(mnemonic, operands));
}

function usesVectorUnit(mnemonic: string): boolean {
  return templatesOf(mnemonic).some(
    ({ form }) =>
      form.feature === "fpu" ||
      form.operands.some(({ kind }) => /mm|^vr/.test(kind) && !kind.startsWith("imm")),
  );
}

/** In full for the first mnemonic of each shape, thinly for the others. */
function allVectorCases(mnemonics: readonly string[]): Case[] {
  const seen = new Set<string>();
  return mnemonics.flatMap((mnemonic) => {
    const shape = templateShape(mnemonic);
    if (seen.has(shape)) return vectorSample(mnemonic);
    seen.add(shape);
    const gathers = mnemonic.includes("gather") ? gatherCases(mnemonic) : [];
    return [...vectorCases(mnemonic), ...gathers, ...prefixCases(mnemonic)];
  });
}

function casesOf(mnemonic: string): Case[] {
  if (mostOperands(mnemonic) === 0)
    return [[], [reg("eax")], [imm(5n)], [mem({ base: "ebx" })]].map((shapes) =>
      caseOf(mnemonic, shapes),
    );
  const distant = mnemonic === "call" || mnemonic === "jmp" ? FAR : [];
  const one = [...REGISTERS, ...MEMORIES, ...IMMEDIATES, ...JUMPS, ...distant];
  const two = [...REGISTERS, ...MEMORIES];
  const cases = [caseOf(mnemonic, []), ...one.map((shape) => caseOf(mnemonic, [shape]))];
  if (mostOperands(mnemonic) >= 2) {
    for (const first of two)
      for (const second of [...two, ...IMMEDIATES]) cases.push(caseOf(mnemonic, [first, second]));
    for (const first of SOME_IMMEDIATES)
      for (const second of [...REGISTERS, imm(3n)]) cases.push(caseOf(mnemonic, [first, second]));
  }
  if (mnemonic.startsWith("loop"))
    for (const name of ["cx", "ecx", "rcx"]) cases.push(caseOf(mnemonic, [here(5), reg(name)]));
  if (["imul", "shld", "shrd"].includes(mnemonic))
    for (const first of two)
      for (const second of two)
        for (const third of [...SOME_IMMEDIATES, reg("cl")])
          cases.push(caseOf(mnemonic, [first, second, third]));
  return cases;
}

/** Condition-code families and hint NOPs differ only in their opcode: one of each is compared in full, the rest thinly. */
function isRepetition(mnemonic: string): boolean {
  if (mnemonic.startsWith("hint_nop")) return mnemonic !== "hint_nop9";
  if (/^set|^cmov/.test(mnemonic)) return !/(z|nle)$/.test(mnemonic);
  return /^j(?!mp|[er]?cxz|z$|nle$)/.test(mnemonic);
}

function thinly(mnemonic: string): Case[] {
  return [
    reg("eax"),
    reg("al"),
    mem({ size: 8, base: "ebx" }),
    here(5),
    here(500),
    mem({ size: 32, base: "ebx" }),
  ]
    .map((shape) => caseOf(mnemonic, [shape]))
    .concat([
      caseOf(mnemonic, [reg("ecx"), mem({ base: "ebx" })]),
      caseOf(mnemonic, [reg("cx"), reg("dx")]),
    ]);
}

/** NASM_ONLY: a part of the mnemonics, for work on them. */
const ONLY = process.env.NASM_ONLY === undefined ? undefined : new RegExp(process.env.NASM_ONLY);

function allCases(): Case[] {
  const all = [...new Set([...MNEMONICS, ...TEMPLATE_MNEMONICS])].sort();
  const names = all.filter((name) => !usesVectorUnit(name));
  return [
    ...allVectorCases(all.filter(usesVectorUnit)),
    ...names.flatMap((name) => (isRepetition(name) ? thinly(name) : casesOf(name))),
    ...names.filter((name) => !isRepetition(name)).flatMap(prefixCases),
    ...addressCases(),
    ...specialAddresses(),
  ].filter((one) => !isLeftOut(one) && (ONLY?.test(one.mnemonic) ?? true));
}

/** The operand with its address counted from where the line stands. */
function placed(operand: AsmOperand, offset: number): AsmOperand {
  const base = BigInt(offset);
  if (operand.kind === "imm" && operand.isAddress)
    return { ...operand, value: operand.value + base };
  if (operand.kind === "mem" && operand.displacementIsAddress)
    return { ...operand, displacement: operand.displacement + base };
  return operand;
}

function ours(one: Case, bits: Bits, offset: number): LineResult {
  const result = encodeInstruction({
    mnemonic: one.mnemonic,
    operands: one.operands.map((shape) => placed(shape.operand, offset)),
    bits,
    prefixes: one.prefixes,
    address: BigInt(offset),
  });
  if (!result.ok) return { error: result.error };
  return result.outOfRange
    ? { error: "short jump is out of range" }
    : {
        bytes: result.bytes,
        offset,
        warnings: result.warnings.map((warning) => `${warning.class}: ${warning.message}`),
      };
}

const describeResult = (result: LineResult): string =>
  "error" in result ? result.error : hexBytes(result.bytes);

interface Tally {
  /** Lines that NASM encodes with EVEX or XOP; we refuse them. */
  beyond: number;
  bytes: number;
  /** Lines with equal bytes and equal warnings, of those that have some. */
  warned: number;
  refused: number;
  sameWords: number;
  readonly differences: string[];
}

/** EVEX (62, in 16 and 32-bit code with mod 3 behind it) or XOP (8F with a map from 8 on), whatever legacy prefixes stand in front. */
function isBeyondVex(bytes: Uint8Array, bits: Bits): boolean {
  const at = bytes.findIndex(
    (byte) => ![0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3].includes(byte),
  );
  const next = bytes[at + 1] ?? 0;
  return (
    (bytes[at] === 0x62 && (bits === 64 || next >= 0xc0)) ||
    (bytes[at] === 0x8f && (next & 31) >= 8)
  );
}

function compareWarnings(
  line: string,
  theirs: readonly string[],
  own: readonly string[],
  tally: Tally,
): void {
  if ([...theirs].sort().join("; ") === [...own].sort().join("; ")) {
    if (own.length > 0) tally.warned++;
  } else
    tally.differences.push(`${line} -> NASM warns [${theirs.join("; ")}], we [${own.join("; ")}]`);
}

function compare(cases: readonly Case[], bits: Bits): Tally {
  const tally: Tally = {
    beyond: 0,
    bytes: 0,
    warned: 0,
    refused: 0,
    sameWords: 0,
    differences: [],
  };
  for (let start = 0; start < cases.length; start += BATCH) {
    const batch = cases.slice(start, start + BATCH);
    const expected = assembleLines(
      batch.map((one) => one.text),
      bits,
    );
    batch.forEach((one, index) => {
      const theirs = expected[index]!;
      const own = ours(one, bits, "bytes" in theirs ? theirs.offset : 0);
      if ("error" in theirs && "error" in own) {
        tally.refused++;
        if (theirs.error === own.error) tally.sameWords++;
        else if (process.env.NASM_WORDS !== undefined)
          console.log(`words ${bits}: ${one.text} -> ${theirs.error} / ${own.error}`);
      } else if (
        "bytes" in theirs &&
        "bytes" in own &&
        hexBytes(theirs.bytes) === hexBytes(own.bytes)
      ) {
        tally.bytes++;
        compareWarnings(`${bits}: ${one.text}`, theirs.warnings, own.warnings, tally);
      } else if ("bytes" in theirs && "error" in own && isBeyondVex(theirs.bytes, bits))
        tally.beyond++;
      else
        tally.differences.push(
          `${bits}: ${one.text} -> NASM ${describeResult(theirs)}, ours ${describeResult(own)}`,
        );
    });
  }
  return tally;
}

describe("the encoder against the installed NASM", function () {
  this.timeout(600_000);
  before(function () {
    skipWithoutPinnedNasm(this);
  });
  for (const bits of [16, 32, 64] as const)
    it(`makes the same bytes and refuses the same lines in ${bits}-bit code`, () => {
      const cases = allCases();
      const tally = compare(cases, bits);
      console.log(
        `      ${cases.length} lines: ${tally.bytes} with equal bytes (${tally.warned} of them with warnings), ${tally.refused} refused by both (${tally.sameWords} in the same words), ${tally.beyond} beyond VEX, ${tally.differences.length} differ`,
      );
      if (process.env.NASM_DIFFERENCES !== undefined) console.log(tally.differences.join("\n"));
      assert.deepEqual(tally.differences.slice(0, 20), []);
    });
});
