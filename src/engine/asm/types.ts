import type { Bits } from "../isa/types";

/** A place in a source file. Lines and columns are 1-based; columns count UTF-16 units; `endColumn` is exclusive. */
export interface SourceRange {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface Diagnostic {
  readonly severity: "error" | "warning" | "info";
  /** NASM's warning class ("label-orphan") or our own stable error code ("unknown-instruction"). */
  readonly code: string;
  readonly message: string;
  readonly range: SourceRange;
  /** The macro trail, include chain, earlier definition ... */
  readonly related: readonly { readonly message: string; readonly range: SourceRange }[];
}

/** Where a run of image bytes comes from. One entry per instruction, data item and repetition. */
export interface LineEntry {
  /**
   * Address of the first byte (the section's virtual address + offset). Addresses from 2^63 up are negative here and in `Section` and `origin`, so that
   * they are exact: `BigInt.asUintN(64, BigInt(address))` is the true one.
   */
  readonly address: number;
  /** Offset of the first byte in the image; -1 in nobits sections. */
  readonly fileOffset: number;
  readonly length: number;
  readonly kind: "code" | "data" | "reserve";
  /** Code size in force. */
  readonly bits: Bits;
  /** The line as written in the outermost file position (the macro call, not its body). */
  readonly range: SourceRange;
  /** Innermost last: the macro body lines that this came through. Empty outside macros. */
  readonly macroTrail: readonly { readonly macro: string; readonly range: SourceRange }[];
}

export interface AsmSymbol {
  /** Full name; local labels as `parent.local`. */
  readonly name: string;
  readonly kind: "label" | "equ" | "struc-field" | "extern" | "common";
  readonly value: bigint;
  /** Section for labels. */
  readonly section?: string;
  readonly global: boolean;
  readonly range: SourceRange;
}

export interface Section {
  readonly name: string;
  /** Virtual address of the first byte (vstart). */
  readonly address: number;
  /** Offset in the image, -1 for nobits. */
  readonly fileOffset: number;
  readonly length: number;
}

export interface AssembleOptions {
  /** Name of the main file as it shall appear in ranges (a path or a URI). */
  readonly file: string;
  readonly text: string;
  /** Returns a file's bytes for %include and incbin, or undefined. `name` as written; `from` is the including file. The resolved name goes into ranges. */
  readonly readFile?: (
    name: string,
    from: string,
  ) => { readonly file: string; readonly bytes: Uint8Array } | undefined;
  readonly defines?: Readonly<Record<string, string>>;
  /** Lines that are read before the file, after the defines: `%undef X`, `%include "x.inc"` ... */
  readonly preamble?: readonly string[];
  /** Warning switches in NASM's spelling, in order: `+all`, `-zeroing`, `error=user`, `no-label-orphan` ... */
  readonly warnings?: readonly string[];
  /** Variables for `%!NAME`; none without it. */
  readonly environment?: (name: string) => string | undefined;
  /** Code size before the first `bits` (NASM -f bin: 16). */
  readonly bits?: Bits;
  /**
   * Like NASM, leave it at the errors of the first pass where there are some: undefined names, operands that fit no instruction and all else that later
   * passes find is not looked for. Tools that follow the writer's keystrokes want all of it.
   */
  readonly stopsAfterFailedPass?: boolean;
  /**
   * Lines after the expansion of macros and %rep that are read at most; then comes the error "too-long". For tools that must answer soon whatever is
   * typed (`%rep 1000000`).
   */
  readonly mostLines?: number;
}

export interface Assembly {
  readonly ok: boolean;
  /** The flat image; present also with errors, with what could be assembled. */
  readonly image: Uint8Array;
  /** `org`, or 0. */
  readonly origin: number;
  /** Whether `org` was written. */
  readonly originGiven: boolean;
  /** Code size at the first instruction. */
  readonly entryBits: Bits;
  readonly sections: readonly Section[];
  readonly symbols: readonly AsmSymbol[];
  readonly lines: readonly LineEntry[];
  readonly diagnostics: readonly Diagnostic[];
  /** All files read, the main one first, in order of first use. */
  readonly files: readonly string[];
  /** NASM-style listing text. */
  listing(): string;
}

/** `assemble(options)`: never throws on any text. Lives in asm/assemble.ts. */
export type Assemble = (options: AssembleOptions) => Assembly;
