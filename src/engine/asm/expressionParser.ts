/** Parses NASM's expressions (NASM manual, "Expressions"); precedence from `?:` down to the unary operators. */
import type { Bits } from "../isa/types";
import type { BinaryOperator, Expression } from "./expressionTree";
import { evaluateConstant } from "./evaluate";
import { floatBytes, floatFormatOfWord, type FloatOptions } from "./floats";
import type { Keyword } from "./keywords";
import { readNumber } from "./numbers";
import { stringNumber, unquote } from "./stringLiterals";
import { transformString } from "./stringFunctions";
import type { SymbolEntry } from "./symbols";
import type { Token } from "./tokens";

/** What a parser needs from its surroundings. */
export interface ParseContext {
  /** Code size in force: string constants are cut to it. */
  bits(): Bits;
  /** How floating-point constants are rounded. */
  floatOptions(): FloatOptions;
  symbol(name: string, token: Token): SymbolEntry;
  error(token: Token, code: string, message: string): void;
  warning(token: Token, name: string, message: string): void;
}

/** A position in a list of assembler tokens. */
export class Cursor {
  constructor(
    readonly tokens: readonly Token[],
    public position = 0,
    readonly limit = tokens.length,
  ) {}

  get token(): Token | undefined {
    return this.position < this.limit ? this.tokens[this.position] : undefined;
  }

  peek(distance = 1): Token | undefined {
    const at = this.position + distance;
    return at < this.limit ? this.tokens[at] : undefined;
  }

  /** The current token, or the last one where the line has ended: for errors. */
  get place(): Token {
    return this.tokens[Math.min(this.position, this.limit - 1)] ?? this.tokens[0]!;
  }

  isOp(text: string): boolean {
    const { token } = this;
    return token?.kind === "op" && token.text === text;
  }

  advance(): void {
    this.position++;
  }

  get ended(): boolean {
    return this.position >= this.limit;
  }
}

/** The keyword that an identifier stands for; `$name` never is one. */
export function keywordAt(token: Token | undefined): Keyword | undefined {
  if (token?.kind !== "id") return undefined;
  return token.text.charCodeAt(0) === 36 ? undefined : token.word!.folded.keyword;
}

/** Operators of one level, loosest level first; their spellings and what they mean. */
const LEVELS: readonly Readonly<Record<string, BinaryOperator>>[] = [
  { "||": "||" },
  { "^^": "^^" },
  { "&&": "&&" },
  {
    "=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "<=>": "<=>",
  }, // prettier-ignore
  { "|": "|" },
  { "^": "^" },
  { "&": "&" },
  { "<<": "<<", "<<<": "<<", ">>": ">>", ">>>": ">>>" },
  { "+": "+", "-": "-" },
  { "*": "*", "/": "/", "%": "%", "//": "//", "%%": "%%" },
];

/** For each operator its level: the parser climbs instead of descending through ten functions. */
const LEVEL_OF = new Map<string, { readonly level: number; readonly operator: BinaryOperator }>();
LEVELS.forEach((operators, level) => {
  for (const [spelling, operator] of Object.entries(operators)) {
    LEVEL_OF.set(spelling, { level, operator });
  }
});

/** Deeper nesting than this is refused; NASM has a limit of the same kind. */
const MOST_DEPTH = 256;

class ExpressionParser {
  private depth = 0;

  constructor(
    private readonly cursor: Cursor,
    private readonly context: ParseContext,
  ) {}

  whole(): Expression | undefined {
    if (this.standsAlone()) return this.unary();
    const left = this.conditional();
    if (left === undefined) return undefined;
    const token = this.cursor.token;
    if (keywordAt(token)?.kind !== "wrt") return left;
    this.cursor.advance();
    const right = this.unary();
    return right && { op: "wrt", left, right, token: token! };
  }

  /** One token up to a comma, a bracket or the end, as most operands are: there is nothing to climb. */
  private standsAlone(): boolean {
    const next = this.cursor.peek();
    return next === undefined || (next.kind === "op" && (next.text === "," || next.text === "]"));
  }

