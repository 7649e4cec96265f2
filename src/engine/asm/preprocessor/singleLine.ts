/** Single-line macros: finding, expanding and defining them (NASM manual, "Single-Line Macros"). */
import { utf8 } from "../stringLiterals";
import { isOp, Token, tokensText, type SingleLineMacro, type SlotSpec } from "../tokens";
import { pasteLine } from "./pasting";
import type { Context, Session } from "./session";
import { ArgumentCutter, slotAt } from "./singleLineArguments";
import { numberTokens, stringToken } from "./valueTokens";

/** Tokens that one line may expand to; NASM has a limit of the same kind. */
const MOST_TOKENS = 400_000;
const MOST_DEPTH = 400;

/** The context that `%$x`, `%$$x` ... means, and the bare name. */
export function contextOf(
  token: Token,
  session: Session,
): { readonly context: Context; readonly name: string } | undefined {
  const match = /^%\$(\$*)(.*)$/.exec(token.text)!;
  const depth = match[1]!.length;
  const { contexts } = session;
  if (contexts.length === 0) {
    session.error(token, "context-stack", `\`${token.text}': context stack is empty`);
    return undefined;
  }
  const context = contexts[contexts.length - 1 - depth];
  if (context === undefined) {
    const levels = `${contexts.length} level${contexts.length === 1 ? "" : "s"}`;
    session.error(token, "context-stack", `\`${token.text}': context stack is only ${levels} deep`);
    return undefined;
  }
  return { context, name: match[2]! };
}

/** All macros that a token may call, newest first, and the name that they must have. */
function candidates(
  token: Token,
  session: Session,
): { readonly macros: readonly SingleLineMacro[] | undefined; readonly name: string } {
  if (token.kind === "contextLocal") {
    if (session.contexts.length === 0) return { macros: undefined, name: "" };
    const found = contextOf(token, session);
    if (found === undefined) return { macros: undefined, name: "" };
    return { macros: found.context.macros.get(found.name.toLowerCase()), name: found.name };
  }
  return { macros: token.word?.folded.singleLine, name: token.text };
}

function named(macro: SingleLineMacro, name: string): boolean {
  return !macro.caseSensitive || macro.name === name;
}

/** Whether a token has something to do in an expansion. */
function isActive(token: Token): boolean {
  switch (token.kind) {
    case "id":
    case "directive": {
      const macros = token.word!.folded.singleLine;
      return macros !== undefined && macros.length > 0;
    }
    case "contextLocal":
    case "paste":
    case "environment":
      return true;
    default:
      return false;
  }
}

/** Expands all single-line macros in the tokens and pastes. Returns the same array if there was nothing to do. */
export function expandLine(tokens: readonly Token[], session: Session): readonly Token[] {
  session.budget = MOST_TOKENS;
  return expandWithin(tokens, session);
}

/** The same inside of an expansion, within its budget. */
export function expandWithin(tokens: readonly Token[], session: Session): readonly Token[] {
  let current = tokens;
  for (;;) {
    if (!current.some(isActive)) return current;
    const expanded = new Expansion(session).run(current);
    const pasted = pasteLine(expanded, session);
    if (pasted === expanded || session.budget <= 0) return pasted;
    current = pasted;
  }
}

/** The arguments of a call, found but not yet cut: all on the to-do list. */
interface CallShape {
  readonly macro: SingleLineMacro;
  /** How many arguments were written. */
  readonly written: number;
  /** How many tokens after the name belong to the call. */
  readonly length: number;
}

/** One run over a line. The to-do list is in reverse: its last element is the next token. */
class Expansion {
  private readonly todo: Token[] = [];
  private depth = 0;

  constructor(private readonly session: Session) {}

  run(tokens: readonly Token[]): Token[] {
    const { todo } = this;
    for (let i = tokens.length - 1; i >= 0; i--) todo.push(tokens[i]!);
    const out: Token[] = [];
    while (todo.length > 0) {
      const before = todo.length;
      const done = this.expandTop();
      if (done === undefined) out.push(todo.pop()!);
      else {
        for (let i = 0; i < done; i++) out.push(todo.pop()!);
        if (todo.length >= before && this.session.budget <= 0) break;
      }
    }
    while (todo.length > 0) out.push(todo.pop()!);
    return out;
  }

