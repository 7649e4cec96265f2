/** AVX, AVX2, FMA and F16C under VEX. Recognised, not executed: the simulated processor has none. */
import type { InstructionForm, OperandSpec } from "../types";
import { family, insn, op0f, op38, op3a, r, recognised, rw, w } from "../dsl";
import type { OpcodeBuilder, Traits } from "../dsl";
import {
  COUNTED_SHIFTS,
  PACKED_INTEGERS,
  PACKED_INTEGERS_OF_SSE,
  PACKED_INTEGERS_OF_SSE2,
  PACKED_SHIFTS,
} from "./mmx";
import {
  BYTE_SHIFTS,
  DOUBLES,
  PACKED_DOUBLES,
  PACKED_SINGLES,
  SINGLES,
  SSE3_DOUBLES,
  SSE3_SINGLES,
  SSE41_UPDATES,
  SSSE3_LOADS,
  SSSE3_UPDATES,
  UNPACKED_QWORDS,
} from "./sse";

const AVX = recognised("avx");
const AVX2 = recognised("avx2");
const FMA = recognised("fma");
const F16C = recognised("f16c");
const VAES = recognised("vaes");
const VPCLMULQDQ = recognised("vpclmulqdq");
const GFNI = recognised("gfni");

type Width = "xmm" | "ymm";
/** VEX.L by width, and what ModRM.rm holds. */
const LENGTH = { xmm: 0, ymm: 1 } as const;
const WHOLE = { xmm: "xmm/m128", ymm: "ymm/m256" } as const;
const MEMORY = { xmm: "m128", ymm: "m256" } as const;
const WIDTHS = ["xmm", "ymm"] as const;

/** Encodings under VEX by L and W; undefined: ignored. */
type Bytes = (l: 0 | 1 | undefined, w?: 0 | 1) => OpcodeBuilder;
const np: Bytes = (l, wide) => op0f(0).reg().np().underVex(l, wide);
const p66: Bytes = (l, wide) => op0f(0).reg().p66().underVex(l, wide);
const f2: Bytes = (l, wide) => op0f(0).reg().f2().underVex(l, wide);
const f3: Bytes = (l, wide) => op0f(0).reg().f3().underVex(l, wide);
const p66Of38: Bytes = (l, wide) => op38(0).reg().p66().underVex(l, wide);
const p66Of3a: Bytes = (l, wide) => op3a(0).reg().p66().underVex(l, wide).imm("ib");

const unary = (width: Width): OperandSpec[] => [w(width), r(WHOLE[width])];
const binary = (width: Width): OperandSpec[] => [w(width), r(`v${width}`), r(WHOLE[width])];
const store = (width: Width): OperandSpec[] => [w(WHOLE[width]), r(width)];
const tested = (width: Width): OperandSpec[] => [r(width), r(WHOLE[width])];
const byConstant = (operands: readonly OperandSpec[]): OperandSpec[] => [...operands, r("imm8")];
const scalar = (source: "xmm/m32" | "xmm/m64" | "rm32" | "rm64"): OperandSpec[] => [
  w("xmm"),
  r("vxmm"),
  r(source),
];

/** "addps 58 ..." of the SSE family under its VEX names. */
const vex = (names: string): string =>
  names.replaceAll(/(^| )(?=[a-z]\w* [\da-f]{2}(\/\d)?( |$))/g, "$1v");

/** Rows for 128 bits with one feature, and for 256 bits with the same or another one. */
function both(
  names: string,
  operands: (width: Width) => readonly OperandSpec[],
  bytes: (l: 0 | 1) => OpcodeBuilder,
  traits: Traits,
  wideTraits: Traits = traits,
): InstructionForm[] {
  return WIDTHS.flatMap((width) =>
    family(names, operands(width), bytes(LENGTH[width]), width === "xmm" ? traits : wideTraits),
  );
}

