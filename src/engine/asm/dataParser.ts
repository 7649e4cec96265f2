/** Parses what follows `db`, `dw` ... (NASM manual, "DB and Friends"). */
import { append } from "../base/longLists";
import { isConstant, type Expression } from "./expressionTree";
import {
  keywordAt,
  parseExpression,
  parseStringFunction,
  type Cursor,
  type ParseContext,
} from "./expressionParser";
import { floatBytes, floatFormatOfSize } from "./floats";
import type { DataItem, OperandSpan } from "./statementTree";
import { unquote } from "./stringLiterals";
import type { Token } from "./tokens";

/** Values of a list so far, and what has been read in front of the next one: sizes and `n dup`. */
interface Pending {
  element: number;
  readonly repeat: Expression[];
  /** A parenthesis now opens a list. */
  listMayFollow: boolean;
}

export class DataParser {
  readonly operands: OperandSpan[] = [];

  constructor(
    private readonly cursor: Cursor,
    private readonly context: ParseContext,
  ) {}

  /** The items up to the end of the line or, in a list, its `)`. Undefined if one is wrong. */
  items(element: number, nested = false): readonly DataItem[] | undefined {
    const { cursor } = this;
    const items: DataItem[] = [];
    while (!cursor.ended && !(nested && cursor.isOp(")"))) {
      if (!nested && cursor.isOp(")")) break;
      const start = cursor.position;
      const item = this.item(element);
      if (item === undefined) return undefined;
      append(items, item);
      if (!nested) this.remember(start, item[0]);
      if (item[0]?.kind === "number") this.skipStray();
      if (cursor.ended || cursor.isOp(")")) break;
      if (!cursor.isOp(",")) {
        this.fail("data-syntax", "comma expected after operand");
        return;
      }
      cursor.advance();
    }
    return items;
  }

  /** NASM drops one word after an expression, whatever it is: `db 1 2` is `db 1`. */
  private skipStray(): void {
    const { cursor } = this;
    const stray = cursor.token;
    if (stray === undefined || cursor.isOp(",") || cursor.isOp(")")) return;
    this.context.warning(stray, "other", `\`${stray.text}' is ignored here: a comma is missing`);
    cursor.advance();
  }

  private remember(start: number, item: DataItem | undefined): void {
    const span = { from: start, to: Math.max(this.cursor.position, start + 1) };
    const expression =
      item?.kind === "number" && item.repeat.length === 0 ? item.expression : undefined;
    this.operands.push(expression ? { span, expression } : { span });
  }

  private fail(code: string, message: string, token?: Token): undefined {
    this.context.error(token ?? this.cursor.place, code, message);
    return undefined;
  }

  private item(element: number): readonly DataItem[] | undefined {
    const { cursor } = this;
    const pending: Pending = { element, repeat: [], listMayFollow: false };
    for (;;) {
      const token = cursor.token;
      if (token === undefined) return [];
      const keyword = keywordAt(token);
      if (cursor.isOp("?")) {
        cursor.advance();
        return [{ kind: "reserve", element: pending.element, repeat: pending.repeat }];
      }
      if (pending.listMayFollow && cursor.isOp("(")) return this.list(pending);
      if (cursor.isOp("%")) {
        pending.listMayFollow = true;
        cursor.advance();
      } else if (keyword?.kind === "size") {
        pending.element = keyword.bytes;
        pending.listMayFollow = true;
        cursor.advance();
      } else {
        const item = this.value(pending, token, keyword?.kind);
        if (item !== "dup") return item && [item];
      }
    }
  }

  private list(pending: Pending): readonly DataItem[] | undefined {
    const { cursor } = this;
    cursor.advance();
    const items = this.items(pending.element, true);
    if (items === undefined) return undefined;
    if (!cursor.isOp(")")) {
      const got = cursor.token?.text ?? "end of line";
      this.fail("data-syntax", `expected \`)' after subexpression, got \`${got}'`);
      return;
    }
    cursor.advance();
    return [{ kind: "list", items, repeat: pending.repeat }];
  }

  private value(
    pending: Pending,
    token: Token,
    keyword: string | undefined,
  ): DataItem | "dup" | undefined {
    const { cursor } = this;
    const { element, repeat } = pending;
    if (token.kind === "string" && this.endsAfter(1)) {
      cursor.advance();
      return { kind: "bytes", bytes: unquote(token.text), element, repeat };
    }
    if (keyword === "stringFunction") {
      const bytes = parseStringFunction(cursor, this.context, "string constant expected after");
      return bytes && { kind: "bytes", bytes, element, repeat };
    }
    const signed = cursor.isOp("-") || cursor.isOp("+");
    const number = signed ? cursor.peek() : token;
    if (number?.kind === "float" || keywordAt(number)?.kind === "floatConstant") {
      const negative = cursor.isOp("-");
      cursor.position += signed ? 2 : 1;
      return this.float(number!, negative, pending);
    }
    const expression = parseExpression(cursor, this.context);
    if (expression === undefined) return undefined;
    if (keywordAt(cursor.token)?.kind === "dup") {
      cursor.advance();
      repeat.push(expression);
      pending.listMayFollow = true;
      return "dup";
    }
    return { kind: "number", expression, element, repeat };
  }

  private endsAfter(distance: number): boolean {
    const next = this.cursor.peek(distance);
    return next === undefined || (next.kind === "op" && (next.text === "," || next.text === ")"));
  }

  private float(
    number: Token,
    negative: boolean,
    { element, repeat }: Pending,
  ): DataItem | undefined {
    const format = floatFormatOfSize(element);
    if (format === undefined) {
      this.fail("float", `no ${element * 8}-bit floating-point format supported`, number);
      return;
    }
    const result = floatBytes(number.text, negative, format, this.context.floatOptions());
    if ("error" in result) {
      this.fail("float", result.error, number);
      return;
    }
    if (result.warning) this.context.warning(number, result.warning.name, result.warning.message);
    return { kind: "bytes", bytes: result.bytes, element, repeat };
  }
}

/** Whether the bytes of the items are the same in all passes. */
export function itemsAreConstant(items: readonly DataItem[]): boolean {
  return items.every(
    (item) =>
      item.repeat.every(isConstant) &&
      (item.kind !== "number" || isConstant(item.expression)) &&
      (item.kind !== "list" || itemsAreConstant(item.items)),
  );
}
