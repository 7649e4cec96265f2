/**
 * What NASM accepts: for each mnemonic the operand shapes in NASM's own order of preference (the first that fits wins), each
 * naming the row of the instruction table whose bytes it becomes. The order and the size rules are facts about NASM 2.16.01.
 *
 * A line is `patterns FLAGS = row`, where row is the id of the row without its mnemonic (`.` for the mnemonic alone, `@id` for a whole id).
 * Flags:
 *  SM SM2      all (the first two) operands have one size
 *  SB SW SD SQ SO SY SZ   the size of an operand that has none; AR0 AR1 limit that to one operand, AR2 to none; SIZE: that of the mode; ANY: every size fits;
 *              SX: no missing size is deduced from this line
 *  NL LONG     not in, only in 64-bit mode (from the row if not said); BOTH: either, whatever the row says
 *  o16 o32 o64 nw odf none   operand size: 16, 32, 64 with REX.W, 64 without it, that of the mode, any (from the row if not said)
 *  a16 a32 a64   address size
 *  U           the byte is unsigned; W32: the dword is not sign-extended; #0a: the byte is that number; SWAP: operands in the other order than the row's; DUP: the first operand is also the second
 *  JUMP        only if the target is in range; OVER: the opposite condition jumps over a near JMP; BND: a BND prefix is allowed; REXL: LOCK can stand for REX.R; BARE: no ModRM byte; OBSOLETE: NASM warns of it; NEVER: of what no processor has had; REP: F3 in front; NP: without the row's mandatory prefix; WAIT: 9B in front; EMPTY: no opcode;
 *              ST1: ST1 is implied; NOHI: no REX for SPL to DIL
 */
import { CONDITIONS } from "../../isa/dsl";
import { SEGMENTS } from "../../isa/registers";
import type { AddTemplates, TemplateLines } from "./templateLines";
import { vectorTemplates } from "./vectorTemplates";
import { vexTemplates } from "./vexTemplates";

/** Templates of one mnemonic: lines, and the mnemonic of the rows that they name. */
export interface TemplateSource {
  readonly stem: string;
  readonly lines: TemplateLines;
}

const WIDE = [16, 32, 64] as const;
const ALL = [8, 16, 32, 64] as const;
const ACC = { 8: "al", 16: "ax", 32: "eax", 64: "rax" } as const;
/** The full immediate of a size in row ids. */
const IMM = { 8: "imm8", 16: "imm16", 32: "imm32", 64: "sx32" } as const;
/** "Fits a sign-extended byte" as NASM names it by size. */
const SBYTE = { 16: "sbyteword", 32: "sbytedword", 64: "sbytedword" } as const;

/** `mem,reg` and `reg,reg` of every size: the store form. */
const store = (sizes: readonly number[]): string[] =>
  sizes.flatMap((n) => [`mem,reg${n} SM = rm${n}_r${n}`, `reg${n},reg${n} = rm${n}_r${n}`]);
/** `reg,mem` and `reg,reg`: the load form. */
const load = (sizes: readonly number[]): string[] =>
  sizes.flatMap((n) => [`reg${n},mem SM = r${n}_rm${n}`, `reg${n},reg${n} = r${n}_rm${n}`]);

const alu = [
  ...store(ALL),
  ...load(ALL),
  ...WIDE.map((n) => `rm${n},imm8 = rm${n}_sx8`),
  "al,imm SM = al_imm8",
  ...WIDE.flatMap((n) => [
    `${ACC[n]},${SBYTE[n]} SM = rm${n}_sx8`,
    `${ACC[n]},imm SM = ${ACC[n]}_${IMM[n]}`,
  ]),
  "rm8,imm SM = rm8_imm8",
  ...WIDE.flatMap((n) => [
    `rm${n},${SBYTE[n]} SM = rm${n}_sx8`,
    `rm${n},imm SM = rm${n}_${IMM[n]}`,
  ]),
  "mem,imm8 SM = rm8_imm8",
  "mem,sbyteword16 SM = rm16_sx8",
  "mem,imm16 SM = rm16_imm16",
  "mem,sbytedword32 SM = rm32_sx8",
  "mem,imm32 SM = rm32_imm32",
];

