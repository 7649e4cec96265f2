/** The encoder on its own: NASM's choices as fixed examples, and the way back from decoded instructions. */
import assert from "node:assert/strict";
import { hexBytes } from "../../src/engine/base/hex";
import { decode } from "../../src/engine/codec/decode";
import { encodeInstruction } from "../../src/engine/codec/encode";
import type {
  AsmOperand,
  AsmRegister,
  DecodedOperand,
  EncodeResult,
  Instruction,
  MemoryOperand,
} from "../../src/engine/codec/types";
import type { Bits, OperandKind } from "../../src/engine/isa/types";
import { far, here, imm, mem, reg } from "../oracle/shapes";
import type { Shape } from "../oracle/shapes";
import { sampleInstructions } from "./samples";

function encode(
  bits: Bits,
  mnemonic: string,
  operands: readonly Shape[] = [],
  prefixes: readonly string[] = [],
): EncodeResult {
  return encodeInstruction({
    mnemonic,
    operands: operands.map((shape) => shape.operand),
    bits,
    prefixes,
    address: 0n,
  });
}

function outcome(result: EncodeResult): string {
  return result.ok ? hexBytes(result.bytes) : result.error;
}

type Example = readonly [
  bits: Bits,
  mnemonic: string,
  operands: readonly Shape[],
  expected: string,
  prefixes?: readonly string[],
];

