/** The tests of %if, %ifdef, %ifidn ... (NASM manual, "Conditional Assembly"). */
import { textOfCodes } from "../../base/longLists";
import { unquote } from "../stringLiterals";
import { isOp, type FoldedWord, type MultiLineMacro, type Token, type TokenKind } from "../tokens";
import { readNumber } from "../numbers";
import { constantAfter } from "./directiveHost";
import { variableName } from "./environment";
import { packageNames } from "./packages";
import type { Session } from "./session";
import { contextOf, expandLine, expandName } from "./singleLine";

/** Undefined: the condition is wrong and neither branch is taken. */
export type Truth = boolean | undefined;

type Test = (tokens: readonly Token[], directive: Token, session: Session) => Truth;

const TESTS: Readonly<Record<string, Test>> = {
  "": testExpression,
  ctx: testContext,
  def: (tokens, directive, session) => testDefined(tokens, directive, session, false),
  defalias: (tokens, directive, session) => testDefined(tokens, directive, session, true),
  difi: () => false,
  empty: (tokens, _directive, session) => visible(expandLine(tokens, session)).length === 0,
  env: testEnvironment,
  id: (tokens, _directive, session) => testKind(tokens, session, "id"),
  idn: (tokens, directive, session) => testIdentical(tokens, directive, session, true),
  idni: (tokens, directive, session) => testIdentical(tokens, directive, session, false),
  macro: testMacro,
  num: (tokens, _directive, session) => testKind(tokens, session, "number"),
  str: (tokens, _directive, session) => testKind(tokens, session, "string"),
  token: (tokens, _directive, session) => visible(expandLine(tokens, session)).length === 1,
  usable: (tokens, directive, session) => testPackage(tokens, directive, session, false),
  using: (tokens, directive, session) => testPackage(tokens, directive, session, true),
};

export interface Condition {
  readonly test: Test;
  readonly negated: boolean;
}

/** The condition that `def`, `nidn` ... (after `%if`, `%elif` or `%is`) asks for. */
export function conditionOf(suffix: string): Condition | undefined {
  const test = TESTS[suffix];
  if (test && Object.hasOwn(TESTS, suffix)) return { test, negated: false };
  if (!suffix.startsWith("n")) return undefined;
  const rest = suffix.slice(1);
  return Object.hasOwn(TESTS, rest) ? { test: TESTS[rest]!, negated: true } : undefined;
}

/** All suffixes, for the built-in functions `%isdef(..)`. */
export const CONDITION_SUFFIXES: readonly string[] = Object.keys(TESTS).flatMap((name) => [
  name,
  `n${name}`,
]);

export function testCondition(
  condition: Condition,
  tokens: readonly Token[],
  directive: Token,
  session: Session,
): Truth {
  const truth = condition.test(tokens, directive, session);
  return truth === undefined ? undefined : truth !== condition.negated;
}

function visible(tokens: readonly Token[]): readonly Token[] {
  return tokens.some((token) => token.kind === "space")
    ? tokens.filter((token) => token.kind !== "space")
    : tokens;
}

function testExpression(tokens: readonly Token[], directive: Token, session: Session): Truth {
  const value = constantAfter(directive, tokens, session);
  return value === undefined ? undefined : value !== 0n;
}

function testContext(tokens: readonly Token[], directive: Token, session: Session): Truth {
  const top = session.contexts[session.contexts.length - 1]?.name?.toLowerCase();
  for (const token of tokens) {
    if (token.kind !== "id") {
      session.error(token, "condition", `\`${directive.text}' expects context identifiers`);
      return undefined;
    }
    session.observer?.localMentioned("context", token, token.text.toLowerCase());
    if (top !== undefined && token.text.toLowerCase() === top) return true;
  }
  return false;
}

function testDefined(
  tokens: readonly Token[],
  directive: Token,
  session: Session,
  alias: boolean,
): Truth {
  if (tokens.length === 0) return false;
  let truth = false;
  for (const token of tokens) {
    if (token.kind !== "id" && token.kind !== "contextLocal") {
      if (truth) return true;
      session.error(token, "condition", `\`${directive.text}' expects macro identifiers`);
      return undefined;
    }
    session.observer?.macroMentioned("define", token);
    const local = token.kind === "contextLocal" ? contextOf(token, session) : undefined;
    const macros = local
      ? local.context.macros.get(local.name.toLowerCase())
      : token.word!.folded.singleLine;
    const name = local ? local.name : token.text;
    const macro = (macros ?? []).find((each) => !each.caseSensitive || each.name === name);
    if (alias) truth ||= macro?.alias === true;
    else truth ||= macro !== undefined && (!macro.alias || isDefined(macro.body[0], session));
  }
  return truth;
}

