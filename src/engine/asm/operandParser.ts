/** Parses the operands of an instruction (NASM manual, "Effective Addresses", "Critical Expressions", "STRICT"). */
import type { OperandSize } from "../isa/types";
import type { SegmentIndex } from "../isa/registers";
import { isDecorator } from "./decorators";
import type { Expression } from "./expressionTree";
import { keywordAt, parseExpression, type Cursor, type ParseContext } from "./expressionParser";
import type { Keyword } from "./keywords";
import type { FarOperand, MemoryOperandTree, OperandTree, Span } from "./statementTree";

interface Head {
  size: number | undefined;
  strict: boolean;
  to: boolean;
  distance: "short" | "near" | "far" | undefined;
}

/** What stands inside of the brackets besides expressions. */
interface Inside {
  segment: SegmentIndex | undefined;
  displacementSize: OperandSize | undefined;
  addressSize: 16 | 32 | 64 | undefined;
  noSplit: boolean;
  relative: "rel" | "abs" | undefined;
}

/** NASM reads no more. */
const MOST_OPERANDS = 5;

/** The operands up to the end of the line; undefined (and errors reported) if one is wrong. */
export function parseOperands(
  cursor: Cursor,
  context: ParseContext,
  farAllowed: boolean,
): readonly OperandTree[] | undefined {
  const operands: OperandTree[] = [];
  while (!cursor.ended && operands.length < MOST_OPERANDS) {
    const operand = new OperandParser(cursor, context, farAllowed).parse();
    if (operand === undefined) return undefined;
    operands.push(operand);
    if (cursor.ended) break;
    cursor.advance();
  }
  return operands;
}

class OperandParser {
  private readonly inside: Inside = {
    segment: undefined,
    displacementSize: undefined,
    addressSize: undefined,
    noSplit: false,
    relative: undefined,
  };
  private readonly start: number;
  private brackets = 0;
  private readonly parts: Expression[] = [];

  constructor(
    private readonly cursor: Cursor,
    private readonly context: ParseContext,
    private readonly farAllowed: boolean,
  ) {
    this.start = cursor.position;
  }

  private fail(code: string, message: string): undefined {
    this.context.error(this.cursor.place, code, message);
    return undefined;
  }

  private endExpected(message: string): void {
    this.fail("operand-syntax", message);
  }

  parse(): OperandTree | undefined {
    const { cursor } = this;
    const head = this.head();
    if (head === undefined) return undefined;
    const isPtr = keywordAt(cursor.token)?.kind === "masmPtr";
    if (cursor.isOp("[") || cursor.isOp("&") || isPtr) {
      if (cursor.isOp("[")) this.brackets++;
      cursor.advance();
      return this.memory(head);
    }
    const expression = parseExpression(cursor, this.context);
    if (expression === undefined) return undefined;
    if (cursor.isOp("[")) {
      this.parts.push(expression);
      return this.memory(head);
    }
    if (cursor.isOp(":")) {
      if (this.farAllowed) return this.far(head, expression);
      if (!this.override(expression)) return undefined;
      return this.memory(head);
    }
    if (!this.atEnd()) {
      this.endExpected("comma, colon, decorator or end of line expected after operand");
      return;
    }
    return { kind: "plain", span: this.span(), ...head, expression };
  }

  private span(): Span {
    return { from: this.start, to: Math.max(this.cursor.position, this.start + 1) };
  }

  /** At the end of the operand; words in braces behind it are passed over. */
  private atEnd(): boolean {
    while (isDecorator(this.cursor.token)) this.cursor.advance();
    return this.cursor.ended || this.cursor.isOp(",");
  }

  /** Size and distance words in front. Only the first size counts. */
  private head(): Head | undefined {
    const head: Head = { size: undefined, strict: false, to: false, distance: undefined };
    for (;;) {
      const keyword = keywordAt(this.cursor.token);
      if (keyword?.kind === "size") head.size ??= keyword.bytes * 8;
      else if (keyword?.kind === "special") {
        if (!this.special(keyword.name, head)) return undefined;
      } else return head;
      this.cursor.advance();
    }
  }

  private special(name: Extract<Keyword, { kind: "special" }>["name"], head: Head): boolean {
    switch (name) {
      case "strict":
        head.strict = true;
        return true;
      case "to":
        head.to = true;
        return true;
      case "short":
      case "near":
      case "far":
        head.distance = name;
        return true;
      case "long":
        head.size ??= 32;
        return true;
      default:
        this.fail("operand-size", "invalid operand size specification");
        return false;
    }
  }

