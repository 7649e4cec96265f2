/** Templates of AVX, AVX2, FMA, F16C and BMI: facts about NASM 2.16.01, in the notation of templates.ts. */
import type { AddTemplates as Add } from "./templateLines";

/** NASM lets the first source be left out where it is the destination. */
const relaxed = (operands: string, row: string): string[] => {
  const [target = "", first = "", ...others] = operands.split(",");
  return [
    `${target},${first},${others.join(",")} = ${row}`,
    `${target},${others.join(",")} DUP = ${row}`,
  ];
};

const BINARY = [
  ...relaxed("xmmreg,xmmreg,xmmrm128", "xmm_vxmm_xmmm128"),
  ...relaxed("ymmreg,ymmreg,ymmrm256", "ymm_vymm_ymmm256"),
];
const BINARY_BY = [
  ...relaxed("xmmreg,xmmreg,xmmrm128,imm8", "xmm_vxmm_xmmm128_imm8"),
  ...relaxed("ymmreg,ymmreg,ymmrm256,imm8", "ymm_vymm_ymmm256_imm8"),
];
const UNARY = ["xmmreg,xmmrm128 = xmm_xmmm128", "ymmreg,ymmrm256 = ymm_ymmm256"];
const UNARY_BY = [
  "xmmreg,xmmrm128,imm8 = xmm_xmmm128_imm8",
  "ymmreg,ymmrm256,imm8 = ymm_ymmm256_imm8",
];
const STORE = ["xmmrm128,xmmreg = xmmm128_xmm", "ymmrm256,ymmreg = ymmm256_ymm"];

/** The 32 predicates of VCMP by number, each with its other name; NASM has number 0 as `eq` only. */
const PREDICATES = [
  ["eq"], ["lt_os", "lt"], ["le_os", "le"], ["unord_q", "unord"], ["neq_uq", "neq"], ["nlt_us", "nlt"],
  ["nle_us", "nle"], ["ord_q", "ord"], ["eq_uq"], ["nge_us", "nge"], ["ngt_us", "ngt"], ["false_oq", "false"],
  ["neq_oq"], ["ge_os", "ge"], ["gt_os", "gt"], ["true_uq", "true"], ["eq_os"], ["lt_oq"], ["le_oq"], ["unord_s"],
  ["neq_us"], ["nlt_uq"], ["nle_uq"], ["ord_s"], ["eq_us"], ["nge_uq"], ["ngt_uq"], ["false_os"], ["neq_os"],
  ["ge_oq"], ["gt_oq"], ["true_us"],
] as const; // prettier-ignore

function comparisons(add: Add): void {
  PREDICATES.forEach((names, number) => {
    const constant = `#${number.toString(16).padStart(2, "0")}`;
    const fixed = (shape: string, row: string): string[] =>
      relaxed(shape, row).map((line) => line.replace(" = ", ` ${constant} = `));
    for (const name of names) {
      for (const packed of ["ps", "pd"])
        add(`vcmp${name}${packed}`, () => [
          ...fixed("xmmreg,xmmreg,xmmrm128", `@vcmp${packed}_xmm_vxmm_xmmm128_imm8`),
          ...fixed("ymmreg,ymmreg,ymmrm256", `@vcmp${packed}_ymm_vymm_ymmm256_imm8`),
        ]);
      // NASM wants a qword for singles, too.
      add(`vcmp${name}ss`, () => fixed("xmmreg,xmmreg,xmmrm64", "@vcmpss_xmm_vxmm_xmmm32_imm8"));
      add(`vcmp${name}sd`, () => fixed("xmmreg,xmmreg,xmmrm64", "@vcmpsd_xmm_vxmm_xmmm64_imm8"));
    }
  });
  add("vcmpss", relaxed("xmmreg,xmmreg,xmmrm64,imm8", "xmm_vxmm_xmmm32_imm8"));
  add("vcmpsd", relaxed("xmmreg,xmmreg,xmmrm64,imm8", "xmm_vxmm_xmmm64_imm8"));
  add("vcomisd vucomisd", ["xmmreg,xmmrm64 = xmm_xmmm64"]);
  add("vcomiss vucomiss", ["xmmreg,xmmrm32 = xmm_xmmm32"]);
}

