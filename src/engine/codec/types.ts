import type { Bits, InstructionForm, OperandSize } from "../isa/types";
import type { SegmentIndex, VectorFile } from "../isa/registers";

/** A memory operand. The effective address is (base + index * scale + displacement) truncated to addressSize. */
export interface MemoryOperand {
  readonly kind: "mem";
  /** Width of the access in bits; 0 where the row's `m` has none (LEA, INVLPG). Far pointers and descriptors: the whole width (32, 48, 80). */
  readonly size: number;
  /** After overrides and the default (SS for BP/SP bases). */
  readonly segment: SegmentIndex;
  /** True if a segment prefix was written. */
  readonly segmentOverride: boolean;
  /** GPR number or -1. */
  readonly base: number;
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  /** Sign-extended displacement; for moffs64 the low 32 bits, unsigned, with `displacementHigh` above. */
  readonly displacement: number;
  /** Upper 32 bits of the displacement, signed: 0 or -1 except in a 64-bit moffs. */
  readonly displacementHigh: number;
  /** Bytes of displacement in the encoding: 0, 1, 2, 4, 8. */
  readonly displacementBytes: number;
  readonly addressSize: 16 | 32 | 64;
  /** RIP-relative: add the address of the next instruction. */
  readonly ripRelative: boolean;
  /** The index is a vector register: one address per element. */
  readonly vectorIndex?: "xmm" | "ymm";
}

export interface RegisterOperand {
  readonly kind: "reg";
  readonly size: OperandSize;
  /** GPR number 0-15; with `high` it is 0-3 and names ah, ch, dh, bh. */
  readonly register: number;
  readonly high: boolean;
}

export type DecodedOperand =
  | RegisterOperand
  | MemoryOperand
  | { readonly kind: "sreg"; readonly register: SegmentIndex }
  | { readonly kind: "cr" | "dr" | VectorFile; readonly register: number }
  /** `value`: low 32 bits as a signed number, already sign-extended as the row says; `high`: bits 63-32, signed. */
  | {
      readonly kind: "imm";
      readonly size: OperandSize;
      readonly value: number;
      readonly high: number;
    }
  /** Distance from the end of the instruction. */
  | { readonly kind: "rel"; readonly size: 8 | 16 | 32; readonly displacement: number }
  | {
      readonly kind: "far";
      readonly selector: number;
      readonly offset: number;
      readonly size: 16 | 32;
    };

/** One decoded instruction. */
export interface Instruction {
  readonly form: InstructionForm;
  /** Bytes, 1 to 15. */
  readonly length: number;
  /** Code size that it was decoded for. */
  readonly bits: Bits;
  /** Effective operand size (64 for d64/f64 rows in 64-bit mode). */
  readonly operandSize: 16 | 32 | 64;
  readonly addressSize: 16 | 32 | 64;
  readonly operands: readonly DecodedOperand[];
  readonly lock: boolean;
  /** The repeat prefix as written, also where it means nothing. */
  readonly repeat: 0 | 0xf2 | 0xf3;
  /** Segment prefix as written, or -1. */
  readonly segmentPrefix: number;
  /** Offset of the first immediate or displacement field, and such, are not kept: re-encode to get them. */
}

/**
 * Why bytes are not an instruction. "truncated": more bytes are needed; "invalid": #UD; "too-long": over 15 bytes, #GP(0).
 * A LOCK prefix on a row that does not take it is "invalid".
 */
export interface DecodeFailure {
  readonly failure: "truncated" | "invalid" | "too-long";
  readonly length: number;
}
export type DecodeResult = Instruction | DecodeFailure;

/** `decode(bytes, offset, bits)`: never throws. */
export type Decode = (bytes: Uint8Array, offset: number, bits: Bits) => DecodeResult;

/** `format(instruction, address, resolve)`: NASM text that assembles to the same meaning; `address` is that of the instruction. */
export type Format = (
  instruction: Instruction,
  address: bigint,
  symbolAt?: (address: bigint) => string | undefined,
) => string;

// ---------------------------------------------------------------------------------------------------- encoding

export type AsmRegister =
  | {
      readonly class: "gpr";
      readonly size: OperandSize;
      readonly number: number;
      readonly high: boolean;
    }
  | { readonly class: "sreg" | "cr" | "dr" | "tr" | VectorFile; readonly number: number };

