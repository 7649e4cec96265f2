/** Inside a multi-line macro: `%1`, `%0`, `%-1`, `%{1:3}`, `%%label`, `%?`, and `%[..]` anywhere (NASM manual, "Multi-Line Macros"). */
import { append } from "../../base/longLists";
import { lexLine, lexText } from "../lexer";
import { Token } from "../tokens";
import { pasteParameters } from "./pasting";
import type { Invocation, Session } from "./session";
import { expandLine } from "./singleLine";
import { numberToken } from "./valueTokens";

/** Condition codes and their inverses; those without one cannot be inverted. */
const CONDITIONS: Readonly<Record<string, string | undefined>> = {
  a: "na", ae: "nae", b: "nb", be: "nbe", c: "nc", cxz: undefined, e: "ne", ecxz: undefined,
  g: "ng", ge: "nge", l: "nl", le: "nle", na: "a", nae: "ae", nb: "b", nbe: "be", nc: "c",
  ne: "e", ng: "g", nge: "ge", nl: "l", nle: "le", no: "o", np: "p", ns: "s", nz: "z",
  o: "no", p: "np", pe: "po", po: "pe", rcxz: undefined, s: "ns", z: "nz",
}; // prettier-ignore

function needsWork(token: Token, inMacro: boolean): boolean {
  switch (token.kind) {
    case "param":
    case "macroLocal":
    case "indirect":
      return true;
    case "macroName":
      return inMacro;
    default:
      return false;
  }
}

/** Substitutes what belongs to the macro call that the line stands in. Returns the same array if there was nothing. */
export function expandParameters(tokens: readonly Token[], session: Session): readonly Token[] {
  const { invocation } = session;
  if (!tokens.some((token) => needsWork(token, invocation !== undefined))) return tokens;
  const out: Token[] = [];
  let space = false;
  for (const token of tokens) {
    const result = needsWork(token, invocation !== undefined)
      ? substitute(token, invocation, session)
      : undefined;
    if (result === undefined) {
      out.push(space ? token.spaced(true) : token);
      space = false;
      continue;
    }
    space ||= token.space;
    result.forEach((part, i) => out.push(i === 0 ? part.spaced(space) : part));
    if (result.length > 0) space = false;
  }
  if (space) {
    const last = tokens[tokens.length - 1]!;
    out.push(new Token("space", "", true, last.source, last.start, last.end));
  }
  return pasteParameters(out, session);
}

function substitute(
  token: Token,
  invocation: Invocation | undefined,
  session: Session,
): readonly Token[] | undefined {
  if (token.kind === "indirect") return indirect(token, session);
  if (invocation === undefined) {
    session.error(token, "not-in-a-macro", `\`${token.text}': not in a macro call`);
    return [];
  }
  switch (token.kind) {
    case "macroLocal": {
      session.observer?.localMentioned("macroLabel", token, ownerOf(invocation));
      const text = `..@${invocation.unique}.${token.text.slice(2)}`;
      const word = session.words.word(text);
      return [new Token("id", text, false, token.source, token.start, token.end, word)];
    }
    case "macroName": {
      const text = token.text === "%?" ? invocation.calledAs : invocation.macro.name;
      if (token.text.startsWith("%*")) return undefined;
      const word = session.words.word(text);
      return [new Token("id", text, false, token.source, token.start, token.end, word)];
    }
    default:
      session.observer?.localMentioned("parameter", token, ownerOf(invocation));
      return parameter(token, invocation, session);
  }
}

/** Names the macro definition that `%%x` and `%1` belong to. */
export function ownerOf(invocation: Invocation): string {
  const { definition } = invocation.macro;
  return `${definition.source.name}:${definition.start}`;
}

function indirect(token: Token, session: Session): readonly Token[] {
  const { text, source, start } = token;
  // Where the text stands in the file as it is, its tokens keep their places.
  const inPlace = source.text.startsWith(`%[${text}`, start);
  const inner = inPlace
    ? lexLine(source, start + 2, start + 2 + text.length, session.words)
    : lexText(text, token, session.words);
  const expanded = expandLine(expandParameters(inner, session), session);
  return expanded.filter((each) => each.kind !== "space");
}

/** The tokens of parameter `n`, from 1, with %rotate; 0 is the captured label. */
export function parameterTokens(invocation: Invocation, n: number): readonly Token[] {
  const { count, parameters, rotation } = invocation;
  if (n === 0) return parameters[0] ?? [];
  if (n > count) return [];
  return parameters[((n - 1 + rotation) % count) + 1] ?? [];
}

function parameter(token: Token, invocation: Invocation, session: Session): readonly Token[] {
  const text = token.text.slice(1);
  if (text.includes(":")) return range(token, invocation, session);
  if (text === "0") return [numberToken(BigInt(invocation.count), token)];
  if (text === "00" || /^[1-9]\d*$/.test(text)) return parameterTokens(invocation, Number(text));
  if (/^[-+]\d+$/.test(text)) return condition(token, invocation, session);
  session.error(token, "macro-parameter", `invalid macro parameter: \`${token.text}'`);
  return [];
}

/** `%+1`, `%-1`: the parameter as a condition code, or its inverse. */
function condition(token: Token, invocation: Invocation, session: Session): readonly Token[] {
  const tokens = parameterTokens(invocation, Number(token.text.slice(2)));
  const code = tokens.length === 1 && tokens[0]!.kind === "id" ? tokens[0]!.text.toLowerCase() : "";
  if (!(code in CONDITIONS)) {
    session.error(
      token,
      "macro-parameter",
      `macro parameter \`${token.text}' is not a condition code`,
    );
    return [];
  }
  const wanted = token.text.charAt(1) === "-" ? CONDITIONS[code] : code;
  if (wanted === undefined) {
    session.error(token, "macro-parameter", `condition code \`${code}' is not invertible`);
    return [];
  }
  const word = session.words.word(wanted);
  return [new Token("id", wanted, false, token.source, token.start, token.end, word)];
}

/** `%{2:-1}`: several parameters with commas between. */
function range(token: Token, invocation: Invocation, session: Session): readonly Token[] {
  const match = /^%(-?\d+):(-?\d+)$/.exec(token.text);
  const { count } = invocation;
  const index = (written: number): number => (written < 0 ? written + count + 1 : written);
  const first = match ? index(Number(match[1])) : 0;
  const last = match ? index(Number(match[2])) : 0;
  if (first < 1 || last < 1 || first > count || last > count) {
    const shown = token.text.slice(1);
    session.error(token, "macro-parameter", `\`%{${shown}}': macro parameters out of range`);
    return [];
  }
  const out: Token[] = [];
  const step = first < last ? 1 : -1;
  for (let n = first; ; n += step) {
    append(out, parameterTokens(invocation, n));
    if (n === last) return out;
    out.push(new Token("op", ",", false, token.source, token.start, token.end));
  }
}
