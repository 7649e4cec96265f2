/**
 * The one table of where everything lives in the machine's WebAssembly memory. Interpreter code, TypeScript handlers, snapshots and the
 * debugger all address state through it.
 */

/** 16 general registers, 8 bytes each, then a slot that is always zero ("no base", "no index"). */
export const GPR_BASE = 0;
export const ZERO_SLOT = 16 * 8;

/** Byte offsets of scalar state. */
export const STATE = {
  /** i64 instruction pointer (offset in CS). */
  rip: 0x100,
  /** i64 last arithmetic result, sign-extended: ZF, SF, PF come from it. */
  flagResult: 0x108,
  /** i32: bit 31 carry out of the top bit (CF), bit 30 carry into it (OF = their XOR), bit 3 AF, bits 15-8 parity delta, bit 0 sign delta. */
  flagAux: 0x110,
  /** i32 RFLAGS without the six arithmetic flags. */
  flagSystem: 0x114,
  /** i32 bits: see PENDING. */
  pending: 0x118,
  /** i32 current fetch context: entries of the block lookup are valid only for it. */
  context: 0x11c,
  /** i32 address of the data TLB for the current privilege class. */
  tlbBase: 0x120,
  /** i32 micro-op that left the interpreter. */
  microOp: 0x124,
  /** i64 mask of a linear address: 2^32-1 outside 64-bit mode. */
  linearMask: 0x128,
  /** i64 mask of the stack pointer: by SS.B and mode. */
  stackMask: 0x130,
  /** i32 instructions left of the budget when the interpreter returned. */
  budgetLeft: 0x138,
  /** i32: host address of the current read-modify-write operand, 0 if it goes the slow way. */
  rmwAddress: 0x13c,
  /** A near target `ip` is legal if ip + ipBias <= ipLimit, unsigned: CS limit, or canonical form in 64-bit mode. */
  ipBias: 0x140,
  ipLimit: 0x148,
  /** i32: bit i is set if segment i reaches all linear addresses unchecked, with base 0. */
  flatSegments: 0x150,
  /** Six effective segments, SEGMENT_STRIDE bytes each. */
  segments: 0x180,
  /** 16 bytes for what an access reads or writes that was aborted: nobody looks at them. */
  nowhere: 0x300,
} as const;

/**
 * Effective segment: base i64; bytes from offset 0 that may be read i64, that may be written i64 (0 = TypeScript must look at the access; all ones =
 * unchecked).
 */
export const SEGMENT_STRIDE = 32;
export const SEGMENT_READ_SIZE = 8;
export const SEGMENT_WRITE_SIZE = 16;

export const PENDING = {
  /** The current instruction did not complete: a fault or an exit is recorded in TypeScript. */
  abort: 1,
  /** Leave the interpreter after this instruction. */
  leave: 2,
} as const;

export const STATE_BYTES = 0x1000;

/** Two data TLBs (supervisor, user) of TLB_ENTRIES x TLB_STRIDE bytes: read tag i64, write tag i64, delta i32 (host = delta + low 32 address bits). */
export const TLB_BASE = 0x10000;
export const TLB_ENTRIES = 1024;
export const TLB_STRIDE = 32;
export const TLB_WRITE_TAG = 8;
export const TLB_DELTA = 16;
export const TLB_BYTES = TLB_ENTRIES * TLB_STRIDE;
export const TLB_SUPERVISOR = TLB_BASE;
export const TLB_USER = TLB_BASE + TLB_BYTES;

/** A TLB that stays empty: in force while every access must be looked at (alignment checking, data breakpoints). */
export const TLB_NONE = TLB_USER + TLB_BYTES;

/** Block lookup: rip i64, context i32, micro-op address i32. Context 0 is never valid. */
export const LOOKUP_BASE = TLB_NONE + TLB_BYTES;
export const LOOKUP_ENTRIES = 8192;
export const LOOKUP_STRIDE = 16;
export const LOOKUP_BYTES = LOOKUP_ENTRIES * LOOKUP_STRIDE;

/** Micro-op record. */
export const MICRO_OP = {
  handler: 0, // u16
  length: 2, // u8
  segment: 3, // u8: 0-5
  r0: 4, // u16 byte offset of the register of operand 0
  r1: 6, // u16
  r2: 8, // u16
  base: 10, // u16 byte offset of the base register's slot
  index: 12, // u16
  scale: 14, // u8 shift count
  lock: 15, // u8
  displacement: 16, // i64; RIP-relative ones are resolved
  immediate: 24, // i64; near branch target for rel operands
  addressMask: 32, // i64
  heat: 40, // i32: look-ups that led to this record, as the first of a block
  rip: 48, // i64
  next: 56, // i64 rip of the next instruction
} as const;
export const MICRO_OP_BYTES = 64;
export const MICRO_OPS_BASE = 0x100000;
export const MICRO_OPS_MAX = 0x20000;

/** Where physical memory (HPA 0) starts. */
export const RAM_BASE = 0x1000000;
