/** SSE to SSE4.2 and what shares its registers: AES, PCLMULQDQ, SHA, GFNI. Recognised, not executed: the simulated processor has none. */
import type { InstructionForm } from "../types";
import { family, insn, op0f, op38, op3a, r, recognised, rw, w } from "../dsl";
import {
  COUNTED_SHIFTS,
  PACKED_INTEGERS,
  PACKED_INTEGERS_OF_SSE,
  PACKED_INTEGERS_OF_SSE2,
  PACKED_SHIFTS,
} from "./mmx";

const SSE = recognised("sse");
const SSE2 = recognised("sse2");
const SSE3 = recognised("sse3");
const SSSE3 = recognised("ssse3");
const SSE4A = recognised("sse4a");
const SSE41 = recognised("sse4_1");
const SSE42 = recognised("sse4_2");
const AES = recognised("aes");
const PCLMULQDQ = recognised("pclmulqdq");
const SHA = recognised("sha");
const GFNI = recognised("gfni");

const np = op0f(0).reg().np();
const p66 = op0f(0).reg().p66();
const f2 = op0f(0).reg().f2();
const f3 = op0f(0).reg().f3();
const p66Of38 = op38(0).reg().p66();
const p66Of3a = op3a(0).reg().p66().imm("ib");

const update = (source: "xmm/m32" | "xmm/m64" | "xmm/m128") => [rw("xmm"), r(source)];
const load = (source: "xmm/m16" | "xmm/m32" | "xmm/m64" | "xmm/m128") => [w("xmm"), r(source)];
const store = (target: "xmm/m32" | "xmm/m64" | "xmm/m128") => [w(target), r("xmm")];
const compare = (source: "xmm/m32" | "xmm/m64" | "xmm/m128") => [r("xmm"), r(source)];
const updateBy = (source: "xmm/m32" | "xmm/m64" | "xmm/m128") => [...update(source), r("imm8")];

/** At the same opcodes without a prefix (packed single) and under 66 (packed double), F3 and F2 (scalars). */
export const PACKED_SINGLES =
  "addps 58 andnps 55 andps 54 divps 5e maxps 5f minps 5d mulps 59 orps 56 subps 5c unpckhps 15 unpcklps 14 xorps 57";
export const PACKED_DOUBLES =
  "addpd 58 andnpd 55 andpd 54 divpd 5e maxpd 5f minpd 5d mulpd 59 orpd 56 subpd 5c unpckhpd 15 unpcklpd 14 xorpd 57";
export const SINGLES =
  "addss 58 divss 5e maxss 5f minss 5d mulss 59 rcpss 53 rsqrtss 52 sqrtss 51 subss 5c";
export const DOUBLES = "addsd 58 divsd 5e maxsd 5f minsd 5d mulsd 59 sqrtsd 51 subsd 5c";
export const SSE3_DOUBLES = "addsubpd d0 haddpd 7c hsubpd 7d";
export const SSE3_SINGLES = "addsubps d0 haddps 7c hsubps 7d";

/** SSE and SSE2: packed single (no prefix), packed double (66), scalar double (F2), scalar single (F3). */
const FLOATS: readonly InstructionForm[] = [
  ...family(PACKED_SINGLES, update("xmm/m128"), np, SSE),
  ...family(PACKED_DOUBLES, update("xmm/m128"), p66, SSE2),
  ...family(SINGLES, update("xmm/m32"), f3, SSE),
  ...family(DOUBLES, update("xmm/m64"), f2, SSE2),
  ...family("rcpps 53 rsqrtps 52 sqrtps 51", load("xmm/m128"), np, SSE),
  ...family("sqrtpd 51", load("xmm/m128"), p66, SSE2),
  ...family("cmpps c2 shufps c6", updateBy("xmm/m128"), np.imm("ib"), SSE),
  ...family("cmppd c2 shufpd c6", updateBy("xmm/m128"), p66.imm("ib"), SSE2),
  ...family("cmpss c2", updateBy("xmm/m32"), f3.imm("ib"), SSE),
  ...family("cmpsd c2", updateBy("xmm/m64"), f2.imm("ib"), SSE2),
  ...family("comiss 2f ucomiss 2e", compare("xmm/m32"), np, SSE),
  ...family("comisd 2f ucomisd 2e", compare("xmm/m64"), p66, SSE2),
  ...family(SSE3_DOUBLES, update("xmm/m128"), p66, SSE3),
  ...family(SSE3_SINGLES, update("xmm/m128"), f2, SSE3),
];

