/** Templates of MMX, 3DNow! and the SSE family: facts about NASM 2.16.01, in the notation of templates.ts. */
import type { AddTemplates as Add } from "./templateLines";

/** The predicates that NASM has names for, by their number: `cmpeqps` is CMPPS with 0. */
const PREDICATES = ["eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"] as const;

function comparisons(add: Add): void {
  PREDICATES.forEach((name, number) => {
    add(`cmp${name}ps`, [`xmmreg,xmmrm128 #0${number} = @cmpps_xmm_xmmm128_imm8`]);
    add(`cmp${name}ss`, [`xmmreg,xmmrm32 #0${number} = @cmpss_xmm_xmmm32_imm8`]);
    add(`cmp${name}pd`, [`xmmreg,xmmrm #0${number} SO = @cmppd_xmm_xmmm128_imm8`]);
    add(`cmp${name}sd`, [`xmmreg,xmmrm #0${number} SQ = @cmpsd_xmm_xmmm64_imm8`]);
  });
  add("cmpps cmppd", ["xmmreg,xmmrm128,imm8 U = xmm_xmmm128_imm8"]);
  add("cmpss", ["xmmreg,xmmrm32,imm8 U = xmm_xmmm32_imm8"]);
  // The string instruction of this name has no operands.
  add("cmpsd", [
    "void BOTH = strsi32_strdi32",
    // An m64 that NASM wants to be called an oword.
    "xmmreg,xmmrm128,imm8 U = xmm_xmmm64_imm8",
  ]);
  add("comiss ucomiss", ["xmmreg,xmmrm32 = xmm_xmmm32"]);
  add("comisd ucomisd", ["xmmreg,xmmrm64 = xmm_xmmm64"]);
}

/** `mm` and `xmm` with the size of the register for a memory operand. */
const PACKED = ["mmxreg,mmxrm SQ nw = mm_mmm64", "xmmreg,xmmrm SO = xmm_xmmm128"];

function integers(add: Add): void {
  add(
    "packssdw packsswb packuswb paddb paddd paddsb paddsw paddusb paddusw paddw pand pandn pcmpeqb pcmpeqd pcmpeqw " +
      "pcmpgtb pcmpgtd pcmpgtw pmaddwd pmulhw pmullw por psubb psubd psubsb psubsw psubusb psubusw psubw punpckhbw " +
      "punpckhdq punpckhwd punpcklbw punpckldq punpcklwd pxor pavgb pavgw pmaxsw pmaxub pminsw pminub pmulhuw psadbw",
    PACKED,
  );
  add("pslld psllq psllw psrad psraw psrld psrlq psrlw", [
    "mmxreg,mmxrm SQ nw = mm_mmm64",
    "mmxreg,imm U = rrmm_imm8",
    "xmmreg,xmmrm SO = xmm_xmmm128",
    "xmmreg,imm SB AR1 U = rrxmm_imm8",
  ]);
  add("pslldq psrldq", ["xmmreg,imm SB AR1 U = rrxmm_imm8"]);
  add("paddq", ["mmxreg,mmxrm SQ = mm_mmm64", "xmmreg,xmmrm SO = xmm_xmmm128"]);
  add("pmuludq psubq", ["mmxreg,mmxrm SO nw = mm_mmm64", "xmmreg,xmmrm SO = xmm_xmmm128"]);
  add(
    "pabsb pabsw pabsd phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw pmulhrsw pshufb psignb psignw psignd",
    ["mmxreg,mmxrm SQ = mm_mmm64", "xmmreg,xmmrm128 = xmm_xmmm128"],
  );
  add("palignr", [
    "mmxreg,mmxrm,imm SQ U = mm_mmm64_imm8",
    "xmmreg,xmmrm,imm U = xmm_xmmm128_imm8",
  ]);
  add("punpckhqdq punpcklqdq", ["xmmreg,xmmrm SO = xmm_xmmm128"]);
  add(
    "packusdw pcmpeqq phminposuw pmaxsb pmaxsd pmaxud pmaxuw pminsb pminsd pminud pminuw pmuldq pmulld ptest pcmpgtq",
    ["xmmreg,xmmrm128 = xmm_xmmm128"],
  );
  add("pmovsxbw pmovsxwd pmovsxdq pmovzxbw pmovzxwd pmovzxdq", ["xmmreg,xmmrm64 SQ = xmm_xmmm64"]);
  add("pmovsxbd pmovsxwq pmovzxbd pmovzxwq", ["xmmreg,xmmrm32 SD = xmm_xmmm32"]);
  add("pmovsxbq pmovzxbq", ["xmmreg,xmmrm16 SW = xmm_xmmm16"]);
  add("pshufw", ["mmxreg,mmxrm,imm SM2 SB AR2 nw = mm_mmm64_imm8"]);
  add("pshufd pshufhw pshuflw", [
    "xmmreg,xmmreg,imm SB AR2 = xmm_xmmm128_imm8",
    "xmmreg,mem,imm SM2 SB AR2 = xmm_xmmm128_imm8",
  ]);
  add(
    "pavgusb pf2id pfacc pfadd pfcmpeq pfcmpge pfcmpgt pfmax pfmin pfmul pfrcp pfrcpit1 pfrcpit2 pfrsqit1 pfrsqrt pfsub " +
      "pfsubr pi2fd pmulhrwa pf2iw pfnacc pfpnacc pi2fw pswapd pfrcpv pfrsqrtv",
    ["mmxreg,mmxrm SQ nw = mm_mmm64"],
  );
}

