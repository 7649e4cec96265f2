/** Expression text to a tree. Operators bind as in NASM, which is as in C. */
import type { AddressSpace } from "../../engine/index";
import { ExpressionError, tokenize } from "./lexer";
import type { Token } from "./lexer";

export type Expression =
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "name"; readonly name: string; readonly escaped: boolean }
  | { readonly kind: "unary"; readonly operator: string; readonly operand: Expression }
  | {
      readonly kind: "binary";
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  /** An address in a space: `gpa:0x7000`. */
  | { readonly kind: "address"; readonly space: AddressSpace; readonly operand: Expression }
  /** `dword [ds:ebx+4]`; `size` in bytes, undefined where not written. */
  | {
      readonly kind: "memory";
      readonly size: number | undefined;
      readonly segment: string | undefined;
      readonly operand: Expression;
    };

/** How a value shall be shown: the letter after the comma. */
export type FormatSuffix = "x" | "d" | "b" | "o" | "s" | "c";

export interface ParsedExpression {
  readonly expression: Expression;
  readonly suffix: FormatSuffix | undefined;
}

const BINARY_PRECEDENCE: Readonly<Record<string, number>> = {
  "||": 1, "^^": 2, "&&": 3,
  "=": 4, "==": 4, "!=": 4, "<>": 4, "<": 4, ">": 4, "<=": 4, ">=": 4,
  "|": 5, "^": 6, "&": 7, "<<": 8, ">>": 8, "<<<": 8, ">>>": 8,
  "+": 9, "-": 9, "*": 10, "/": 10, "//": 10, "%": 10, "%%": 10,
}; // prettier-ignore

export const MEMORY_SIZES: Readonly<Record<string, number>> = {
  byte: 1, word: 2, dword: 4, qword: 8, tword: 10, oword: 16,
}; // prettier-ignore

const SPACES: Readonly<Record<string, AddressSpace>> = { gva: "gva", gpa: "gpa", hpa: "hpa" };
const SEGMENT_NAMES = new Set(["cs", "ds", "es", "fs", "gs", "ss"]);
const SUFFIXES = new Set<string>(["x", "d", "b", "o", "s", "c"]);
/** Deeper nesting than this is not an expression that a person wrote. */
const MAX_DEPTH = 100;

/** Parses a whole expression; throws ExpressionError. */
export function parseExpression(text: string): ParsedExpression {
  const parser = new Parser(tokenize(text));
  const expression = parser.binary(0);
  return { expression, suffix: parser.suffix() };
}

class Parser {
  private next = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  /** A trailing `,x`; then the end. */
  suffix(): FormatSuffix | undefined {
    let suffix: FormatSuffix | undefined;
    if (this.accept(",")) {
      const token = this.take();
      if (token.kind !== "name" || !SUFFIXES.has(token.text)) {
        throw new ExpressionError("After the comma: x, d, b, o, s or c");
      }
      suffix = token.text as FormatSuffix;
    }
    const rest = this.peek();
    if (rest.kind !== "end") throw new ExpressionError(`Unexpected ${describe(rest)}`);
    return suffix;
  }

  binary(least: number): Expression {
    if (++this.depth > MAX_DEPTH) throw new ExpressionError("The expression is nested too deeply");
    let left = this.unary();
    for (;;) {
      const token = this.peek();
      const precedence = token.kind === "operator" ? BINARY_PRECEDENCE[token.text] : undefined;
      if (token.kind !== "operator" || precedence === undefined || precedence <= least) break;
      this.take();
      left = { kind: "binary", operator: token.text, left, right: this.binary(precedence) };
    }
    this.depth--;
    return left;
  }

  private unary(): Expression {
    const token = this.peek();
    if (token.kind === "operator" && ["-", "+", "~", "!"].includes(token.text)) {
      this.take();
      if (++this.depth > MAX_DEPTH) {
        throw new ExpressionError("The expression is nested too deeply");
      }
      const operand = this.unary();
      this.depth--;
      return { kind: "unary", operator: token.text, operand };
    }
    return this.primary();
  }

  private primary(): Expression {
    const token = this.take();
    if (token.kind === "number") return { kind: "number", value: token.value };
    if (token.kind === "operator" && token.text === "(") {
      const inner = this.binary(0);
      this.expect(")");
      return inner;
    }
    if (token.kind === "operator" && token.text === "[") return this.memory(undefined);
    if (token.kind !== "name") throw new ExpressionError(`Unexpected ${describe(token)}`);
    if (!token.escaped) {
      const sized = this.sizedMemory(token.text.toLowerCase());
      if (sized) return sized;
      const space = SPACES[token.text.toLowerCase()];
      // The space covers all that follows: gpa:rax+8 is an address, not a sum with one.
      if (space && this.accept(":")) return { kind: "address", space, operand: this.binary(4) };
    }
    return { kind: "name", name: token.text, escaped: token.escaped };
  }

  private sizedMemory(word: string): Expression | undefined {
    const size = MEMORY_SIZES[word];
    if (size === undefined) return undefined;
    this.accept("ptr");
    if (!this.accept("[")) return undefined;
    return this.memory(size);
  }

  /** After the opening bracket. */
  private memory(size: number | undefined): Expression {
    const first = this.peek();
    const second = this.tokens[this.next + 1];
    let segment: string | undefined;
    if (
      first.kind === "name" &&
      SEGMENT_NAMES.has(first.text.toLowerCase()) &&
      second?.kind === "operator" &&
      second.text === ":"
    ) {
      segment = first.text.toLowerCase();
      this.next += 2;
    }
    for (const word of ["rel", "abs"]) this.accept(word);
    const operand = this.binary(0);
    this.expect("]");
    return { kind: "memory", size, segment, operand };
  }

  private peek(): Token {
    return this.tokens[this.next] ?? { kind: "end", at: 0 };
  }

  private take(): Token {
    const token = this.peek();
    this.next++;
    return token;
  }

  private accept(text: string): boolean {
    const token = this.peek();
    const matches =
      (token.kind === "operator" && token.text === text) ||
      (token.kind === "name" && token.text.toLowerCase() === text);
    if (matches) this.next++;
    return matches;
  }

  private expect(text: string): void {
    if (!this.accept(text)) throw new ExpressionError(`Missing "${text}"`);
  }
}

function describe(token: Token): string {
  if (token.kind === "end") return "end of expression";
  if (token.kind === "number") return "number";
  return `"${token.text}"`;
}