const shift = ALL.flatMap((n) => [
  `rm${n},unity = rm${n}_one`,
  `rm${n},cl = rm${n}_cl`,
  `rm${n},imm8 U = rm${n}_imm8`,
]);

const doubleShift = [
  ...WIDE.flatMap((n) => [
    `mem,reg${n},imm SM2 U = rm${n}_r${n}_imm8`,
    `reg${n},reg${n},imm SM2 U = rm${n}_r${n}_imm8`,
  ]),
  ...WIDE.flatMap((n) => [
    `mem,reg${n},cl SM = rm${n}_r${n}_cl`,
    `reg${n},reg${n},cl = rm${n}_r${n}_cl`,
  ]),
];

const bitTest = [...store(WIDE), ...WIDE.map((n) => `rm${n},imm8 U = rm${n}_imm8`)];
const unary = ALL.map((n) => `rm${n} = rm${n}`);
const step = ["reg16 = r16", "reg32 = r32", ...unary];

const imul = [
  ...unary,
  ...load(WIDE),
  ...WIDE.flatMap((n) => {
    const sx8 = `r${n}_rm${n}_sx8`;
    const full = `r${n}_rm${n}_${IMM[n]}`;
    const word = n === 16 ? 16 : 32;
    return [
      `reg${n},mem,imm8 SM2 = ${sx8}`,
      `reg${n},mem,${SBYTE[n]} SM = ${sx8}`,
      `reg${n},mem,imm${word} ${n === 64 ? "SM2 W32" : "SM"} = ${full}`,
      `reg${n},mem,imm SM = ${full}`,
      `reg${n},reg${n},imm8 = ${sx8}`,
      `reg${n},reg${n},${SBYTE[n]} SM = ${sx8}`,
      `reg${n},reg${n},imm${word}${n === 64 ? " W32" : ""} = ${full}`,
      `reg${n},reg${n},imm SM = ${full}`,
    ];
  }),
  ...WIDE.flatMap((n) => {
    const sx8 = `r${n}_rm${n}_sx8`;
    const full = `r${n}_rm${n}_${IMM[n]}`;
    return [
      `reg${n},imm8 DUP = ${sx8}`,
      `reg${n},${SBYTE[n]} DUP SM = ${sx8}`,
      `reg${n},imm${n === 16 ? 16 : 32} DUP = ${full}`,
      `reg${n},imm DUP SM = ${full}`,
    ];
  }),
];

const test = [
  ...store(ALL),
  ...ALL.map((n) => `reg${n},mem SWAP SM = rm${n}_r${n}`),
  ...ALL.map((n) => `${ACC[n]},imm SM = ${ACC[n]}_${IMM[n]}`),
  ...ALL.map((n) => `rm${n},imm SM = rm${n}_${IMM[n]}`),
  "mem,imm8 SM = rm8_imm8",
  "mem,imm16 SM = rm16_imm16",
  "mem,imm32 SM = rm32_imm32",
];