  /** Expands the next token in place. Undefined: it is no call. Else: how many tokens on top of the list are finished. */
  private expandTop(): number | undefined {
    const { todo, session } = this;
    const call = todo[todo.length - 1]!;
    if (call.kind !== "id" && call.kind !== "directive" && call.kind !== "contextLocal")
      return undefined;
    const { macros, name } = candidates(call, session);
    if (macros === undefined || macros.length === 0) return undefined;
    const shape = this.shapeOf(call, macros, name);
    if (shape === undefined) return undefined;
    const { macro } = shape;
    if (macro.inProgress > 0 && !macro.recursive) return undefined;
    if (session.budget <= 0 || this.depth >= MOST_DEPTH) {
      this.refuse(call);
      return undefined;
    }
    return this.expandCall(call, shape);
  }

  private refuse(call: Token): void {
    this.session.budget = 0;
    this.session.error(call, "macro-recursion", "interminable macro recursion");
  }

  /** Which macro the call means, by name and number of arguments. */
  private shapeOf(
    call: Token,
    macros: readonly SingleLineMacro[],
    name: string,
  ): CallShape | undefined {
    const { session, todo } = this;
    const usable = macros.filter(
      (macro) => named(macro, name) && !(macro.alias && session.aliasesOff),
    );
    const first = usable[0];
    if (first === undefined) return undefined;
    if (first.slots.length === 0) return { macro: first, written: 0, length: 0 };
    let at = todo.length - 2;
    while (todo[at]?.kind === "space") at--;
    if (!isOp(todo[at], "(")) return undefined;
    const count = this.countArguments(at);
    if (count === undefined) {
      session.error(call, "macro-call", "macro call expects terminating `)'");
      return undefined;
    }
    const fits = usable.find(
      (macro) =>
        macro.slots.length > 0 &&
        count.written >= macro.leastArguments &&
        (macro.variadic || count.written <= macro.slots.length),
    );
    if (fits === undefined) {
      const s = count.written === 1 ? "" : "s";
      const message = `single-line macro \`${name}' exists, but not taking ${count.written} parameter${s}`;
      session.warning(call, "pp-macro-params-single", message);
      return undefined;
    }
    return { macro: fits, written: count.written, length: todo.length - 1 - count.end };
  }

  /** `at` is the opening parenthesis; `end` the closing one. */
  private countArguments(
    at: number,
  ): { readonly written: number; readonly end: number } | undefined {
    let parens = 0;
    let braces = 0;
    let written = 1;
    for (let i = at; i >= 0; i--) {
      const token = this.todo[i]!;
      if (token.kind !== "op") continue;
      if (token.text === "{") braces++;
      else if (token.text === "}") braces = Math.max(0, braces - 1);
      else if (braces > 0) continue;
      else if (token.text === "(") parens++;
      else if (token.text === "," && parens === 1) written++;
      else if (token.text === ")" && --parens === 0) return { written, end: i };
    }
    return undefined;
  }

  private expandCall(call: Token, { macro, written, length }: CallShape): number {
    const { todo, session } = this;
    todo.pop();
    const callTokens: Token[] = [];
    for (let i = 0; i < length; i++) callTokens.push(todo.pop()!);
    macro.inProgress++;
    this.depth++;
    const args = macro.slots.length === 0 ? [] : this.arguments(macro, callTokens, written);
    const prepared = args.map((arg, i) => this.prepare(arg, slotAt(macro, i)));
    const body = macro.compute ? macro.compute(prepared, call) : macro.body;
    const base = this.pushBody(body, prepared, macro, call);
    this.depth--;
    macro.inProgress--;
    const done = todo.length - base;
    if (session.observer) this.observe(macro, call, callTokens, args, done);
    return done;
  }

  private observe(
    macro: SingleLineMacro,
    call: Token,
    callTokens: readonly Token[],
    args: readonly (readonly Token[])[],
    done: number,
  ): void {
    const result = this.todo.slice(this.todo.length - done).reverse();
    const last = callTokens[callTokens.length - 1] ?? call;
    const { session } = this;
    session.observer!.singleLineUsed(
      macro,
      call,
      last,
      args,
      () => tokensText(result),
      session.frame,
    );
  }

  /** Puts the body on the list, from its end, expanding as it goes. Returns the height above which all is finished. */
  private pushBody(
    body: readonly Token[],
    args: readonly (readonly Token[])[],
    macro: SingleLineMacro,
    call: Token,
  ): number {
    const { todo } = this;
    let base = todo.length;
    let comma = false;
    const push = (token: Token): void => {
      if (--this.session.budget < 0) return;
      todo.push(token);
      const done =
        token.kind === "id" || token.kind === "directive" || token.kind === "contextLocal"
          ? this.expandTop()
          : undefined;
      if (done !== undefined) base = Math.min(base, todo.length - done);
      if (todo.length > base) comma = true;
    };
    const put = (token: Token): void => {
      if (token.kind === "macroName") {
        const asCalled = token.text === "%?" || token.text === "%*?";
        const text = asCalled ? call.text : renamed(call.text, macro.name);
        const word = this.session.words.word(text);
        todo.push(new Token(call.kind, text, token.space, call.source, call.start, call.end, word));
        comma = true;
      } else if (token.kind !== "optionalComma") push(token);
      else if (comma) push(new Token("op", ",", token.space, token.source, token.start, token.end));
    };
    for (let i = body.length - 1; i >= 0; i--) {
      const token = body[i]!;
      if (token.kind === "slot") {
        comma = false;
        this.pushArgument(args[token.slot] ?? [], token, put);
      } else put(token.through(call, token.space));
    }
    this.passSpaceOn(call, base);
    return base;
  }