const CONVERSIONS: readonly InstructionForm[] = [
  ...family("cvtpi2ps 2a", [w("xmm"), r("mm/m64")], np, SSE),
  ...family("cvtps2pi 2d cvttps2pi 2c", [w("mm"), r("xmm/m64")], np, SSE),
  ...family("cvtpi2pd 2a", [w("xmm"), r("mm/m64")], p66, SSE2),
  ...family("cvtpd2pi 2d cvttpd2pi 2c", [w("mm"), r("xmm/m128")], p66, SSE2),
  ...family("cvtsi2ss 2a", [rw("xmm"), r("rm32")], f3, SSE),
  ...family("cvtsi2ss 2a", [rw("xmm"), r("rm64")], f3.o64(), SSE),
  ...family("cvtsi2sd 2a", [rw("xmm"), r("rm32")], f2, SSE2),
  ...family("cvtsi2sd 2a", [rw("xmm"), r("rm64")], f2.o64(), SSE2),
  ...family("cvtss2si 2d cvttss2si 2c", [w("r32"), r("xmm/m32")], f3, SSE),
  ...family("cvtss2si 2d cvttss2si 2c", [w("r64"), r("xmm/m32")], f3.o64(), SSE),
  ...family("cvtsd2si 2d cvttsd2si 2c", [w("r32"), r("xmm/m64")], f2, SSE2),
  ...family("cvtsd2si 2d cvttsd2si 2c", [w("r64"), r("xmm/m64")], f2.o64(), SSE2),
  ...family("cvtdq2pd e6", load("xmm/m64"), f3, SSE2),
  ...family("cvtdq2ps 5b", load("xmm/m128"), np, SSE2),
  ...family("cvtpd2dq e6", load("xmm/m128"), f2, SSE2),
  ...family("cvtpd2ps 5a cvtps2dq 5b cvttpd2dq e6", load("xmm/m128"), p66, SSE2),
  ...family("cvttps2dq 5b", load("xmm/m128"), f3, SSE2),
  ...family("cvtps2pd 5a", load("xmm/m64"), np, SSE2),
  ...family("cvtsd2ss 5a", update("xmm/m64"), f2, SSE2),
  ...family("cvtss2sd 5a", update("xmm/m32"), f3, SSE2),
];

const MOVES: readonly InstructionForm[] = [
  ...family("movaps 28 movups 10", load("xmm/m128"), np, SSE),
  ...family("movaps 29 movups 11", store("xmm/m128"), np, SSE),
  ...family("movapd 28 movdqa 6f movupd 10", load("xmm/m128"), p66, SSE2),
  ...family("movapd 29 movdqa 7f movupd 11", store("xmm/m128"), p66, SSE2),
  ...family("movdqu 6f", load("xmm/m128"), f3, SSE2),
  ...family("movdqu 7f", store("xmm/m128"), f3, SSE2),
  ...family("movss 10", load("xmm/m32"), f3, SSE),
  ...family("movss 11", store("xmm/m32"), f3, SSE),
  ...family("movsd 10", load("xmm/m64"), f2, SSE2),
  ...family("movsd 11", store("xmm/m64"), f2, SSE2),
  ...family("movhps 16 movlps 12", [rw("xmm"), r("m64")], np.memory(), SSE),
  ...family("movhps 17 movlps 13", [w("m64"), r("xmm")], np.memory(), SSE),
  ...family("movhpd 16 movlpd 12", [rw("xmm"), r("m64")], p66.memory(), SSE2),
  ...family("movhpd 17 movlpd 13", [w("m64"), r("xmm")], p66.memory(), SSE2),
  ...family("movlhps 16 movhlps 12", [rw("xmm"), r("rrxmm")], np.register(), SSE),
  ...family("movmskps 50", [w("r32"), r("rrxmm")], np.register(), SSE),
  ...family("movmskps 50", [w("r64"), r("rrxmm")], np.register().o64(), SSE),
  ...family("movmskpd 50 pmovmskb d7", [w("r32"), r("rrxmm")], p66.register(), SSE2),
  ...family("movmskpd 50", [w("r64"), r("rrxmm")], p66.register().o64(), SSE2),
  ...family("movntps 2b", [w("m128"), r("xmm")], np.memory(), SSE),
  ...family("movntdq e7 movntpd 2b", [w("m128"), r("xmm")], p66.memory(), SSE2),
  ...family("movnti c3", [w("m32"), r("r32")], np.memory(), SSE2),
  ...family("movnti c3", [w("m64"), r("r64")], np.memory().o64(), SSE2),
  ...family("maskmovdqu f7", [r("xmm"), r("rrxmm")], p66.register(), SSE2),
  ...family("movd 6e", [w("xmm"), r("rm32")], p66, SSE2),
  ...family("movd 7e", [w("rm32"), r("xmm")], p66, SSE2),
  ...family("movq 6e", [w("xmm"), r("rm64")], p66.o64(), SSE2),
  ...family("movq 7e", [w("rm64"), r("xmm")], p66.o64(), SSE2),
  ...family("movq 7e", load("xmm/m64"), f3, SSE2),
  ...family("movq d6", store("xmm/m64"), p66, SSE2),
  ...family("movdq2q d6", [w("mm"), r("rrxmm")], f2.register(), SSE2),
  ...family("movq2dq d6", [w("xmm"), r("rrmm")], f3.register(), SSE2),
  ...family("lddqu f0", [w("xmm"), r("m128")], f2.memory(), SSE3),
  ...family("movddup 12", load("xmm/m64"), f2, SSE3),
  ...family("movshdup 16 movsldup 12", load("xmm/m128"), f3, SSE3),
  ...family("movntsd 2b", [w("m64"), r("xmm")], f2.memory(), SSE4A),
  ...family("movntss 2b", [w("m32"), r("xmm")], f3.memory(), SSE4A),
  ...family("movntdqa 2a", [w("xmm"), r("m128")], p66Of38.memory(), SSE41),
];