/** Made with NASM 2.16.01; test/oracle/nasmLines.test.ts compares far more where it is installed. */
const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  "prefers the sign-extended byte, then the accumulator form": [
    [16, "add", [reg("ax"), imm(1n)], "83c001"],
    [16, "add", [reg("ax"), imm(128n)], "058000"],
    [16, "add", [reg("ax"), imm(0xff80n)], "83c080"],
    [32, "add", [reg("eax"), imm(0xffffff80n)], "83c080"],
    [32, "add", [reg("al"), imm(5n)], "0405"],
    [16, "add", [reg("ax"), imm(1n, { size: 16, strict: true })], "050100"],
  ],
  "chooses the shortest move to a 64-bit register": [
    [64, "mov", [reg("rax"), imm(0x7fffffffn)], "b8ffffff7f"],
    [64, "mov", [reg("rax"), imm(-1n)], "48c7c0ffffffff"],
    [64, "mov", [reg("rax"), imm(0x123456789an)], "48b89a78563412000000"],
    [64, "mov", [reg("rbx"), here(0)], "48bb0000000000000000"],
  ],
  "uses the accumulator's offset form outside 64-bit mode": [
    [32, "mov", [reg("eax"), mem({ displacement: 0x1234n })], "a134120000"],
    [64, "mov", [reg("eax"), mem({ displacement: 0x1234n })], "8b042534120000"],
    [
      64,
      "mov",
      [reg("rax"), mem({ displacement: 0x1234n, displacementSize: 64 })],
      "48a13412000000000000",
    ],
  ],
  "sizes pushes by the mode": [
    [16, "push", [imm(5n)], "6a05"],
    [16, "push", [imm(5n, { size: 32 })], "666a05"],
    [32, "push", [imm(0x1234n)], "6834120000"],
    [64, "push", [reg("rbx")], "53"],
    [64, "push", [reg("ebx")], "instruction not supported in 64-bit mode"],
    [16, "push", [imm(0x1234n)], "66683412", ["o32"]],
  ],
  "leaves out size prefixes of selector moves where it can": [
    [32, "mov", [reg("es"), reg("ax")], "8ec0"],
    [32, "mov", [reg("ax"), reg("es")], "668cc0"],
    [16, "mov", [reg("eax"), reg("es")], "668cc0"],
    [64, "mov", [reg("rax"), reg("es")], "8cc0"],
    [64, "sldt", [reg("rax")], "0f00c0"],
    [64, "str", [reg("rax")], "480f00c8"],
  ],
  "knows when XCHG with itself is no NOP": [
    [64, "xchg", [reg("eax"), reg("eax")], "87c0"],
    [32, "xchg", [reg("eax"), reg("eax")], "90"],
    [64, "xchg", [reg("rax"), reg("rax")], "4890"],
  ],
  "orders addresses as NASM does": [
    [32, "mov", [reg("ecx"), mem({ index: "ecx", scale: 2 })], "8b0c09"],
    [32, "mov", [reg("ecx"), mem({ index: "ecx", scale: 9 })], "8b0cc9"],
    [32, "mov", [reg("ecx"), mem({ index: "eax", scale: 1 })], "8b08"],
    [32, "mov", [reg("ecx"), mem({ base: "ebp" })], "8b4d00"],
    [32, "mov", [reg("ecx"), mem({ base: "eax", index: "esp", scale: 1 })], "8b0c04"],
    [16, "mov", [reg("cx"), mem({ base: "bp", index: "di" })], "8b0b"],
    [32, "mov", [reg("ecx"), mem({ base: "eax", displacement: 128n })], "8b8880000000"],
    [32, "mov", [reg("ecx"), mem({ base: "bx" })], "678b0f"],
    [16, "mov", [reg("ecx"), mem({ base: "ax" })], "invalid 16-bit effective address"],
  ],
  "puts prefixes in NASM's order": [
    [32, "add", [mem({ base: "bx", segment: 4 }), reg("ax")], "f06466670107", ["lock"]],
    [16, "movsd", [], "f366a5", ["rep"]],
  ],
  "takes the encoding that a word in braces asks for, or refuses": [
    [64, "vandps", ["xmm1", "xmm2", "xmm3"].map(reg), "c5e854cb", ["{vex2}"]],
    [64, "vandps", ["xmm1", "xmm2", "xmm3"].map(reg), "c4e16854cb", ["{vex3}"]],
    [
      64,
      "vandps",
      ["xmm1", "xmm2", "xmm9"].map(reg),
      "instruction not encodable with {vex2} prefix",
      ["{vex2}"],
    ],
    [32, "andn", ["eax", "ebx", "ecx"].map(reg), "c4e260f2c1", ["{vex}"]],
    [64, "nop", [], "instruction not encodable with {vex} prefix", ["{vex}"]],
    [32, "nop", [], "instruction not encodable with {rex} prefix", ["{rex}"]],
  ],
  "puts AMD's bit manipulation under XOP": [
    [32, "blcfill", [reg("eax"), reg("ebx")], "8fe97801cb"],
    [64, "bextr", [reg("eax"), reg("ebx"), imm(5n)], "8fea7810c305000000"],
  ],
  "takes the address size from the register that holds the address": [
    [16, "umonitor", [reg("eax")], "67f30faef0"],
    [64, "movdir64b", [reg("rax"), mem({ base: "rbx" })], "660f38f803"],
    [32, "enqcmds", [reg("eax"), mem({ base: "bx" })], "67f30f38f807"],
  ],
  "knows instructions that nobody has any more": [
    [16, "pop", [reg("cs")], "0f"],
    [32, "loadall", [], "0f07"],
    [32, "xcryptecb", [], "f30fa7c8"],
    [32, "xcryptecb", [], "f30fa7c8", ["rep"]],
  ],
  "leaves the accumulator's offset form where lock elision does": [
    [32, "mov", [mem({ displacement: 4n }), reg("al")], "f3880504000000", ["xrelease"]],
    [32, "mov", [reg("al"), mem({ displacement: 4n })], "f3a004000000", ["xrelease"]],
  ],
  "chooses jumps by distance": [
    [32, "jmp", [here(129)], "eb7f"],
    [32, "jmp", [here(130)], "e97d000000"],
    [32, "jmp", [here(5, { distance: "near" })], "e900000000"],
    [16, "jz", [here(-126)], "7480"],
    [16, "jz", [here(-127)], "0f847dff"],
    [64, "call", [here(5)], "e800000000"],
    [32, "jecxz", [here(2)], "e300"],
    [16, "jecxz", [here(3)], "67e300"],
    [32, "jmp", [far(8, 0x100)], "ea000100000800"],
    [16, "jmp", [far(8, 0x100, 32)], "66ea000100000800"],
  ],
  "refuses in NASM's words": [
    [32, "mov", [mem({ displacement: 0n }), imm(1n)], "operation size not specified"],
    [32, "mov", [reg("eax"), reg("bx")], "invalid combination of opcode and operands"],
    [32, "mov", [reg("eax"), imm(1n, { size: 8 })], "mismatch in operand sizes"],
    [64, "mov", [reg("r8b"), reg("ah")], "cannot use high byte register in rex instruction"],
    [32, "mov", [reg("r8d"), reg("eax")], "invalid operands in non-64-bit mode"],
    [64, "daa", [], "instruction not supported in 64-bit mode"],
    [64, "mov", [reg("eax"), mem({ base: "bx" })], "impossible combination of address sizes"],
  ],
};