/** An operand as the assembler's parser sees it, all expressions already evaluated in this pass. */
export type AsmOperand =
  /** `to`: the word stands before it (`fadd to st1`). */
  | { readonly kind: "reg"; readonly register: AsmRegister; readonly to?: boolean }
  | {
      readonly kind: "imm";
      /** 64-bit value, sign as the expression gave it (NASM computes in 64 bits). */
      readonly value: bigint;
      /** False while a forward reference has no value yet: choose the optimistic (shortest) encoding that NASM's pass 1 chooses. */
      readonly known: boolean;
      /** True if the value is an address in the image (a label, $ ...): decides the class of rel and mov r64. */
      readonly isAddress: boolean;
      /** `byte`, `word`, `dword`, `qword` written before it. */
      readonly size?: OperandSize;
      readonly strict: boolean;
      /** `short`, `near`, `far` written before it. */
      readonly distance?: "short" | "near" | "far";
      /** True if the address lies in another section than the instruction: no short jump reaches it. */
      readonly otherSection?: boolean;
      /** `default rel` is in force: LEA of a bare label is RIP-relative then. */
      readonly relative?: "rel";
    }
  | {
      readonly kind: "far";
      readonly selector: bigint;
      readonly offset: bigint;
      readonly size?: OperandSize;
      readonly known: boolean;
    }
  | {
      readonly kind: "mem";
      readonly size?: number;
      readonly far: boolean;
      readonly base?: AsmRegister;
      readonly index?: AsmRegister;
      /** Multiplier of the index; anything without an index. */
      readonly scale: number;
      /**
       * NASM's hint, for callers that give base and index in the order of its expression vectors: the first register written is to be
       * the base; it was multiplied, so is not to be; or terms of one register were added up (`eax+eax`). Without it, base
       * and index are taken as given.
       */
      readonly hint?: {
        readonly kind: "makeBase" | "notBase" | "summed";
        readonly register: AsmRegister;
      };
      /** NASM's `[eax,ecx*4]` and `nosplit` keep the index as written. */
      readonly noSplit: boolean;
      readonly displacement: bigint;
      readonly displacementKnown: boolean;
      readonly hasDisplacement: boolean;
      readonly displacementIsAddress: boolean;
      /** `byte`/`word`/`dword`/`qword` inside the brackets. */
      readonly displacementSize?: OperandSize;
      /** `a16`/`a32`/`a64` inside the brackets. */
      readonly addressSize?: 16 | 32 | 64;
      readonly segment?: SegmentIndex;
      /**
       * `rel` or `abs` inside the brackets, else undefined. `default rel` is resolved by the caller into "rel", but only for operands without
       * registers and without an FS or GS override.
       */
      readonly relative?: "rel" | "abs";
      readonly strict: boolean;
    };

export interface EncodeRequest {
  readonly mnemonic: string;
  readonly operands: readonly AsmOperand[];
  readonly bits: Bits;
  /** lock, rep, repe, repz, repne, repnz, a16.., o16.., and segment names, in source order, lower case. */
  readonly prefixes: readonly string[];
  /** Address of the first byte. */
  readonly address: bigint;
  /** What the CPU directive allows; undefined: everything. */
  readonly target?: Target | undefined;
}

/** The processor that is assembled for. */
export interface Target {
  /** As in isa/processors.ts. */
  readonly level: number;
  readonly hasVex: boolean;
}

export interface EncodeWarning {
  /** NASM's warning class: "number-overflow", "prefix-seg", "ea-absolute" ... */
  readonly class: string;
  readonly message: string;
  /** Index of the operand that it speaks of, if one. */
  readonly operand?: number;
}

export interface EncodedInstruction {
  readonly ok: true;
  readonly bits: Bits;
  /** Of the request. */
  readonly target: Target | undefined;
  readonly bytes: Uint8Array;
  /** The row that the bytes decode to. */
  readonly form: InstructionForm;
  /** A relative jump or call: the bytes depend on the address. */
  readonly isRelative: boolean;
  readonly warnings: readonly EncodeWarning[];
  /**
   * A form that exists only short (LOOP, JCXZ, `jmp short`) does not reach its target: NASM's error "short jump is out of range" if it
   * is so in the last pass. (Jumps with a long form choose it by themselves as soon as the target's value demands it.)
   */
  readonly outOfRange: boolean;
}

export type EncodeResult =
  | EncodedInstruction
  | {
      readonly ok: false;
      /** NASM's own words where it has some: "invalid combination of opcode and operands", "operation size not specified" ... */
      readonly error: string;
      readonly operand?: number;
    };
