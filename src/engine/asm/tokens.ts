import type { Keyword } from "./keywords";
import type { SourceText } from "./sourceText";

/**
 * A distinct spelling in one program, interned: what the preprocessor and the parser know about it hangs here, so that hot loops
 * never hash a string.
 */
export interface Word {
  readonly text: string;
  readonly folded: FoldedWord;
}

/** What all spellings that differ only in case share: NASM finds macros without regard to case, then compares. */
export interface FoldedWord {
  readonly lower: string;
  /** Newest definition first. */
  singleLine: SingleLineMacro[] | undefined;
  multiLine: MultiLineMacro[] | undefined;
  readonly keyword: Keyword | undefined;
}

/**
 * "op" covers punctuation and operators; "here" `$`, "base" `$$`; "directive" `%word`; "param" `%1`, `%0`, `%-1`, `%{1:2}`;
 * "macroLocal" `%%x`; "contextLocal" `%$x`; "environment" `%!x`; "macroName" `%?` and its kin; "paste" `%+`;
 * "optionalComma" `%,`; "indirect" `%[..]` (its text is what stands between the brackets); "slot" is a parameter inside the body
 * of a single-line macro; "space" only marks white space that an empty expansion left at the end of a line.
 */
export type TokenKind =
  | "id"
  | "number"
  | "float"
  | "string"
  | "openString"
  | "op"
  | "here"
  | "base"
  | "directive"
  | "param"
  | "macroLocal"
  | "contextLocal"
  | "environment"
  | "macroName"
  | "paste"
  | "optionalComma"
  | "indirect"
  | "slot"
  | "space"
  | "other";

/** A token and the place where it was written. Never changed once made: expansion makes new ones. */
export class Token {
  constructor(
    readonly kind: TokenKind,
    readonly text: string,
    /** White space stands before it. */
    readonly space: boolean,
    readonly source: SourceText,
    readonly start: number,
    readonly end: number,
    /** For "id", "directive" and "contextLocal": the word in the program's word table. */
    readonly word?: Word,
    /** For "slot": which parameter. */
    readonly slot = -1,
    /** Put together from pieces: the text at the place is not its name. */
    readonly pasted = false,
    /** It stands in the body of a single-line macro: the word on the line that was replaced by it. */
    readonly via?: Token,
  ) {}

  /** The same token with or without space before it. */
  spaced(space: boolean): Token {
    if (this.space === space) return this;
    return new Token(
      this.kind,
      this.text,
      space,
      this.source,
      this.start,
      this.end,
      this.word,
      this.slot,
      this.pasted,
      this.via,
    );
  }

  /** The same token as part of what replaces `call`. */
  through(call: Token, space: boolean): Token {
    return new Token(
      this.kind,
      this.text,
      space,
      this.source,
      this.start,
      this.end,
      this.word,
      this.slot,
      this.pasted,
      call.via ?? call,
    );
  }

  /** The same token at another place. */
  at(place: Token): Token {
    return new Token(
      this.kind,
      this.text,
      this.space,
      place.source,
      place.start,
      place.end,
      this.word,
      this.slot,
      this.pasted,
    );
  }
}

export function isOp(token: Token | undefined, text: string): boolean {
  return token?.kind === "op" && token.text === text;
}

/** The text of a token list as NASM writes it back. */
export function tokensText(tokens: readonly Token[], from = 0, to = tokens.length): string {
  let text = "";
  for (let i = from; i < to; i++) {
    const token = tokens[i]!;
    if (token.space && i > from) text += " ";
    text += token.kind === "indirect" ? `%[${token.text}]` : token.text;
  }
  return text;
}

// ------------------------------------------------------------------------------------------------------- macros

/** Flags of a single-line macro's parameter: `%define f(=x, &y, !z, &&q, w+)`. */
export interface SlotSpec {
  readonly name: string;
  /** `=`: evaluated to a number. */
  readonly evaluated: boolean;
  /** `&`: made a string; `&&`: unless it is one. */
  readonly quoted: "no" | "always" | "unlessString";
  /** `!`: white space and braces stay. */
  readonly verbatim: boolean;
  /** `+`: takes the rest, commas included. */
  readonly greedy: boolean;
  readonly optional: boolean;
  /** Of a built-in function: as many as there are. */
  readonly variadic: boolean;
  readonly byDefault?: string;
}

export interface SingleLineMacro {
  readonly name: string;
  readonly caseSensitive: boolean;
  /** Empty for a macro without parentheses. */
  readonly slots: readonly SlotSpec[];
  readonly leastArguments: number;
  readonly variadic: boolean;
  /** May be expanded inside of itself: built-in functions. */
  readonly recursive: boolean;
  body: readonly Token[];
  /** `%defalias`: the body is the name of the macro that is meant. */
  readonly alias: boolean;
  /** Computes the body at each use: `__LINE__`, `%strlen(..)`. */
  readonly compute?: (args: readonly (readonly Token[])[], call: Token) => readonly Token[];
  /** The name at the definition; absent for built-in ones. */
  readonly definition: Token | undefined;
  inProgress: number;
}

/** A line after continuation lines are joined. */
export interface SourceLine {
  readonly source: SourceText;
  /** 1-based number of its first physical line. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly tokens: readonly Token[];
  /** Stands in no file: text that an expansion made. */
  readonly made?: string;
}

export interface MultiLineMacro {
  readonly name: string;
  readonly caseSensitive: boolean;
  readonly least: number;
  readonly most: number;
  /** The last parameter takes the rest of the line. */
  readonly greedy: boolean;
  readonly defaults: readonly (readonly Token[])[];
  readonly recursive: boolean;
  readonly noList: boolean;
  /** Part of NASM's own macros: errors and statements are shown at the call. */
  readonly builtin: boolean;
  /** Uses `%00`: takes the label in front of the call. */
  readonly capturesLabel: boolean;
  readonly body: readonly SourceLine[];
  readonly definition: Token;
  inProgress: number;
}

/** One macro call or %rep iteration that a line came through. */
export interface Frame {
  readonly parent: Frame | undefined;
  /** Name of the macro, or `%rep`. */
  readonly name: string;
  readonly builtin: boolean;
  /** A `.nolist` macro: line numbers stand still in it. */
  readonly noList?: boolean;
  /** The line that called: in the open or in the body of `parent`. For %rep the line of the %rep. */
  readonly call: SourceLine;
  /** The name at the call. */
  readonly callToken: Token;
  /** Call number, in order of expansion; unique. */
  readonly serial: number;
}