function registerOf(size: 16 | 32 | 64, number: number): AsmRegister {
  return { class: "gpr", size, number, high: false };
}

/** NASM takes no size, or the wrong one, at their memory operand. */
const SIZELESS = /^(palignr|pblendvb|pmuludq|psubq|pshuf(w|d|hw|lw)|cmpsd|vcmpss)$/;

function usesVectorUnit({ form, operands }: Instruction): boolean {
  return form.feature === "fpu" || operands.some(({ kind }) => /^(st|[xy]?mm)$/.test(kind));
}

function indexOf(memory: MemoryOperand): AsmRegister {
  return memory.vectorIndex === undefined
    ? registerOf(memory.addressSize, memory.index)
    : { class: memory.vectorIndex, number: memory.index };
}

function writtenMemory(
  instruction: Instruction,
  kind: OperandKind,
  operand: MemoryOperand,
): AsmOperand {
  const compound = kind.startsWith("m") && !usesVectorUnit(instruction);
  const isFar = kind.startsWith("m16:") && (instruction.form.semantics ?? "").endsWith("_far");
  const sizeless = compound || SIZELESS.test(instruction.form.mnemonic);
  const size = isFar ? operand.size - 16 : sizeless ? 0 : operand.size;
  return {
    kind: "mem",
    far: isFar,
    scale: operand.scale,
    noSplit: true,
    displacement:
      (BigInt(operand.displacementHigh) << 32n) | BigInt.asUintN(32, BigInt(operand.displacement)),
    displacementKnown: true,
    hasDisplacement: true,
    displacementIsAddress: false,
    strict: false,
    ...(size === 0 ? {} : { size }),
    ...(operand.base < 0 ? {} : { base: registerOf(operand.addressSize, operand.base) }),
    ...(operand.index < 0 ? {} : { index: indexOf(operand) }),
    ...(operand.segmentOverride ? { segment: operand.segment } : {}),
    ...(operand.vectorIndex === undefined ? {} : { addressSize: operand.addressSize }),
    ...(operand.index >= 0 && operand.base < 0 && operand.scale === 1 && !operand.vectorIndex
      ? { hint: { kind: "notBase", register: registerOf(operand.addressSize, operand.index) } }
      : {}),
  };
}

/** A decoded operand as the assembler would hand it to the encoder. */
function written(instruction: Instruction, index: number): AsmOperand {
  const operand: DecodedOperand = instruction.operands[index]!;
  const { kind } = instruction.form.operands[index]!;
  switch (operand.kind) {
    case "reg":
      return {
        kind: "reg",
        register: {
          class: "gpr",
          size: operand.size,
          number: operand.register,
          high: operand.high,
        },
      };
    case "sreg":
    case "cr":
    case "dr":
    case "st":
    case "mm":
    case "xmm":
    case "ymm":
      return { kind: "reg", register: { class: operand.kind, number: operand.register } };
    case "imm": {
      const whole = (BigInt(operand.high) << 32n) | BigInt.asUintN(32, BigInt(operand.value));
      const byte = kind === "imm8" && /^(ro|rc|sh|sa)[lr]$/.test(instruction.form.mnemonic);
      return {
        kind: "imm",
        value: whole,
        known: true,
        isAddress: false,
        strict: false,
        ...(byte ? { size: 8 } : {}),
      };
    }
    case "rel": {
      const value = BigInt(operand.displacement + instruction.length);
      const distance = operand.size === 8 ? "short" : "near";
      const counted = /^(loop|j[er]?cxz)/.test(instruction.form.mnemonic);
      return {
        kind: "imm",
        value,
        known: true,
        isAddress: true,
        strict: false,
        ...(counted ? {} : { distance }),
      };
    }
    case "far":
      return {
        kind: "far",
        selector: BigInt(operand.selector),
        offset: BigInt(operand.offset),
        known: true,
        size: operand.size,
      };
    case "mem":
      return writtenMemory(instruction, kind, operand);
  }
}

