/** %stacksize, %arg and %local: names for places in a stack frame (NASM manual, "Stack Relative Preprocessor Directives"). */
import { lexText } from "../lexer";
import { isOp, Token } from "../tokens";
import { define } from "./macroTable";
import type { Session } from "./session";
import { expandLine } from "./singleLine";
import { numberTokens } from "./valueTokens";
import { STACK_MODELS } from "./stackModel";

const SIZES: Readonly<Record<string, number>> = {
  byte: 1, word: 2, dword: 4, qword: 8, tword: 10, oword: 16, yword: 32,
}; // prettier-ignore

export function stackDirective(
  word: "arg" | "local" | "stacksize",
  directive: Token,
  rest: readonly Token[],
  session: Session,
): void {
  if (word === "stacksize") {
    const name = rest[0]?.text.toLowerCase() ?? "";
    const model = Object.entries(STACK_MODELS).find(([each]) => each === name)?.[1];
    if (model) session.stack = { ...model };
    else {
      const message = rest.length === 0 ? "missing size parameter" : "invalid size type";
      session.error(rest[0] ?? directive, "stack-size", `\`${directive.text}' ${message}`);
    }
    return;
  }
  const { stack } = session;
  let total = 0;
  for (let at = 0; ; at++) {
    const size = slotSize(rest, at, directive, session);
    if (size === undefined) return;
    const rounded = Math.ceil(size / stack.size) * stack.size;
    total += rounded;
    const name = rest[at]!;
    if (word === "arg") {
      place(name, stack.argument, session);
      stack.argument += rounded;
    } else {
      stack.local += rounded;
      place(name, -stack.local, session);
    }
    at += 3;
    if (!isOp(rest[at], ",")) break;
  }
  if (word === "local") addLocalSize(total, directive, session);
}

/** `name:size` at a place in the list. */
function slotSize(
  rest: readonly Token[],
  at: number,
  directive: Token,
  session: Session,
): number | undefined {
  const fail = (message: string): void => {
    session.error(rest[at] ?? directive, "stack-argument", message);
  };
  const type = rest[at + 2];
  if (rest[at]?.kind !== "id") fail(`\`${directive.text}' missing argument parameter`);
  else if (!isOp(rest[at + 1], ":")) fail(`syntax error processing \`${directive.text}' directive`);
  else if (type?.kind !== "id") fail(`\`${directive.text}' missing size type parameter`);
  else {
    const word = expandLine([type], session)[0]?.text.toLowerCase() ?? "";
    if (Object.hasOwn(SIZES, word)) return SIZES[word];
    fail(`invalid size type for \`${directive.text}' missing directive`);
  }
  return undefined;
}

function place(name: Token, offset: number, session: Session): void {
  const text = `(${session.stack.pointer}${offset < 0 ? "-" : "+"}${Math.abs(offset)})`;
  define(name, { caseSensitive: true, body: lexText(text, name, session.words) }, session);
}

/** `%$localsize` grows by what was declared; it exists where the user has set it up. */
function addLocalSize(total: number, directive: Token, session: Session): void {
  const word = session.words.word("%$localsize");
  const name = new Token(
    "contextLocal",
    word.text,
    false,
    directive.source,
    directive.start,
    directive.end,
    word,
  );
  const sum = lexText(`+${total}`, directive, session.words);
  const tokens = expandLine([name, ...sum], session);
  const result = session.host.evaluate(tokens, directive);
  if (!result?.value.isSimple) return;
  define(
    name,
    { caseSensitive: true, body: numberTokens(result.value.scalar, directive, session) },
    session,
  );
}