const FLOATS: readonly InstructionForm[] = [
  ...both(vex(PACKED_SINGLES), binary, np, AVX),
  ...both(vex(PACKED_DOUBLES), binary, p66, AVX),
  ...both(vex(SSE3_DOUBLES), binary, p66, AVX),
  ...both(vex(SSE3_SINGLES), binary, f2, AVX),
  ...family(vex(SINGLES), scalar("xmm/m32"), f3(undefined), AVX),
  ...family(vex(DOUBLES), scalar("xmm/m64"), f2(undefined), AVX),
  ...both("vrcpps 53 vrsqrtps 52 vsqrtps 51", unary, np, AVX),
  ...both("vsqrtpd 51", unary, p66, AVX),
  ...both(
    "vcmpps c2 vshufps c6",
    (width) => byConstant(binary(width)),
    (l) => np(l).imm("ib"),
    AVX,
  ),
  ...both(
    "vcmppd c2 vshufpd c6",
    (width) => byConstant(binary(width)),
    (l) => p66(l).imm("ib"),
    AVX,
  ),
  ...family("vcmpss c2", byConstant(scalar("xmm/m32")), f3(undefined).imm("ib"), AVX),
  ...family("vcmpsd c2", byConstant(scalar("xmm/m64")), f2(undefined).imm("ib"), AVX),
  ...family("vcomiss 2f vucomiss 2e", [r("xmm"), r("xmm/m32")], np(undefined), AVX),
  ...family("vcomisd 2f vucomisd 2e", [r("xmm"), r("xmm/m64")], p66(undefined), AVX),
  ...both("vblendpd 0d vblendps 0c vdpps 40", (width) => byConstant(binary(width)), p66Of3a, AVX),
  ...family("vdppd 41", byConstant(binary("xmm")), p66Of3a(0), AVX),
  ...both("vroundpd 09 vroundps 08", (width) => byConstant(unary(width)), p66Of3a, AVX),
  ...family("vinsertps 21", byConstant(scalar("xmm/m32")), p66Of3a(0), AVX),
  ...family("vroundss 0a", byConstant(scalar("xmm/m32")), p66Of3a(undefined), AVX),
  ...family("vroundsd 0b", byConstant(scalar("xmm/m64")), p66Of3a(undefined), AVX),
  ...both(
    "vblendvpd 4b vblendvps 4a",
    (width) => [...binary(width), r(`is4${width}`)],
    (l) => p66Of3a(l, 0),
    AVX,
  ),
  ...both("vtestps 0e vtestpd 0f", tested, (l) => p66Of38(l, 0), AVX),
];

const CONVERSIONS: readonly InstructionForm[] = [
  ...family("vcvtdq2pd e6", [w("xmm"), r("xmm/m64")], f3(0), AVX),
  ...family("vcvtdq2pd e6", [w("ymm"), r("xmm/m128")], f3(1), AVX),
  ...both("vcvtdq2ps 5b", unary, np, AVX),
  ...both("vcvtps2dq 5b", unary, p66, AVX),
  ...both("vcvttps2dq 5b", unary, f3, AVX),
  ...both("vcvtpd2dq e6", (width) => [w("xmm"), r(WHOLE[width])], f2, AVX),
  ...both("vcvtpd2ps 5a vcvttpd2dq e6", (width) => [w("xmm"), r(WHOLE[width])], p66, AVX),
  ...family("vcvtps2pd 5a", [w("xmm"), r("xmm/m64")], np(0), AVX),
  ...family("vcvtps2pd 5a", [w("ymm"), r("xmm/m128")], np(1), AVX),
  ...family("vcvtsd2ss 5a", scalar("xmm/m64"), f2(undefined), AVX),
  ...family("vcvtss2sd 5a", scalar("xmm/m32"), f3(undefined), AVX),
  ...family("vcvtsi2ss 2a", scalar("rm32"), f3(undefined, 0), AVX),
  ...family("vcvtsi2ss 2a", scalar("rm64"), f3(undefined, 1), AVX),
  ...family("vcvtsi2sd 2a", scalar("rm32"), f2(undefined, 0), AVX),
  ...family("vcvtsi2sd 2a", scalar("rm64"), f2(undefined, 1), AVX),
  ...family("vcvtss2si 2d vcvttss2si 2c", [w("r32"), r("xmm/m32")], f3(undefined, 0), AVX),
  ...family("vcvtss2si 2d vcvttss2si 2c", [w("r64"), r("xmm/m32")], f3(undefined, 1), AVX),
  ...family("vcvtsd2si 2d vcvttsd2si 2c", [w("r32"), r("xmm/m64")], f2(undefined, 0), AVX),
  ...family("vcvtsd2si 2d vcvttsd2si 2c", [w("r64"), r("xmm/m64")], f2(undefined, 1), AVX),
  ...family("vcvtph2ps 13", [w("xmm"), r("xmm/m64")], p66Of38(0, 0), F16C),
  ...family("vcvtph2ps 13", [w("ymm"), r("xmm/m128")], p66Of38(1, 0), F16C),
  ...family("vcvtps2ph 1d", [w("xmm/m64"), r("xmm"), r("imm8")], p66Of3a(0, 0), F16C),
  ...family("vcvtps2ph 1d", [w("xmm/m128"), r("ymm"), r("imm8")], p66Of3a(1, 0), F16C),
];