export const UNPACKED_QWORDS = "punpckhqdq 6d punpcklqdq 6c";
export const BYTE_SHIFTS = "pslldq 73/7 psrldq 73/3";
/** SSSE3 has these for MM registers, too. */
export const SSSE3_UPDATES =
  "phaddw 01 phaddd 02 phaddsw 03 phsubw 05 phsubd 06 phsubsw 07 pmaddubsw 04 pmulhrsw 0b pshufb 00 psignb 08 psignw 09 psignd 0a";
export const SSSE3_LOADS = "pabsb 1c pabsw 1d pabsd 1e";
export const SSE41_UPDATES =
  "packusdw 2b pcmpeqq 29 pmaxsb 3c pmaxsd 3d pmaxud 3f pmaxuw 3e pminsb 38 pminsd 39 pminud 3b pminuw 3a pmuldq 28 pmulld 40";

const INTEGERS: readonly InstructionForm[] = [
  ...family(
    `${PACKED_INTEGERS} ${PACKED_INTEGERS_OF_SSE} ${PACKED_INTEGERS_OF_SSE2} ${UNPACKED_QWORDS} ${COUNTED_SHIFTS}`,
    update("xmm/m128"),
    p66,
    SSE2,
  ),
  ...family(
    `${PACKED_SHIFTS} ${BYTE_SHIFTS}`,
    [rw("rrxmm"), r("imm8")],
    p66.ext(0).register().imm("ib"),
    SSE2,
  ),
  ...family("pshufd 70", [...load("xmm/m128"), r("imm8")], p66.imm("ib"), SSE2),
  ...family("pshufhw 70", [...load("xmm/m128"), r("imm8")], f3.imm("ib"), SSE2),
  ...family("pshuflw 70", [...load("xmm/m128"), r("imm8")], f2.imm("ib"), SSE2),
  ...family(SSSE3_UPDATES, [rw("mm"), r("mm/m64")], op38(0).reg().np(), SSSE3),
  ...family(SSSE3_LOADS, [w("mm"), r("mm/m64")], op38(0).reg().np(), SSSE3),
  ...family(SSSE3_UPDATES, update("xmm/m128"), p66Of38, SSSE3),
  ...family(SSSE3_LOADS, load("xmm/m128"), p66Of38, SSSE3),
  ...family("palignr 0f", [rw("mm"), r("mm/m64"), r("imm8")], op3a(0).reg().np().imm("ib"), SSSE3),
  ...family("palignr 0f", updateBy("xmm/m128"), p66Of3a, SSSE3),
  ...family(SSE41_UPDATES, update("xmm/m128"), p66Of38, SSE41),
  ...family("phminposuw 41", load("xmm/m128"), p66Of38, SSE41),
  ...family(
    "pmovsxbw 20 pmovsxwd 23 pmovsxdq 25 pmovzxbw 30 pmovzxwd 33 pmovzxdq 35",
    load("xmm/m64"),
    p66Of38,
    SSE41,
  ),
  ...family("pmovsxbd 21 pmovsxwq 24 pmovzxbd 31 pmovzxwq 34", load("xmm/m32"), p66Of38, SSE41),
  ...family("pmovsxbq 22 pmovzxbq 32", load("xmm/m16"), p66Of38, SSE41),
  ...family("ptest 17", compare("xmm/m128"), p66Of38, SSE41),
  ...family("pcmpgtq 37", update("xmm/m128"), p66Of38, SSE42),
  ...family(
    "pcmpestri 61 pcmpestrm 60 pcmpistri 63 pcmpistrm 62",
    [...compare("xmm/m128"), r("imm8")],
    p66Of3a,
    SSE42,
  ),
];

