/**
 * Cuts a line into tokens the way NASM's preprocessor does (NASM manual, "Layout of a NASM Source Line", "The NASM Preprocessor").
 * White space becomes a flag on the token that follows it.
 */
import {
  isDigit,
  isHexDigit,
  isIdentifierCharacter,
  isIdentifierStart,
  isNumberCharacter,
  isQuote,
  isSpace,
} from "./characters";
import type { SourceText } from "./sourceText";
import { Token, type TokenKind } from "./tokens";
import type { WordTable } from "./words";

export type LexProblem = (code: string, message: string, start: number, end: number) => void;

const OPERATORS = new Set([
  "<=>", ">>>", "<<<", ">>", "<<", "<=", ">=", "<>", "!=", "==", "&&", "||", "^^", "//",
]); // prettier-ignore

const LONG_OPERATOR_STARTS = new Set([...OPERATORS].map((operator) => operator.charCodeAt(0)));

/** End of a string that starts at `start`: past the closing quote, or `to` with `closed` false. Only back-quoted ones have escapes. */
export function skipString(
  text: string,
  start: number,
  to: number,
): { readonly end: number; readonly closed: boolean } {
  const quote = text.charCodeAt(start);
  let i = start + 1;
  for (; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code === quote) return { end: i + 1, closed: true };
    if (quote === 96 && code === 92) i++;
  }
  return { end: to, closed: false };
}

/** End of a number that starts at `start`, and whether it is a floating-point one. */
function skipNumber(
  text: string,
  start: number,
  to: number,
): { readonly end: number; readonly float: boolean } {
  let i = start;
  let hex = false;
  let float = false;
  let exponent = false;
  if (text.charCodeAt(i) === 36) {
    i++;
    hex = true;
  }
  for (; i < to; i++) {
    const code = text.charCodeAt(i);
    const letter = code | 32;
    if (!hex && letter === 101) {
      exponent = true;
      const next = text.charCodeAt(i + 1);
      if (i + 1 < to && (next === 43 || next === 45)) {
        i++;
        float = true;
      }
    } else if (letter === 104 || letter === 120) hex = true;
    else if (letter === 112 && code !== 48) {
      float = true;
      const next = text.charCodeAt(i + 1);
      if (i + 1 < to && (next === 43 || next === 45)) i++;
    } else if (isNumberCharacter(code)) continue;
    else if (code === 46) {
      const after = afterPoint(text, i + 1, to, hex);
      if (after < 0) break;
      i = after - 1;
      float = true;
    } else break;
  }
  return { end: i, float: float || (exponent && !hex) };
}

/** A point belongs to the number if a digit or an exponent follows (`1.nolist` is two tokens). */
function afterPoint(text: string, start: number, to: number, hex: boolean): number {
  let i = start;
  while (i < to && text.charCodeAt(i) === 95) i++;
  if (i >= to) return -1;
  const code = text.charCodeAt(i);
  const letter = code | 32;
  const goesOn =
    isDigit(code) || (hex && isHexDigit(code)) || (!hex && letter === 101) || letter === 112;
  return goesOn ? i : -1;
}

class Lexer {
  private readonly tokens: Token[] = [];
  private space = false;

  constructor(
    private readonly source: SourceText,
    private readonly text: string,
    private readonly to: number,
    private readonly words: WordTable,
    private readonly problem: LexProblem | undefined,
  ) {}

  run(from: number): Token[] {
    const { text, to } = this;
    let i = from;
    while (i < to) {
      const code = text.charCodeAt(i);
      if (isSpace(code)) {
        this.space = true;
        i++;
      } else if (code === 59) break;
      else i = this.token(i, code);
    }
    return this.tokens;
  }

  private add(kind: TokenKind, start: number, end: number, text?: string): number {
    const spelled = text ?? this.text.slice(start, end);
    const word =
      kind === "id" || kind === "directive" || kind === "contextLocal"
        ? this.words.word(spelled)
        : undefined;
    // The interned text, so that equal words share one string.
    const shared = word ? word.text : spelled;
    this.tokens.push(new Token(kind, shared, this.space, this.source, start, end, word));
    this.space = false;
    return end;
  }

  private token(start: number, code: number): number {
    const { text, to } = this;
    const next = start + 1 < to ? text.charCodeAt(start + 1) : 0;
    if (code === 37) return this.percent(start);
    if (code === 63 && !isIdentifierCharacter(next)) return this.add("op", start, start + 1);
    if (isIdentifierStart(code) || (code === 36 && isIdentifierStart(next))) {
      let end = start + 1;
      while (end < to && isIdentifierCharacter(text.charCodeAt(end))) end++;
      return this.add("id", start, end);
    }
    if (isQuote(code)) return this.string(start);
    if (code === 36 && next === 36) return this.add("base", start, start + 2);
    if (isDigit(code) || code === 36) {
      const { end, float } = skipNumber(text, start, to);
      if (end === start + 1 && code === 36) return this.add("here", start, end);
      return this.add(float ? "float" : "number", start, end);
    }
    return this.operator(start);
  }

  private string(start: number): number {
    const { end, closed } = skipString(this.text, start, this.to);
    if (!closed) {
      const quote = this.text.charAt(start);
      this.problem?.("pp-open-string", `unterminated string (missing \`${quote}')`, start, end);
    }
    return this.add(closed ? "string" : "openString", start, end);
  }

