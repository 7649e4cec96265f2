/** Token pasting: `%+`, and names that grow together because nothing stands between them (`foo%1`, `%1h`). */
import { append } from "../../base/longLists";
import { sameLine } from "../diagnosticSink";
import { lexText } from "../lexer";
import { isOp, Token, type TokenKind } from "../tokens";
import type { Session } from "./session";

const MACRO_HEADS: ReadonlySet<TokenKind> = new Set(["id"]);
const MACRO_TAILS: ReadonlySet<TokenKind> = new Set(["id", "number", "float", "here", "base"]);
const LINE_HEADS: ReadonlySet<TokenKind> = new Set([
  "id",
  "contextLocal",
  "environment",
  "directive",
]);
const LINE_TAILS: ReadonlySet<TokenKind> = new Set([...LINE_HEADS, "number", "float"]);
const NUMBERS: ReadonlySet<TokenKind> = new Set(["number", "float"]);

/** A lone `?` is as good as a name where pieces grow together. */
function pastingKind(token: Token): TokenKind {
  return isOp(token, "?") ? "id" : token.kind;
}

/** Two tokens that stood next to each other in one source were cut apart by the lexer: they stay apart. */
function wereAdjacent(left: Token, right: Token): boolean {
  return (
    left.source === right.source &&
    left.end === right.start &&
    isAsWritten(left) &&
    isAsWritten(right)
  );
}

function isAsWritten({ source, start, end, text }: Token): boolean {
  return end - start === text.length && source.text.startsWith(text, start);
}

/** The tokens that a text made of `left` and `right` gives, at the place of both. */
function joined(text: string, left: Token, right: Token, session: Session): Token[] {
  const together =
    left.source === right.source &&
    right.end > left.start &&
    sameLine(left.source, left.end, right.start);
  const place = new Token(
    "other",
    "",
    left.space,
    left.source,
    left.start,
    together ? right.end : left.end,
  );
  const tokens = lexText(text, place, session.words, session.lexProblem(place));
  return tokens.map((token, i) => {
    const space = i === 0 && left.space;
    return left.via ? token.through(left.via, space) : token.spaced(space);
  });
}

/** Joins what parameter substitution brought together. Returns the same array if nothing did. */
export function pasteParameters(tokens: readonly Token[], session: Session): readonly Token[] {
  return growTogether(tokens, session, (head, tail) =>
    MACRO_HEADS.has(head) ? MACRO_TAILS.has(tail) : NUMBERS.has(head) && NUMBERS.has(tail),
  );
}

/** Joins what single-line expansion brought together, and carries out `%+`. */
export function pasteLine(tokens: readonly Token[], session: Session): readonly Token[] {
  const explicit = tokens.some((token) => token.kind === "paste")
    ? pasteExplicit(tokens, session)
    : tokens;
  return growTogether(
    explicit,
    session,
    (head, tail) => LINE_HEADS.has(head) && LINE_TAILS.has(tail),
  );
}

/**
 * Before a line goes to the parser NASM writes it out as text and reads it again: whatever two neighbours form together is what counts
 * (`%1h` with 10 is the number 10h).
 */
export function settle(tokens: readonly Token[], session: Session): readonly Token[] {
  let needed = false;
  for (let i = 1; i < tokens.length && !needed; i++) {
    const left = tokens[i - 1]!;
    const right = tokens[i]!;
    needed = !right.space && mayFuse(left, right);
  }
  if (!needed) return tokens;
  const out: Token[] = [];
  for (const token of tokens) {
    const left = out[out.length - 1];
    if (left === undefined || token.space || !mayFuse(left, token)) {
      out.push(token);
      continue;
    }
    out.pop();
    out.push(...joined(left.text + token.text, left, token, session));
  }
  return out;
}

const FUSING: ReadonlySet<TokenKind> = new Set(["id", "number", "float", "here", "base"]);
const PAIRS: ReadonlySet<string> = new Set([
  "<<",
  ">>",
  "<=",
  ">=",
  "<>",
  "!=",
  "==",
  "&&",
  "||",
  "^^",
  "//",
  "%%",
]);

function mayFuse(left: Token, right: Token): boolean {
  if (left.kind === "number" && right.kind === "id" && right.text.startsWith(".")) return true;
  if (wereAdjacent(left, right)) return false;
  if (FUSING.has(left.kind) && FUSING.has(right.kind)) return true;
  // `%1e+%2`: a floating-point number that was written in pieces.
  if (left.kind === "float" && /^[\d._]+e[-+]?$/i.test(left.text)) {
    return right.kind === "op" && (right.text === "+" || right.text === "-");
  }
  return left.kind === "op" && right.kind === "op" && PAIRS.has(left.text + right.text);
}

function growTogether(
  tokens: readonly Token[],
  session: Session,
  fits: (head: TokenKind, tail: TokenKind) => boolean,
): readonly Token[] {
  let out: Token[] | undefined;
  for (let i = 0; i < tokens.length; i++) {
    const head = tokens[i]!;
    let end = i + 1;
    let text = head.text;
    const headKind = pastingKind(head);
    while (
      end < tokens.length &&
      !tokens[end]!.space &&
      fits(headKind, pastingKind(tokens[end]!))
    ) {
      if (end === i + 1 && wereAdjacent(head, tokens[end]!)) break;
      text += tokens[end]!.text;
      end++;
    }
    if (end === i + 1) {
      out?.push(head);
      continue;
    }
    const result = joined(text, head, tokens[end - 1]!, session);
    if (result.length === end - i) {
      // The pieces do not fuse; leave them as they are.
      if (out) append(out, tokens.slice(i, end));
    } else {
      out ??= tokens.slice(0, i);
      out.push(...result);
    }
    i = end - 1;
  }
  return out ?? tokens;
}

function pasteExplicit(tokens: readonly Token[], session: Session): Token[] {
  const out: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token.kind !== "paste") {
      out.push(token);
      continue;
    }
    while (tokens[i + 1]?.kind === "paste" || tokens[i + 1]?.kind === "space") i++;
    const right = tokens[i + 1];
    if (right === undefined) continue;
    i++;
    const left = out.pop();
    if (left === undefined) out.push(right.spaced(token.space));
    else if (left.kind === "space") out.push(right.spaced(true));
    else out.push(...joined(left.text + right.text, left, right, session));
  }
  return out;
}