function operations(add: Add): void {
  add(
    "vaesenc vaesenclast vaesdec vaesdeclast vaddpd vaddps vaddsubpd vaddsubps vandpd vandps vandnpd vandnps vdivpd vdivps " +
      "vhaddpd vhaddps vhsubpd vhsubps vmaxpd vmaxps vminpd vminps vmulpd vmulps vorpd vorps vpacksswb vpackssdw vpackuswb " +
      "vpackusdw vpaddb vpaddw vpaddd vpaddq vpaddsb vpaddsw vpaddusb vpaddusw vpand vpandn vpavgb vpavgw vpcmpeqb vpcmpeqw " +
      "vpcmpeqd vpcmpeqq vpcmpgtb vpcmpgtw vpcmpgtd vpcmpgtq vphaddw vphaddd vphaddsw vphsubw vphsubd vphsubsw vpmaddwd " +
      "vpmaddubsw vpmaxsb vpmaxsw vpmaxsd vpmaxub vpmaxuw vpmaxud vpminsb vpminsw vpminsd vpminub vpminuw vpminud vpmulhuw " +
      "vpmulhrsw vpmulhw vpmullw vpmulld vpmuludq vpmuldq vpor vpsadbw vpshufb vpsignb vpsignw vpsignd vpsubb vpsubw vpsubd " +
      "vpsubq vpsubsb vpsubsw vpsubusb vpsubusw vpunpckhbw vpunpckhwd vpunpckhdq vpunpckhqdq vpunpcklbw vpunpcklwd " +
      "vpunpckldq vpunpcklqdq vpxor vsubpd vsubps vunpckhpd vunpckhps vunpcklpd vunpcklps vxorpd vxorps vpsllvd vpsllvq " +
      "vpsravd vpsrlvd vpsrlvq vgf2p8mulb",
    BINARY,
  );
  add(
    "vblendpd vblendps vcmppd vcmpps vdpps vmpsadbw vpalignr vpblendw vshufpd vshufps vpclmulqdq vpblendd " +
      "vgf2p8affineinvqb vgf2p8affineqb",
    BINARY_BY,
  );
  add("vdppd", BINARY_BY.slice(0, 2));
  for (const [halves, constant] of [
    ["lql", "00"],
    ["hql", "01"],
    ["lqh", "10"],
    ["hqh", "11"],
  ] as const)
    add(
      `vpclmul${halves}qdq`,
      [
        ...relaxed("xmmreg,xmmreg,xmmrm128", "@vpclmulqdq_xmm_vxmm_xmmm128_imm8"),
        ...relaxed("ymmreg,ymmreg,ymmrm256", "@vpclmulqdq_ymm_vymm_ymmm256_imm8"),
      ].map((line) => line.replace(" = ", ` #${constant} = `)),
    );
  add("vaesimc vphminposuw", UNARY.slice(0, 1));
  add("vaeskeygenassist vpcmpestri vpcmpestrm vpcmpistri vpcmpistrm", UNARY_BY.slice(0, 1));
  add(
    "vaddsd vcvtsd2ss vdivsd vmaxsd vminsd vmulsd vsqrtsd vsubsd",
    relaxed("xmmreg,xmmreg,xmmrm64", "xmm_vxmm_xmmm64"),
  );
  add(
    "vaddss vcvtss2sd vdivss vmaxss vminss vmulss vrcpss vrsqrtss vsqrtss vsubss",
    relaxed("xmmreg,xmmreg,xmmrm32", "xmm_vxmm_xmmm32"),
  );
  add("vroundsd", relaxed("xmmreg,xmmreg,xmmrm64,imm8", "xmm_vxmm_xmmm64_imm8"));
  add("vroundss vinsertps", relaxed("xmmreg,xmmreg,xmmrm32,imm8", "xmm_vxmm_xmmm32_imm8"));
  add("vblendvpd vblendvps vpblendvb", [
    ...relaxed("xmmreg,xmmreg,xmmrm128,xmmreg", "xmm_vxmm_xmmm128_is4xmm"),
    ...relaxed("ymmreg,ymmreg,ymmrm256,ymmreg", "ymm_vymm_ymmm256_is4ymm"),
  ]);
  add(
    "vcvtdq2ps vcvtps2dq vcvttps2dq vmovshdup vmovsldup vpabsb vpabsw vpabsd vptest vrcpps vrsqrtps vsqrtpd vsqrtps vtestps vtestpd",
    UNARY,
  );
  add("vpshufd vpshufhw vpshuflw vroundpd vroundps", UNARY_BY);
  add("vpslldq vpsrldq", [
    ...relaxed("xmmreg,xmmreg,imm8", "vxmm_rrxmm_imm8"),
    ...relaxed("ymmreg,ymmreg,imm8", "vymm_rrymm_imm8"),
  ]);
  add("vpsllw vpslld vpsllq vpsraw vpsrad vpsrlw vpsrld vpsrlq", [
    ...relaxed("xmmreg,xmmreg,xmmrm128", "xmm_vxmm_xmmm128"),
    ...relaxed("xmmreg,xmmreg,imm8", "vxmm_rrxmm_imm8"),
    ...relaxed("ymmreg,ymmreg,xmmrm128", "ymm_vymm_xmmm128"),
    ...relaxed("ymmreg,ymmreg,imm8", "vymm_rrymm_imm8"),
  ]);
}

