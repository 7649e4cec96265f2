/** What is being written at the cursor, read from the text of its line: it is seldom a whole statement yet. */
import { formsByMnemonic, keywordOf } from "../../engine/language";
import { DIRECTIVES, PREFIX_WORDS } from "../knowledge/nasmWords";

export type Slot =
  /** In a comment or a string: nothing to offer. */
  | { readonly kind: "none" }
  /** In the quotes of %include or incbin. */
  | { readonly kind: "file"; readonly typed: string }
  /** A word that begins with `%`. */
  | { readonly kind: "preprocessor"; readonly typed: string }
  /** The first word of a statement. */
  | { readonly kind: "statement"; readonly typed: string }
  /** A word among the operands of `mnemonic`. */
  | {
      readonly kind: "operand";
      readonly typed: string;
      readonly mnemonic: string;
      /** Which one, from 0. */
      readonly index: number;
      readonly inBrackets: boolean;
    };

/** Where the last word begins: names, `.local`, `%word`, `%%x`, `%$x`. */
const LAST_WORD = /(?:%%?\$*[\w?.]*|[\w$#@~.?]*)$/;

interface Scan {
  readonly inComment: boolean;
  readonly quote: string | undefined;
  readonly quoteStart: number;
}

function scan(text: string): Scan {
  let quote: string | undefined;
  let quoteStart = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quote !== undefined) {
      if (quote === "`" && c === "\\") i += 1;
      else if (c === quote) quote = undefined;
    } else if (c === ";") return { inComment: true, quote: undefined, quoteStart };
    else if (c === '"' || c === "'" || c === "`") {
      quote = c;
      quoteStart = i;
    }
  }
  return { inComment: false, quote, quoteStart };
}

/** Strings become blanks, so that commas and brackets in them do not count. */
function withoutStrings(text: string): string {
  return text.replace(/"[^"]*"|'[^']*'|`(?:\\.|[^`\\])*`/g, (found) => " ".repeat(found.length));
}

export interface Written {
  /** The mnemonic, directive or macro that the operands belong to; undefined while none is written. */
  readonly head: string | undefined;
  readonly headEnd: number;
}

function isHead(word: string, isMacro: (word: string) => boolean): boolean {
  const lower = word.toLowerCase();
  return (
    formsByMnemonic(lower).length > 0 ||
    keywordOf(lower)?.kind === "instruction" ||
    DIRECTIVES[lower] !== undefined ||
    lower.startsWith("%") ||
    isMacro(word)
  );
}

/** Finds the word that the line's operands belong to: behind a label, prefixes and `times n`. */
export function writtenHead(before: string, isMacro: (word: string) => boolean): Written {
  const none: Written = { head: undefined, headEnd: 0 };
  const words = [...before.matchAll(/%?[\w$#@~.?]+:?/g)];
  for (const [i, match] of words.entries()) {
    const word = match[0];
    const end = match.index + word.length;
    if (word.endsWith(":")) continue;
    if (PREFIX_WORDS[word.toLowerCase()] !== undefined) continue;
    if (word.toLowerCase() === "times") {
      // The count may be any expression: the head is the first instruction or data word behind it.
      const rest = words
        .slice(i + 1)
        .find((each) => isHead(each[0], isMacro) && each[0].toLowerCase() !== "times");
      return rest === undefined ? none : { head: rest[0], headEnd: rest.index + rest[0].length };
    }
    if (isHead(word, isMacro)) return { head: word, headEnd: end };
    // One unknown word may be a label without a colon; a second one begins the operands of something unknown.
    if (i > 0 && !words[i - 1]![0].endsWith(":")) return none;
  }
  return none;
}

export function slotAt(line: string, character: number, isMacro: (word: string) => boolean): Slot {
  const before = line.slice(0, character);
  const { inComment, quote, quoteStart } = scan(before);
  if (inComment) return { kind: "none" };
  if (quote !== undefined) {
    const isFile = /(%include|incbin)\s*$/i.test(before.slice(0, quoteStart));
    return isFile ? { kind: "file", typed: before.slice(quoteStart + 1) } : { kind: "none" };
  }
  const typed = LAST_WORD.exec(before)?.[0] ?? "";
  const blank = withoutStrings(before.slice(0, before.length - typed.length));
  if (/^%[a-z]*$/i.test(typed) && !/[\w)\]]\s*$/.test(blank.slice(-2)))
    return { kind: "preprocessor", typed };
  const { head, headEnd } = writtenHead(blank, isMacro);
  if (head === undefined) {
    const first =
      /^\s*([\w$#@~.?]+:?\s*)?$/.test(blank) ||
      /^\s*([\w$#@~.?]+:)?\s*(times\s.*|(lock|rep\w*|[ao](16|32|64))\s+)$/i.test(blank);
    return first
      ? { kind: "statement", typed }
      : { kind: "operand", typed, mnemonic: "", index: 0, inBrackets: false };
  }
  const operands = blank.slice(headEnd);
  const depth = (operands.match(/\[/g)?.length ?? 0) - (operands.match(/\]/g)?.length ?? 0);
  const index = commasOutside(operands);
  return { kind: "operand", typed, mnemonic: head, index, inBrackets: depth > 0 };
}

/** Commas that are not in brackets, parentheses or braces. */
export function commasOutside(text: string): number {
  let depth = 0;
  let count = 0;
  for (const c of text) {
    if ("[({".includes(c)) depth += 1;
    else if ("])}".includes(c)) depth -= 1;
    else if (c === "," && depth <= 0) count += 1;
  }
  return count;
}