const mov = [
  "mem,sreg SW = m16_sreg",
  "reg16,sreg = rr16_sreg",
  "reg32,sreg = rr32_sreg",
  "reg64,sreg nw = rr64_sreg",
  "rm64,sreg o64 LONG = m16_sreg",
  "sreg,mem SW = sreg_rm16",
  "sreg,reg16 = sreg_rm16",
  "sreg,reg32 = sreg_rm16",
  "sreg,reg64 nw LONG = sreg_rm16",
  "sreg,reg16 o16 = sreg_rm16",
  "sreg,reg32 o32 = sreg_rm16",
  "sreg,rm64 o64 LONG = sreg_rm16",
  ...ALL.map((n) => `${ACC[n]},mem_offs SM = ${ACC[n]}_moffs${n}`),
  ...ALL.map((n) => `mem_offs,${ACC[n]} SM = moffs${n}_${ACC[n]}`),
  "reg32,creg REXL = rr32_cr",
  "reg64,creg = rr64_cr",
  "creg,reg32 REXL = cr_rr32",
  "creg,reg64 = cr_rr64",
  "reg32,dreg = rr32_dr",
  "reg64,dreg = rr64_dr",
  "dreg,reg32 = dr_rr32",
  "dreg,reg64 = dr_rr64",
  "reg32,treg = rr32_tr",
  "treg,reg32 = tr_rr32",
  ...store(ALL),
  ...load(ALL),
  "reg8,imm SM = r8_imm8",
  "reg16,imm SM = r16_imm16",
  "reg32,imm SM = r32_imm32",
  "reg64,udword nw LONG SM = r32_imm32",
  "reg64,sdword SM = rm64_sx32",
  "reg64,imm SM = r64_imm64",
  ...ALL.map((n) => `rm${n},imm SM = rm${n}_${IMM[n]}`),
  "rm64,imm32 = rm64_sx32",
  "mem,imm8 SM = rm8_imm8",
  "mem,imm16 SM = rm16_imm16",
  "mem,imm32 SM = rm32_imm32",
];

const extend = [
  "reg16,mem SB = r16_rm8",
  "reg16,reg8 = r16_rm8",
  "reg32,rm8 = r32_rm8",
  "reg32,rm16 = r32_rm16",
  "reg64,rm8 = r64_rm8",
  "reg64,rm16 = r64_rm16",
];

const push = [
  ...WIDE.map((n) => `reg${n} = r${n}`),
  ...WIDE.map((n) => `rm${n} = rm${n}`),
  ...SEGMENTS.map((name) => `${name} none = ${name}`),
  "imm8 none BOTH = sx8",
  "sbyteword16 AR0 SIZE o16 BOTH = sx8",
  "imm16 AR0 SIZE o16 BOTH = imm16",
  "sbytedword32 AR0 SIZE o32 NL = sx8",
  "imm32 AR0 SIZE o32 NL = imm32",
  "sbytedword32 SD o32 NL = sx8",
  "imm32 SD o32 NL = imm32",
  "sbytedword64 AR0 SIZE nw LONG = sx8",
  "imm64 AR0 SIZE nw LONG = sx32",
  "sbytedword32 AR0 SIZE nw LONG = sx8",
  "imm32 AR0 SIZE nw LONG = sx32",
];

const pop = [
  ...WIDE.map((n) => `reg${n} = r${n}`),
  ...WIDE.map((n) => `rm${n} = rm${n}`),
  ...SEGMENTS.map((name) => `${name} none${name === "cs" ? " OBSOLETE BOTH" : ""} = ${name}`),
];

const indirect = (distance: string): string[] => [
  `mem${distance} odf BND BOTH = rm16`,
  `rm16${distance} BND NL = rm16`,
  `rm32${distance} BND = rm32`,
  `rm64${distance} BND = rm64`,
];

const farTargets = [
  "imm:,imm odf NL = ptr16x16",
  "imm16:,imm o16 NL = ptr16x16",
  "imm:,imm16 o16 NL = ptr16x16",
  "imm32:,imm o32 NL = ptr16x32",
  "imm:,imm32 o32 NL = ptr16x32",
  "mem|far odf NL = m16x16",
  "mem|far o64 = m16x64",
  "mem16|far = m16x16",
  "mem32|far = m16x32",
  "mem64|far = m16x64",
];

const relative = (shape: string): string[] => [`imm${shape} odf BND BOTH = rel16`];

const call = [
  ...relative(""),
  ...relative("|near"),
  "imm|far odf NL = ptr16x16",
  "imm16 o16 BND NL = rel16",
  "imm16|near o16 BND NL = rel16",
  "imm16|far o16 NL = ptr16x16",
  "imm32 o32 BND NL = rel32",
  "imm32|near o32 BND NL = rel32",
  "imm32|far o32 NL = ptr16x32",
  "imm64 nw BND LONG = rel32",
  "imm64|near nw BND LONG = rel32",
  ...farTargets,
  ...indirect("|near"),
  ...indirect(""),
];