function conversions(add: Add): void {
  add("vcvtdq2pd vcvtps2pd", ["xmmreg,xmmrm64 = xmm_xmmm64", "ymmreg,xmmrm128 = ymm_xmmm128"]);
  add("vcvtpd2dq vcvtpd2ps vcvttpd2dq", [
    "xmmreg,xmmreg = xmm_xmmm128",
    "xmmreg,mem128 SO = xmm_xmmm128",
    "xmmreg,ymmreg = xmm_ymmm256",
    "xmmreg,mem256 SY = xmm_ymmm256",
  ]);
  add("vcvtsd2si vcvttsd2si", ["reg32,xmmrm64 = r32_xmmm64", "reg64,xmmrm64 = r64_xmmm64"]);
  add("vcvtss2si vcvttss2si", ["reg32,xmmrm32 = r32_xmmm32", "reg64,xmmrm32 = r64_xmmm32"]);
  add("vcvtsi2sd vcvtsi2ss", [
    "xmmreg,xmmreg,rm32 SD = xmm_vxmm_rm32",
    "xmmreg,rm32 SD DUP = xmm_vxmm_rm32",
    "xmmreg,xmmreg,mem32 SD = xmm_vxmm_rm32",
    "xmmreg,mem32 SD DUP = xmm_vxmm_rm32",
    "xmmreg,xmmreg,rm64 SQ = xmm_vxmm_rm64",
    "xmmreg,rm64 SQ DUP = xmm_vxmm_rm64",
  ]);
  add("vcvtph2ps", ["ymmreg,xmmrm128 = ymm_xmmm128", "xmmreg,xmmrm64 = xmm_xmmm64"]);
  add("vcvtps2ph", [
    "xmmrm128,ymmreg,imm8 = xmmm128_ymm_imm8",
    "xmmrm64,xmmreg,imm8 = xmmm64_xmm_imm8",
  ]);
}

