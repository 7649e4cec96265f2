/**
 * What is known of a program besides its bytes: lines, symbols, sections. An `Assembly` has this shape; an ELF file gives it too
 * (elfDebugInformation.ts), so that everything above works alike for both.
 *
 * Addresses from 2^63 up are negative, as in the assembler's line map. A `fileOffset` counts from the image's load address: it says where the loader
 * puts a place that was made for another (virtual) address.
 */
import type { Bits } from "../isa/types";
import type { SourceRange } from "../asm/types";

/** Bytes that were made from one source line. */
export interface DebugLine {
  readonly address: number;
  /** -1 where the loader puts nothing. */
  readonly fileOffset: number;
  readonly length: number;
  readonly kind: "code" | "data" | "reserve";
  /** Code size; absent where only the processor knows it. */
  readonly bits?: Bits;
  readonly range: SourceRange;
  /** Innermost last: the macro body lines that this came through. */
  readonly macroTrail: readonly { readonly macro: string; readonly range: SourceRange }[];
  /** False: a bad place for a breakpoint on the line, for example its end that the compiler moved elsewhere. */
  readonly isStatement?: boolean;
}

export interface DebugSymbol {
  /** Local labels as `parent.local`. */
  readonly name: string;
  /** Labels have addresses; everything else is a number. */
  readonly kind: "label" | "equ" | "struc-field" | "extern" | "common";
  readonly value: bigint;
  readonly section?: string;
  /** Bytes of the function that begins here; absent where that is not known. */
  readonly functionBytes?: number;
}

export interface DebugSection {
  readonly name: string;
  readonly address: number;
  readonly fileOffset: number;
  readonly length: number;
  /** Absent where the lines say it better. */
  readonly isExecutable?: boolean;
}

/** A run of code of one function, or of one inlined copy of it. */
export interface DebugFunction {
  readonly name: string;
  /** The same for all runs of one function or copy. */
  readonly id: number;
  readonly from: number;
  /** The first address after it. */
  readonly to: number;
}

export interface DebugInformation {
  /** All source files, the main one first. */
  readonly files: readonly string[];
  readonly lines: readonly DebugLine[];
  readonly symbols: readonly DebugSymbol[];
  readonly sections: readonly DebugSection[];
  /** Whether a line of `lines` is one instruction (as the assembler's are) or a statement of a compiled language, which is several. */
  readonly lineUnit?: "instruction" | "statement";
  readonly functions?: readonly DebugFunction[];
  /** What the user should know of it: what is missing or damaged, and the way out. */
  readonly notes?: readonly string[];
}