  private pushArgument(arg: readonly Token[], slot: Token, push: (token: Token) => void): void {
    if (arg.length === 0) {
      if (slot.space) this.spaceTop();
      return;
    }
    for (let i = arg.length - 1; i >= 0; i--) push(i === 0 ? arg[i]!.spaced(slot.space) : arg[i]!);
  }

  /** The space before the call goes to the first token of the result, or to what follows an empty one. */
  private passSpaceOn(call: Token, base: number): void {
    const { todo } = this;
    const top = todo[todo.length - 1];
    if (todo.length > base && top !== undefined) todo[todo.length - 1] = top.spaced(call.space);
    else if (call.space) this.spaceTop(call);
  }

  private spaceTop(place?: Token): void {
    const { todo } = this;
    const top = todo[todo.length - 1];
    if (top !== undefined) todo[todo.length - 1] = top.spaced(true);
    else if (place) todo.push(new Token("space", "", true, place.source, place.start, place.end));
  }

  /** Cuts the arguments out of `( ... )`; one pair of braces around an argument is taken off. */
  private arguments(
    macro: SingleLineMacro,
    tokens: readonly Token[],
    written: number,
  ): (readonly Token[])[] {
    const cutter = new ArgumentCutter(macro);
    const open = tokens.findIndex((token) => isOp(token, "("));
    for (const token of tokens.slice(open + 1)) cutter.take(token);
    const args = cutter.args;
    const greedy = macro.slots[macro.slots.length - 1]!.greedy;
    const count =
      written > macro.slots.length && greedy
        ? macro.slots.length
        : Math.max(written, macro.slots.length);
    while (args.length < count) args.push([]);
    return args;
  }

  /** `=` evaluates an argument, `&` makes it a string. */
  private prepare(arg: readonly Token[], slot: SlotSpec): readonly Token[] {
    const { session } = this;
    let result = arg;
    const place = arg[0];
    if (slot.evaluated) {
      const expanded = expandWithin(arg, session).filter((token) => token.kind !== "space");
      if (expanded.length === 0) {
        if (slot.byDefault === undefined) return [];
        return numberTokens(BigInt(slot.byDefault), place ?? session.line.tokens[0]!, session);
      }
      const evaluated = session.host.evaluate(expanded, expanded[0]!);
      if (evaluated === undefined) return [];
      if (evaluated.rest < expanded.length) {
        session.error(
          expanded[evaluated.rest]!,
          "macro-argument",
          "invalid expression in macro parameter",
        );
        return [];
      }
      if (!evaluated.value.isSimple) {
        session.error(expanded[0]!, "macro-argument", "non-constant expression in macro parameter");
        return [];
      }
      result = numberTokens(evaluated.value.scalar, expanded[0]!, session);
    }
    if (slot.quoted !== "no") {
      const expanded = expandWithin(result, session);
      if (
        slot.quoted === "unlessString" &&
        expanded.length === 1 &&
        expanded[0]!.kind === "string"
      ) {
        return expanded;
      }
      const at = expanded[0] ?? session.line.tokens[0]!;
      return [stringToken(utf8(tokensText(expanded)), at)];
    }
    return result;
  }
}

/** `%??` in a macro `%$x` keeps the prefix of the call. */
function renamed(call: string, name: string): string {
  const prefix = /^%\$+/.exec(call);
  return prefix ? prefix[0] + name : name;
}

/**
 * Expands a name that is put together from several pieces (`_%$x`), for directives that take a name; a single token stays as it is.
 * Returns the tokens with the name as the first one.
 */
export function expandName(tokens: readonly Token[], session: Session): readonly Token[] {
  let end = 1;
  while (
    end < tokens.length &&
    !tokens[end]!.space &&
    ["id", "directive", "contextLocal", "number"].includes(tokens[end]!.kind)
  ) {
    end++;
  }
  if (end <= 1) return tokens;
  return [...expandLine(tokens.slice(0, end), session), ...tokens.slice(end)];
}