function floats(add: Add): void {
  add(
    "addps andnps andps divps maxps minps mulps orps rcpps rsqrtps sqrtps subps unpckhps unpcklps xorps unpckhpd " +
      "unpcklpd xorpd movshdup movsldup",
    ["xmmreg,xmmrm128 = xmm_xmmm128"],
  );
  add("mulpd orpd sqrtpd subpd addsubpd addsubps haddpd haddps hsubpd hsubps", [
    "xmmreg,xmmrm128 SO = xmm_xmmm128",
  ]);
  add("addpd andnpd andpd divpd maxpd minpd", ["xmmreg,xmmrm SO = xmm_xmmm128"]);
  add("addss divss maxss minss mulss rcpss rsqrtss sqrtss subss", ["xmmreg,xmmrm32 = xmm_xmmm32"]);
  add("addsd divsd maxsd minsd", ["xmmreg,xmmrm SQ = xmm_xmmm64"]);
  add("sqrtsd subsd", ["xmmreg,xmmrm64 = xmm_xmmm64"]);
  add("mulsd movddup", ["xmmreg,xmmrm64 SQ = xmm_xmmm64"]);
}

function conversions(add: Add): void {
  add("cvtdq2ps cvtpd2dq cvtpd2ps cvtps2dq cvttpd2dq cvttps2dq", ["xmmreg,xmmrm SO = xmm_xmmm128"]);
  add("cvtdq2pd cvtps2pd cvtsd2ss", ["xmmreg,xmmrm SQ = xmm_xmmm64"]);
  add("cvtss2sd", ["xmmreg,xmmrm SD = xmm_xmmm32"]);
  add("cvtpi2ps", ["xmmreg,mmxrm64 = xmm_mmm64"]);
  add("cvtpi2pd", ["xmmreg,mmxrm SQ = xmm_mmm64"]);
  add("cvtps2pi", ["mmxreg,xmmrm64 = mm_xmmm64"]);
  add("cvttps2pi", ["mmxreg,xmmrm SQ = mm_xmmm64"]);
  add("cvtpd2pi cvttpd2pi", ["mmxreg,xmmrm SO = mm_xmmm128"]);
  add("cvtsi2ss cvtsi2sd", [
    "xmmreg,mem SD AR1 = xmm_rm32",
    "xmmreg,rm32 SD AR1 = xmm_rm32",
    "xmmreg,rm64 SQ AR1 = xmm_rm64",
  ]);
  // The size stands at the wrong operand, so that any is taken for memory.
  add("cvtss2si", [
    "reg32,xmmreg SD AR1 = r32_xmmm32",
    "reg32,mem SD AR1 = r32_xmmm32",
    "reg64,xmmreg SD AR1 = r64_xmmm32",
    "reg64,mem SD AR1 = r64_xmmm32",
  ]);
  add("cvttss2si", ["reg32,xmmrm SD AR1 = r32_xmmm32", "reg64,xmmrm SD AR1 = r64_xmmm32"]);
  add("cvtsd2si cvttsd2si", [
    "reg32,xmmreg SQ AR1 = r32_xmmm64",
    "reg32,mem SQ AR1 = r32_xmmm64",
    "reg64,xmmreg SQ AR1 = r64_xmmm64",
    "reg64,mem SQ AR1 = r64_xmmm64",
  ]);
}

