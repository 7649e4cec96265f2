/** The directives that define or take back single-line macros: %define, %assign, %strlen, %undef ... */
import { isOp, Token, type SlotSpec } from "../tokens";
import { define, undefine, type NewMacro } from "./macroTable";
import { VALUE_DIRECTIVES, withoutSpace } from "./macroValues";
import type { Session } from "./session";
import { expandLine, expandName } from "./singleLine";

/** `(a, =b, c+)` directly behind the name of a macro. Returns the parameters and where the body starts. */
export function parseSlots(
  tokens: readonly Token[],
  session: Session,
): { readonly slots: readonly SlotSpec[]; readonly bodyStart: number } {
  if (!isOp(tokens[0], "(") || tokens[0]!.space) return { slots: [], bodyStart: 0 };
  const slots: SlotSpec[] = [];
  let spec = emptySlot();
  let complained = false;
  let at = 1;
  for (; ; at++) {
    const token = tokens[at];
    if (token === undefined) {
      const message =
        slots.length > 0 || spec.name !== ""
          ? "`)' expected to terminate macro template"
          : "parameter identifier expected";
      session.error(tokens[tokens.length - 1]!, "macro-parameters", message);
      break;
    }
    if (isOp(token, ",") || isOp(token, ")")) {
      if (spec.greedy && token.text === ",") {
        session.error(token, "macro-parameters", "greedy parameter must be last");
      }
      slots.push(spec);
      spec = emptySlot();
      if (token.text === ")") break;
      continue;
    }
    const flagged = withFlag(spec, token);
    spec = flagged ?? spec;
    if (flagged !== undefined || complained) continue;
    const message = `garbage \`${token.text}' in macro parameter list`;
    session.error(token, "macro-parameters", message);
    complained = true;
  }
  return { slots, bodyStart: at + 1 };
}

function emptySlot(): SlotSpec {
  return {
    name: "",
    evaluated: false,
    quoted: "no",
    verbatim: false,
    greedy: false,
    optional: false,
    variadic: false,
  };
}

/** Undefined: the token says nothing about a parameter. */
function withFlag(spec: SlotSpec, token: Token): SlotSpec | undefined {
  if (token.kind === "id" && spec.name === "") return { ...spec, name: token.text };
  switch (token.kind === "op" ? token.text : "") {
    case "=":
      return { ...spec, evaluated: true };
    case "&":
      return { ...spec, quoted: "always" };
    case "&&":
      return { ...spec, quoted: "unlessString" };
    case "!":
      return { ...spec, verbatim: true };
    case "+":
      return { ...spec, greedy: true, optional: true };
    default:
      return token.kind === "space" ? spec : undefined;
  }
}

/** Replaces the names of parameters in a body by slots. */
function markSlots(body: readonly Token[], slots: readonly SlotSpec[]): readonly Token[] {
  if (slots.length === 0) return body;
  return body.map((token) => {
    const slot = token.kind === "id" ? slots.findIndex((s) => s.name === token.text) : -1;
    if (slot < 0) return token;
    return new Token(
      "slot",
      token.text,
      token.space,
      token.source,
      token.start,
      token.end,
      undefined,
      slot,
    );
  });
}

/** The name that a directive defines, and what follows it. */
function nameAndRest(
  directive: Token,
  tokens: readonly Token[],
  session: Session,
): { readonly name: Token; readonly rest: readonly Token[] } | undefined {
  const named = expandName(tokens, session);
  const name = named[0];
  if (name === undefined || (name.kind !== "id" && name.kind !== "contextLocal")) {
    const message = `\`${directive.text}' expects a macro identifier`;
    session.error(name ?? directive, "macro-name", message);
    return undefined;
  }
  return { name, rest: named.slice(1) };
}

/** Carries out a defining directive; false if `word` is none. `word` is lower case, without `%` and without the `i` of the insensitive form. */
export function defineDirective(
  word: string,
  caseSensitive: boolean,
  directive: Token,
  tokens: readonly Token[],
  session: Session,
): boolean {
  if (word === "define" || word === "xdefine" || word === "defalias") {
    defineMacro(word, caseSensitive, directive, tokens, session);
    return true;
  }
  if (word === "undef" || word === "undefalias") {
    const found = nameAndRest(directive, tokens, session);
    if (found === undefined) return true;
    if (found.rest.length > 0) {
      session.warning(found.rest[0]!, "pp-trailing", "trailing garbage after macro name ignored");
    }
    session.observer?.macroMentioned("define", found.name);
    undefine(found.name, session, word === "undefalias");
    return true;
  }
  const definer = Object.hasOwn(VALUE_DIRECTIVES, word) ? VALUE_DIRECTIVES[word] : undefined;
  if (definer === undefined) return false;
  const found = nameAndRest(directive, tokens, session);
  const body = found && definer(directive, found.name, found.rest, session);
  if (body === undefined) return true;
  enter(directive, found!.name, { caseSensitive, body }, session);
  return true;
}

function enter(directive: Token, name: Token, made: NewMacro, session: Session): void {
  const macro = define(name, made, session);
  if (macro) session.observer?.singleLineDefined(macro, directive, name, session.line);
}

function defineMacro(
  word: string,
  caseSensitive: boolean,
  directive: Token,
  tokens: readonly Token[],
  session: Session,
): void {
  const found = nameAndRest(directive, tokens, session);
  if (found === undefined) return;
  const { slots, bodyStart } = parseSlots(found.rest, session);
  let body = withoutSpace(found.rest.slice(bodyStart));
  if (word === "defalias") {
    const target = body[0];
    if (target === undefined || (target.kind !== "id" && target.kind !== "contextLocal")) {
      const message = `\`${directive.text}' expects a macro identifier to alias`;
      session.error(target ?? directive, "macro-name", message);
      return;
    }
    enter(directive, found.name, { caseSensitive, body: [target], alias: true }, session);
    return;
  }
  body = markSlots(body, slots);
  if (word === "xdefine") body = withoutSpace(expandLine(body, session));
  enter(directive, found.name, { caseSensitive, slots, body }, session);
}
