/** The tokens of a file as it stands, comments included, before any expansion. */
import { lexLine } from "./lexer";
import type { PlainToken } from "./sourceModel";
import type { SourceText } from "./sourceText";
import type { Token, TokenKind } from "./tokens";
import { WordTable } from "./words";

const KINDS: Readonly<Record<TokenKind, PlainToken["kind"]>> = {
  id: "word",
  number: "number",
  float: "number",
  string: "string",
  openString: "string",
  op: "punctuation",
  here: "punctuation",
  base: "punctuation",
  directive: "preprocessor",
  param: "preprocessor",
  macroLocal: "preprocessor",
  contextLocal: "preprocessor",
  environment: "preprocessor",
  macroName: "preprocessor",
  paste: "preprocessor",
  optionalComma: "preprocessor",
  indirect: "preprocessor",
  slot: "word",
  space: "other",
  other: "other",
};

export function plainTokens(source: SourceText): PlainToken[] {
  const words = new WordTable();
  const result: PlainToken[] = [];
  const starts = source.lineStarts;
  const { text } = source;
  starts.forEach((start, i) => {
    let end = starts[i + 1] ?? text.length;
    while (end > start && (text.charCodeAt(end - 1) === 10 || text.charCodeAt(end - 1) === 13))
      end--;
    const line = i + 1;
    const word = (kind: PlainToken["kind"], from: number, to: number): PlainToken => ({
      kind,
      text: text.slice(from, to),
      range: {
        file: source.name,
        line,
        column: from - start + 1,
        endLine: line,
        endColumn: to - start + 1,
      },
    });
    const tokens: Token[] = lexLine(source, start, end, words);
    for (const token of tokens) result.push(word(KINDS[token.kind], token.start, token.end));
    let rest = tokens[tokens.length - 1]?.end ?? start;
    while (rest < end && text.charCodeAt(rest) !== 59) rest++;
    if (rest < end) result.push(word("comment", rest, end));
  });
  return result;
}