const jmp = ["imm|short none BOTH = rel8", "imm none JUMP BOTH = rel8", ...call];

const jcc = [
  "imm|near odf BND BOTH = rel16",
  "imm16|near o16 BND NL = rel16",
  "imm32|near o32 BND NL = rel32",
  "imm64|near nw BND LONG = rel32",
  "imm|short none BND BOTH = rel8",
  "imm none JUMP BND BOTH = rel8",
  "imm odf BND BOTH = rel16",
  "imm none OVER BND BOTH = rel16",
];

const loop = [
  "imm none BOTH = rel8",
  "imm,cx none a16 NL = rel8",
  "imm,ecx none a32 BOTH = rel8",
  "imm,rcx none a64 LONG = rel8",
];

const xchg = [
  "ax,reg16 = ax_r16",
  "eax,reg32na = eax_r32",
  "rax,reg64 = rax_r64",
  "reg16,ax SWAP = ax_r16",
  "reg32na,eax SWAP = eax_r32",
  "reg64,rax SWAP = rax_r64",
  "eax,eax NL = eax_r32",
  ...ALL.flatMap((n) => [
    `reg${n},mem SWAP SM = rm${n}_r${n}`,
    `reg${n},reg${n} SWAP = rm${n}_r${n}`,
  ]),
  ...store(ALL),
];

const selector = ["mem BOTH = rm16", "mem16 BOTH = rm16", "reg16 BOTH = rm16"];

const lar = WIDE.flatMap((n) => {
  const row = `r${n}_rm16`;
  const narrow = n === 64 ? "" : ` o${n}nw LONG`;
  return [
    `reg${n},mem SW = ${row}`,
    `reg${n},reg16 = ${row}`,
    `reg${n},reg32 = ${row}`,
    `reg${n},reg64${narrow} = ${row}`,
  ];
});

const storeSelector = (wideForm: readonly string[]): string[] => [
  "mem = m16",
  "mem16 = m16",
  "reg16 = rr16",
  "reg32 = rr32",
  ...wideForm,
];

const random = WIDE.map((n) => `reg${n} = rr${n}`);
const baseRegister = ["reg32 = rr32", "reg64 = rr64"];
const counted = WIDE.map((n) => `reg${n},rm${n} = r${n}_rm${n}`);
const returning = (operandSize: string): string[] => [
  `void ${operandSize} BND = .`,
  `imm SW ${operandSize} BND = imm16`,
];
const undefinedPair = [
  "void none BARE BOTH = r16_rm16",
  ...WIDE.map((n) => `reg${n},rm${n} BOTH = r${n}_rm${n}`),
];

/** What a stack operation of the floating-point unit takes: without operands it is its popping form on ST1. */
const stackArithmetic = (name: string): string[] => [
  "mem32 = m32",
  "mem64 = m64",
  "fpureg|to = sti_st0",
  "fpureg = st0_sti",
  "fpureg,fpu0 = sti_st0",
  "fpu0,fpureg = st0_sti",
  `void ST1 = @${name}p_sti_st0`,
];
const stackPop = ["fpureg = sti_st0", "fpureg,fpu0 = sti_st0", "void ST1 = sti_st0"];
const stackCompare = ["fpureg = st0_sti", "fpu0,fpureg = st0_sti", "void ST1 = st0_sti"];

