/** Log points: text with `{expression}` or `{expression,format}` in it; `{{` and `}}` are braces. */
import { evaluate } from "../expressions/evaluator";
import type { Scope } from "../expressions/evaluator";
import { ExpressionError } from "../expressions/expression";
import { formatValue } from "../expressions/formatValue";
import { parseExpression } from "../expressions/parser";
import type { ParsedExpression } from "../expressions/parser";
import type { Program } from "../sources/program";

export class LogMessage {
  private constructor(private readonly parts: readonly (string | ParsedExpression)[]) {}

  /** undefined for an empty text; throws ExpressionError for an expression that does not parse. */
  static parse(text: string | undefined): LogMessage | undefined {
    if (text === undefined || text === "") return undefined;
    const parts = Array.from(text.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]/g), (match) => {
      if (match[1] !== undefined) return parseExpression(match[1]);
      return match[0] === "{{" || match[0] === "}}" ? match[0].slice(1) : match[0];
    });
    return new LogMessage(parts);
  }

  render(scope: Scope, program: Program): string {
    return this.parts
      .map((part) => (typeof part === "string" ? part : renderValue(part, scope, program)))
      .join("");
  }
}

function renderValue(parsed: ParsedExpression, scope: Scope, program: Program): string {
  try {
    return formatValue(evaluate(parsed.expression, scope), parsed.suffix, scope, program);
  } catch (error) {
    if (error instanceof ExpressionError) return `{${error.message}}`;
    throw error;
  }
}