/** Whether the macro that an alias means is there. */
function isDefined(target: Token | undefined, session: Session): boolean {
  const macros = target?.word?.folded.singleLine;
  const macro = macros?.find((each) => !each.caseSensitive || each.name === target!.text);
  if (macro === undefined || session.aliasesOff) return false;
  return (
    !macro.alias || (macro.body[0]?.text !== target!.text && isDefined(macro.body[0], session))
  );
}

function testEnvironment(tokens: readonly Token[], directive: Token, session: Session): Truth {
  const expanded = visible(expandLine(tokens, session));
  const wrong = expanded.find(
    (t) => t.kind !== "id" && t.kind !== "string" && t.kind !== "environment",
  );
  if (wrong) {
    session.error(wrong, "condition", `\`${directive.text}' expects environment variable names`);
    return undefined;
  }
  return expanded.some((token) => session.host.environment(variableName(token)) !== undefined);
}

function testKind(tokens: readonly Token[], session: Session, kind: TokenKind): Truth {
  const expanded = visible(expandLine(tokens, session));
  const sign = (token: Token): boolean => isOp(token, "-") || isOp(token, "+");
  const first = expanded.find((token) => !(kind === "number" && sign(token)));
  return first?.kind === kind;
}

function testIdentical(
  tokens: readonly Token[],
  directive: Token,
  session: Session,
  caseSensitive: boolean,
): Truth {
  const expanded = expandLine(tokens, session);
  const comma = expanded.findIndex((token) => isOp(token, ","));
  if (comma < 0) {
    const message = `\`${directive.text}' expects two comma-separated arguments`;
    session.error(directive, "condition", message);
    return undefined;
  }
  const left = visible(expanded.slice(0, comma));
  const right = visible(expanded.slice(comma + 1));
  for (const [i, token] of left.entries()) {
    const other = right[i];
    if (other === undefined) return false;
    if (isOp(other, ",")) {
      session.error(other, "condition", `\`${directive.text}': more than one comma on line`);
      return undefined;
    }
    if (!sameToken(token, other, caseSensitive)) return false;
  }
  // NASM stops comparing when the right side ends, and a space before the comma then counts as a difference.
  return left.length === right.length && expanded[comma]?.space !== true;
}

function sameToken(a: Token, b: Token, caseSensitive: boolean): boolean {
  if (a.kind !== b.kind) return false;
  const text = (token: Token): string =>
    token.kind === "string" ? textOfCodes(unquote(token.text)) : token.text;
  const left = text(a);
  const right = text(b);
  return caseSensitive ? left === right : left.toLowerCase() === right.toLowerCase();
}

function testMacro(tokens: readonly Token[], directive: Token, session: Session): Truth {
  const named = expandName(tokens, session);
  const name = named[0];
  if (name?.kind !== "id") {
    session.error(name ?? directive, "condition", `\`${directive.text}' expects a macro name`);
    return undefined;
  }
  session.observer?.macroMentioned("macro", name);
  const spec = visible(expandLine(named.slice(1), session));
  let least = 0;
  let most = Infinity;
  let at = 0;
  if (spec[0]?.kind === "number") {
    least = most = Number(readNumber(spec[0].text)?.value ?? 0n);
    at = 1;
    if (isOp(spec[1], "-")) {
      most = isOp(spec[2], "*") ? Infinity : Number(readNumber(spec[2]?.text ?? "")?.value ?? 0n);
      at = 3;
    }
  } else if (spec.length > 0) {
    const message = `\`${directive.text}' expects a parameter count or nothing`;
    session.error(spec[0]!, "condition", message);
    return undefined;
  }
  const greedy = isOp(spec[at], "+");
  return overlapping(name.word!.folded, name.text, least, most, greedy) !== undefined;
}

/** A macro by that name whose number of arguments overlaps the range. */
export function overlapping(
  folded: FoldedWord,
  name: string,
  least: number,
  most: number,
  greedy: boolean,
): MultiLineMacro | undefined {
  return folded.multiLine?.find(
    (macro) =>
      macro.name === name &&
      (macro.least <= most || greedy) &&
      (least <= macro.most || macro.greedy),
  );
}

function testPackage(
  tokens: readonly Token[],
  directive: Token,
  session: Session,
  loaded: boolean,
): Truth {
  const expanded = visible(expandLine(tokens, session));
  const name = packageNameOf(expanded[0]);
  if (name === undefined) {
    session.error(
      expanded[0] ?? directive,
      "condition",
      `\`${directive.text}' expects a package name`,
    );
    return undefined;
  }
  return loaded ? session.packages.has(name) : packageNames.has(name);
}

/** The package that %use names: a word or a string. */
export function packageNameOf(token: Token | undefined): string | undefined {
  if (token?.kind === "id") return token.text.toLowerCase();
  if (token?.kind === "string") return textOfCodes(unquote(token.text)).toLowerCase();
  return undefined;
}