/** One element in or out, and blends. */
const ELEMENTS: readonly InstructionForm[] = [
  insn(
    "pinsrw",
    [rw("xmm"), r("rr32"), r("imm8")],
    op0f(0xc4).reg().p66().register().imm("ib"),
    SSE2,
  ),
  insn("pinsrw", [rw("xmm"), r("m16"), r("imm8")], op0f(0xc4).reg().p66().memory().imm("ib"), SSE2),
  insn(
    "pextrw",
    [w("r32"), r("rrxmm"), r("imm8")],
    op0f(0xc5).reg().p66().register().imm("ib"),
    SSE2,
  ),
  ...family("pinsrb 20", [rw("xmm"), r("rr32"), r("imm8")], p66Of3a.register(), SSE41),
  ...family("pinsrb 20", [rw("xmm"), r("m8"), r("imm8")], p66Of3a.memory(), SSE41),
  ...family("pinsrd 22", [rw("xmm"), r("rm32"), r("imm8")], p66Of3a, SSE41),
  ...family("pinsrq 22", [rw("xmm"), r("rm64"), r("imm8")], p66Of3a.o64(), SSE41),
  ...family("pextrb 14 pextrw 15", [w("rr32"), r("xmm"), r("imm8")], p66Of3a.register(), SSE41),
  ...family("pextrb 14", [w("m8"), r("xmm"), r("imm8")], p66Of3a.memory(), SSE41),
  ...family("pextrw 15", [w("m16"), r("xmm"), r("imm8")], p66Of3a.memory(), SSE41),
  ...family("pextrd 16 extractps 17", [w("rm32"), r("xmm"), r("imm8")], p66Of3a, SSE41),
  ...family("pextrq 16", [w("rm64"), r("xmm"), r("imm8")], p66Of3a.o64(), SSE41),
  ...family(
    "blendpd 0d blendps 0c dppd 41 dpps 40 mpsadbw 42 pblendw 0e",
    updateBy("xmm/m128"),
    p66Of3a,
    SSE41,
  ),
  ...family(
    "blendvpd 15 blendvps 14 pblendvb 10",
    [...update("xmm/m128"), r("xmm0")],
    p66Of38,
    SSE41,
  ),
  ...family("insertps 21 roundss 0a", updateBy("xmm/m32"), p66Of3a, SSE41),
  ...family("roundsd 0b", updateBy("xmm/m64"), p66Of3a, SSE41),
  ...family("roundpd 09 roundps 08", [...load("xmm/m128"), r("imm8")], p66Of3a, SSE41),
  insn(
    "extrq",
    [rw("rrxmm"), r("imm8"), r("imm8")],
    op0f(0x78).ext(0).p66().register().imm("ib", "ib"),
    SSE4A,
  ),
  insn("extrq", [rw("xmm"), r("rrxmm")], op0f(0x79).reg().p66().register(), SSE4A),
  insn(
    "insertq",
    [rw("xmm"), r("rrxmm"), r("imm8"), r("imm8")],
    op0f(0x78).reg().f2().register().imm("ib", "ib"),
    SSE4A,
  ),
  insn("insertq", [rw("xmm"), r("rrxmm")], op0f(0x79).reg().f2().register(), SSE4A),
];

const CRYPTOGRAPHY: readonly InstructionForm[] = [
  ...family("aesenc dc aesenclast dd aesdec de aesdeclast df", update("xmm/m128"), p66Of38, AES),
  ...family("aesimc db", load("xmm/m128"), p66Of38, AES),
  ...family("aeskeygenassist df", [...load("xmm/m128"), r("imm8")], p66Of3a, AES),
  ...family("pclmulqdq 44", updateBy("xmm/m128"), p66Of3a, PCLMULQDQ),
  ...family(
    "sha1msg1 c9 sha1msg2 ca sha1nexte c8 sha256msg1 cc sha256msg2 cd",
    update("xmm/m128"),
    op38(0).reg().np(),
    SHA,
  ),
  ...family("sha1rnds4 cc", updateBy("xmm/m128"), op3a(0).reg().np().imm("ib"), SHA),
  ...family("sha256rnds2 cb", [...update("xmm/m128"), r("xmm0")], op38(0).reg().np(), SHA),
  ...family("gf2p8affineinvqb cf gf2p8affineqb ce", updateBy("xmm/m128"), p66Of3a, GFNI),
  ...family("gf2p8mulb cf", update("xmm/m128"), p66Of38, GFNI),
];

export const SSE_ROWS: readonly InstructionForm[] = [
  ...FLOATS,
  ...CONVERSIONS,
  ...MOVES,
  ...INTEGERS,
  ...ELEMENTS,
  ...CRYPTOGRAPHY,
];