function moves(add: Add): void {
  add("vmovapd vmovaps vmovdqa vmovdqu vmovupd vmovups", [
    ...UNARY.slice(0, 1),
    ...STORE.slice(0, 1),
    ...UNARY.slice(1),
    ...STORE.slice(1),
  ]);
  // Names for the 256-bit forms alone.
  add("vmovqqa=vmovdqa vmovqqu=vmovdqu", [...UNARY.slice(1), ...STORE.slice(1)]);
  add("vldqqu=vlddqu", ["ymmreg,mem256 = ymm_m256"]);
  add("vmovntqq=vmovntdq", ["mem256,ymmreg = m256_ymm"]);
  add("vlddqu vmovntdqa", ["xmmreg,mem128 = xmm_m128", "ymmreg,mem256 = ymm_m256"]);
  add("vmovntdq vmovntpd vmovntps", ["mem128,xmmreg = m128_xmm", "mem256,ymmreg = m256_ymm"]);
  add("vmovss", [
    ...relaxed("xmmreg,xmmreg,xmmreg", "xmm_vxmm_rrxmm"),
    "xmmreg,mem32 = xmm_m32",
    "mem32,xmmreg = m32_xmm",
  ]);
  add("vmovsd", [
    ...relaxed("xmmreg,xmmreg,xmmreg", "xmm_vxmm_rrxmm"),
    "xmmreg,mem64 = xmm_m64",
    "mem64,xmmreg = m64_xmm",
  ]);
  add("vmovd", ["xmmreg,rm32 = xmm_rm32", "rm32,xmmreg = rm32_xmm"]);
  add("vmovq", [
    "xmmreg,xmmrm64 SQ = xmm_xmmm64",
    "xmmrm64,xmmreg SQ = xmmm64_xmm",
    "xmmreg,rm64 SQ = xmm_rm64",
    "rm64,xmmreg SQ = rm64_xmm",
  ]);
  add("vmovddup", ["xmmreg,xmmrm64 = xmm_xmmm64", "ymmreg,ymmrm256 = ymm_ymmm256"]);
  add("vmovhlps vmovlhps", relaxed("xmmreg,xmmreg,xmmreg", "xmm_vxmm_rrxmm"));
  add("vmovhpd vmovhps vmovlpd vmovlps", [
    ...relaxed("xmmreg,xmmreg,mem64", "xmm_vxmm_m64"),
    "mem64,xmmreg = m64_xmm",
  ]);
  const signs = ["reg64,xmmreg LONG = r32_rrxmm", "reg32,xmmreg = r32_rrxmm"];
  add("vmovmskpd vmovmskps", [
    ...signs,
    "reg64,ymmreg LONG = r32_rrymm",
    "reg32,ymmreg = r32_rrymm",
  ]);
  // NASM takes RAX here in every mode.
  add("vpmovmskb", [...signs, "reg32,ymmreg = r32_rrymm", "reg64,ymmreg BOTH = r32_rrymm"]);
  add("vmaskmovdqu", ["xmmreg,xmmreg = xmm_rrxmm"]);
  add("vldmxcsr vstmxcsr", ["mem32 = m32"]);
  add("vzeroall vzeroupper", ["void = ."]);
  add("vpmovsxbw vpmovsxwd vpmovsxdq vpmovzxbw vpmovzxwd vpmovzxdq", [
    "xmmreg,xmmrm64 = xmm_xmmm64",
    "ymmreg,xmmrm128 = ymm_xmmm128",
  ]);
  add("vpmovsxbd vpmovsxwq vpmovzxbd vpmovzxwq", [
    "xmmreg,xmmrm32 = xmm_xmmm32",
    "ymmreg,mem64 = ymm_xmmm64",
    "ymmreg,xmmreg = ymm_xmmm64",
  ]);
  add("vpmovsxbq vpmovzxbq", [
    "xmmreg,xmmrm16 = xmm_xmmm16",
    "ymmreg,mem32 = ymm_xmmm32",
    "ymmreg,xmmreg = ymm_xmmm32",
  ]);
}

