/** Words in braces: `{rex}` in front of an instruction, `{k1}{z}` behind an operand (NASM manual, "Opmask and Broadcast"). */
import { isOp, Token } from "./tokens";

const PREFIXES: ReadonlySet<string> = new Set(["{rex}", "{vex}", "{vex2}", "{vex3}", "{evex}"]);

const OPERAND_DECORATORS: ReadonlySet<string> = new Set([
  "{1to2}", "{1to4}", "{1to8}", "{1to16}", "{1to32}", "{rn-sae}", "{rd-sae}", "{ru-sae}", "{rz-sae}", "{sae}", "{z}",
  ...Array.from({ length: 8 }, (_, n) => `{k${n}}`),
]); // prettier-ignore

export function isBracedPrefix(token: Token | undefined): boolean {
  return token?.kind === "other" && PREFIXES.has(token.text.toLowerCase());
}

export function isDecorator(token: Token | undefined): boolean {
  return token?.kind === "other" && OPERAND_DECORATORS.has(token.text.toLowerCase());
}

/** Masks, broadcasts and rounding are of AVX-512. */
const NOT_ASSEMBLED = "decorators are not supported: known, not assembled";

/** Why none of the instructions that we assemble takes the word; undefined: the encoder looks at it. */
export function decoratorProblem(token: Token, mnemonic: string): string | undefined {
  const word = token.text.toLowerCase();
  const isVector = /^[vk]/.test(mnemonic) && !/^(ver[rw]|vm)/.test(mnemonic);
  if (isBracedPrefix(token)) return isVector && word === "{evex}" ? NOT_ASSEMBLED : undefined;
  if (!isDecorator(token)) return undefined;
  if (isVector) return NOT_ASSEMBLED;
  if (word.startsWith("{1to")) return "broadcast not permitted on this operand";
  if (word.startsWith("{k")) return "mask not permitted on this operand";
  return "unsupported mode decorator for instruction";
}

export interface Folded {
  readonly tokens: readonly Token[];
  /** Braces around something else; `at` is the index of the brace. */
  readonly problems: readonly { readonly at: number; readonly message: string }[];
}

/** One token for each word in braces; what else stands in braces is left as it is. */
export function foldBraces(tokens: readonly Token[]): Folded {
  if (!tokens.some((token) => isOp(token, "{"))) return { tokens, problems: [] };
  const out: Token[] = [];
  const problems: { readonly at: number; readonly message: string }[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const open = tokens[at]!;
    out.push(open);
    if (!isOp(open, "{")) continue;
    const close = wordEnd(tokens, at + 1);
    const word = tokens.slice(at + 1, close).map((token) => token.text).join(""); // prettier-ignore
    const text = `{${word}}`;
    if (!isOp(tokens[close], "}")) {
      problems.push({ at: out.length - 1, message: "invalid decorator token inside braces" });
    } else if (PREFIXES.has(text.toLowerCase()) || OPERAND_DECORATORS.has(text.toLowerCase())) {
      const { space, source, start } = open;
      out.pop();
      out.push(new Token("other", text, space, source, start, tokens[close]!.end));
      at = close;
    } else {
      const message = `\`${word}' is not a valid decorator with braces`;
      problems.push({ at: out.length - 1, message });
    }
  }
  return { tokens: out, problems };
}

/** Names, numbers and dashes, directly one behind the other. */
function wordEnd(tokens: readonly Token[], start: number): number {
  let at = start;
  for (; at < tokens.length; at++) {
    const token = tokens[at]!;
    const fits = token.kind === "id" || token.kind === "number" || isOp(token, "-");
    if (!fits || token.space) break;
  }
  return at;
}