/** What the encoder's request cannot say, or what has another encoding of the same meaning that NASM prefers. */
function isOrdinary(instruction: Instruction): boolean {
  const { form, bits, operands } = instruction;
  if (
    operands.some(
      (operand) =>
        operand.kind === "mem" && (operand.ripRelative || (operand.base < 0 && operand.index < 0)),
    )
  )
    return false;
  // NASM moves a quadword from memory without REX.W.
  if (/^movq_(x?mm_rm64|rm64_x?mm)/.test(form.id) && operands.some(({ kind }) => kind === "mem"))
    return false;
  // NASM leaves out its F3, and takes 16-bit addresses for the first form that fits.
  if (form.mnemonic === "ptwrite" || (form.mnemonic.startsWith("enqcmd") && bits === 32))
    return false;
  // NASM puts 66 before it in 16-bit code, which makes it another instruction.
  if (form.mnemonic === "wrssd" && bits === 16) return false;
  // NASM writes four bytes of distance behind 66 in 64-bit code.
  if (form.id === "xbegin_rel16" && bits === 64) return false;
  if (form.mnemonic === "bswap" && instruction.operandSize === 16) return false;
  if (/^(movzx|movsx)_r16_rm16|^movsxd_r(16|32)|^sldt_rr64|^mov_rr64_sreg/.test(form.id))
    return false;
  return bits === 64 || !/^(rdpkru|wrpkru|skinit)$/.test(form.mnemonic);
}

/** Operand-size words for rows whose operands do not show their size. */
function sizePrefix({ form, bits, operandSize }: Instruction): string[] {
  if (form.encoding.operandSize === 0) return [];
  const own = bits === 64 ? (form.encoding.size64 === undefined ? 32 : 64) : bits;
  const named = /^(pushf|popf|pusha|popa|iret|ins|outs|movs|cmps|stos|lods|scas)$/.test(
    form.semantics ?? "",
  );
  const sizeless = form.operands.every(({ kind }) => /^(imm|sx|rel8|[ecsdfg]s$|one)/.test(kind));
  return operandSize !== own && !named && sizeless ? [`o${operandSize}`] : [];
}

/** Whatever the form of the constant, the operation sees it cut to the operand size. */
function constantOf(operand: Extract<DecodedOperand, { kind: "imm" }>, size: number): string {
  const whole = (BigInt(operand.high) << 32n) | BigInt.asUintN(32, BigInt(operand.value));
  return BigInt.asUintN(size, whole).toString();
}

function stripped(instruction: Instruction): string {
  const { form, operandSize, length } = instruction;
  const moves = form.mnemonic === "mov" && instruction.operands[1]?.kind === "imm";
  const operands = instruction.operands.map((operand): unknown => {
    if (operand.kind === "mem") return { ...operand, displacementBytes: 0 };
    if (operand.kind === "rel") return { start: operand.displacement + length };
    if (operand.kind === "imm") return constantOf(operand, form.encoding.operandSize || 64);
    // MOV to a 32-bit register clears the upper half: NASM uses it for 64-bit ones.
    return moves && operand.kind === "reg" && operand.size >= 32
      ? { ...operand, size: 0 }
      : operand;
  });
  if (/^(xchg|test)$/.test(form.mnemonic))
    operands.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const size = form.encoding.operandSize === 0 || moves ? 0 : operandSize;
  return JSON.stringify([form.semantics ?? form.mnemonic, form.condition, size, operands]);
}

