/** Evaluates parsed expressions with NASM's rules: 64 bits, `/` and `%` unsigned, `//` and `%%` signed. */
import type { BinaryOperator, Expression } from "./expressionTree";
import type { RegisterKeyword } from "./keywords";
import { NO_SEGMENT, SEGMENT_ABSOLUTE, type SymbolEntry } from "./symbols";
import type { Token } from "./tokens";
import { addValues, scale, UNKNOWN, Value } from "./value";

export type ReportError = (token: Token, code: string, message: string) => void;

/** Which register of `[eax+ebx]` the writer meant as the base. */
export interface BaseHint {
  kind: "none" | "makeBase" | "notBase" | "summed";
  register: RegisterKeyword | undefined;
}

export interface Surroundings {
  /** Segment and offset of `$`. */
  readonly segment: number;
  readonly offset: bigint;
  /** Symbols without a value are errors. */
  readonly critical: boolean;
  /** A symbol without a value is reported, but evaluation goes on: the statement keeps its size. */
  readonly tolerant?: boolean;
  /** Whether this is the first pass over the program: changes the words of the error. */
  readonly firstPass: boolean;
  readonly report: ReportError;
}

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

export class Evaluator {
  /** A symbol without a value was met. */
  forward = false;
  /** A symbol from outside was met. */
  external: SymbolEntry | undefined;
  hint: BaseHint | undefined;

  constructor(private readonly around: Surroundings) {}

  /** The whole expression, with the segment of a far absolute dropped. */
  evaluate(expression: Expression): Value | undefined {
    const value = this.part(expression);
    return value && (value.segments.length === 0 ? value : scale(value, 1n));
  }

  private fail(token: Token, code: string, message: string): Value | undefined {
    this.around.report(token, code, message);
    return undefined;
  }

  private part(e: Expression): Value | undefined {
    switch (e.op) {
      case "constant":
        if (e.summed && this.hint) this.hint.kind = "summed";
        return Value.number(e.value);
      case "symbol":
        return this.symbol(e.symbol, e.token);
      case "here":
        return Value.address(this.around.segment, this.around.offset);
      case "base":
        return Value.address(this.around.segment, 0n);
      case "register":
        if (this.hint?.kind === "none") {
          this.hint.kind = "makeBase";
          this.hint.register = e.register;
        }
        return Value.register(e.register);
      case "negate": {
        const value = this.part(e.operand);
        return value && scale(value, -1n);
      }
      case "complement":
        return this.unaryScalar(e, "~", (v) => ~v);
      case "not":
        return this.unaryScalar(e, "!", (v) => (v === 0n ? 1n : 0n));
      case "function":
        return this.integerFunction(e);
      case "seg":
        return this.segmentPart(e.operand, e.token);
      case "conditional":
        return this.conditional(e);
      case "wrt":
        return this.withRespectTo(e.left, e.right, e.token);
      case "binary":
        return this.binary(e.operator, e.left, e.right, e.token);
    }
  }

  private symbol(symbol: SymbolEntry, token: Token): Value | undefined {
    if (symbol.definedPass === 0) {
      if (this.around.critical) {
        const when = this.around.firstPass ? " before use" : "";
        this.fail(token, "undefined-symbol", `symbol \`${symbol.name}' not defined${when}`);
        if (this.around.tolerant !== true) return undefined;
      }
      this.forward = true;
      return UNKNOWN;
    }
    if (symbol.declaration === "extern" || symbol.declaration === "required")
      this.external = symbol;
    return Value.address(symbol.segment, symbol.offset);
  }

  private unaryScalar(
    e: Extract<Expression, { operand: Expression }>,
    operator: string,
    compute: (value: bigint) => bigint,
  ): Value | undefined {
    const value = this.part(e.operand);
    if (value === undefined) return undefined;
    if (value.isJustUnknown) return UNKNOWN;
    if (!value.isSimple) {
      return this.fail(
        e.token,
        "not-scalar",
        `\`${operator}' operator may only be applied to scalar values`,
      );
    }
    return Value.number(wrap(compute(value.scalar)));
  }

  private integerFunction(e: Extract<Expression, { op: "function" }>): Value | undefined {
    const value = this.part(e.operand);
    if (value === undefined) return undefined;
    if (value.isJustUnknown) return UNKNOWN;
    if (!value.isSimple) {
      return this.fail(e.token, "not-scalar", "function may only be applied to scalar values");
    }
    const argument = unsigned(value.scalar);
    const log = argument === 0n ? 0 : argument.toString(2).length - 1;
    const power = argument !== 0n && (argument & (argument - 1n)) === 0n;
    if (e.name === "__?ilog2e?__" && !power) {
      return this.fail(e.token, "not-a-power", "ilog2 argument is not a power of two");
    }
    if (e.name !== "__?ilog2c?__") return Value.number(BigInt(log));
    return Value.number(argument < 2n ? 0n : BigInt((argument - 1n).toString(2).length));
  }

  private segmentPart(operand: Expression, token: Token): Value | undefined {
    const value = this.part(operand);
    if (value === undefined) return undefined;
    if (value.unknown) {
      if (!this.around.critical) return UNKNOWN;
      return this.fail(token, "segment-base", "unable to determine segment base");
    }
    const { segment } = value;
    if (!value.isRelocatable(this.around.segment) || segment === NO_SEGMENT) {
      return this.fail(token, "segment-base", "cannot apply SEG to a non-relocatable value");
    }
    if (segment >= SEGMENT_ABSOLUTE) return Value.number(BigInt(segment - SEGMENT_ABSOLUTE));
    return this.fail(
      token,
      "segment-base",
      "binary output format does not support segment base references",
    );
  }