function moves(add: Add): void {
  add("movaps movups movapd movupd", [
    "xmmreg,xmmrm128 = xmm_xmmm128",
    "xmmrm128,xmmreg = xmmm128_xmm",
  ]);
  add("movdqa movdqu", ["xmmreg,xmmrm128 SO = xmm_xmmm128", "xmmrm128,xmmreg SO = xmmm128_xmm"]);
  add("movss", ["xmmreg,xmmrm32 = xmm_xmmm32", "xmmrm32,xmmreg = xmmm32_xmm"]);
  // The string instruction of this name has no operands.
  add("movsd", [
    "void BOTH = strdi32_strsi32",
    "xmmreg,xmmrm64 = xmm_xmmm64",
    "xmmrm64,xmmreg = xmmm64_xmm",
  ]);
  add("movhps movlps movhpd movlpd", ["xmmreg,mem64 = xmm_m64", "mem64,xmmreg = m64_xmm"]);
  add("movlhps movhlps maskmovdqu", ["xmmreg,xmmreg = xmm_rrxmm"]);
  add("movmskps movmskpd", ["reg32,xmmreg = r32_rrxmm", "reg64,xmmreg = r64_rrxmm"]);
  add("pmovmskb", ["reg32,mmxreg = r32_rrmm", "reg32,xmmreg = r32_rrxmm"]);
  add("movntps", ["mem128,xmmreg = m128_xmm"]);
  add("movntdq movntpd", ["mem,xmmreg SO = m128_xmm"]);
  add("movntdqa", ["xmmreg,mem128 = xmm_m128"]);
  add("movntq", ["mem,mmxreg SQ = m64_mm"]);
  add("movntsd", ["mem64,xmmreg SQ = m64_xmm"]);
  add("movntss", ["mem32,xmmreg SD = m32_xmm"]);
  add("movnti", ["mem,reg32 SD = m32_r32", "mem,reg64 SQ = m64_r64"]);
  add("lddqu", ["xmmreg,mem128 SO = xmm_m128"]);
  add("maskmovq", ["mmxreg,mmxreg = mm_rrmm"]);
  add("movdq2q", ["mmxreg,xmmreg = mm_rrxmm"]);
  add("movq2dq", ["xmmreg,mmxreg = xmm_rrmm"]);
  add("movd", [
    "mmxreg,rm32 SD = mm_rm32",
    "rm32,mmxreg SD = rm32_mm",
    "mmxreg,rm64 SX = @movq_mm_rm64",
    "rm64,mmxreg SX = @movq_rm64_mm",
    "mem,xmmreg SD = rm32_xmm",
    "xmmreg,mem SD = xmm_rm32",
    "xmmreg,rm32 = xmm_rm32",
    "rm32,xmmreg = rm32_xmm",
  ]);
  add("movq", [
    "mmxreg,mmxrm SQ = mm_mmm64",
    "mmxrm,mmxreg SQ = mmm64_mm",
    "mmxreg,rm64 = mm_rm64",
    "rm64,mmxreg = rm64_mm",
    "xmmreg,xmmreg = xmm_xmmm64",
    "mem,xmmreg SQ = xmmm64_xmm",
    "xmmreg,mem SQ = xmm_xmmm64",
    "xmmreg,rm64 = xmm_rm64",
    "rm64,xmmreg = rm64_xmm",
  ]);
}

