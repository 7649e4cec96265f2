/** `%!NAME`: the value of an environment variable, put in when a line is written out (NASM manual, "Inserting Environment Variables"). */
import { lexText } from "../lexer";
import { bytesText, unquote } from "../stringLiterals";
import type { Token } from "../tokens";
import type { Session } from "./session";

/** The name in `%!NAME`, `%!'NAME'`, a word or a string. */
export function variableName(token: Token): string {
  const name = token.kind === "environment" ? token.text.slice(2) : token.text;
  return /^["'`]/.test(name) ? bytesText(unquote(name)) : name;
}

/** The tokens with all variables replaced; the same array if there was none. */
export function withEnvironment(tokens: readonly Token[], session: Session): readonly Token[] {
  if (!tokens.some((token) => token.kind === "environment")) return tokens;
  return tokens.flatMap((token) => {
    if (token.kind !== "environment") return [token];
    const name = variableName(token);
    const value = session.host.environment(name);
    if (value === undefined) {
      const message = `nonexistent environment variable \`${name}'`;
      session.warning(token, "pp-environment", message);
    }
    const made = lexText(value ?? "", token, session.words);
    return made.map((each, i) => (i === 0 ? each.spaced(token.space) : each));
  });
}
