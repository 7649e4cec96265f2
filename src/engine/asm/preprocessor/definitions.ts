/** The directives that define or take back single-line macros: %define, %assign, %strlen, %undef ... */
import { lexText } from "../lexer";
import { bytesText, unquote, utf8 } from "../stringLiterals";
import { isOp, Token, tokensText, type SingleLineMacro, type SlotSpec } from "../tokens";
import type { Session } from "./session";
import { contextOf, expandLine, expandName, numberTokens, stringToken } from "./singleLine";

/** The list that macros of a name are kept in; made when missing. */
function listFor(
  name: Token,
  session: Session,
): { readonly list: SingleLineMacro[]; readonly name: string } | undefined {
  if (name.kind === "contextLocal") {
    const found = contextOf(name, session);
    if (found === undefined) return undefined;
    const key = found.name.toLowerCase();
    let list = found.context.macros.get(key);
    if (list === undefined) {
      list = [];
      found.context.macros.set(key, list);
    }
    return { list, name: found.name };
  }
  const folded = (name.word ?? session.words.word(name.text)).folded;
  folded.singleLine ??= [];
  return { list: folded.singleLine, name: name.text };
}

function same(a: SingleLineMacro, name: string, caseSensitive: boolean): boolean {
  return caseSensitive && a.caseSensitive
    ? a.name === name
    : a.name.toLowerCase() === name.toLowerCase() &&
        (!a.caseSensitive || a.name === name || !caseSensitive);
}

export interface NewMacro {
  readonly caseSensitive: boolean;
  readonly slots?: readonly SlotSpec[];
  readonly body: readonly Token[];
  readonly alias?: boolean;
  readonly compute?: SingleLineMacro["compute"];
  readonly recursive?: boolean;
}

/** Enters a macro, in the place of one that it replaces. Returns it, or undefined if the name is not usable. */
export function define(name: Token, made: NewMacro, session: Session): SingleLineMacro | undefined {
  const found = listFor(name, session);
  if (found === undefined) return undefined;
  const { list } = found;
  const slots = made.slots ?? [];
  const at = list.findIndex(
    (old) => same(old, found.name, made.caseSensitive) && callable(old, slots.length),
  );
  const old = list[at];
  if (old?.alias && !made.alias && !session.aliasesOff) {
    const target = old.body[0];
    if (target && target.text !== name.text) return define(target.at(name), made, session);
  }
  const macro = newMacro(found.name, made, slots, name);
  if (old === undefined || shadows(old, macro, name, session)) list.unshift(macro);
  else list[at] = macro;
  return macro;
}

function callable(old: SingleLineMacro, count: number): boolean {
  if (old.slots.length === 0 || count === 0) return true;
  return count >= old.leastArguments && (old.variadic || count <= old.slots.length);
}

/** Whether the old one stays below the new one; with NASM's warning. */
function shadows(
  old: SingleLineMacro,
  macro: SingleLineMacro,
  name: Token,
  session: Session,
): boolean {
  if (old.caseSensitive !== macro.caseSensitive) {
    const word = macro.caseSensitive ? "" : "in";
    const oldWord = old.caseSensitive ? "" : "in";
    const message = `case ${word}sensitive definition of macro \`${macro.name}' will shadow ${oldWord}sensitive macro \`${old.name}'`;
    session.warning(name, "pp-macro-def-case-single", message);
    return true;
  }
  if (old.slots.length > 0 !== macro.slots.length > 0) {
    const message = `macro \`${macro.name}' defined both with and without parameters`;
    session.warning(name, "pp-macro-def-param-single", message);
    return true;
  }
  if (old.slots.length < macro.slots.length) {
    const message = `defining macro \`${macro.name}' shadows previous greedy definition`;
    session.warning(name, "pp-macro-def-greedy-single", message);
    return true;
  }
  return false;
}

function newMacro(
  name: string,
  made: NewMacro,
  slots: readonly SlotSpec[],
  definition: Token,
): SingleLineMacro {
  const last = slots[slots.length - 1];
  let least = slots.length;
  while (least > 1 && slots[least - 1]!.optional) least--;
  return {
    name,
    caseSensitive: made.caseSensitive,
    slots,
    leastArguments: least,
    variadic: last !== undefined && (last.greedy || last.variadic),
    recursive: made.recursive ?? false,
    body: made.body,
    alias: made.alias ?? false,
    ...(made.compute ? { compute: made.compute } : {}),
    definition,
    inProgress: 0,
  };
}

export function undefine(name: Token, session: Session, aliasToo: boolean): void {
  const found = listFor(name, session);
  if (found === undefined) return;
  const { list } = found;
  for (let i = list.length - 1; i >= 0; i--) {
    const macro = list[i]!;
    if (
      macro.caseSensitive
        ? macro.name !== found.name
        : macro.name.toLowerCase() !== found.name.toLowerCase()
    ) {
      continue;
    }
    if (!macro.alias || aliasToo) list.splice(i, 1);
    else if (!session.aliasesOff && macro.body[0] && macro.body[0].text !== name.text) {
      undefine(macro.body[0], session, false);
    }
  }
}

/** `(a, =b, c+)` directly behind the name of a macro. Returns the parameters and where the body starts. */
export function parseSlots(
  tokens: readonly Token[],
  session: Session,
): { readonly slots: readonly SlotSpec[]; readonly bodyStart: number } {
  if (!isOp(tokens[0], "(") || tokens[0]!.space) return { slots: [], bodyStart: 0 };
  const slots: SlotSpec[] = [];
  let spec = emptySlot();
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
    } else spec = withFlag(spec, token, session);
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

function withFlag(spec: SlotSpec, token: Token, session: Session): SlotSpec {
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
      if (token.kind !== "space") {
        session.error(
          token,
          "macro-parameters",
          `garbage \`${token.text}' in macro parameter list`,
        );
      }
      return spec;
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

function withoutSpace(tokens: readonly Token[]): readonly Token[] {
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

type Definer = (
  directive: Token,
  name: Token,
  rest: readonly Token[],
  session: Session,
) => readonly Token[] | undefined;

/** Directives of the shape `%word name value`: what the value becomes. */
const VALUE_DIRECTIVES: Readonly<Record<string, Definer>> = {
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
  const expanded = withoutSpace(expandLine(rest, session));
  const result = session.host.evaluate(expanded, directive);
  if (result === undefined) return undefined;
  if (result.rest < expanded.length) {
    session.warning(
      expanded[result.rest]!,
      "pp-trailing",
      "trailing garbage after expression ignored",
    );
  }
  if (!result.value.isSimple) {
    const message = `non-constant value given to \`${directive.text}'`;
    session.error(expanded[0] ?? directive, "not-constant", message);
    return undefined;
  }
  return numberTokens(result.value.scalar, expanded[0] ?? directive, session);
}

function concatenated(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): readonly Token[] | undefined {
  const bytes: number[] = [];
  for (const token of withoutSpace(expandLine(rest, session))) {
    if (token.kind === "string") bytes.push(...unquote(token.text));
    else if (!isOp(token, ",")) {
      const message = `non-string passed to \`${directive.text}': ${token.text}`;
      session.error(token, "string-expected", message);
      return undefined;
    }
  }
  return [stringToken(bytes, rest[0] ?? directive)];
}

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
  const after = isOp(tokens[start.rest], ",") ? start.rest + 1 : start.rest;
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
