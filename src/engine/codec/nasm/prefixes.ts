/** Prefix words in NASM's slots, and the bytes that they become. */
import type { Bits, InstructionForm } from "../../isa/types";
import { SEGMENTS } from "../../isa/registers";
import type { EncodeWarning } from "../types";

/** One word per slot; the slots are in the order of their bytes. */
export interface Prefixes {
  wait: boolean;
  repeat: string;
  lock: boolean;
  /** Segment number or -1. */
  segment: number;
  /** o16, o32, o64, osp, or "". */
  operandSize: string;
  /** a16, a32, a64, asp, or "". */
  addressSize: string;
  /** `{rex}`, `{vex}`, `{vex2}`, `{vex3}`, `{evex}`, or "". */
  encoding: string;
}

const REPEAT_BYTES: Readonly<Record<string, number>> = {
  rep: 0xf3,
  repe: 0xf3,
  repz: 0xf3,
  xrelease: 0xf3,
  repne: 0xf2,
  repnz: 0xf2,
  xacquire: 0xf2,
  bnd: 0xf2,
  nobnd: 0,
};

const SEGMENT_BYTES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65] as const;

/** Sorts prefix words into their slots; a later word replaces an earlier one. */
export function sortPrefixes(words: readonly string[]): Prefixes {
  const slots: Prefixes = {
    wait: false,
    repeat: "",
    lock: false,
    segment: -1,
    operandSize: "",
    addressSize: "",
    encoding: "",
  };
  for (const word of words) {
    const segment = (SEGMENTS as readonly string[]).indexOf(word);
    if (segment >= 0) slots.segment = segment;
    else if (word === "wait") slots.wait = true;
    else if (word === "lock") slots.lock = true;
    else if (word.startsWith("{")) slots.encoding = word;
    else if (REPEAT_BYTES[word] !== undefined) slots.repeat = word;
    else if (word.startsWith("o")) slots.operandSize = word;
    else slots.addressSize = word;
  }
  return slots;
}

function segmentWarning(segment: number): EncodeWarning {
  return {
    class: "prefix-seg",
    message: `${SEGMENTS[segment]} segment base generated, but will be ignored in 64-bit mode`,
  };
}

function changesOperandSize(word: string, bits: Bits): boolean {
  return word === "osp" || (word === "o16" && bits !== 16) || (word === "o32" && bits === 16);
}

function changesAddressSize(word: string, bits: Bits): boolean {
  return word === "asp" || (word === "a16" && bits === 32) || (word === "a32" && bits !== 32);
}

/** Appends the prefix bytes, wait first, address size last; `operandSize` is the word that the template has settled on. */
export function emitPrefixes(
  prefixes: Prefixes,
  operandSize: string,
  bits: Bits,
  bytes: number[],
  warnings: EncodeWarning[],
): void {
  if (prefixes.wait) bytes.push(0x9b);
  const repeat = REPEAT_BYTES[prefixes.repeat] ?? 0;
  if (repeat !== 0) bytes.push(repeat);
  if (prefixes.lock) bytes.push(0xf0);
  if (prefixes.segment >= 0) {
    bytes.push(SEGMENT_BYTES[prefixes.segment]!);
    if (bits === 64 && prefixes.segment < 4) warnings.push(segmentWarning(prefixes.segment));
  }
  if (changesOperandSize(operandSize, bits)) bytes.push(0x66);
  if (changesAddressSize(prefixes.addressSize, bits)) bytes.push(0x67);
}

/** What hardware lock elision asks of an instruction: SDM Vol. 1, "HLE Lock Elision". */
function elisionOf({
  mnemonic,
  lock,
  operands,
}: InstructionForm): "none" | "release" | "bare" | "locked" {
  if (mnemonic === "xchg") return "bare";
  if (mnemonic === "mov") {
    const [target, source] = operands;
    return target!.kind.startsWith("rm") && source!.kind !== "sreg" ? "release" : "none";
  }
  return lock && mnemonic !== "cmpxchg16b" && mnemonic !== "cmpxchg486" ? "locked" : "none";
}

/**
 * Why XACQUIRE or XRELEASE does nothing there, in NASM's words; undefined where it does, or is not written. Without a row: the prefixes
 * stand alone.
 */
export function elisionProblem(
  form: InstructionForm | undefined,
  { repeat, lock }: Prefixes,
  inMemory: boolean,
): string | undefined {
  if (repeat !== "xacquire" && repeat !== "xrelease") return undefined;
  const elision = form !== undefined && inMemory ? elisionOf(form) : "none";
  if (elision === "locked") return lock ? undefined : "with this instruction requires lock";
  const fits = elision === "bare" || (elision === "release" && repeat === "xrelease");
  return fits ? undefined : "invalid with this instruction";
}
