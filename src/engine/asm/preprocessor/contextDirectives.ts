/** %push, %pop, %repl: the context stack (NASM manual, "The Context Stack"). */
import type { SourceLine, Token } from "../tokens";
import type { DirectiveHost } from "./directiveHost";
import type { Session } from "./session";
import { expandName } from "./singleLine";

function contextName(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): { readonly name: string | undefined; readonly token: Token | undefined } | undefined {
  if (rest.length === 0) return { name: undefined, token: undefined };
  const tokens = expandName(rest, session);
  const token = tokens[0]!;
  if (token.kind !== "id") {
    session.error(token, "context-name", `\`${directive.text}' expects a context identifier`);
    return undefined;
  }
  if (tokens.length > 1) {
    session.warning(
      tokens[1]!,
      "pp-trailing",
      `trailing garbage after \`${directive.text}' ignored`,
    );
  }
  session.observer?.localMentioned("context", token, token.text.toLowerCase());
  return { name: token.text, token };
}

export function runPush(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  const found = contextName(directive, rest, session);
  if (found === undefined) return;
  session.observer?.block("context", "open", directive);
  session.contexts.push({ name: found.name, number: session.unique++, macros: new Map() });
}

/** The innermost context; an error is reported if there is none. */
function topContext(directive: Token, session: Session): Session["contexts"][number] | undefined {
  const top = session.contexts[session.contexts.length - 1];
  if (top === undefined) {
    session.error(directive, "context-stack", `\`${directive.text}': context stack is empty`);
  }
  return top;
}

export function runPop(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  const found = contextName(directive, rest, session);
  if (found === undefined) return;
  const top = topContext(directive, session);
  if (top === undefined) return;
  if (found.name !== undefined && found.name.toLowerCase() !== top.name?.toLowerCase()) {
    const message = `\`${directive.text}' in wrong context: ${top.name ?? "anonymous"}, expected ${found.name}`;
    session.error(found.token!, "context-stack", message);
    return;
  }
  session.observer?.block("context", "close", directive);
  session.contexts.pop();
}

export function runReplace(
  directive: Token,
  rest: readonly Token[],
  _line: SourceLine,
  { session }: DirectiveHost,
): void {
  const found = contextName(directive, rest, session);
  if (found === undefined) return;
  const top = topContext(directive, session);
  if (top === undefined) return;
  top.name = found.name;
}
