/** What %assign, %defstr, %strlen ... make of the rest of their line. */
import { append } from "../../base/longLists";
import { lexText } from "../lexer";
import { bytesText, unquote, utf8 } from "../stringLiterals";
import { isOp, tokensText, type Token } from "../tokens";
import { constantWithPlace } from "./directiveHost";
import type { Session } from "./session";
import { expandLine } from "./singleLine";
import { numberTokens, stringToken } from "./valueTokens";

export function withoutSpace(tokens: readonly Token[]): readonly Token[] {
  const last = tokens[tokens.length - 1];
  return last?.kind === "space" ? tokens.slice(0, -1) : tokens;
}

/** The one string that a directive works on, after expansion. */
function stringAfter(
  directive: Token,
  tokens: readonly Token[],
  session: Session,
  complaint = "requires string as second parameter",
): { readonly string: Token; readonly rest: readonly Token[] } | undefined {
  const expanded = withoutSpace(expandLine(tokens, session));
  const string = expanded[0];
  if (string?.kind !== "string") {
    session.error(string ?? directive, "string-expected", `\`${directive.text}' ${complaint}`);
    return undefined;
  }
  return { string, rest: expanded.slice(1) };
}

export type Definer = (
  directive: Token,
  name: Token,
  rest: readonly Token[],
  session: Session,
) => readonly Token[] | undefined;

/** Directives of the shape `%word name value`: what the value becomes. */
export const VALUE_DIRECTIVES: Readonly<Record<string, Definer>> = {
  assign: (directive, _name, rest, session) => assigned(directive, rest, session),
  defstr: (directive, _name, rest, session) => {
    const text = tokensText(withoutSpace(expandLine(rest, session)));
    return [stringToken(utf8(text), rest[0] ?? directive)];
  },
  deftok: (directive, _name, rest, session) => {
    const found = stringAfter(directive, rest, session);
    return found && lexText(bytesText(unquote(found.string.text)), found.string, session.words);
  },
  pathsearch: (directive, _name, rest, session) => {
    const found = stringAfter(directive, rest, session, "expects a file name");
    return found && [found.string];
  },
  strlen: (directive, _name, rest, session) => {
    const found = stringAfter(directive, rest, session);
    return found && numberTokens(BigInt(unquote(found.string.text).length), found.string, session);
  },
  strcat: (directive, _name, rest, session) => concatenated(directive, rest, session),
  substr: (directive, _name, rest, session) => substring(directive, rest, session),
};

function assigned(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): readonly Token[] | undefined {
  const found = constantWithPlace(directive, rest, session);
  return found && numberTokens(found.value, found.token, session);
}

function concatenated(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): readonly Token[] | undefined {
  const bytes: number[] = [];
  for (const token of withoutSpace(expandLine(rest, session))) {
    if (token.kind === "string") append(bytes, unquote(token.text));
    else if (!isOp(token, ",")) {
      const message = `non-string passed to \`${directive.text}': ${token.text}`;
      session.error(token, "string-expected", message);
      return undefined;
    }
  }
  if (bytes.length > MOST_STRING_BYTES) {
    session.error(directive, "string-too-long", "the string is too long");
    return undefined;
  }
  return [stringToken(bytes, rest[0] ?? directive)];
}

/** A string that is put together from itself grows without end. */
const MOST_STRING_BYTES = 1 << 20;

function substring(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): readonly Token[] | undefined {
  const found = stringAfter(directive, rest, session, "requires a string as parameter");
  if (found === undefined) return undefined;
  const tokens = isOp(found.rest[0], ",") ? found.rest.slice(1) : found.rest;
  if (tokens.length === 0) {
    session.error(found.string, "substr", `\`${directive.text}' requires a starting index`);
    return undefined;
  }
  const start = session.host.evaluate(tokens, directive);
  if (start === undefined) return undefined;
  let count = 1n;
  // Whatever stands behind the first number is taken for the comma.
  const after = start.rest + 1;
  if (after < tokens.length) {
    const result = session.host.evaluate(tokens.slice(after), directive);
    if (result === undefined) return undefined;
    count = result.value.scalar;
  }
  return [
    stringToken(
      substringBytes(unquote(found.string.text), start.value.scalar, count),
      found.string,
    ),
  ];
}

/** `start` counts from 1; a negative count counts from the end. */
export function substringBytes(
  bytes: readonly number[],
  start: bigint,
  count: bigint,
): readonly number[] {
  const length = bytes.length;
  const from = Math.max(0, Number(start) - 1);
  let n = Number(count);
  if (n < 0) n = length + n + 1 - from;
  if (from + n > length) n = length - from;
  return n < 0 || from >= length ? [] : bytes.slice(from, from + n);
}