/** Loads and stores of a single or a double: from memory they clear the rest, between registers they take it from another one. */
const scalarMove = (mnemonic: string, memory: "m32" | "m64", bytes: Bytes): InstructionForm[] => [
  ...family(`${mnemonic} 10`, [w("xmm"), r("vxmm"), r("rrxmm")], bytes(undefined).register(), AVX),
  ...family(`${mnemonic} 11`, [w("rrxmm"), r("vxmm"), r("xmm")], bytes(undefined).register(), AVX),
  ...family(`${mnemonic} 10`, [w("xmm"), r(memory)], bytes(undefined).memory(), AVX),
  ...family(`${mnemonic} 11`, [w(memory), r("xmm")], bytes(undefined).memory(), AVX),
];

const MOVES: readonly InstructionForm[] = [
  ...both("vmovaps 28 vmovups 10", unary, np, AVX),
  ...both("vmovaps 29 vmovups 11", store, np, AVX),
  ...both("vmovapd 28 vmovdqa 6f vmovupd 10", unary, p66, AVX),
  ...both("vmovapd 29 vmovdqa 7f vmovupd 11", store, p66, AVX),
  ...both("vmovdqu 6f vmovshdup 16 vmovsldup 12", unary, f3, AVX),
  ...both("vmovdqu 7f", store, f3, AVX),
  ...scalarMove("vmovss", "m32", f3),
  ...scalarMove("vmovsd", "m64", f2),
  ...family("vmovd 6e", [w("xmm"), r("rm32")], p66(0, 0), AVX),
  ...family("vmovd 7e", [w("rm32"), r("xmm")], p66(0, 0), AVX),
  ...family("vmovq 6e", [w("xmm"), r("rm64")], p66(0, 1), AVX),
  ...family("vmovq 7e", [w("rm64"), r("xmm")], p66(0, 1), AVX),
  ...family("vmovq 7e", [w("xmm"), r("xmm/m64")], f3(0), AVX),
  ...family("vmovq d6", [w("xmm/m64"), r("xmm")], p66(0), AVX),
  ...family("vmovhlps 12 vmovlhps 16", [w("xmm"), r("vxmm"), r("rrxmm")], np(0).register(), AVX),
  ...family("vmovhps 16 vmovlps 12", [w("xmm"), r("vxmm"), r("m64")], np(0).memory(), AVX),
  ...family("vmovhps 17 vmovlps 13", [w("m64"), r("xmm")], np(0).memory(), AVX),
  ...family("vmovhpd 16 vmovlpd 12", [w("xmm"), r("vxmm"), r("m64")], p66(0).memory(), AVX),
  ...family("vmovhpd 17 vmovlpd 13", [w("m64"), r("xmm")], p66(0).memory(), AVX),
  ...both(
    "vmovmskps 50",
    (width) => [w("r32"), r(`rr${width}`)],
    (l) => np(l).register(),
    AVX,
  ),
  ...both(
    "vmovmskpd 50",
    (width) => [w("r32"), r(`rr${width}`)],
    (l) => p66(l).register(),
    AVX,
  ),
  ...both(
    "vpmovmskb d7",
    (width) => [w("r32"), r(`rr${width}`)],
    (l) => p66(l).register(),
    AVX,
    AVX2,
  ),
  ...both(
    "vmovntps 2b",
    (width) => [w(MEMORY[width]), r(width)],
    (l) => np(l).memory(),
    AVX,
  ),
  ...both(
    "vmovntdq e7 vmovntpd 2b",
    (width) => [w(MEMORY[width]), r(width)],
    (l) => p66(l).memory(),
    AVX,
  ),
  ...both(
    "vmovntdqa 2a",
    (width) => [w(width), r(MEMORY[width])],
    (l) => p66Of38(l).memory(),
    AVX,
    AVX2,
  ),
  ...both(
    "vlddqu f0",
    (width) => [w(width), r(MEMORY[width])],
    (l) => f2(l).memory(),
    AVX,
  ),
  ...family("vmovddup 12", [w("xmm"), r("xmm/m64")], f2(0), AVX),
  ...family("vmovddup 12", unary("ymm"), f2(1), AVX),
  ...family("vmaskmovdqu f7", [r("xmm"), r("rrxmm")], p66(0).register(), AVX),
  ...family("vldmxcsr ae/2", [r("m32")], np(0).ext(0).memory(), AVX),
  ...family("vstmxcsr ae/3", [w("m32")], np(0).ext(0).memory(), AVX),
  insn("vzeroupper", [], op0f(0x77).np().underVex(0), AVX),
  insn("vzeroall", [], op0f(0x77).np().underVex(1), AVX),
];

