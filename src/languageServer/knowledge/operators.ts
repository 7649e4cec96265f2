/** NASM's binary operators, and constant expressions as they are written. NASM manual, "Expressions". */
import { readNumber } from "../../engine/language";

/** Higher binds tighter. */
// prettier-ignore
export const PRECEDENCE: Readonly<Record<string, number>> = {
  "||": 1, "^^": 2, "&&": 3,
  "=": 4, "==": 4, "!=": 4, "<>": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "<=>": 4,
  "|": 5, "^": 6, "&": 7,
  "<<": 8, ">>": 8, "<<<": 8, ">>>": 8,
  "+": 9, "-": 9,
  "*": 10, "/": 10, "//": 10, "%": 10, "%%": 10,
};
const UNARY = 11;

const TOKEN =
  /\s*(<=>|<<<|>>>|<<|>>|<=|>=|==|!=|<>|\|\||&&|\^\^|\/\/|%%|[-+*/%|^&<>=~!()?:,[\]]|"[^"]*"|'[^']*'|`[^`]*`|[\w$.@#]+)/y;

/** The tokens of an expression; undefined where something is no part of one. */
export function expressionTokens(text: string): string[] | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const trimmed = text.trimEnd();
  while (TOKEN.lastIndex < trimmed.length) {
    const token = TOKEN.exec(trimmed)?.[1];
    if (token === undefined) return undefined;
    tokens.push(token);
  }
  return tokens;
}

function isValue(token: string | undefined): boolean {
  return token !== undefined && /^[\w$.@#)\]"'`]/.test(token);
}

/** The loosest operator of an expression that no parentheses hold together; undefined for a single term. */
export function loosestOperator(text: string): string | undefined {
  const tokens = expressionTokens(text) ?? [];
  let depth = 0;
  let found: string | undefined;
  tokens.forEach((token, at) => {
    if (/^[([]$/.test(token)) depth += 1;
    if (/^[)\]]$/.test(token)) depth -= 1;
    const rank = PRECEDENCE[token];
    if (depth !== 0 || rank === undefined || !isValue(tokens[at - 1])) return;
    if (found === undefined || rank <= PRECEDENCE[found]!) found = token;
  });
  return found;
}

export interface UnsignedOperation {
  readonly operator: string;
  /** The negative left side. */
  readonly left: bigint;
}

/** `/`, `%` and `>>` take their operands for unsigned numbers. */
const UNSIGNED = new Set(["/", "%", ">>"]);

class Evaluator {
  readonly found: UnsignedOperation[] = [];
  private at = 0;

  constructor(
    private readonly tokens: readonly string[],
    private readonly valueOf: (name: string) => bigint | undefined,
  ) {}

  /** Undefined where a value is not known; what was found on the way is still so. */
  expression(least = 0): bigint | undefined {
    let left = this.term();
    for (;;) {
      const operator = this.tokens[this.at] ?? "";
      const rank = PRECEDENCE[operator];
      if (rank === undefined || rank <= least) return left;
      this.at += 1;
      const right = this.expression(rank);
      if (UNSIGNED.has(operator) && left !== undefined && left < 0n)
        this.found.push({ operator, left });
      left = left === undefined || right === undefined ? undefined : apply(operator, left, right);
    }
  }

  private term(): bigint | undefined {
    const token = this.tokens[this.at];
    this.at += 1;
    if (token === "-" || token === "+" || token === "~" || token === "!") {
      const value = this.expression(UNARY);
      if (value === undefined || token === "!") return undefined;
      return token === "-" ? -value : token === "~" ? ~value : value;
    }
    if (token === "(") {
      const value = this.expression();
      this.at += 1;
      return value;
    }
    if (token === undefined) return undefined;
    return /^[0-9$]/.test(token) ? readNumber(token)?.value : this.valueOf(token);
  }
}

function apply(operator: string, left: bigint, right: bigint): bigint | undefined {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "|":
      return left | right;
    case "&":
      return left & right;
    case "^":
      return left ^ right;
    case "<<":
      return right >= 0n && right < 64n ? left << right : undefined;
    default:
      return undefined;
  }
}

/** Where an expression divides or shifts a negative number as if it were an unsigned one. */
export function unsignedOperations(
  text: string,
  valueOf: (name: string) => bigint | undefined,
): readonly UnsignedOperation[] {
  const tokens = expressionTokens(text);
  if (tokens === undefined) return [];
  const evaluator = new Evaluator(tokens, valueOf);
  evaluator.expression();
  return evaluator.found;
}