  private withRespectTo(left: Expression, right: Expression, token: Token): Value | undefined {
    const value = this.part(left);
    const base = value && this.part(right);
    if (value === undefined || base === undefined) return undefined;
    return this.fail(token, "wrt", "WRT not supported by binary output format");
  }

  private conditional(e: Extract<Expression, { op: "conditional" }>): Value | undefined {
    const test = this.part(e.test);
    const yes = test && this.part(e.yes);
    const no = yes && this.part(e.no);
    if (test === undefined || yes === undefined || no === undefined) return undefined;
    if (test.isSimple) return test.scalar !== 0n ? yes : no;
    if (test.isJustUnknown) return UNKNOWN;
    return this.fail(e.token, "not-scalar", "the left-hand side of `?' must be a scalar value");
  }

  private binary(
    operator: BinaryOperator,
    left: Expression,
    right: Expression,
    token: Token,
  ): Value | undefined {
    const a = this.part(left);
    if (a === undefined) return undefined;
    const b = this.part(right);
    if (b === undefined) return undefined;
    switch (operator) {
      case "+":
        return this.sum(a, b);
      case "-":
        return this.sum(a, scale(b, -1n));
      case "*":
        return this.product(a, b, token);
      case "=":
      case "<>":
      case "<":
      case ">":
      case "<=":
      case ">=":
      case "<=>":
        return this.comparison(operator, a, b, token);
      default:
        return this.scalarOperation(operator, a, b, token);
    }
  }

  private sum(a: Value, b: Value): Value {
    const { sum, met } = addValues(a, b);
    if (met && this.hint) this.hint.kind = "summed";
    return sum;
  }

  private product(a: Value, b: Value, token: Token): Value | undefined {
    if (a.isSimple) return this.scaled(b, a.scalar);
    if (b.isSimple) return this.scaled(a, b.scalar);
    if (a.isJustUnknown && b.isJustUnknown) return UNKNOWN;
    return this.fail(token, "not-scalar", "unable to multiply two non-scalar objects");
  }

  private scaled(value: Value, factor: bigint): Value {
    const { hint } = this;
    if (hint?.kind === "makeBase" && value.registers.some((t) => t.register === hint.register)) {
      hint.kind = "notBase";
    }
    return scale(value, factor);
  }

  private comparison(
    operator: BinaryOperator,
    a: Value,
    b: Value,
    token: Token,
  ): Value | undefined {
    const difference = this.sum(a, scale(b, -1n));
    if (difference.unknown) return UNKNOWN;
    const simple = difference.isReallySimple;
    const d = difference.scalar;
    const truth = (holds: boolean): Value => Value.number(holds ? 1n : 0n);
    if (operator === "=") return truth(simple && d === 0n);
    if (operator === "<>") return truth(!simple || d !== 0n);
    if (!simple) {
      return this.fail(token, "not-scalar", `\`${operator}': operands differ by a non-scalar`);
    }
    switch (operator) {
      case "<":
        return truth(d < 0n);
      case ">":
        return truth(d > 0n);
      case "<=":
        return truth(d <= 0n);
      case ">=":
        return truth(d >= 0n);
      default:
        // NASM takes its own -1 for "unknown" here.
        return d < 0n ? UNKNOWN : Value.number(d === 0n ? 0n : 1n);
    }
  }

  private scalarOperation(
    operator: BinaryOperator,
    a: Value,
    b: Value,
    token: Token,
  ): Value | undefined {
    const scalar = (v: Value): boolean => v.isSimple || v.isJustUnknown;
    if (!scalar(a) || !scalar(b)) {
      return this.fail(token, "not-scalar", notScalarMessage(operator));
    }
    const divides = DIVISIONS.has(operator);
    if (divides && !b.isJustUnknown && b.scalar === 0n) {
      return this.fail(token, "division-by-zero", "division by zero");
    }
    if (a.isJustUnknown || b.isJustUnknown) return UNKNOWN;
    return Value.number(wrap(compute(operator, a.scalar, b.scalar)));
  }
}

const DIVISIONS: ReadonlySet<string> = new Set(["/", "%", "//", "%%"]);

function notScalarMessage(operator: BinaryOperator): string {
  if (DIVISIONS.has(operator)) return "division operator may only be applied to scalar values";
  if (operator === "<<" || operator === ">>" || operator === ">>>") {
    return "shift operator may only be applied to scalar values";
  }
  return `\`${operator.slice(0, 1)}' operator may only be applied to scalar values`;
}

function compute(operator: BinaryOperator, a: bigint, b: bigint): bigint {
  // NASM computes in C on x86-64, where shift counts wrap at 64.
  const count = b & 63n;
  switch (operator) {
    case "||":
      return a !== 0n || b !== 0n ? 1n : 0n;
    case "^^":
      return (a !== 0n) !== (b !== 0n) ? 1n : 0n;
    case "&&":
      return a !== 0n && b !== 0n ? 1n : 0n;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "&":
      return a & b;
    case "<<":
      return a << count;
    case ">>":
      return unsigned(a) >> count;
    case ">>>":
      return a >> count;
    case "/":
      return unsigned(a) / unsigned(b);
    case "%":
      return unsigned(a) % unsigned(b);
    case "//":
      return a / b;
    default:
      return a % b;
  }
}

/** The value of an expression without symbols, `$` or registers. */
export function evaluateConstant(expression: Expression, report: ReportError): bigint | undefined {
  const value = new Evaluator({
    segment: NO_SEGMENT,
    offset: 0n,
    critical: true,
    firstPass: true,
    report,
  }).evaluate(expression);
  return value?.isReallySimple ? value.scalar : undefined;
}
