import type { SegmentIndex } from "../../isa/registers";
import type { OperandSize } from "../../isa/types";
import type { FunctionBuilder } from "../../wasm/moduleBuilder";

/** A segment register by number, or "own": the one that the instruction's prefix or memory operand names. */
export type SegmentChoice = SegmentIndex | "own";

/** Arithmetic flags of `r = a + x` or `r = a - x`; "inc" and "dec" are the same with CF kept. */
export interface FlagOperation {
  readonly op: "add" | "sub" | "inc" | "dec";
  readonly size: OperandSize;
  /** i64 locals, truncated to `size`. */
  readonly a: number;
  readonly x: number;
  readonly r: number;
}

/**
 * What an instruction's semantics is written against. The interpreter implements it with operands taken from a micro-op record and state in
 * memory; a region with constants and locals. All values are i64, zero-extended from the operand's size.
 */
export interface Emitter {
  readonly b: FunctionBuilder;
  /** Width of the operation in bits (8 for byte forms). */
  readonly size: OperandSize;
  /** Width of operand `i` in bits. */
  operandSize(i: number): OperandSize;
  /** True if operand `i` is in memory. */
  isMemory(i: number): boolean;
  readonly operandCount: number;
  /** Condition code of Jcc, SETcc, CMOVcc. */
  readonly condition: number;
  readonly addressSize: 16 | 32 | 64;
  readonly repeat: "none" | "rep" | "repe" | "repne";

  /** Scratch locals: six i64, four i32. Free for each instruction. */
  readonly t: readonly [number, number, number, number, number, number];
  readonly n: readonly [number, number, number, number];

  /** Pushes operand `i`. A memory operand may abort the instruction here. */
  read(i: number): void;
  /** Writes local `value` (already truncated) to operand `i`. */
  write(i: number, value: number): void;
  /** Pushes operand `i` with write intent: a fault is reported as a write, as hardware does for read-modify-write. */
  readForUpdate(i: number): void;
  /** Writes local `value` to the operand of the last readForUpdate. Cannot fault. */
  writeUpdate(i: number, value: number): void;
  /** Adds local (i64) to the effective address of the memory operand: bit strings. */
  offsetMemory(local: number): void;
  /** Pushes the effective address of memory operand `i`, without segment. */
  effectiveAddress(i: number): void;
  /** Pushes the value of a general register by number, zero-extended from `size`. */
  readGpr(register: number, size: OperandSize): void;
  /** Writes local `value` to a general register; 32 bits zero-extend, 8 and 16 keep the rest. */
  writeGpr(register: number, size: OperandSize, value: number): void;
  /** Pushes the value at segment:offset; the offset is pushed by the callback. */
  load(size: OperandSize, segment: SegmentChoice, offset: () => void): void;
  store(size: OperandSize, segment: SegmentChoice, offset: () => void, value: number): void;
  /** Pushes the mask of the stack pointer; its value where that is known. */
  stackMask(): void;
  readonly knownStackMask: bigint | undefined;
  /** The immediate, where the emitter knows it. */
  readonly knownImmediate: bigint | undefined;

  /** Pushes the two words that hold the arithmetic flags (i64 and i32, see flags.ts). */
  flagResult(): void;
  flagAux(): void;
  /** Replaces them by what the callback pushes. */
  setFlagResult(push: () => void): void;
  setFlagAux(push: () => void): void;
  /** True if the emitter takes note of these flags and works them out when they are asked for; false if the caller must do so. */
  deferFlags(operation: FlagOperation): boolean;
  /** True if it has pushed the condition (0-15, as i32 0 or 1) from flags that it deferred. */
  pushDeferredCondition(code: number): boolean;
  /** Makes the words true; before code that may or may not replace them. */
  settleFlags(): void;

  /** Pushes the micro-op's immediate or its address mask (i64). */
  immediate(): void;
  addressMask(): void;
  /** Pushes the address of the next instruction. */
  nextRip(): void;
  /** Ends the instruction with a jump to the offset in local `target`, after checking it against CS (#GP(0) before anything changed must be asked with `checkTarget`). */
  jump(target: number): void;
  /** Aborts with #GP(0) if local `target` is outside CS or not canonical. */
  checkTarget(target: number): void;
  /** Ends the instruction; the next one in sequence follows. */
  done(): void;
  /**
   * Before an iteration of REP MOVS or REP STOS whose count is not zero: may do several at once and end the step. Each counts as one. Uses n[0].
   */
  bulk(instruction: "movs" | "stos"): void;
  /** Ends the step but stays at the same instruction: one iteration of a repeated string instruction. */
  again(): void;
  /** Aborts with an exception that has no error code. */
  raise(vector: number): void;
  /** Calls a helper: high 64 bits of an unsigned product of two i64 on the stack. */
  multiplyHighUnsigned(): void;
}

export type Semantics = (e: Emitter) => void;

/** Mask of an operand size. */
export function maskOf(size: OperandSize): bigint {
  return (1n << BigInt(size)) - 1n;
}

/** Truncates the i64 on the stack to `size` bits, zero-extended. */
export function truncate(b: FunctionBuilder, size: OperandSize): FunctionBuilder {
  if (size === 64) return b;
  // A 32-bit operation clears the upper half by itself: V8 makes nothing of this pair.
  if (size === 32) return b.op("i32.wrap_i64", "i64.extend_i32_u");
  return b.i64(maskOf(size)).op("i64.and");
}

/** Sign-extends the i64 on the stack from `size` bits. */
export function signExtend(b: FunctionBuilder, size: OperandSize): FunctionBuilder {
  switch (size) {
    case 8:
      return b.op("i64.extend8_s");
    case 16:
      return b.op("i64.extend16_s");
    case 32:
      return b.op("i64.extend32_s");
    case 64:
      return b;
  }
}