const countedShift = (width: Width): OperandSpec[] => [w(width), r(`v${width}`), r("xmm/m128")];
const constantShift = (width: Width): OperandSpec[] => [w(`v${width}`), r(`rr${width}`), r("imm8")];

const INTEGERS: readonly InstructionForm[] = [
  ...both(
    vex(
      `${PACKED_INTEGERS} ${PACKED_INTEGERS_OF_SSE} ${PACKED_INTEGERS_OF_SSE2} ${UNPACKED_QWORDS}`,
    ),
    binary,
    p66,
    AVX,
    AVX2,
  ),
  ...both(vex(`${SSSE3_UPDATES} ${SSE41_UPDATES} pcmpgtq 37`), binary, p66Of38, AVX, AVX2),
  ...both(vex(SSSE3_LOADS), unary, p66Of38, AVX, AVX2),
  ...both(vex(COUNTED_SHIFTS), countedShift, p66, AVX, AVX2),
  ...both(
    vex(`${PACKED_SHIFTS} ${BYTE_SHIFTS}`),
    constantShift,
    (l) => p66(l).ext(0).register().imm("ib"),
    AVX,
    AVX2,
  ),
  ...both(
    "vpshufd 70",
    (width) => byConstant(unary(width)),
    (l) => p66(l).imm("ib"),
    AVX,
    AVX2,
  ),
  ...both(
    "vpshufhw 70",
    (width) => byConstant(unary(width)),
    (l) => f3(l).imm("ib"),
    AVX,
    AVX2,
  ),
  ...both(
    "vpshuflw 70",
    (width) => byConstant(unary(width)),
    (l) => f2(l).imm("ib"),
    AVX,
    AVX2,
  ),
  ...both(
    "vmpsadbw 42 vpalignr 0f vpblendw 0e",
    (width) => byConstant(binary(width)),
    p66Of3a,
    AVX,
    AVX2,
  ),
  ...both(
    "vpblendvb 4c",
    (width) => [...binary(width), r(`is4${width}`)],
    (l) => p66Of3a(l, 0),
    AVX,
    AVX2,
  ),
  ...family("vphminposuw 41", unary("xmm"), p66Of38(0), AVX),
  ...both("vptest 17", tested, p66Of38, AVX),
  ...family(
    "vpmovsxbw 20 vpmovsxwd 23 vpmovsxdq 25 vpmovzxbw 30 vpmovzxwd 33 vpmovzxdq 35",
    [w("xmm"), r("xmm/m64")],
    p66Of38(0),
    AVX,
  ),
  ...family(
    "vpmovsxbd 21 vpmovsxwq 24 vpmovzxbd 31 vpmovzxwq 34",
    [w("xmm"), r("xmm/m32")],
    p66Of38(0),
    AVX,
  ),
  ...family("vpmovsxbq 22 vpmovzxbq 32", [w("xmm"), r("xmm/m16")], p66Of38(0), AVX),
  ...family(
    "vpmovsxbw 20 vpmovsxwd 23 vpmovsxdq 25 vpmovzxbw 30 vpmovzxwd 33 vpmovzxdq 35",
    [w("ymm"), r("xmm/m128")],
    p66Of38(1),
    AVX2,
  ),
  ...family(
    "vpmovsxbd 21 vpmovsxwq 24 vpmovzxbd 31 vpmovzxwq 34",
    [w("ymm"), r("xmm/m64")],
    p66Of38(1),
    AVX2,
  ),
  ...family("vpmovsxbq 22 vpmovzxbq 32", [w("ymm"), r("xmm/m32")], p66Of38(1), AVX2),
  ...family(
    "vpcmpestri 61 vpcmpestrm 60 vpcmpistri 63 vpcmpistrm 62",
    byConstant(tested("xmm")),
    p66Of3a(0),
    AVX,
  ),
  ...both(
    "vpblendd 02",
    (width) => byConstant(binary(width)),
    (l) => p66Of3a(l, 0),
    AVX2,
  ),
  ...both("vpsllvd 47 vpsravd 46 vpsrlvd 45", binary, (l) => p66Of38(l, 0), AVX2),
  ...both("vpsllvq 47 vpsrlvq 45", binary, (l) => p66Of38(l, 1), AVX2),
];