function elements(add: Add): void {
  const constant = (shape: string, row: string): string[] =>
    relaxed(`xmmreg,xmmreg,${shape},imm8`, row);
  add("vpinsrb", [
    ...constant("mem8", "xmm_vxmm_m8_imm8"),
    ...constant("rm8", "xmm_vxmm_rr32_imm8"),
    ...constant("reg32", "xmm_vxmm_rr32_imm8"),
  ]);
  add("vpinsrw", [
    ...constant("mem16", "xmm_vxmm_m16_imm8"),
    ...constant("rm16", "xmm_vxmm_rr32_imm8"),
    ...constant("reg32", "xmm_vxmm_rr32_imm8"),
  ]);
  add("vpinsrd", [
    ...constant("mem32", "xmm_vxmm_rm32_imm8"),
    ...constant("rm32", "xmm_vxmm_rm32_imm8"),
  ]);
  add("vpinsrq", [
    ...constant("mem64", "xmm_vxmm_rm64_imm8"),
    ...constant("rm64", "xmm_vxmm_rm64_imm8"),
  ]);
  add("vpextrb", [
    "reg64,xmmreg,imm8 LONG = rr32_xmm_imm8",
    "reg32,xmmreg,imm8 = rr32_xmm_imm8",
    "mem8,xmmreg,imm8 = m8_xmm_imm8",
  ]);
  add("vpextrw", [
    "reg64,xmmreg,imm8 LONG = r32_rrxmm_imm8",
    "reg32,xmmreg,imm8 = r32_rrxmm_imm8",
    "reg64,xmmreg,imm8 LONG = rr32_xmm_imm8",
    "reg32,xmmreg,imm8 = rr32_xmm_imm8",
    "mem16,xmmreg,imm8 = m16_xmm_imm8",
  ]);
  add("vpextrd", ["reg64,xmmreg,imm8 LONG = rm32_xmm_imm8", "rm32,xmmreg,imm8 = rm32_xmm_imm8"]);
  add("vpextrq", ["rm64,xmmreg,imm8 = rm64_xmm_imm8"]);
  add("vextractps", ["rm32,xmmreg,imm8 = rm32_xmm_imm8"]);
  add("vextractf128 vextracti128", ["xmmrm128,ymmreg,imm8 = xmmm128_ymm_imm8"]);
  add("vinsertf128 vinserti128", relaxed("ymmreg,ymmreg,xmmrm128,imm8", "ymm_vymm_xmmm128_imm8"));
  add("vperm2f128 vperm2i128", BINARY_BY.slice(2));
  add("vpermilpd vpermilps", [...BINARY, ...UNARY_BY]);
  add("vpermd vpermps", BINARY.slice(2));
  add("vpermpd vpermq", UNARY_BY.slice(1));
  add("vbroadcastf128 vbroadcasti128", ["ymmreg,mem128 = ymm_m128"]);
  add("vbroadcastsd", ["ymmreg,mem64 = ymm_xmmm64", "ymmreg,xmmreg = ymm_xmmm64"]);
  for (const [names, size] of [
    ["vpbroadcastb", 8],
    ["vpbroadcastw", 16],
    ["vbroadcastss vpbroadcastd", 32],
    ["vpbroadcastq", 64],
  ] as const)
    add(
      names,
      ["xmm", "ymm"].flatMap((width) => [
        `${width}reg,mem${size} = ${width}_xmmm${size}`,
        `${width}reg,xmmreg = ${width}_xmmm${size}`,
      ]),
    );
}

/** Masked loads and stores, and gathers: `xmem64` is memory of qwords indexed by an XMM register. */
function masked(add: Add): void {
  add("vmaskmovps", [
    "xmmreg,xmmreg,mem128 = xmm_vxmm_m128",
    "ymmreg,ymmreg,mem256 = ymm_vymm_m256",
    "mem128,xmmreg,xmmreg SO = m128_vxmm_xmm",
    "mem256,ymmreg,ymmreg SY = m256_vymm_ymm",
  ]);
  add("vmaskmovpd", [
    "xmmreg,xmmreg,mem128 = xmm_vxmm_m128",
    "ymmreg,ymmreg,mem256 = ymm_vymm_m256",
    "mem128,xmmreg,xmmreg = m128_vxmm_xmm",
    "mem256,ymmreg,ymmreg = m256_vymm_ymm",
  ]);
  add("vpmaskmovd vpmaskmovq", [
    ...relaxed("xmmreg,xmmreg,mem128", "xmm_vxmm_m128"),
    ...relaxed("ymmreg,ymmreg,mem256", "ymm_vymm_m256"),
    "mem128,xmmreg,xmmreg = m128_vxmm_xmm",
    "mem256,ymmreg,ymmreg = m256_vymm_ymm",
  ]);
  add("vgatherdpd vpgatherdq", [
    "xmmreg,xmem64,xmmreg = xmm_vm32x_vxmm",
    "ymmreg,xmem64,ymmreg = ymm_vm32x_vymm",
  ]);
  add("vgatherqpd vpgatherqq", [
    "xmmreg,xmem64,xmmreg = xmm_vm64x_vxmm",
    "ymmreg,ymem64,ymmreg = ymm_vm64y_vymm",
  ]);
  add("vgatherdps vpgatherdd", [
    "xmmreg,xmem32,xmmreg = xmm_vm32x_vxmm",
    "ymmreg,ymem32,ymmreg = ymm_vm32y_vymm",
  ]);
  add("vgatherqps vpgatherqd", [
    "xmmreg,xmem32,xmmreg = xmm_vm64x_vxmm",
    "xmmreg,ymem32,xmmreg = xmm_vm64y_vxmm",
  ]);
}