  /** `selector:offset` of a jump or call. */
  private far(head: Head, selector: Expression): FarOperand | undefined {
    this.cursor.advance();
    const second = this.head();
    const offset = second && parseExpression(this.cursor, this.context);
    if (second === undefined || offset === undefined) return undefined;
    if (!this.atEnd()) {
      this.endExpected("comma, colon, decorator or end of line expected after operand");
      return;
    }
    return {
      kind: "far",
      span: this.span(),
      size: head.size ?? second.size,
      distance: head.distance ?? second.distance,
      selector,
      offset,
    };
  }

  /** Takes an expression in front of a colon as a segment override. */
  private override(expression: Expression): boolean {
    const register = expression.op === "register" ? expression.register.register : undefined;
    if (register?.class !== "sreg") {
      this.fail("segment-override", "invalid segment override");
      return false;
    }
    if (this.inside.segment !== undefined) {
      this.fail("segment-override", "instruction has conflicting segment overrides");
      return false;
    }
    this.inside.segment = register.number as SegmentIndex;
    this.cursor.advance();
    return true;
  }

  /** The cursor is inside of the first bracket, or behind a segment override or a displacement. */
  private memory(head: Head): MemoryOperandTree | undefined {
    const { cursor, context } = this;
    let indexPart: Expression | undefined;
    for (;;) {
      if (!this.words()) return undefined;
      if (!this.atEnd() || this.brackets === 0) {
        const expression = parseExpression(cursor, context);
        if (expression === undefined) return undefined;
        if (cursor.isOp(":")) {
          if (!this.override(expression)) return undefined;
          continue;
        }
        this.parts.push(expression);
        if (cursor.isOp("[") && this.brackets === 0) continue;
      }
      break;
    }
    if (this.brackets > 0 && cursor.isOp(",")) {
      cursor.advance();
      indexPart = parseExpression(cursor, context);
      if (indexPart === undefined) return undefined;
    }
    if (!this.close()) return undefined;
    const { size, strict, distance } = head;
    return {
      kind: "memory",
      span: this.span(),
      size,
      strict,
      far: distance === "far",
      near: distance === "near" || distance === "short",
      parts: this.parts,
      indexPart,
      ...this.inside,
    };
  }

  private close(): boolean {
    const { cursor } = this;
    if (this.brackets > 1) {
      this.fail("operand-syntax", "excess brackets in memory operand");
      return false;
    }
    if (this.brackets === 1) {
      if (!cursor.isOp("]")) {
        this.fail("operand-syntax", "expecting ] at end of memory operand");
        return false;
      }
      cursor.advance();
    }
    if (!this.atEnd()) {
      this.endExpected("comma, decorator or end of line expected after memory operand");
      return false;
    }
    return true;
  }

  /** Size, relation and address-size words, and further brackets, in front of an expression in brackets. */
  private words(): boolean {
    const { cursor, inside } = this;
    for (;;) {
      if (cursor.isOp("[")) {
        this.brackets++;
        cursor.advance();
        continue;
      }
      const keyword = keywordAt(cursor.token);
      if (keyword?.kind === "masmFlat") {
        cursor.advance();
        if (cursor.isOp(":")) {
          cursor.advance();
          continue;
        }
        this.fail("operand-syntax", "unknown use of FLAT in MASM emulation");
        return false;
      }
      if (keyword?.kind === "size") {
        if (keyword.bytes > 8) return this.badSize();
        inside.displacementSize = (keyword.bytes * 8) as OperandSize;
      } else if (keyword?.kind === "special") {
        if (keyword.name === "nosplit") inside.noSplit = true;
        else if (keyword.name === "rel" || keyword.name === "abs") inside.relative = keyword.name;
        else if (keyword.name === "long") inside.displacementSize = 32;
        else return this.badSize();
      } else if (keyword?.kind === "prefix") {
        const text = cursor.token!.text.toLowerCase();
        if (text !== "a16" && text !== "a32" && text !== "a64") return this.badSize();
        inside.addressSize = Number(text.slice(1)) as 16 | 32 | 64;
      } else return true;
      cursor.advance();
    }
  }

  private badSize(): false {
    this.fail("operand-size", "invalid size specification in effective address");
    return false;
  }
}