const broadcast = (
  names: string,
  source: "xmm/m8" | "xmm/m16" | "xmm/m32" | "xmm/m64",
): InstructionForm[] =>
  both(
    names,
    (width) => [w(width), r(source)],
    (l) => p66Of38(l, 0),
    AVX2,
  );

/** Parts in and out, permutations, broadcasts. */
const ELEMENTS: readonly InstructionForm[] = [
  ...family("vpinsrb 20", [w("xmm"), r("vxmm"), r("rr32"), r("imm8")], p66Of3a(0).register(), AVX),
  ...family("vpinsrb 20", [w("xmm"), r("vxmm"), r("m8"), r("imm8")], p66Of3a(0).memory(), AVX),
  ...family(
    "vpinsrw c4",
    [w("xmm"), r("vxmm"), r("rr32"), r("imm8")],
    p66(0).register().imm("ib"),
    AVX,
  ),
  ...family(
    "vpinsrw c4",
    [w("xmm"), r("vxmm"), r("m16"), r("imm8")],
    p66(0).memory().imm("ib"),
    AVX,
  ),
  ...family("vpinsrd 22", byConstant(scalar("rm32")), p66Of3a(0, 0), AVX),
  ...family("vpinsrq 22", byConstant(scalar("rm64")), p66Of3a(0, 1), AVX),
  ...family("vpextrw c5", [w("r32"), r("rrxmm"), r("imm8")], p66(0).register().imm("ib"), AVX),
  ...family("vpextrb 14 vpextrw 15", [w("rr32"), r("xmm"), r("imm8")], p66Of3a(0).register(), AVX),
  ...family("vpextrb 14", [w("m8"), r("xmm"), r("imm8")], p66Of3a(0).memory(), AVX),
  ...family("vpextrw 15", [w("m16"), r("xmm"), r("imm8")], p66Of3a(0).memory(), AVX),
  ...family("vpextrd 16", [w("rm32"), r("xmm"), r("imm8")], p66Of3a(0, 0), AVX),
  ...family("vpextrq 16", [w("rm64"), r("xmm"), r("imm8")], p66Of3a(0, 1), AVX),
  ...family("vextractps 17", [w("rm32"), r("xmm"), r("imm8")], p66Of3a(0), AVX),
  ...family("vextractf128 19", [w("xmm/m128"), r("ymm"), r("imm8")], p66Of3a(1, 0), AVX),
  ...family("vextracti128 39", [w("xmm/m128"), r("ymm"), r("imm8")], p66Of3a(1, 0), AVX2),
  ...family("vinsertf128 18", byConstant(countedShift("ymm")), p66Of3a(1, 0), AVX),
  ...family("vinserti128 38", byConstant(countedShift("ymm")), p66Of3a(1, 0), AVX2),
  ...family("vperm2f128 06", byConstant(binary("ymm")), p66Of3a(1, 0), AVX),
  ...family("vperm2i128 46", byConstant(binary("ymm")), p66Of3a(1, 0), AVX2),
  ...both("vpermilpd 0d vpermilps 0c", binary, (l) => p66Of38(l, 0), AVX),
  ...both(
    "vpermilpd 05 vpermilps 04",
    (width) => byConstant(unary(width)),
    (l) => p66Of3a(l, 0),
    AVX,
  ),
  ...family("vpermd 36 vpermps 16", binary("ymm"), p66Of38(1, 0), AVX2),
  ...family("vpermpd 01 vpermq 00", byConstant(unary("ymm")), p66Of3a(1, 1), AVX2),
  ...both(
    "vbroadcastss 18",
    (width) => [w(width), r("xmm/m32")],
    (l) => p66Of38(l, 0),
    AVX,
  ),
  ...family("vbroadcastsd 19", [w("ymm"), r("xmm/m64")], p66Of38(1, 0), AVX),
  ...family("vbroadcastf128 1a", [w("ymm"), r("m128")], p66Of38(1, 0).memory(), AVX),
  ...family("vbroadcasti128 5a", [w("ymm"), r("m128")], p66Of38(1, 0).memory(), AVX2),
  ...broadcast("vpbroadcastb 78", "xmm/m8"),
  ...broadcast("vpbroadcastw 79", "xmm/m16"),
  ...broadcast("vpbroadcastd 58", "xmm/m32"),
  ...broadcast("vpbroadcastq 59", "xmm/m64"),
];

