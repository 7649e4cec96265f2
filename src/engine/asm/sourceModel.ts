/**
 * What the language server knows about a program: the assembly, plus every statement, name, include, macro and skipped
 * line with its exact place. `buildSourceModel` (asm/buildSourceModel.ts) makes it from the same run that makes the image,
 * so nothing here can disagree with the bytes.
 *
 * Ranges are those of `SourceRange`: 1-based lines and columns, UTF-16 units, `endColumn` exclusive, `file` as the resolved name
 * that `readFile` gave (the main file: `options.file`). A token keeps the place where it was *written*: an argument of a
 * macro lies at the call, the rest of the macro's body lies in the body. Lists are in the order in which NASM reads
 * the program, so a file that is included twice appears twice in `statements`.
 */
import type { AsmOperand } from "../codec/types";
import type { Bits, InstructionForm } from "../isa/types";
import type { AssembleOptions, Assembly, SourceRange } from "./types";

/** Text with the place where it was written. */
export interface SourceWord {
  /** As it stands after macro expansion: `mov`, `.loop`, `rep`. */
  readonly text: string;
  readonly range: SourceRange;
}

export interface MacroTrailEntry {
  /** Name of the multi-line macro, or `%rep`. */
  readonly macro: string;
  /** The body line that this came through. */
  readonly range: SourceRange;
}

export interface StatementOperand {
  /** First to last token of the operand, without the commas. */
  readonly range: SourceRange;
  /** After macro expansion, in normal form: `dword [ebx+4]`. */
  readonly text: string;
  /**
   * Instructions only: the operand as the encoder got it in the last pass, all expressions evaluated (a label's
   * address, an `equ`'s value). Absent where the operand could not be parsed or evaluated.
   */
  readonly value?: AsmOperand;
  /** Directives and data: the value where the operand is a plain expression that could be evaluated. */
  readonly number?: bigint;
}

/**
 * "instruction"; "data" (db .. ddq, incbin); "reserve" (resb ..); "equ"; "label" (a label alone); "directive" (bits, org, section,
 * align's own code, struc's own lines ...: whatever is left).
 */
export type StatementKind = "instruction" | "data" | "reserve" | "equ" | "label" | "directive";

/** One statement after macro expansion. A line in a macro body or a %rep body gives one statement each time it is expanded. */
export interface Statement {
  readonly kind: StatementKind;
  /** From the first to the last token of the line, where it is written: inside a macro, the line of the body. */
  readonly range: SourceRange;
  /** The line in the outermost position: the macro call or the %rep line's body line; equal to `range` outside macros. */
  readonly callRange: SourceRange;
  /** Innermost last; empty outside macros. */
  readonly macroTrail: readonly MacroTrailEntry[];
  /** The label in front; `name` is the full name (`main.loop`). */
  readonly label?: SourceWord & { readonly name: string };
  /** `times`, lock, rep, o32, segment overrides ... in source order. `times` stands here as a word; its count is `times`. */
  readonly prefixes: readonly SourceWord[];
  /** The instruction's or directive's word as written (any case); absent for a label alone. */
  readonly mnemonic?: SourceWord;
  readonly operands: readonly StatementOperand[];
  /** Code size in force. */
  readonly bits: Bits;
  readonly section: string;
  /** Address of the first byte (the section's virtual address + offset). */
  readonly address: number;
  /** Offset in the image; -1 where nothing is put there. */
  readonly fileOffset: number;
  /** Bytes that it takes, all repetitions of `times` together. */
  readonly length: number;
  /** The bytes, of one repetition only; empty for "reserve" in nobits, "equ", "label". */
  readonly bytes: Uint8Array;
  /** Count of `times`, else 1. */
  readonly times: number;
  /** Instructions: the row of the instruction table that was chosen; absent when it was refused. */
  readonly form?: InstructionForm;
  /** True if there is an error in this statement: its bytes are missing or hold zeros for what has no value. */
  readonly failed: boolean;
}

/**
 * "label" (global or ordinary label), "local-label" (`.x`), "equ", "struc" and "struc-field", "extern", "common", "section",
 * "macro" (%macro), "define" (%define, %assign, %xdefine, %defstr, %strlen ...), "macro-parameter" (`%1`, and the names of a
 * parametrised define), "macro-label" (`%%x`), "context-label" (`%$x`), "context" (%push).
 */
export type NameKind =
  | "label"
  | "local-label"
  | "equ"
  | "struc"
  | "struc-field"
  | "extern"
  | "common"
  | "section"
  | "macro"
  | "define"
  | "macro-parameter"
  | "macro-label"
  | "context-label"
  | "context";