function x87Templates(add: AddTemplates): void {
  for (const name of ["fadd", "fmul", "fsub", "fsubr", "fdiv", "fdivr"]) {
    add(name, stackArithmetic(name));
    add(`${name}p`, stackPop);
    add(`fi${name.slice(1)}`, ["mem32 = m32", "mem16 = m16"]);
  }
  add("fcom fcomp", ["mem32 = m32", "mem64 = m64", ...stackCompare]);
  add("fucom fucomp fcomi fcomip fucomi fucomip", stackCompare);
  add("fcmovb fcmove fcmovbe fcmovu fcmovnb fcmovne fcmovnbe fcmovnu", stackCompare);
  add("fxch", ["fpureg = st0_sti", "fpureg,fpu0 SWAP = st0_sti", ...stackCompare.slice(1)]);
  add("ficom ficomp fist", ["mem32 = m32", "mem16 = m16"]);
  add("fild fistp", ["mem32 = m32", "mem16 = m16", "mem64 = m64"]);
  add("fisttp", ["mem16 = m16", "mem32 = m32", "mem64 = m64"]);
  const register = ["fpureg = sti", "void ST1 = sti"];
  add("fst", ["mem32 = m32", "mem64 = m64", ...register]);
  add("fld fstp", ["mem32 = m32", "mem64 = m64", "mem80 = m80", ...register]);
  add("ffree ffreep", register);
  add("fbld fbstp", ["mem80 = m80", "mem = m80"]);
  add("fldcw fnstcw", ["mem SW = m16"]);
  add("fstcw=fnstcw", ["mem SW WAIT = m16"]);
  add("fnstsw", ["mem SW = m16", "ax = ax"]);
  add("fstsw=fnstsw", ["mem SW WAIT = m16", "ax WAIT = ax"]);
  add("fldenv fnstenv frstor fnsave", ["mem = m"]);
  add("fstenv=fnstenv fsave=fnsave", ["mem WAIT = m"]);
  add("fwait", ["void WAIT EMPTY = ."]);
  add("finit=fninit fclex=fnclex fdisi=fndisi feni=fneni", ["void WAIT = ."]);
}

function extensionTemplates(add: AddTemplates): void {
  add("monitorx", ["void = .", "rax,ecx,edx LONG = .", "eax,ecx,edx = .", "ax,ecx,edx = ."]);
  add("mwaitx", ["void = .", "eax,ecx = ."]);
  add("clzero", ["void = .", "ax a16 NL = .", "eax a32 = .", "rax a64 LONG = ."]);
  add("adcx adox", ["reg32,rm32 = r32_rm32", "reg64,rm64 = r64_rm64"]);
  add("movdiri", ["mem32,reg32 SD = m32_r32", "mem64,reg64 SQ = m64_r64"]);
  add("tpause umwait", ["reg32 = rr32", "reg32,edx,eax = rr32"]);
  add("senduipi", ["reg64 nw = rr64"]);
  add("hreset", ["imm,eax SB = imm8", "imm SB = imm8"]);
  add("xbegin", [
    ...["", "|near"].map((distance) => `imm${distance} odf BOTH = rel16`),
    ...["", "|near"].map((distance) => `imm16${distance} o16 NL = rel16`),
    ...["", "|near"].map((distance) => `imm32${distance} o32 NL = rel32`),
    ...["", "|near"].map((distance) => `imm64${distance} nw LONG = rel32`),
  ]);
  add("xabort", ["imm = imm8", "imm8 = imm8"]);
  add("rdsspd", ["reg32 = rr32"]);
  add("incsspd", ["reg32 o32 = rr32"]);
  add("rdsspq incsspq", ["reg64 = rr64"]);
  add("rstorssp clrssbsy", ["mem64 = m64"]);
  add("wrssd wrussd", ["mem32,reg32 o32 = m32_r32"]);
  add("wrssq wrussq", ["mem64,reg64 = m64_r64"]);
  add("prefetchit0=hint_nop7 prefetchit1=hint_nop6", ["mem8 SB none = rm16"]);
  add("cldemote=hint_nop32", ["mem none = rm16"]);
  add("smi=int1", ["void = ."]);
}

const CACHE_LINE = [
  "reg16,mem512 a16 NL = r16_m512_a16",
  "reg32,mem512 a32 BOTH = r32_m512_a32",
  "reg64,mem512 nw a64 LONG = r64_m512_a64",
];