describe("encodeInstruction", () => {
  for (const [name, examples] of Object.entries(EXAMPLES))
    it(name, () => {
      for (const [bits, mnemonic, operands, expected, prefixes] of examples) {
        const text = `${bits}: ${mnemonic} ${operands.map((shape) => shape.text).join(", ")}`;
        assert.equal(outcome(encode(bits, mnemonic, operands, prefixes)), expected, text);
      }
    });

  for (const bits of [16, 32, 64] as const)
    it(`leads back to the decoded instruction for samples of every row (${bits}-bit)`, () => {
      const differences: string[] = [];
      for (const { bytes, instruction } of sampleInstructions(bits, 4)) {
        if (!isOrdinary(instruction)) continue;
        const { form } = instruction;
        if (form.operands.some(({ kind }) => kind.startsWith("str"))) continue;
        const shown = form.operands.map((_, index) => written(instruction, index));
        const wide =
          /^rel(16|32)$/.test(form.operands[0]?.kind ?? "") && instruction.operandSize !== bits;
        const operands =
          wide && shown[0]?.kind === "imm"
            ? [{ ...shown[0], size: instruction.operandSize }]
            : shown;
        const pushed =
          form.semantics === "push" && form.operands[0]!.kind !== "sx8" && shown[0]?.kind === "imm";
        const sized = pushed
          ? [{ ...shown[0]!, size: instruction.operandSize === 64 ? 32 : instruction.operandSize }]
          : operands;
        const result = encodeInstruction({
          mnemonic: form.mnemonic,
          operands: sized as AsmOperand[],
          bits,
          prefixes: [...sizePrefix(instruction), ...(instruction.lock ? ["lock"] : [])],
          address: 0n,
        });
        const again = result.ok ? decode(result.bytes, 0, bits) : undefined;
        if (again === undefined || "failure" in again || stripped(again) !== stripped(instruction))
          differences.push(`${bits}: ${hexBytes(bytes)} ${form.id} -> ${outcome(result)}`);
      }
      assert.deepEqual(differences.slice(0, 20), []);
    });

  it("takes unknown values optimistically", () => {
    const unknown: AsmOperand = {
      kind: "imm",
      value: 0n,
      known: false,
      isAddress: false,
      strict: false,
    };
    const length = (mnemonic: string, operands: readonly AsmOperand[]): number => {
      const result = encodeInstruction({ mnemonic, operands, bits: 32, prefixes: [], address: 0n });
      assert.ok(result.ok);
      return result.bytes.length;
    };
    assert.equal(length("jmp", [unknown]), 2);
    assert.equal(length("jz", [unknown]), 2);
    assert.equal(length("add", [reg("ecx").operand, unknown]), 3);
    assert.equal(length("push", [unknown]), 2);
  });

  it("says when a jump that is only short does not reach", () => {
    const loop = encode(32, "loop", [here(200)]);
    assert.ok(loop.ok && loop.outOfRange && loop.bytes.length === 2);
    const jump = encode(32, "jmp", [here(200)]);
    assert.ok(jump.ok && !jump.outOfRange);
  });

  it("never jumps short into another section", () => {
    const near = here(5);
    assert.ok(near.operand.kind === "imm");
    const result = encodeInstruction({
      mnemonic: "jmp",
      operands: [{ ...near.operand, otherSection: true }],
      bits: 32,
      prefixes: [],
      address: 0n,
    });
    assert.equal(outcome(result), "e900000000");
  });

  it("tells of values that do not fit, without refusing them", () => {
    const result = encode(32, "mov", [reg("al"), imm(0x1234n)]);
    assert.ok(result.ok);
    assert.deepEqual(result.warnings, [
      { class: "number-overflow", message: "byte data exceeds bounds", operand: 1 },
    ]);
    const prefix = encode(64, "mov", [reg("eax"), mem({ base: "rbx", segment: 0 })]);
    assert.ok(prefix.ok && prefix.warnings[0]?.class === "prefix-seg");
    const lock = encode(32, "mov", [reg("eax"), reg("ebx")], ["lock"]);
    assert.ok(lock.ok && lock.warnings[0]?.class === "prefix-lock");
  });

  it("names the row that the bytes are", () => {
    const row = (
      bits: Bits,
      mnemonic: string,
      operands: readonly Shape[],
      prefixes?: readonly string[],
    ): string => {
      const result = encode(bits, mnemonic, operands, prefixes);
      return result.ok ? result.form.id : result.error;
    };
    assert.equal(row(32, "add", [reg("eax"), imm(5n)]), "add_rm32_sx8");
    assert.equal(row(32, "pushf", []), "pushfd");
    assert.equal(row(32, "ret", [], ["o16"]), "ret");
    assert.equal(row(64, "je", [here(500)]), "jz_rel32_o64");
  });
});