/** The orders of the operands; NASM knows each by a second name. */
const FUSED_ORDERS = [
  ["132", "312"],
  ["213", "123"],
  ["231", "321"],
] as const;

function fused(add: Add): void {
  for (const [order, other] of FUSED_ORDERS)
    for (const name of ["madd", "maddsub", "msub", "msubadd", "nmadd", "nmsub"]) {
      const stems = (element: string): string =>
        `vf${name}${order}${element} vf${name}${other}${element}=vf${name}${order}${element}`;
      add(`${stems("ps")} ${stems("pd")}`, [
        "xmmreg,xmmreg,xmmrm128 = xmm_vxmm_xmmm128",
        "ymmreg,ymmreg,ymmrm256 = ymm_vymm_ymmm256",
      ]);
      if (name === "maddsub" || name === "msubadd") continue;
      add(stems("ss"), ["xmmreg,xmmreg,xmmrm32 = xmm_vxmm_xmmm32"]);
      add(stems("sd"), ["xmmreg,xmmreg,xmmrm64 = xmm_vxmm_xmmm64"]);
    }
}

function bitManipulation(add: Add): void {
  const sized = (shape: (size: number) => string): string[] => [32, 64].map(shape);
  add(
    "andn mulx pdep pext",
    sized((n) => `reg${n},reg${n},rm${n} = r${n}_vr${n}_rm${n}`),
  );
  add(
    "bzhi sarx shlx shrx",
    sized((n) => `reg${n},rm${n},reg${n} = r${n}_rm${n}_vr${n}`),
  );
  add("bextr", [
    ...sized((n) => `reg${n},rm${n},reg${n} = r${n}_rm${n}_vr${n}`),
    ...sized((n) => `reg${n},rm${n},imm32 W32 = r${n}_rm${n}_imm32`),
  ]);
  add(
    "blsi blsmsk blsr blcfill blci blcic blcmsk blcs blsfill blsic t1mskc tzmsk",
    sized((n) => `reg${n},rm${n} = vr${n}_rm${n}`),
  );
  add(
    "rorx",
    sized((n) => `reg${n},rm${n},imm8 = r${n}_rm${n}_imm8`),
  );
}

/** Shapes of AVX-512 and XOP that need no other registers: NASM has them, we only know their names. */
export const BEYOND_VEX: ReadonlyMap<string, readonly string[]> = new Map(
  (
    [
      ["vpsllw vpslld vpsllq vpslldq vpsraw vpsrad vpsrlw vpsrld vpsrlq vpsrldq", ["xmmreg,mem,imm", "ymmreg,mem,imm"]],
      ["vpbroadcastb", ["xmmreg,reg8", "xmmreg,reg16", "xmmreg,reg32", "xmmreg,reg64", "ymmreg,reg8", "ymmreg,reg16", "ymmreg,reg32", "ymmreg,reg64"]],
      ["vpbroadcastw", ["xmmreg,reg16", "xmmreg,reg32", "xmmreg,reg64", "ymmreg,reg16", "ymmreg,reg32", "ymmreg,reg64"]],
      ["vpbroadcastd", ["xmmreg,reg32", "ymmreg,reg32"]],
      ["vpbroadcastq", ["xmmreg,reg64", "ymmreg,reg64"]],
      ["vpermpd vpermq", ["ymmreg,ymmreg,ymmrm256", "ymmreg,ymmrm256"]],
      ["vcvtps2ph", ["xmmreg,xmmrm128", "xmmreg,ymmrm256", "ymmreg,xmmrm128", "ymmreg,ymmrm256"]],
      ["vgatherdpd vgatherqpd vgatherqps vgatherdps", ["xmmreg,xmem32", "xmmreg,ymem32", "ymmreg,xmem32", "ymmreg,ymem32", "xmmreg,xmem64", "xmmreg,ymem64", "ymmreg,xmem64", "ymmreg,ymem64"]],
      ["vextractps", ["reg64,xmmreg,imm"]],
    ] as const
  ).flatMap(([names, shapes]) => names.split(" ").map((name) => [name, shapes] as const)),
); // prettier-ignore

export function vexTemplates(add: Add): void {
  comparisons(add);
  operations(add);
  conversions(add);
  moves(add);
  elements(add);
  masked(add);
  fused(add);
  bitManipulation(add);
}
