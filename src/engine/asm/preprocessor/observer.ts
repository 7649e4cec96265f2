import type { Frame, MultiLineMacro, SingleLineMacro, SourceLine, Token } from "../tokens";

/** What a language server wants to hear of preprocessing. All calls come in the order of reading. */
export interface PreprocessorObserver {
  /** A line is taken from a file or a body; `level` counts the includes and bodies that it is in. Lines of `.nolist` bodies are not `shown`. `number` is what %line makes of it. */
  lineRead?(line: SourceLine, level: number, shown: boolean, number?: number): void;
  /** %define and its kin; `directive` is the word, `name` the macro's name. */
  singleLineDefined(macro: SingleLineMacro, directive: Token, name: Token, line: SourceLine): void;
  /** A define was used: the call's tokens are `name` up to `last`; `result` is what it became (before what stands around is looked at). */
  singleLineUsed(
    macro: SingleLineMacro,
    name: Token,
    last: Token,
    args: readonly (readonly Token[])[],
    result: () => string,
    frame: Frame | undefined,
  ): void;
  /** A name is asked about or taken back: %ifdef, %undef, %ifmacro, %unmacro. */
  macroMentioned(kind: "define" | "macro", name: Token): void;
  multiLineDefined(
    macro: MultiLineMacro,
    directive: Token,
    start: SourceLine,
    end: SourceLine,
  ): void;
  multiLineUsed(
    macro: MultiLineMacro,
    name: Token,
    args: readonly (readonly Token[])[],
    frame: Frame,
  ): void;
  /** `%%x`, `%$x`, `%1` in a body or anywhere, the name of a context: the token as written. */
  localMentioned(
    kind: "macroLabel" | "contextLabel" | "parameter" | "context",
    token: Token,
    owner: string,
  ): void;
  /** Lines that are skipped: one call a line. */
  skipped(line: SourceLine, directive: Token): void;
  /** A line of a file that is read and not skipped. */
  active(line: SourceLine): void;
  /** An %if, %macro, %rep, %push block or a part of it begins or ends. */
  block(
    kind: "if" | "macro" | "rep" | "context",
    part: "open" | "part" | "close",
    word: Token,
  ): void;
  included(
    kind: "include" | "incbin" | "use",
    name: Token,
    spelled: string,
    file: string | undefined,
  ): void;
}