function laterTemplates(add: AddTemplates): void {
  add("movdir64b", CACHE_LINE);
  // Thanks to its order NASM takes 16-bit addresses for a 32-bit register outside of 64-bit code.
  const [first = "", ...others] = CACHE_LINE.map((line) => line.replace(" nw", "").replace(" = ", " SZ = ")); // prettier-ignore
  add("enqcmd enqcmds", [first, first.replace("reg16", "reg32"), ...others]);
  add("umonitor", [
    "reg16 a16 NL = rr16_a16",
    "reg32 a32 BOTH = rr32_a32",
    "reg64 nw a64 LONG = rr64_a64",
  ]);
  add("ptwrite", ["rm32 none NP = rm32", "rm64 NP = rm64"]);
  add("aadd aand axor", ["mem32,reg32 SD = m32_r32", "mem64,reg64 SQ = m64_r64"]);
  add("pcommit", ["void NEVER = ."]);
  add("rmpadjust", ["void BOTH = ."]);
  for (const [first, ...others] of CONDITIONS)
    for (const name of [first, ...others])
      add(`cmp${name}xadd=cmp${first}xadd`, [
        "mem32,reg32,reg32 SD = m32_r32_vr32",
        "mem64,reg64,reg64 SQ = m64_r64_vr64",
      ]);
  add("llwpcb slwpcb", ["reg32 = rr32", "reg64 = rr64"]);
  add("lwpins lwpval", [
    "reg32,rm32,imm32 = vr32_rm32_imm32",
    "reg64,rm32,imm32 = vr64_rm32_imm32",
  ]);
}

/** The rows of isa/instructions/obsolete.ts. */
function obsoleteTemplates(add: AddTemplates): void {
  add("loadall286 loadall bb0_reset bb1_reset smintold", ["void OBSOLETE = ."]);
  add("smint dmint rdm cpu_write cpu_read xstore", ["void = ."]);
  add("xcryptecb xcryptcbc xcryptctr xcryptcfb xcryptofb montmul xsha1 xsha256", ["void REP = ."]);
  const obsolete = (lines: readonly string[]): string[] =>
    lines.map((line) => line.replace(" = ", " OBSOLETE = "));
  add("cmpxchg486", obsolete(store([8, 16, 32])));
  const sized = (line: string, n: number): string =>
    line.includes("mem") ? line.replace("SM", n === 16 ? "SW" : "SD") : line;
  add("ibts", obsolete([16, 32].flatMap((n) => store([n]).map((line) => sized(line, n)))));
  add(
    "xbts",
    [16, 32].flatMap((n) => load([n]).map((line) => sized(line, n))),
  );
  add("umov", [...store([8, 16, 32]), ...load([8, 16, 32])]);
  add("jmpe", ["imm odf = rel16", "imm16 = rel16", "imm32 = rel32", "rm16 = rm16", "rm32 = rm32"]);
  add("rdshr wrshr", ["rm32 = rm32"]);
  add("svdc", ["mem80,sreg = m80_sreg"]);
  add("rsdc", ["sreg,mem80 = sreg_m80"]);
  add("svldt rsldt svts rsts", ["mem80 = m80"]);
}

function source(stem: string, lines: TemplateLines): TemplateSource {
  return { stem, lines };
}

