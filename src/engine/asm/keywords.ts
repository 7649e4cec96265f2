/** The words that mean something to NASM's assembler proper: registers, prefixes, sizes, pseudo-instructions, instructions. */
import type { AsmRegister } from "../codec/types";
import { GPR16, GPR32, GPR64, GPR8, GPR8_HIGH, SEGMENTS, type VectorFile } from "../isa/registers";
import type { OperandSize } from "../isa/types";
import { hasTemplates } from "../codec/nasm/compile";
import { NASM_MNEMONICS } from "./nasmMnemonics";

export interface RegisterKeyword {
  readonly kind: "register";
  readonly name: string;
  /** Rank in NASM's own order (alphabetical): its expression vectors are sorted by it. */
  readonly rank: number;
  /** Absent for registers that our instruction table has no operand for (zmm0, k1 ...). */
  readonly register: AsmRegister | undefined;
  /** Bits of a general register, else 0. */
  readonly size: number;
}

/** Slots in which a prefix may stand once: two different ones in a slot are in conflict. */
export type PrefixSlot = "address" | "operand" | "lock" | "repeat" | "wait" | "encoding";

export type Keyword =
  | RegisterKeyword
  | { readonly kind: "instruction"; readonly supported: boolean }
  | { readonly kind: "data" | "reserve"; readonly bytes: number }
  | { readonly kind: "equ" | "incbin" | "times" | "seg" | "wrt" | "dup" | "ptr" }
  /** What `ptr` and `flat` become under `%use masm`. */
  | { readonly kind: "masmPtr" | "masmFlat" }
  | { readonly kind: "prefix"; readonly slot: PrefixSlot }
  | { readonly kind: "size"; readonly bytes: number }
  | {
      readonly kind: "special";
      readonly name:
        "abs" | "far" | "long" | "near" | "nosplit" | "rel" | "short" | "strict" | "to";
    }
  | { readonly kind: "floatConstant" | "floatFormat" | "stringFunction" | "integerFunction" };

function table(): Map<string, Keyword> {
  const words = new Map<string, Keyword>();
  for (const name of NASM_MNEMONICS) {
    words.set(name, { kind: "instruction", supported: hasTemplates(name) });
  }
  const add = (names: string, keyword: Keyword): void => {
    for (const name of names.split(" ")) words.set(name, keyword);
  };
  ["b:1", "w:2", "d:4", "q:8", "t:10", "o:16", "y:32", "z:64"].forEach((entry) => {
    const [letter, bytes] = entry.split(":") as [string, string];
    words.set(`d${letter}`, { kind: "data", bytes: Number(bytes) });
    words.set(`res${letter}`, { kind: "reserve", bytes: Number(bytes) });
  });
  add("equ", { kind: "equ" });
  add("incbin", { kind: "incbin" });
  add("times", { kind: "times" });
  add("seg", { kind: "seg" });
  add("wrt", { kind: "wrt" });
  add("dup", { kind: "dup" });
  add("ptr", { kind: "ptr" });
  add("__?masm_ptr?__", { kind: "masmPtr" });
  add("__?masm_flat?__", { kind: "masmFlat" });
  add("a16 a32 a64 asp", { kind: "prefix", slot: "address" });
  add("o16 o32 o64 osp", { kind: "prefix", slot: "operand" });
  add("lock", { kind: "prefix", slot: "lock" });
  add("rep repe repne repnz repz xacquire xrelease bnd nobnd", { kind: "prefix", slot: "repeat" });
  add("wait", { kind: "prefix", slot: "wait" });
  const sizes = {
    byte: 1,
    word: 2,
    dword: 4,
    qword: 8,
    tword: 10,
    oword: 16,
    yword: 32,
    zword: 64,
  };
  for (const [name, bytes] of Object.entries(sizes)) words.set(name, { kind: "size", bytes });
  for (const name of [
    "abs",
    "far",
    "long",
    "near",
    "nosplit",
    "rel",
    "short",
    "strict",
    "to",
  ] as const) {
    words.set(name, { kind: "special", name });
  }
  add("__?infinity?__ __?nan?__ __?qnan?__ __?snan?__", { kind: "floatConstant" });
  add(
    "__?float8?__ __?float16?__ __?bfloat16?__ __?float32?__ __?float64?__ __?float80m?__ __?float80e?__ __?float128l?__ __?float128h?__",
    { kind: "floatFormat" },
  );
  add("__?utf16?__ __?utf16le?__ __?utf16be?__ __?utf32?__ __?utf32le?__ __?utf32be?__", {
    kind: "stringFunction",
  });
  add("__?ilog2e?__ __?ilog2w?__ __?ilog2f?__ __?ilog2c?__", { kind: "integerFunction" });
  registers().forEach(([name, register, size], rank) => {
    words.set(name, { kind: "register", name, rank, register, size });
  });
  return words;
}

function registers(): [string, AsmRegister | undefined, number][] {
  const list: [string, AsmRegister | undefined, number][] = [];
  const general = (names: readonly string[], size: OperandSize, high: boolean): void =>
    names.forEach((name, number) => {
      list.push([name, { class: "gpr", size, number, high }, size]);
    });
  general(GPR8, 8, false);
  general(GPR8_HIGH, 8, true);
  general(GPR16, 16, false);
  general(GPR32, 32, false);
  general(GPR64, 64, false);
  SEGMENTS.forEach((name, number) => list.push([name, { class: "sreg", number }, 0]));
  const numbered = (
    stem: string,
    count: number,
    kind: "cr" | "dr" | "tr" | VectorFile | undefined,
  ): void => {
    for (let number = 0; number < count; number++) {
      list.push([`${stem}${number}`, kind && { class: kind, number }, 0]);
    }
  };
  numbered("cr", 16, "cr");
  numbered("dr", 16, "dr");
  numbered("tr", 8, "tr");
  numbered("st", 8, "st");
  numbered("mm", 8, "mm");
  numbered("xmm", 16, "xmm");
  numbered("ymm", 16, "ymm");
  for (let n = 16; n < 32; n++) list.push([`xmm${n}`, undefined, 0], [`ymm${n}`, undefined, 0]);
  numbered("zmm", 32, undefined);
  numbered("tmm", 8, undefined);
  numbered("k", 8, undefined);
  numbered("bnd", 4, undefined);
  list.push(["segr6", undefined, 0], ["segr7", undefined, 0]);
  return list.sort((a, b) => (a[0] < b[0] ? -1 : 1));
}

const KEYWORDS: ReadonlyMap<string, Keyword> = table();

/** `lower` in lower case. */
export function keywordOf(lower: string): Keyword | undefined {
  return KEYWORDS.get(lower);
}