const maskedLoad = (width: Width): OperandSpec[] => [w(width), r(`v${width}`), r(MEMORY[width])];
const maskedStore = (width: Width): OperandSpec[] => [w(MEMORY[width]), r(`v${width}`), r(width)];
const gather = (
  names: string,
  width: Width,
  address: "vm32x" | "vm32y" | "vm64x" | "vm64y",
  bytes: OpcodeBuilder,
): InstructionForm[] =>
  family(names, [rw(width), r(address), rw(`v${width}`)], bytes.memory(), AVX2);

/** Memory element by element: by a mask, or at indexes. */
const MASKED: readonly InstructionForm[] = [
  ...both("vmaskmovps 2c vmaskmovpd 2d", maskedLoad, (l) => p66Of38(l, 0).memory(), AVX),
  ...both("vmaskmovps 2e vmaskmovpd 2f", maskedStore, (l) => p66Of38(l, 0).memory(), AVX),
  ...both("vpmaskmovd 8c", maskedLoad, (l) => p66Of38(l, 0).memory(), AVX2),
  ...both("vpmaskmovd 8e", maskedStore, (l) => p66Of38(l, 0).memory(), AVX2),
  ...both("vpmaskmovq 8c", maskedLoad, (l) => p66Of38(l, 1).memory(), AVX2),
  ...both("vpmaskmovq 8e", maskedStore, (l) => p66Of38(l, 1).memory(), AVX2),
  ...gather("vgatherdpd 92 vpgatherdq 90", "xmm", "vm32x", p66Of38(0, 1)),
  ...gather("vgatherdpd 92 vpgatherdq 90", "ymm", "vm32x", p66Of38(1, 1)),
  ...gather("vgatherqpd 93 vpgatherqq 91", "xmm", "vm64x", p66Of38(0, 1)),
  ...gather("vgatherqpd 93 vpgatherqq 91", "ymm", "vm64y", p66Of38(1, 1)),
  ...gather("vgatherdps 92 vpgatherdd 90", "xmm", "vm32x", p66Of38(0, 0)),
  ...gather("vgatherdps 92 vpgatherdd 90", "ymm", "vm32y", p66Of38(1, 0)),
  ...gather("vgatherqps 93 vpgatherqd 91", "xmm", "vm64x", p66Of38(0, 0)),
  ...gather("vgatherqps 93 vpgatherqd 91", "xmm", "vm64y", p66Of38(1, 0)),
];