  private fail(code: string, message: string, token = this.cursor.place): Expression | undefined {
    this.context.error(token, code, message);
    return undefined;
  }

  private conditional(): Expression | undefined {
    const test = this.binary(0);
    if (test === undefined || !this.cursor.isOp("?")) return test;
    const token = this.cursor.token!;
    this.cursor.advance();
    const yes = this.conditional();
    if (yes === undefined) return undefined;
    if (!this.cursor.isOp(":")) return this.fail("expression-syntax", "`?' without matching `:'");
    this.cursor.advance();
    const no = this.conditional();
    return no && fold({ op: "conditional", test, yes, no, token });
  }

  private binary(level: number): Expression | undefined {
    let left = this.unary();
    while (left !== undefined) {
      const token: Token | undefined = this.cursor.token;
      if (token?.kind !== "op") return left;
      const found = LEVEL_OF.get(token.text);
      if (found === undefined || found.level < level) return left;
      this.cursor.advance();
      const right = this.binary(found.level + 1);
      if (right === undefined) return undefined;
      left = this.foldReporting({ op: "binary", operator: found.operator, left, right, token });
    }
    return undefined;
  }

  /** Folds a constant; what cannot be computed (division by zero) is an error now. */
  private foldReporting(expression: Expression): Expression | undefined {
    const folded = fold(expression);
    if (folded !== undefined) return folded;
    evaluateConstant(expression, (token, code, message) =>
      this.context.error(token, code, message),
    );
    return undefined;
  }

  private unary(): Expression | undefined {
    if (++this.depth > MOST_DEPTH) return this.fail("expression-too-long", "expression too long");
    const result = this.unaryInner();
    this.depth--;
    return result;
  }

  private unaryInner(): Expression | undefined {
    const token = this.cursor.token;
    if (token === undefined) return this.fail("expression-syntax", "expression syntax error");
    if (token.kind === "op") return this.operatorFirst(token);
    if (token.kind === "id") return this.identifier(token);
    this.cursor.advance();
    switch (token.kind) {
      case "number":
        return this.number(token);
      case "string":
        return constant(this.stringValue(unquote(token.text), token), token);
      case "here":
      case "base":
        return { op: token.kind, token };
      default:
        return this.fail("expression-syntax", "expression syntax error", token);
    }
  }

  private operatorFirst(token: Token): Expression | undefined {
    const ops = { "-": "negate", "~": "complement", "!": "not" } as const;
    if (token.text === "(") {
      this.cursor.advance();
      const inner = this.conditional();
      if (inner === undefined) return undefined;
      if (!this.cursor.isOp(")")) return this.fail("expression-syntax", "expecting `)'");
      this.cursor.advance();
      return inner;
    }
    if (token.text === "+") {
      this.cursor.advance();
      return this.unary();
    }
    const op = ops[token.text as keyof typeof ops];
    if (op === undefined) return this.fail("expression-syntax", "expression syntax error");
    this.cursor.advance();
    const operand = this.unary();
    return operand && fold({ op, operand, token });
  }

  private identifier(token: Token): Expression | undefined {
    const keyword = keywordAt(token);
    switch (keyword?.kind) {
      case "register":
        this.cursor.advance();
        return { op: "register", register: keyword, token };
      case "seg": {
        this.cursor.advance();
        const operand = this.unary();
        return operand && { op: "seg", operand, token };
      }
      case "integerFunction": {
        this.cursor.advance();
        const operand = this.unary();
        return (
          operand &&
          this.foldReporting({ op: "function", name: token.text.toLowerCase(), operand, token })
        );
      }
      case "floatFormat":
        return this.floatFunction(token);
      case "stringFunction":
        return this.stringFunction(token);
      case "prefix":
      case "times":
      case "size":
      case "special":
      case "wrt":
      case "floatConstant":
        return this.fail("expression-syntax", "expression syntax error");
      default:
    }
    this.cursor.advance();
    const name = token.text.charCodeAt(0) === 36 ? token.text.slice(1) : token.text;
    return { op: "symbol", symbol: this.context.symbol(name, token), token };
  }