function elements(add: Add): void {
  add("pinsrw", [
    "mmxreg,mem,imm SB AR2 U = mm_m16_imm8",
    "mmxreg,rm16,imm SB AR2 U = mm_rr32_imm8",
    "mmxreg,reg32,imm SB AR2 U = mm_rr32_imm8",
    "xmmreg,reg16,imm SB AR2 U = xmm_rr32_imm8",
    "xmmreg,reg32,imm SB AR2 U = xmm_rr32_imm8",
    "xmmreg,reg64,imm SB AR2 LONG U = xmm_rr32_imm8",
    "xmmreg,mem,imm SB AR2 U = xmm_m16_imm8",
    "xmmreg,mem16,imm SB AR2 U = xmm_m16_imm8",
  ]);
  add("pextrw", [
    "reg32,mmxreg,imm SB AR2 U = r32_rrmm_imm8",
    "reg32,xmmreg,imm SB AR2 U = r32_rrxmm_imm8",
    "reg64,xmmreg,imm SB AR2 LONG U = r32_rrxmm_imm8",
    "reg32,xmmreg,imm8 U = rr32_xmm_imm8",
    "mem16,xmmreg,imm8 U = m16_xmm_imm8",
    "reg64,xmmreg,imm8 o64 LONG U = rr32_xmm_imm8",
  ]);
  add("pinsrb", [
    "xmmreg,mem,imm8 SB AR2 U = xmm_m8_imm8",
    "xmmreg,rm8,imm8 SB AR2 NOHI U = xmm_rr32_imm8",
    "xmmreg,reg32,imm8 SB AR2 U = xmm_rr32_imm8",
  ]);
  add("pinsrd", ["xmmreg,rm32,imm8 SB AR2 U = xmm_rm32_imm8"]);
  add("pinsrq", ["xmmreg,rm64,imm8 SB AR2 U = xmm_rm64_imm8"]);
  add("pextrb", [
    "reg32,xmmreg,imm8 U = rr32_xmm_imm8",
    "mem8,xmmreg,imm8 U = m8_xmm_imm8",
    "reg64,xmmreg,imm8 nw LONG U = rr32_xmm_imm8",
  ]);
  add("pextrd", ["rm32,xmmreg,imm8 U = rm32_xmm_imm8"]);
  add("pextrq", ["rm64,xmmreg,imm8 U = rm64_xmm_imm8"]);
  add("extractps", [
    "rm32,xmmreg,imm8 U = rm32_xmm_imm8",
    "reg64,xmmreg,imm8 o64 LONG U = rm32_xmm_imm8",
  ]);
  add("shufps shufpd blendpd blendps dppd dpps mpsadbw pblendw roundpd roundps", [
    "xmmreg,xmmrm128,imm8 U = xmm_xmmm128_imm8",
  ]);
  add("pcmpestri pcmpestrm pcmpistri pcmpistrm", ["xmmreg,xmmrm128,imm8 U = xmm_xmmm128_imm8"]);
  add("insertps roundss", ["xmmreg,xmmrm32,imm8 U = xmm_xmmm32_imm8"]);
  add("roundsd", ["xmmreg,xmmrm64,imm8 U = xmm_xmmm64_imm8"]);
  add("blendvpd blendvps sha256rnds2", [
    "xmmreg,xmmrm128,xmm0 = xmm_xmmm128_xmm0",
    "xmmreg,xmmrm128 = xmm_xmmm128_xmm0",
  ]);
  add("pblendvb", ["xmmreg,xmmrm,xmm0 = xmm_xmmm128_xmm0", "xmmreg,xmmrm128 = xmm_xmmm128_xmm0"]);
  add("insertq", ["xmmreg,xmmreg,imm,imm U = xmm_rrxmm_imm8_imm8", "xmmreg,xmmreg = xmm_rrxmm"]);
  add("extrq", ["xmmreg,imm,imm U = rrxmm_imm8_imm8", "xmmreg,xmmreg = xmm_rrxmm"]);
}

function cryptography(add: Add): void {
  add(
    "aesenc aesenclast aesdec aesdeclast aesimc sha1msg1 sha1msg2 sha1nexte sha256msg1 sha256msg2 gf2p8mulb",
    ["xmmreg,xmmrm128 = xmm_xmmm128"],
  );
  add("aeskeygenassist pclmulqdq sha1rnds4 gf2p8affineinvqb gf2p8affineqb", [
    "xmmreg,xmmrm128,imm8 = xmm_xmmm128_imm8",
  ]);
  // Which halves are multiplied, in the names: low or high quadword of the second, then of the first operand.
  for (const [halves, constant] of [
    ["lql", "00"],
    ["hql", "01"],
    ["lqh", "10"],
    ["hqh", "11"],
  ] as const)
    add(`pclmul${halves}qdq`, [`xmmreg,xmmrm128 #${constant} = @pclmulqdq_xmm_xmmm128_imm8`]);
}

export function vectorTemplates(add: Add): void {
  comparisons(add);
  integers(add);
  floats(add);
  conversions(add);
  moves(add);
  elements(add);
  cryptography(add);
}