/** Mnemonics whose operands NASM names. All others take none: their templates come from the rows alone. */
function explicitTemplates(): Map<string, TemplateSource> {
  const all = new Map<string, TemplateSource>();
  const add: AddTemplates = (names, lines) => {
    for (const name of names.split(" ")) {
      const [word = "", stem = word] = name.split("=");
      all.set(word, source(stem, lines));
    }
  };
  add("add or adc sbb and sub xor cmp", alu);
  add("rol ror rcl rcr shl sal=shl shr sar", shift);
  add("shld shrd", doubleShift);
  add("bt bts btr btc", bitTest);
  add("inc dec", step);
  add("mul div idiv not neg", unary);
  add("imul", imul);
  add("test", test);
  add("xadd cmpxchg", store(ALL));
  add("cmpxchg8b", ["mem64 = m64"]);
  add("cmpxchg16b", ["mem128 = m128"]);
  add("aam aad", ["void #0a = imm8", "imm SB U = imm8"]);
  add("crc32", [
    "reg32,rm8 = r32_rm8",
    "reg32,rm16 = r32_rm16",
    "reg32,rm32 = r32_rm32",
    "reg64,rm8 = r64_rm8",
    "reg64,rm64 = r64_rm64",
  ]);
  add("bsf bsr", load(WIDE));
  add("tzcnt lzcnt", counted);
  add("popcnt", [
    "reg16,rm16 SW = r16_rm16",
    "reg32,rm32 SD = r32_rm32",
    "reg64,rm64 SQ = r64_rm64",
  ]);
  add("movbe", [
    ...WIDE.map((n) => `reg${n},mem${n} SM BOTH = r${n}_m${n}`),
    ...WIDE.map((n) => `mem${n},reg${n} SM BOTH = m${n}_r${n}`),
  ]);
  add("bswap", ["reg32 = r32", "reg64 = r64"]);
  add("mov", mov);
  add("movzx", extend);
  // A dword source is MOVSXD's row.
  add("movsx", [...extend, "reg64,rm32 = @movsxd_r64_rm32"]);
  add("movsxd", ["reg64,rm32 = r64_rm32"]);
  add("lea", [
    ...WIDE.map((n) => `reg${n},mem ANY = r${n}_m`),
    ...WIDE.map((n) => `reg${n},imm ANY = r${n}_m`),
  ]);
  add("xchg", xchg);
  add(
    "les lds",
    ([16, 32] as const).map((n) => `reg${n},mem = r${n}_m16x${n}`),
  );
  add(
    "lss lfs lgs",
    WIDE.map((n) => `reg${n},mem = r${n}_m16x${n}`),
  );
  add("push", push);
  add("pop", pop);
  add("enter", ["imm,imm none BOTH U = imm16_imm8"]);
  add("call", call);
  add("jmp", jmp);
  for (const names of CONDITIONS)
    for (const name of names) {
      const [first] = names;
      add(`j${name}=j${first}`, jcc);
      add(`set${name}=set${first}`, ["mem SB = rm8", "reg8 = rm8"]);
      add(`cmov${name}=cmov${first}`, load(WIDE));
    }
  add("loop loope loopne loopz=loope loopnz=loopne", loop);
  add("jcxz", ["imm none a16 NL = rel8_a16"]);
  add("jecxz", ["imm none a32 BOTH = rel8_a32"]);
  add("jrcxz", ["imm nw a64 LONG = rel8_a64"]);
  add("ret retn=ret", returning("none BOTH"));
  add(
    "retf",
    returning("none BOTH").map((line) => line.replace(" BND", "")),
  );
  add("retw=ret", ["void o16 BND BOTH = .", "imm SW none BND BOTH = imm16"]);
  add("retnw=ret", returning("o16 BOTH"));
  add("retd=ret retnd=ret", returning("o32 NL"));
  add("retq=ret retnq=ret", returning("nw LONG"));
  for (const [suffix, size] of [
    ["w", "o16 BOTH"],
    ["d", "o32 BOTH"],
    ["q", "o64 LONG"],
  ] as const)
    add(
      `retf${suffix}=retf`,
      returning(size).map((line) => line.replace(" BND", "")),
    );
  add("int", ["imm SB U = imm8"]);
  add("bound", ["reg16,mem = r16_m16x16", "reg32,mem = r32_m32x32"]);
  add("ud0", ["void none BARE BOTH OBSOLETE = r16_rm16", ...undefinedPair.slice(1)]);
  add("ud1 ud2b=ud1", undefinedPair);
  add("in", [
    ...([8, 16, 32] as const).map((n) => `${ACC[n]},imm SB U = ${ACC[n]}_imm8`),
    ...([8, 16, 32] as const).map((n) => `${ACC[n]},dx = ${ACC[n]}_dx`),
  ]);
  add("out", [
    ...([8, 16, 32] as const).map((n) => `imm,${ACC[n]} SB U = imm8_${ACC[n]}`),
    ...([8, 16, 32] as const).map((n) => `dx,${ACC[n]} = dx_${ACC[n]}`),
  ]);
  add("sgdt sidt lgdt lidt", ["mem BOTH = m16x32"]);
  add("sldt", storeSelector(["reg64 nw = rr64"]));
  add("str smsw", storeSelector(["reg64 = rr64"]));
  add("lldt ltr verr verw lmsw", selector);
  add("lar lsl", lar);
  add("arpl", ["mem,reg16 SM = rm16_r16", "reg16,reg16 = rm16_r16"]);
  add("invlpg", ["mem = m"]);
  add("invpcid", ["reg32,mem128 = r32_m128", "reg64,mem128 = r64_m128"]);
  add("invept invvpid", ["reg32,mem SO = r32_m128", "reg64,mem SO = r64_m128"]);
  add("vmread", ["rm32,reg32 SD = rm32_r32", "rm64,reg64 SQ = rm64_r64"]);
  add("vmwrite", ["reg32,rm32 SD = r32_rm32", "reg64,rm64 SQ = r64_rm64"]);
  add("vmptrld vmclear vmxon vmptrst", ["mem = m64"]);
  add("rdrand rdseed", random);
  add("rdpid", ["reg32 NL = rr32", "reg64 nw LONG = rr64", "reg32 LONG = rr64"]);
  add("rdfsbase rdgsbase wrfsbase wrgsbase", baseRegister);
  add("monitor", ["void = .", "eax,ecx,edx NL = .", "rax,ecx,edx LONG = ."]);
  add("mwait", ["void = .", "eax,ecx = ."]);
  add("invlpga", [
    "ax,ecx a16 NL = .",
    "eax,ecx a32 BOTH = .",
    "rax,ecx nw a64 LONG = .",
    "void BOTH = .",
  ]);
  add("leave", ["void none BOTH = ."]);
  add("rdpkru wrpkru skinit", ["void LONG = ."]);
  add("salc", ["void BOTH = ."]);
  add("nop", ["void = .", ...WIDE.map((n) => `rm${n} = rm${n}`)]);
  for (let number = 0; number < 64; number++) {
    const stem = number === 56 ? "nop" : `hint_nop${number}`;
    add(
      `hint_nop${number}=${stem}`,
      WIDE.map((n) => `rm${n} = rm${n}`),
    );
  }
  add("prefetch prefetchw", ["mem SQ = m8"]);
  add("prefetchnta prefetcht0 prefetcht1 prefetcht2 prefetchwt1", ["mem8 SB = m8"]);
  add("clflush", ["mem = m8"]);
  for (const name of ["pushf", "popf", "iret", "pusha", "popa"])
    add(`${name}=${name}w`, ["void odf = ."]);
  x87Templates(add);
  vectorTemplates(add);
  vexTemplates(add);
  for (const name of [
    "fxsave",
    "fxrstor",
    "xsave",
    "xrstor",
    "xsaveopt",
    "xsavec",
    "xsaves",
    "xrstors",
  ])
    add(`${name} ${name}64`, ["mem = m"]);
  add("ldmxcsr stmxcsr", ["mem32 = m32"]);
  add("clflushopt clwb", ["mem = m8"]);
  extensionTemplates(add);
  laterTemplates(add);
  obsoleteTemplates(add);
  add("pushfq popfq", ["void o32 = ."]);
  add("pushfw popfw", ["void o16 BOTH = ."]);
  add("xlat=xlatb_strbx8 icebp=int1 int01=int1 int03=int3 ud2a=ud2", ["void = ."]);
  return all;
}

export const EXPLICIT_TEMPLATES: ReadonlyMap<string, TemplateSource> = explicitTemplates();
