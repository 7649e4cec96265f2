/**
 * The processor that each row needs at least, as NASM 2.16.01 counts them for its CPU directive: mostly that of the row's CPUID feature and of
 * its operand sizes.
 */
import { InvariantError } from "../base/errors";
import type { InstructionForm } from "./types";

/** In NASM's order: each has what those before it have. */
export const PROCESSORS = [
  "8086", "186", "286", "386", "486", "pentium", "p6", "katmai", "willamette", "prescott", "x64", "nehalem", "westmere",
  "sandybridge", "future", "ia64",
] as const; // prettier-ignore

export type ProcessorName = (typeof PROCESSORS)[number];

/** What a processor has, as a number: the greater has more. */
export function processorLevel(name: ProcessorName): number {
  return PROCESSORS.indexOf(name);
}

/** The level from which on nothing is refused. */
export const EVERY_PROCESSOR: number = PROCESSORS.length;

type Words = readonly (readonly [ProcessorName, string])[];

/** Rows by CPUID feature. */
const FEATURES: Words = [
  ["8086", "snp lwp obsolete fpu sse4_1 sse4_2 sse42 sse4a ssse3 svm monitorx vmx"],
  ["pentium", "cx8 mmx 3dnow msr tsc"],
  ["p6", "cmov fxsr lzcnt syscall sep"],
  ["katmai", "sse smx"],
  ["willamette", "sse2 clfsh"],
  ["prescott", "sse3 monitor"],
  ["x64", "cx16 rdtscp"],
  ["nehalem", "movbe popcnt xsave"],
  ["westmere", "aes pclmulqdq"],
  ["sandybridge", "avx"],
  [
    "future",
    "cmpccxadd enqcmd movdir64b pcommit ptwrite raoint tbm adx avx2 bmi1 bmi2 cet_ss clflushopt clwb clzero f16c fma fsgsbase gfni hreset invpcid movdiri msrlist pconfig pku rdpid rdrand " +
      "rdseed rtm serialize sgx sha smap tsxldtrk uintr vaes vpclmulqdq waitpkg wrmsrns",
  ],
];

/** Features whose rows NASM gives no level: a 32-bit operand does not make it a 386's. */
const WITHOUT_LEVEL: ReadonlySet<string> = new Set(
  "sse4_1 sse4_2 sse42 sse4a ssse3 svm monitorx vmx".split(" "),
);

const SHIFTED_BY_IMMEDIATE = "rol ror rcl rcr shl shr sar"
  .split(" ")
  .map((name) => `${name}_rm8_imm8 ${name}_rm16_imm8`)
  .join(" ");

/** Mnemonics and ids of rows that need more than their feature and their operands say. */
const LEAST: Words = [
  [
    "186",
    `bound enter imul_r16_rm16_sx8 imul_r16_rm16_imm16 insb insw leave outsb outsw popa popaw push_sx8 push_imm16 pusha pushaw ud2 ud2a ${SHIFTED_BY_IMMEDIATE}`,
  ],
  [
    "286",
    "arpl clts ffreep fsetpm fnstsw_ax lar lgdt lidt lldt lmsw lsl ltr sgdt sidt sldt smsw str verr verw",
  ],
  [
    "386",
    "bsf bsr bt btc btr bts fcos fprem1 fsin fsincos fucom fucomp fucompp icebp imul_r16_rm16 int01 int1 jecxz lfs lgs lss movsx movzx shld shrd",
  ],
  ["486", "bswap invd invlpg wbinvd xadd"],
  ["pentium", "cmpxchg cpuid prefetch prefetchw rsm"],
  [
    "p6",
    "fcmovb fcmovbe fcmove fcmovnb fcmovnbe fcmovne fcmovnu fcmovu fcomi fcomip fucomi fucomip nop_rm16 nop_rm32 nop_rm64 rdpmc",
  ],
  ["katmai", "prefetchnta prefetcht0 prefetcht1 prefetcht2"],
  ["prescott", "fisttp"],
  ["x64", "invlpga"],
  [
    "future",
    "cldemote endbr32 endbr64 prefetchit0 prefetchit1 prefetchwt1 " +
      "wbnoinvd xrstors xrstors64 xsavec xsavec64 xsaveopt xsaveopt64 xsaves xsaves64",
  ],
];

const PADLOCK = "xstore xcryptecb xcryptcbc xcryptctr xcryptcfb xcryptofb montmul xsha1 xsha256";

/** Mnemonics whose feature and operands do not count. */
const EXACTLY: Words = [
  ["8086", "invept invvpid retd retfd retnd"],
  ["186", "ud0 ud1 ud2b"],
  ["286", "loadall286"],
  ["386", "loadall umov ibts xbts"],
  ["486", "cmpxchg486 svdc rsdc svldt rsldt svts rsts smintold"],
  ["pentium", `bb0_reset bb1_reset cpu_read cpu_write ${PADLOCK}`],
  ["p6", "dmint rdm smint rdshr wrshr"],
  ["ia64", "jmpe"],
  ["katmai", "sfence"],
];

function byWord(words: Words): ReadonlyMap<string, number> {
  return new Map(
    words.flatMap(([name, list]) =>
      list.split(" ").map((word) => [word, processorLevel(name)] as const),
    ),
  );
}

function makeTables() {
  return { features: byWord(FEATURES), least: byWord(LEAST), exactly: byWord(EXACTLY) };
}

let made: ReturnType<typeof makeTables> | undefined;

/** Only a program with a CPU directive needs them. */
function tables(): ReturnType<typeof makeTables> {
  return (made ??= makeTables());
}

/** Of operands as they are written, where they are wider than those of the row; 0: they are not. */
type Width = 0 | 32 | 64;

const KIND64 = /^(?:r|rm|rr)64$|^r[ac]x$/;
const KIND32 = /^(?:r|rm|rr|imm|rel)32$|^e[acd]x$|^(?:cr|dr|fs|gs)$|:32$/;

function sizeLevel({ operands, encoding, feature }: InstructionForm, widest: Width): number {
  const has = (pattern: RegExp): boolean => operands.some(({ kind }) => pattern.test(kind));
  const { operandSize } = encoding;
  if (widest === 64 || operandSize === 64 || has(KIND64)) return processorLevel("x64");
  if (feature !== undefined && WITHOUT_LEVEL.has(feature)) return 0;
  return widest === 32 || operandSize === 32 || has(KIND32) ? processorLevel("386") : 0;
}

function featureLevel(feature: string | undefined): number {
  if (feature === undefined) return 0;
  const level = tables().features.get(feature);
  if (level === undefined) throw new InvariantError(`no processor for the feature ${feature}`);
  return level;
}

/** Families are told by their rows: the conditions of the 386, and the hint NOPs. */
function familyLevel({ condition, operands, mnemonic }: InstructionForm): number {
  if (condition !== undefined && operands[0]?.kind !== "rel8") return processorLevel("386");
  return mnemonic.startsWith("hint_nop") ? processorLevel("p6") : 0;
}

/** The level that a row under a mnemonic (its own or an alias) needs. */
export function levelOfRow(form: InstructionForm, mnemonic: string, widest: Width): number {
  const { least, exactly } = tables();
  const known = exactly.get(mnemonic);
  if (known !== undefined) return known;
  return Math.max(
    featureLevel(form.feature),
    sizeLevel(form, widest),
    familyLevel(form),
    least.get(mnemonic) ?? least.get(form.mnemonic) ?? 0,
    least.get(form.id) ?? 0,
  );
}
