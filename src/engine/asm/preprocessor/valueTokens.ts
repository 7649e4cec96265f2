/** Tokens for values that were computed. They stand where what they were computed from stands. */
import { lexText } from "../lexer";
import { quoteBytes } from "../stringLiterals";
import { Token } from "../tokens";
import type { Session } from "./session";

export function numberToken(value: bigint, place: Token): Token {
  return new Token(
    "number",
    value.toString(),
    false,
    place.source,
    place.start,
    place.end,
    undefined,
    -1,
    true,
  );
}

export function stringToken(bytes: readonly number[], place: Token): Token {
  return new Token(
    "string",
    quoteBytes(bytes),
    false,
    place.source,
    place.start,
    place.end,
    undefined,
    -1,
    true,
  );
}

/** The tokens of a number as NASM writes it back: a minus sign is a token of its own. */
export function numberTokens(value: bigint, place: Token, session: Session): readonly Token[] {
  return value < 0n ? lexText(value.toString(), place, session.words) : [numberToken(value, place)];
}
