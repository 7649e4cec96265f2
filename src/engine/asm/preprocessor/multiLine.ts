/** Multi-line macros: reading their head, finding the one that a call means, cutting the arguments. */
import { readNumber } from "../numbers";
import { isOp, Token, type MultiLineMacro } from "../tokens";
import type { Session } from "./session";
import { expandLine, expandName } from "./singleLine";

export interface MacroHead {
  readonly name: string;
  readonly nameToken: Token;
  readonly least: number;
  readonly most: number;
  readonly greedy: boolean;
  readonly noList: boolean;
  readonly defaults: readonly (readonly Token[])[];
}

function count(token: Token, session: Session): number {
  const result = readNumber(token.text);
  if (result === undefined) {
    session.error(token, "parameter-count", `unable to parse parameter count \`${token.text}'`);
    return 0;
  }
  if (result.value < 0n || result.value > 0x7fffffffn) {
    const message = `parameter count \`${token.text}' is out of bounds [0; 2147483647]`;
    session.error(token, "parameter-count", message);
    return 0;
  }
  return Number(result.value);
}

/** `name 1-3+.nolist a, b`: what follows %macro, %unmacro. `directive` is the word itself. */
export function parseHead(
  directive: Token,
  rest: readonly Token[],
  session: Session,
): MacroHead | undefined {
  const tokens = expandName(rest, session);
  const nameToken = tokens[0];
  if (nameToken?.kind !== "id") {
    session.error(
      nameToken ?? directive,
      "macro-name",
      `\`${directive.text}' expects a macro name`,
    );
    return undefined;
  }
  const spec = expandLine(tokens.slice(1), session);
  let at = 0;
  let least = 0;
  let most = 0;
  if (spec[0]?.kind !== "number") {
    session.error(
      spec[0] ?? nameToken,
      "parameter-count",
      `\`${directive.text}' expects a parameter count`,
    );
  } else {
    least = most = count(spec[0], session);
    at = 1;
  }
  if (isOp(spec[at], "-")) {
    const upper = spec[at + 1];
    if (isOp(upper, "*")) most = Infinity;
    else if (upper?.kind === "number") most = count(upper, session);
    else {
      const message = `\`${directive.text}' expects a parameter count after \`-'`;
      session.error(upper ?? spec[at]!, "parameter-count", message);
    }
    if (least > most) {
      session.error(upper!, "parameter-count", "minimum parameter count exceeds maximum");
      most = least;
    }
    at += 2;
  }
  const greedy = isOp(spec[at], "+");
  if (greedy) at++;
  const noList = spec[at]?.kind === "id" && spec[at]!.text.toLowerCase() === ".nolist";
  if (noList) at++;
  const defaults = cutArguments(spec.slice(at), session, false);
  if (defaults.dropsLast && !session.saneEmptyExpansion) {
    defaults.args.pop();
    const message = `dropping trailing empty default parameter in definition of multi-line macro \`${nameToken.text}'`;
    session.warning(nameToken, "pp-macro-params-legacy", message);
  }
  if (defaults.args.length > most - least && !greedy) {
    const message = `too many default macro parameters in macro \`${nameToken.text}'`;
    session.warning(nameToken, "pp-macro-defaults", message);
  }
  return { name: nameToken.text, nameToken, least, most, greedy, noList, defaults: defaults.args };
}

interface CutArguments {
  /** Without the braces. */
  readonly args: (readonly Token[])[];
  /** Where each starts in the list: greedy macros take the rest from there. */
  readonly starts: readonly number[];
  /** A comma stands at the end with nothing after it. */
  readonly dropsLast: boolean;
}

/** Cuts at commas; braces hold an argument together. */
function cutArguments(tokens: readonly Token[], session: Session, report: boolean): CutArguments {
  const args: (readonly Token[])[] = [];
  const starts: number[] = [];
  const end = tokens[tokens.length - 1]?.kind === "space" ? tokens.length - 1 : tokens.length;
  let dropsLast = false;
  let at = 0;
  while (at < end) {
    starts.push(at);
    dropsLast = false;
    const open = at;
    if (isOp(tokens[at], "{")) {
      let depth = 1;
      let close = at + 1;
      for (; close < end; close++) {
        if (isOp(tokens[close], "{")) depth++;
        else if (isOp(tokens[close], "}") && --depth === 0) break;
      }
      if (close >= end && report) {
        session.error(
          tokens[open]!,
          "macro-argument",
          "expecting closing brace in macro parameter",
        );
      }
      args.push(tokens.slice(open + 1, close));
      at = close + 1;
      if (at < end && !isOp(tokens[at], ",") && report) {
        session.error(
          tokens[at]!,
          "macro-argument",
          "braces do not enclose all of macro parameter",
        );
      }
      while (at < end && !isOp(tokens[at], ",")) at++;
    } else {
      while (at < end && !isOp(tokens[at], ",")) at++;
      args.push(tokens.slice(open, at));
    }
    if (at < end) {
      at++;
      if (at >= end) {
        // A comma at the very end: an empty argument that old versions dropped.
        starts.push(at);
        args.push([]);
        dropsLast = true;
      }
    }
  }
  return { args, starts, dropsLast };
}

export interface MacroCall {
  readonly macro: MultiLineMacro;
  /** From 1. */
  readonly parameters: readonly (readonly Token[])[];
  readonly count: number;
  /** How many of them stand in the call; the rest are defaults. */
  readonly written: number;
}

function matches(macro: MultiLineMacro, name: string, n: number): boolean {
  return named(macro, name) && macro.least <= n && (macro.greedy || n <= macro.most);
}

function named(macro: MultiLineMacro, name: string): boolean {
  return !macro.caseSensitive || macro.name === name;
}