const CRYPTOGRAPHY: readonly InstructionForm[] = [
  ...both("vaesenc dc vaesenclast dd vaesdec de vaesdeclast df", binary, p66Of38, AVX, VAES),
  ...family("vaesimc db", unary("xmm"), p66Of38(0), AVX),
  ...family("vaeskeygenassist df", byConstant(unary("xmm")), p66Of3a(0), AVX),
  ...both("vpclmulqdq 44", (width) => byConstant(binary(width)), p66Of3a, AVX, VPCLMULQDQ),
  ...both(
    "vgf2p8affineinvqb cf vgf2p8affineqb ce",
    (width) => byConstant(binary(width)),
    (l) => p66Of3a(l, 1),
    GFNI,
  ),
  ...both("vgf2p8mulb cf", binary, (l) => p66Of38(l, 0), GFNI),
];

/** Multiply and add: the lower digit of the opcode by operation, the upper one by which operands are multiplied. */
const FUSED = [
  ["maddsub", 6],
  ["msubadd", 7],
  ["madd", 8],
  ["msub", 10],
  ["nmadd", 12],
  ["nmsub", 14],
] as const;
const FUSED_ORDERS = [
  ["132", 0x90],
  ["213", 0xa0],
  ["231", 0xb0],
] as const;

function fusedNames(suffix: string, isScalar: boolean): string {
  return FUSED.filter(([, digit]) => !isScalar || digit >= 8)
    .flatMap(([name, digit]) =>
      FUSED_ORDERS.map(
        ([order, base]) =>
          `vf${name}${order}${suffix} ${(base + digit + (isScalar ? 1 : 0)).toString(16)}`,
      ),
    )
    .join(" ");
}

const fused = (width: Width): OperandSpec[] => [rw(width), r(`v${width}`), r(WHOLE[width])];

const FUSED_ROWS: readonly InstructionForm[] = [
  ...both(fusedNames("ps", false), fused, (l) => p66Of38(l, 0), FMA),
  ...both(fusedNames("pd", false), fused, (l) => p66Of38(l, 1), FMA),
  ...family(
    fusedNames("ss", true),
    [rw("xmm"), r("vxmm"), r("xmm/m32")],
    p66Of38(undefined, 0),
    FMA,
  ),
  ...family(
    fusedNames("sd", true),
    [rw("xmm"), r("vxmm"), r("xmm/m64")],
    p66Of38(undefined, 1),
    FMA,
  ),
];

export const AVX_ROWS: readonly InstructionForm[] = [
  ...FLOATS,
  ...CONVERSIONS,
  ...MOVES,
  ...INTEGERS,
  ...ELEMENTS,
  ...MASKED,
  ...CRYPTOGRAPHY,
  ...FUSED_ROWS,
];