  private number(token: Token): Expression | undefined {
    const result = readNumber(token.text);
    if (result === undefined)
      return this.fail("expression-syntax", "expression syntax error", token);
    if (result.overflow) {
      const message = `numeric constant ${token.text} does not fit in 64 bits`;
      this.context.warning(token, "number-overflow", message);
    }
    return constant(result.value, token);
  }

  private stringValue(bytes: readonly number[], token: Token): bigint {
    const { value, tooLong } = stringNumber(bytes, this.context.bits());
    if (tooLong) this.context.warning(token, "other", "character constant too long");
    return value;
  }

  /** `__?utf16?__('x')`, with or without parentheses. */
  private stringFunction(token: Token): Expression | undefined {
    const bytes = parseStringFunction(this.cursor, this.context, "expecting string as argument to");
    return bytes && constant(this.stringValue(bytes, token), token);
  }

  /** `__?float32?__(1.5)`: its bits as a number. */
  private floatFunction(token: Token): Expression | undefined {
    this.cursor.advance();
    if (!this.cursor.isOp("(")) return this.fail("expression-syntax", "expecting `('");
    this.cursor.advance();
    const negative = this.cursor.isOp("-");
    if (negative || this.cursor.isOp("+")) this.cursor.advance();
    const number = this.cursor.token;
    if (
      number === undefined ||
      (number.kind !== "float" && keywordAt(number)?.kind !== "floatConstant")
    ) {
      return this.fail("expression-syntax", "expecting floating-point number");
    }
    this.cursor.advance();
    const { format, from, length } = floatFormatOfWord(token.text.toLowerCase());
    const result = floatBytes(number.text, negative, format, this.context.floatOptions());
    if ("error" in result) return this.fail("float", result.error, number);
    if (!this.cursor.isOp(")")) return this.fail("expression-syntax", "expecting `)'");
    this.cursor.advance();
    let value = 0n;
    for (const byte of result.bytes.slice(from, from + length).reverse()) {
      value = (value << 8n) | BigInt(byte);
    }
    return constant(BigInt.asIntN(64, value), token);
  }
}

/** The bytes of a string function at the cursor; used in expressions and in data. */
export function parseStringFunction(
  cursor: Cursor,
  context: ParseContext,
  complaint: string,
): readonly number[] | undefined {
  const word = cursor.token!;
  cursor.advance();
  const parenthesis = cursor.isOp("(");
  if (parenthesis) cursor.advance();
  const string = cursor.token;
  if (string?.kind !== "string") {
    context.error(cursor.place, "expression-syntax", `${complaint} ${word.text}`);
    return undefined;
  }
  cursor.advance();
  const bytes = transformString(unquote(string.text), word.text.toLowerCase());
  if (bytes === undefined) {
    context.error(string, "invalid-string", `invalid input string to ${word.text}`);
    return undefined;
  }
  if (parenthesis) {
    if (!cursor.isOp(")")) {
      context.error(cursor.place, "expression-syntax", "expecting `)'");
      return undefined;
    }
    cursor.advance();
  }
  return bytes;
}

function constant(value: bigint, token: Token, summed = false): Expression {
  return { op: "constant", value, summed, token };
}

/** Computes an operation on constants now; undefined if it fails; the same expression if it is not constant. */
function fold(expression: Expression): Expression | undefined {
  const parts =
    expression.op === "binary"
      ? [expression.left, expression.right]
      : expression.op === "conditional"
        ? [expression.test, expression.yes, expression.no]
        : "operand" in expression
          ? [expression.operand]
          : [];
  if (!parts.every((part) => part.op === "constant")) return expression;
  const value = evaluateConstant(expression, () => undefined);
  if (value === undefined) return undefined;
  const isSum =
    expression.op === "binary" && (expression.operator === "+" || expression.operator === "-");
  const summed = isSum || parts.some((part) => part.op === "constant" && part.summed);
  return constant(value, expression.token, summed);
}

/** Parses an expression at the cursor; undefined (and an error reported) if there is none. */
export function parseExpression(cursor: Cursor, context: ParseContext): Expression | undefined {
  return new ExpressionParser(cursor, context).whole();
}