/** The call that a line is whose first word is `nameToken` and whose other tokens are `rest`; undefined if it is none. */
export function findCall(
  nameToken: Token,
  rest: readonly Token[],
  session: Session,
): MacroCall | undefined {
  const macros = nameToken.word?.folded.multiLine;
  if (macros === undefined) return undefined;
  const name = nameToken.text;
  const from = macros.findIndex(
    (macro) => named(macro, name) && (macro.inProgress === 0 || macro.recursive),
  );
  if (from < 0) return undefined;
  const usable = macros.slice(from);
  const whole = cutArguments(rest, session, true);
  const cut = session.saneEmptyExpansion ? { ...whole, dropsLast: false } : whole;
  const written = cut.args.length;
  let found = usable.find((macro) => matches(macro, name, written));
  let args = cut.args;
  let zero = false;
  let takesDefaults = true;
  if (!session.saneEmptyExpansion) {
    if (found === undefined && written === 0 && rest.length > 0) {
      // Only white space, from an empty expansion: one empty argument, counted as none.
      found = usable.find((macro) => matches(macro, name, 1));
      zero = found !== undefined;
    } else if (cut.dropsLast) {
      const kept = dropLast(cut.args, found, usable, name);
      found = kept.found;
      args = kept.args;
      takesDefaults = kept.takesDefaults ?? true;
    }
    if (found) warnOfLegacy(nameToken, found, written, cut.dropsLast, session);
  }
  if (found === undefined) {
    const s = written === 1 ? "" : "s";
    const message = `multi-line macro \`${name}' exists, but not taking ${written} parameter${s}`;
    session.warning(nameToken, "pp-macro-params-multi", message);
    return undefined;
  }
  // Recursion that is not asked for: the word means the instruction.
  if (found.inProgress > 0 && !found.recursive) return undefined;
  return {
    macro: found,
    written: args.length,
    ...completed(found, args, cut, rest, zero, takesDefaults && !zero),
  };
}

/** Says that a call was understood as old versions did. */
function warnOfLegacy(
  nameToken: Token,
  macro: MultiLineMacro,
  written: number,
  dropsLast: boolean,
  session: Session,
): void {
  const { name, least, most, greedy } = macro;
  if (written < least || (written > most && !greedy)) {
    const message = `improperly calling multi-line macro \`${name}' with ${written} parameters`;
    session.warning(nameToken, "pp-macro-params-legacy", message);
  } else if (dropsLast) {
    const message = `dropping trailing empty parameter in call to multi-line macro \`${name}'`;
    session.warning(nameToken, "pp-macro-params-legacy", message);
  }
}

/** What old versions make of an empty argument at the end. */
function dropLast(
  args: readonly (readonly Token[])[],
  found: MultiLineMacro | undefined,
  usable: readonly MultiLineMacro[],
  name: string,
): {
  readonly found: MultiLineMacro | undefined;
  readonly args: (readonly Token[])[];
  readonly takesDefaults?: boolean;
} {
  const fewer = args.slice(0, -1);
  if (found === undefined) {
    const other =
      args.length > 1 ? usable.find((macro) => matches(macro, name, fewer.length)) : undefined;
    return { found: other, args: other ? fewer : [...args] };
  }
  if (args.length > found.least && args.length <= found.least + found.defaults.length) {
    return { found, args: fewer };
  }
  if (args.length > found.most && found.greedy) return { found, args: [...args] };
  // Defaults have been counted before the argument went.
  return { found, args: fewer, takesDefaults: false };
}

/** Adds defaults; gives the last parameter of a greedy macro the rest of the line. */
function completed(
  macro: MultiLineMacro,
  args: readonly (readonly Token[])[],
  cut: CutArguments,
  rest: readonly Token[],
  zero: boolean,
  takesDefaults: boolean,
): { readonly parameters: readonly (readonly Token[])[]; readonly count: number } {
  const parameters: (readonly Token[])[] = [[], ...args.map((arg) => trimmed(arg))];
  let count = zero ? 0 : args.length;
  while (
    takesDefaults &&
    macro.defaults.length > 0 &&
    count < macro.least + macro.defaults.length
  ) {
    parameters[count + 1] = trimmed(macro.defaults[count - macro.least] ?? []);
    count++;
  }
  if (macro.greedy && count > macro.most && args.length < macro.most) {
    // The last parameter takes all defaults that are left.
    count = macro.most;
    parameters[count] = trimmed(joined(macro.defaults.slice(count - macro.least - 1)));
  }
  if (macro.greedy && count >= macro.most && args.length >= macro.most) {
    count = macro.most;
    const start = cut.starts[macro.most - 1];
    const last = rest[rest.length - 1]?.kind === "space" ? rest.length - 1 : rest.length;
    if (macro.most > 0 && start !== undefined) {
      const comma = cut.dropsLast && args.length > macro.most && isOp(rest[last - 1], ",");
      const whole = rest.slice(start, comma ? last - 1 : last);
      // Braces around the whole of it still come off.
      parameters[macro.most] = isOp(whole[0], "{") ? parameters[macro.most]! : trimmed(whole);
    }
  }
  return { parameters, count };
}

function joined(lists: readonly (readonly Token[])[]): readonly Token[] {
  return lists.flatMap((tokens, i) => {
    const place = tokens[0] ?? lists[0]?.[0];
    if (i === 0 || !place) return tokens;
    const { source, start } = place;
    return [new Token("op", ",", false, source, start, start), ...tokens];
  });
}

function trimmed(tokens: readonly Token[]): readonly Token[] {
  const first = tokens[0];
  if (first === undefined) return tokens;
  const kept = tokens[tokens.length - 1]!.kind === "space" ? tokens.slice(0, -1) : tokens;
  if (!kept[0]?.space) return kept;
  return [kept[0].spaced(false), ...kept.slice(1)];
}
