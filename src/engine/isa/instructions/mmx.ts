/** MMX and 3DNow!. Recognised, not executed: the simulated processor has neither. */
import type { InstructionForm } from "../types";
import { family, insn, op0f, r, recognised, rw, w } from "../dsl";

const MMX = recognised("mmx");
const SSE = recognised("sse");
const SSE2 = recognised("sse2");
const AMD = recognised("3dnow");

/** Operations on packed integers, which SSE2 has at the same opcodes under 66. */
export const PACKED_INTEGERS =
  "packssdw 6b packsswb 63 packuswb 67 paddb fc paddd fe paddsb ec paddsw ed paddusb dc paddusw dd paddw fd " +
  "pand db pandn df pcmpeqb 74 pcmpeqd 76 pcmpeqw 75 pcmpgtb 64 pcmpgtd 66 pcmpgtw 65 pmaddwd f5 pmulhw e5 " +
  "pmullw d5 por eb psubb f8 psubd fa psubsb e8 psubsw e9 psubusb d8 psubusw d9 psubw f9 punpckhbw 68 " +
  "punpckhdq 6a punpckhwd 69 punpcklbw 60 punpckldq 62 punpcklwd 61 pxor ef";
/** Those that came with SSE, and with SSE2. */
export const PACKED_INTEGERS_OF_SSE =
  "pavgb e0 pavgw e3 pmaxsw ee pmaxub de pminsw ea pminub da pmulhuw e4 psadbw f6";
export const PACKED_INTEGERS_OF_SSE2 = "paddq d4 pmuludq f4 psubq fb";
/** Shifts by a count in a register or memory. */
export const COUNTED_SHIFTS =
  "pslld f2 psllq f3 psllw f1 psrad e2 psraw e1 psrld d2 psrlq d3 psrlw d1";
/** Shifts by a constant. */
export const PACKED_SHIFTS =
  "pslld 72/6 psllq 73/6 psllw 71/6 psrad 72/4 psraw 71/4 psrld 72/2 psrlq 73/2 psrlw 71/2";

/** All at 0F 0F: the byte behind the operands is the opcode. */
const AMD_OPERATIONS = [
  ["pi2fw", 0x0c],
  ["pi2fd", 0x0d],
  ["pf2iw", 0x1c],
  ["pf2id", 0x1d],
  ["pfrcpv", 0x86],
  ["pfrsqrtv", 0x87],
  ["pfnacc", 0x8a],
  ["pfpnacc", 0x8e],
  ["pfcmpge", 0x90],
  ["pfmin", 0x94],
  ["pfrcp", 0x96],
  ["pfrsqrt", 0x97],
  ["pfsub", 0x9a],
  ["pfadd", 0x9e],
  ["pfcmpgt", 0xa0],
  ["pfmax", 0xa4],
  ["pfrcpit1", 0xa6],
  ["pfrsqit1", 0xa7],
  ["pfsubr", 0xaa],
  ["pfacc", 0xae],
  ["pfcmpeq", 0xb0],
  ["pfmul", 0xb4],
  ["pfrcpit2", 0xb6],
  ["pmulhrwa", 0xb7],
  ["pswapd", 0xbb],
  ["pavgusb", 0xbf],
] as const;

const plain = op0f(0).reg().np();
const ofMm = [rw("mm"), r("mm/m64")];

export const MMX_ROWS: readonly InstructionForm[] = [
  ...family(`${PACKED_INTEGERS} ${COUNTED_SHIFTS}`, ofMm, plain, MMX),
  ...family(PACKED_INTEGERS_OF_SSE, ofMm, plain, SSE),
  ...family(PACKED_INTEGERS_OF_SSE2, ofMm, plain, SSE2),
  ...family(PACKED_SHIFTS, [rw("rrmm"), r("imm8")], plain.ext(0).register().imm("ib"), MMX),
  insn("movd", [w("mm"), r("rm32")], op0f(0x6e).reg().np(), MMX),
  insn("movd", [w("rm32"), r("mm")], op0f(0x7e).reg().np(), MMX),
  insn("movq", [w("mm"), r("rm64")], op0f(0x6e).reg().np().o64(), MMX),
  insn("movq", [w("rm64"), r("mm")], op0f(0x7e).reg().np().o64(), MMX),
  insn("movq", [w("mm"), r("mm/m64")], op0f(0x6f).reg().np(), MMX),
  insn("movq", [w("mm/m64"), r("mm")], op0f(0x7f).reg().np(), MMX),
  insn("movntq", [w("m64"), r("mm")], op0f(0xe7).reg().np().memory(), SSE),
  insn("maskmovq", [r("mm"), r("rrmm")], op0f(0xf7).reg().np().register(), SSE),
  insn("pmovmskb", [w("r32"), r("rrmm")], op0f(0xd7).reg().np().register(), SSE),
  insn("pshufw", [w("mm"), r("mm/m64"), r("imm8")], op0f(0x70).reg().np().imm("ib"), SSE),
  insn("pinsrw", [rw("mm"), r("rr32"), r("imm8")], op0f(0xc4).reg().np().register().imm("ib"), SSE),
  insn("pinsrw", [rw("mm"), r("m16"), r("imm8")], op0f(0xc4).reg().np().memory().imm("ib"), SSE),
  insn("pextrw", [w("r32"), r("rrmm"), r("imm8")], op0f(0xc5).reg().np().register().imm("ib"), SSE),
  insn("femms", [], op0f(0x0e), AMD),
  ...AMD_OPERATIONS.map(([mnemonic, ending]) =>
    insn(mnemonic, ofMm, op0f(0x0f).reg().ending(ending), AMD),
  ),
];