  private operator(start: number): number {
    const { text, to } = this;
    if (!LONG_OPERATOR_STARTS.has(text.charCodeAt(start))) return this.add("op", start, start + 1);
    for (let length = Math.min(3, to - start); length > 1; length--) {
      if (OPERATORS.has(text.slice(start, start + length))) {
        return this.add("op", start, start + length);
      }
    }
    return this.add("op", start, start + 1);
  }

  /** Everything that starts with `%`. */
  private percent(start: number): number {
    const { text, to } = this;
    const at = (i: number): number => (i < to ? text.charCodeAt(i) : 0);
    const code = at(start + 1);
    if (code === 123 || code === 91) return this.bracketed(start, code);
    let end = start + 1;
    if (code === 43 && !isDigit(at(start + 2))) end = start + 2;
    else if (isDigit(code) || ((code === 45 || code === 43) && isDigit(at(start + 2)))) {
      end = start + 2;
      while (isDigit(at(end))) end++;
    } else if (code === 63) end = at(start + 2) === 63 ? start + 3 : start + 2;
    else if (code === 42 && at(start + 2) === 63)
      end = at(start + 3) === 63 ? start + 4 : start + 3;
    else if (code === 33) end = this.environmentEnd(start + 2);
    else if (code === 44) end = start + 2;
    else if (
      isIdentifierCharacter(code) ||
      ((code === 37 || code === 36) && isIdentifierCharacter(at(start + 2)))
    ) {
      end = start + 2;
      while (isIdentifierCharacter(at(end))) end++;
    } else if (code === 37) end = start + 2;
    const spelled = text.slice(start, end);
    return this.add(percentKind(spelled), start, end);
  }

  private environmentEnd(start: number): number {
    const { text, to } = this;
    if (start < to && isQuote(text.charCodeAt(start))) return skipString(text, start, to).end;
    let end = start;
    while (end < to && isIdentifierCharacter(text.charCodeAt(end))) end++;
    return end;
  }

  /** `%{..}`, which is any %-word in braces, and `%[..]`. */
  private bracketed(start: number, open: number): number {
    const { text, to } = this;
    const close = open + 2;
    let depth = 1;
    let i = start + 2;
    while (i < to && depth > 0) {
      const code = text.charCodeAt(i);
      if (code === open) depth++;
      else if (code === close) depth--;
      else if (isQuote(code)) i = skipString(text, i, to).end - 1;
      i++;
    }
    const braces = open === 123;
    if (depth > 0) {
      const shown = braces ? "%{...}" : "%[...]";
      this.problem?.(
        braces ? "pp-open-braces" : "pp-open-brackets",
        `unterminated ${shown} construct (missing \`${String.fromCharCode(close)}')`,
        start,
        to,
      );
    }
    const inner = text.slice(start + 2, depth > 0 ? i : i - 1);
    if (!braces) return this.add("indirect", start, i, inner);
    if (inner === "") {
      const message = "empty %{} construct expands to the % operator";
      this.problem?.("pp-empty-braces", message, start, i);
    }
    const spelled = `%${inner}`;
    return this.add(percentKind(spelled), start, i, spelled);
  }
}

function percentKind(spelled: string): TokenKind {
  if (spelled.length < 2) return "op";
  const code = spelled.charCodeAt(1);
  switch (spelled.charAt(1)) {
    case "+":
      return spelled.length === 2 ? "paste" : "param";
    case "-":
    case ":":
      return "param";
    case "?":
      return spelled === "%?" || spelled === "%??" ? "macroName" : "directive";
    case "*":
      return spelled === "%*?" || spelled === "%*??" ? "macroName" : "other";
    case "!":
      return spelled.length === 2 ? "other" : "environment";
    case "%":
      return spelled.length === 2 ? "op" : "macroLocal";
    case "$":
      return spelled.length === 2 ? "other" : "contextLocal";
    case ",":
      return spelled.length === 2 ? "optionalComma" : "directive";
    default:
      if (isDigit(code)) return "param";
      return isIdentifierCharacter(code) || spelled.length > 2 ? "directive" : "other";
  }
}

/** Tokens of `source.text` from `from` to `to`, one line without its end. */
export function lexLine(
  source: SourceText,
  from: number,
  to: number,
  words: WordTable,
  problem?: LexProblem,
): Token[] {
  return new Lexer(source, source.text, to, words, problem).run(from);
}

/** Tokens of a text that stands nowhere in a file; all get the place of `place`. */
export function lexText(
  text: string,
  place: Token,
  words: WordTable,
  problem?: LexProblem,
): Token[] {
  const tokens = new Lexer(place.source, text, text.length, words, problem).run(0);
  return tokens.map(
    (t) =>
      new Token(t.kind, t.text, t.space, place.source, place.start, place.end, t.word, -1, true),
  );
}

/** Tokens of a line that was joined from several physical ones: `placeOf` maps offsets in `text` to offsets in the file. */
export function lexJoined(
  source: SourceText,
  text: string,
  placeOf: (offset: number) => number,
  words: WordTable,
  problem?: LexProblem,
): Token[] {
  const atFile: LexProblem | undefined = problem
    ? (code, message, start, end) => problem(code, message, placeOf(start), placeOf(end))
    : undefined;
  return new Lexer(source, text, text.length, words, atFile)
    .run(0)
    .map(
      (t) =>
        new Token(
          t.kind,
          t.text,
          t.space,
          source,
          placeOf(t.start),
          placeOf(t.end - 1) + 1,
          t.word,
        ),
    );
}
