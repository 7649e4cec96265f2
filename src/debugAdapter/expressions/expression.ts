/** Expressions end to end: text in; value, or text that says what is wrong, out. */
import { evaluate } from "./evaluator";
import type { Scope, Value } from "./evaluator";
import { ExpressionError } from "./lexer";
import { parseExpression } from "./parser";
import type { Expression, ParsedExpression } from "./parser";

export { ExpressionError } from "./lexer";

/** Value of an expression; throws ExpressionError. */
export function evaluateText(text: string, scope: Scope): Value {
  return evaluate(parseExpression(text).expression, scope);
}

/** A condition compiled once: true, false, or what is wrong with it. */
export class Condition {
  private constructor(
    readonly text: string,
    private readonly expression: Expression,
  ) {}

  /** undefined for an empty text; throws ExpressionError for one that does not parse. */
  static parse(text: string | undefined): Condition | undefined {
    if (text === undefined || text.trim() === "") return undefined;
    const parsed: ParsedExpression = parseExpression(text);
    return new Condition(text, parsed.expression);
  }

  /** A condition that has no value right now (unreadable memory, a field that this event lacks) does not hold. */
  holds(scope: Scope): boolean {
    try {
      return evaluate(this.expression, scope).value !== 0n;
    } catch (error) {
      if (error instanceof ExpressionError) return false;
      throw error;
    }
  }
}