/** One place where a name is written. The same place is listed once, however often it is expanded. */
export interface NameOccurrence {
  /**
   * Equal exactly for the occurrences of one thing: what "find references" and rename go by. Made of the kind's space and
   * the full name (`symbol:main.loop`, `macro:print`, `define:FOO`, `macro-label:<file>:<line>:skip`); do not take it apart.
   */
  readonly id: string;
  readonly kind: NameKind;
  /** Full resolved name: `main.loop` for `.loop`. For `%%x`, `%$x`, `%1` the name as written. */
  readonly name: string;
  readonly role: "definition" | "reference";
  readonly range: SourceRange;
  /**
   * How the name is spelled at `range`: `.loop`, `$name`, `%%x`. To rename, replace the spelling's last part; a prefix of
   * `.`, `..@`, `$`, `%%`, `%$` stays.
   */
  readonly spelled: string;
  /** The defining occurrence that this reference resolves to; absent for an undefined name and for predefined macros. */
  readonly definition?: SourceRange;
  /**
   * True if the word was put together (`%1_end`, `%+`, %deftok): the text at `range` is only a part of the name, so it can be
   * found but not be renamed in place.
   */
  readonly pasted: boolean;
}

export interface IncludeDirective {
  /** "include" for %include, "incbin", "use" for %use (then `file` is absent). */
  readonly kind: "include" | "incbin" | "use";
  /** The file name with its quotes. */
  readonly range: SourceRange;
  /** The name as written, unquoted. */
  readonly name: string;
  /** The resolved name; absent if it was not found. */
  readonly file?: string;
}

export interface MacroDefinition {
  readonly kind: "macro" | "define";
  readonly name: string;
  /** The word that was used: `%macro`, `%imacro`, `%xdefine`, `%assign` ... */
  readonly directive: string;
  readonly caseSensitive: boolean;
  /**
   * Least and most number of arguments; Infinity for `2-*` and greedy ones without bound. A define without parentheses has `parameters`
   * undefined and 0, 0.
   */
  readonly minArguments: number;
  readonly maxArguments: number;
  /** `1+`: the last argument takes the rest of the line. */
  readonly greedy: boolean;
  /** Names of a parametrised define's parameters. */
  readonly parameters?: readonly string[];
  /** Defaults of a multi-line macro as written. */
  readonly defaults: readonly string[];
  readonly nameRange: SourceRange;
  /** `%macro` to `%endmacro`, or the whole %define line. */
  readonly range: SourceRange;
  /** The lines between `%macro` and `%endmacro`; a define's body. Absent when empty. */
  readonly bodyRange?: SourceRange;
  /** As written: the lines between, or the define's body (for %assign and %xdefine: the value). */
  readonly body: string;
  /** Comment lines directly above the definition, without `;`. */
  readonly documentation?: string;
}

/** One use of a macro or a define. */
export interface MacroInvocation {
  readonly kind: "macro" | "define";
  readonly name: string;
  /** The name at the call. */
  readonly nameRange: SourceRange;
  /** Name to the end of the last argument. */
  readonly range: SourceRange;
  readonly arguments: readonly SourceWord[];
  /** Absent for predefined ones (`__LINE__`, `struc`, `align` of NASM's standard macros). */
  readonly definition?: MacroDefinition;
  /** How many multi-line macros and %rep bodies this use is inside of: 0 is written in the open. */
  readonly depth: number;
  /**
   * What stands in its place. "define": the text, fully expanded. "macro": the lines that came out, all nested macros and conditions
   * resolved, as the parser saw them.
   */
  expansion(): string;
}

/** Lines that a false %if skipped, whole lines. Not listed when another pass over them assembled them. */
export interface InactiveRegion {
  readonly range: SourceRange;
  /** The word that turned it off: `%if`, `%elif`, `%else`. */
  readonly directive: SourceWord;
}

/** `%if .. %endif`, `%macro .. %endmacro`, `%rep .. %endrep`, `struc .. endstruc`, `%push .. %pop`: for folding and matching words. */
export interface Block {
  readonly kind: "if" | "macro" | "rep" | "struc" | "context";
  readonly range: SourceRange;
  /** The words that open, part (`%elif`, `%else`) and close it, in order. */
  readonly words: readonly SourceWord[];
}

/** A token of a file as it stands, before any expansion: for semantic highlighting, formatting and selection ranges. */
export interface PlainToken {
  readonly kind:
    | "word" // identifiers of all sorts: mnemonics, registers, labels, directives
    | "preprocessor" // %word, %1, %%x, %$x, %{..}, %[
    | "number"
    | "string"
    | "punctuation"
    | "comment"
    | "other";
  readonly text: string;
  readonly range: SourceRange;
}

export interface SourceModel {
  readonly options: AssembleOptions;
  readonly assembly: Assembly;
  readonly statements: readonly Statement[];
  readonly names: readonly NameOccurrence[];
  readonly includes: readonly IncludeDirective[];
  readonly inactive: readonly InactiveRegion[];
  readonly macroDefinitions: readonly MacroDefinition[];
  readonly macroInvocations: readonly MacroInvocation[];
  readonly blocks: readonly Block[];
  /** The text of a file that took part, as it was read. */
  textOf(file: string): string | undefined;
  /** The tokens of a file that took part, as written; computed at the first call. */
  tokensOf(file: string): readonly PlainToken[];
}

/** `buildSourceModel(options)`: never throws on any text. Lives in asm/buildSourceModel.ts. */
export type BuildSourceModel = (options: AssembleOptions) => SourceModel;
