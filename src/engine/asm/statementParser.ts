/** Parses one preprocessed line: label, prefixes, and what is done (NASM manual, "Layout of a NASM Source Line"). */
import type { Bits } from "../isa/types";
import { DataParser, itemsAreConstant } from "./dataParser";
import type { DiagnosticSink } from "./diagnosticSink";
import type { Expression } from "./expressionTree";
import { Cursor, keywordAt, parseExpression, type ParseContext } from "./expressionParser";
import { FloatOptions } from "./floats";
import { parseOperands } from "./operandParser";
import type { ReadyLine } from "./preprocessor/preprocessor";
import { StatementTree } from "./statementTree";
import { decoratorProblem, foldBraces, isBracedPrefix } from "./decorators";
import { isLocalName, type SymbolEntry, type SymbolTable } from "./symbols";
import { isOp, type Token } from "./tokens";
import type { Keyword } from "./keywords";

/** What a language server wants to hear of parsing. */
export interface ParserObserver {
  symbolReferred(symbol: SymbolEntry, token: Token): void;
}

/** Directives in brackets whose value is one expression. */
const EXPRESSION_DIRECTIVES: ReadonlySet<string> = new Set(["org", "absolute", "sectalign"]);

export class StatementParser {
  /** Code size in force; the layout keeps it up to date. */
  bits: Bits = 16;
  /** What `float` has set; the layout keeps it up to date. */
  floatOptions = FloatOptions.initial;
  private statement!: StatementTree;
  /** Where the line is given up: what is wrong behind it is not looked at. */
  private reached = 0;
  /** Symbols in the line so far. */
  private referred: SymbolEntry[] = [];
  private readonly context: ParseContext;

  constructor(
    private readonly symbols: SymbolTable,
    private readonly sink: DiagnosticSink,
    private readonly observer: ParserObserver | undefined,
  ) {
    this.context = {
      bits: () => this.bits,
      floatOptions: () => this.floatOptions,
      symbol: (name, token) => this.refer(name, token),
      error: (token, code, message) => this.error(token, code, message),
      warning: (token, name, message) =>
        this.sink.warning(name, message, token, this.statement.frame),
    };
  }

  private refer(name: string, token: Token): SymbolEntry {
    const symbol = this.symbols.entry(name);
    this.referred.push(symbol);
    this.observer?.symbolReferred(symbol, token);
    return symbol;
  }

  private error(token: Token, code: string, message: string): void {
    this.statement.failed = true;
    this.sink.error(code, message, token, this.statement.frame);
  }

  parse(ready: ReadyLine): StatementTree {
    if (ready.known) return StatementTree.again(ready.known, ready.line, ready.frame);
    const { tokens, problems } = foldBraces(ready.tokens);
    this.reached = tokens.length;
    const isAsWritten = ready.plain !== undefined && tokens === ready.tokens;
    const statement = new StatementTree(isAsWritten ? undefined : tokens, ready.line, ready.frame);
    this.statement = statement;
    if (isOp(tokens[0], "[")) this.directive(tokens);
    else this.line(new Cursor(tokens));
    for (const { at, message } of problems) {
      if (at <= this.reached) this.error(tokens[at]!, "decorator", message);
    }
    if (statement.failed) {
      statement.body = { kind: "empty" };
      // A wrong EQU defines nothing.
      if (keywordAt(statement.mnemonicToken)?.kind === "equ") statement.label = undefined;
    }
    this.warnOfForeignWords(ready.tokens);
    return statement;
  }

  /** PTR is a word of other assemblers, a name like any other here. */
  private warnOfForeignWords(tokens: readonly Token[]): void {
    for (const token of tokens) {
      if (keywordAt(token)?.kind !== "ptr") continue;
      this.context.warning(token, "ptr", `\`${token.text}' is not a NASM keyword`);
    }
  }

  /** `[name value]`. */
  private directive(tokens: readonly Token[]): void {
    const close = tokens.findIndex((token) => isOp(token, "]"));
    const name = tokens[1];
    if (close < 2 || name?.kind !== "id") {
      this.error(tokens[0]!, "directive-syntax", "invalid directive line");
      return;
    }
    const value = tokens.slice(2, close);
    const word = name.text.toLowerCase();
    this.statement.mnemonicToken = name;
    let expression: Expression | undefined;
    if (EXPRESSION_DIRECTIVES.has(word) && value.length > 0) {
      expression = parseExpression(new Cursor(value), this.context);
      if (expression === undefined) return;
    }
    if (value.length > 0) {
      const span = { from: 2, to: close };
      this.statement.operands = [expression ? { span, expression } : { span }];
    }
    this.statement.body = { kind: "directive", name: word, nameToken: name, value, expression };
  }

  private line(cursor: Cursor): void {
    const { statement } = this;
    const token = cursor.token!;
    const keyword = keywordAt(token);
    const next = cursor.peek();
    // `mov:` at the start of a line is a label all the same.
    const labelled = isInstructionWord(keyword) && isOp(next, ":");
    const isLabel =
      token.kind === "id" &&
      (keyword === undefined || keyword.kind === "dup" || keyword.kind === "ptr" || labelled);
    if (isLabel) {
      cursor.advance();
      const colon = cursor.isOp(":");
      if (colon) cursor.advance();
      else if (cursor.ended) this.orphan(token);
      this.label(token, keywordAt(cursor.token)?.kind === "equ");
    } else if (!startsStatement(token, keyword)) {
      this.reached = cursor.position;
      this.error(token, "line-syntax", "label or instruction expected at start of line");
      return;
    }
    if (cursor.ended) return;
    if (!this.prefixes(cursor)) return;
    if (cursor.ended) {
      statement.body = { kind: "prefixes" };
      return;
    }
    this.operation(cursor);
  }

  private orphan(token: Token): void {
    const message = "label alone on a line without a colon might be in error";
    this.sink.warning("label-orphan", message, token, this.statement.frame);
  }

  private label(token: Token, isEqu: boolean): void {
    const name = token.text.charCodeAt(0) === 36 ? token.text.slice(1) : token.text;
    const symbol = this.symbols.entry(name);
    this.statement.label = { symbol, token };
    if (!isEqu && name.charCodeAt(0) !== 46 && !isLocalName(name)) this.symbols.scope = symbol.name;
  }

  /** `times`, `rep`, `es` ...; false on an error that leaves nothing to do. */
  private prefixes(cursor: Cursor): boolean {
    const { statement } = this;
    let slots: Map<string, string> | undefined;
    for (;;) {
      const token = cursor.token;
      const keyword = keywordAt(token);
      if (keyword?.kind === "times") {
        statement.prefixTokens = [...statement.prefixTokens, token!];
        cursor.advance();
        statement.times = parseExpression(cursor, this.context);
        if (statement.times === undefined) return false;
        continue;
      }
      const slot = isBracedPrefix(token) ? "encoding" : prefixSlot(keyword);
      if (slot === undefined) return true;
      const text = token!.text.toLowerCase();
      slots ??= new Map<string, string>();
      const old = slots.get(slot);
      if (old === text) {
        const message = "instruction has redundant prefixes";
        this.sink.warning("other", message, token!, statement.frame);
      } else if (old !== undefined) {
        this.error(token!, "prefix-conflict", "instruction has conflicting prefixes");
      }
      slots.set(slot, text);
      statement.prefixes = [...statement.prefixes, text];
      statement.prefixTokens = [...statement.prefixTokens, token!];
      cursor.advance();
    }
  }

  private operation(cursor: Cursor): void {
    const { statement } = this;
    const token = cursor.token!;
    const keyword = keywordAt(token);
    statement.mnemonicToken = token;
    cursor.advance();
    switch (keyword?.kind) {
      case "data":
        this.data(cursor, keyword.bytes);
        return;
      case "reserve":
        this.reserve(cursor, keyword.bytes);
        return;
      case "incbin":
        this.incbin(cursor, token);
        return;
      case "equ":
        this.equ(cursor, token);
        return;
      case "instruction":
        this.instruction(cursor, token, keyword.supported);
        return;
      default:
        statement.mnemonicToken = undefined;
        this.reached = cursor.position - 1;
        this.error(token, "unknown-instruction", "parser: instruction expected");
    }
  }

  private instruction(cursor: Cursor, token: Token, supported: boolean): void {
    const mnemonic = token.word!.folded.lower;
    const start = cursor.position;
    if (this.referred.length > 0) this.referred = [];
    const operands = parseOperands(cursor, this.context, mnemonic === "jmp" || mnemonic === "call");
    if (operands === undefined) return;
    this.statement.operands = operands;
    this.statement.decorator = cursor.tokens.find(
      (each) => decoratorProblem(each, mnemonic) !== undefined,
    );
    if (!supported) {
      const message = `instruction \`${mnemonic}' is not supported: known, not assembled`;
      this.error(token, "unsupported-instruction", message);
      return;
    }
    this.statement.body = { kind: "instruction", mnemonic, operands };
    const { statement } = this;
    statement.usesHere = usesHere(cursor.tokens, start);
    statement.isConstant = !statement.usesHere && this.referred.length === 0;
    if (this.referred.length > 0) statement.symbols = this.referred;
  }

  private data(cursor: Cursor, element: number): void {
    const parser = new DataParser(cursor, this.context);
    const items = parser.items(element);
    if (items === undefined) return;
    if (!cursor.ended) {
      this.error(cursor.place, "data-syntax", "comma expected after operand");
      return;
    }
    if (items.length === 0 && parser.operands.length === 0) {
      const message = "no operand for data declaration";
      this.sink.warning("db-empty", message, this.statement.mnemonicToken!, this.statement.frame);
    }
    this.statement.operands = parser.operands;
    this.statement.body = { kind: "data", items, isConstant: itemsAreConstant(items) };
  }

  private reserve(cursor: Cursor, element: number): void {
    const operands = parseOperands(cursor, this.context, false);
    if (operands === undefined) return;
    const only = operands[0];
    if (operands.length !== 1 || only?.kind !== "plain") {
      const message = "invalid combination of opcode and operands";
      this.error(this.statement.mnemonicToken!, "operands", message);
      return;
    }
    this.statement.operands = [only];
    this.statement.body = { kind: "reserve", element, count: only.expression };
  }

  private equ(cursor: Cursor, token: Token): void {
    const operands = parseOperands(cursor, this.context, false);
    if (operands === undefined) return;
    if (this.statement.label === undefined) {
      this.error(token, "equ", "EQU not preceded by label");
      return;
    }
    const only = operands[0];
    if (operands.length !== 1 || only?.kind !== "plain") {
      this.error(token, "equ", "bad syntax for EQU");
      return;
    }
    this.statement.operands = [only];
    this.statement.body = { kind: "equ", expression: only.expression };
  }

  private incbin(cursor: Cursor, token: Token): void {
    const name = cursor.token;
    if (name?.kind !== "string") {
      this.error(name ?? token, "incbin", "`incbin' expects a file name");
      return;
    }
    const span = { from: cursor.position, to: cursor.position + 1 };
    this.statement.operands = [{ span }];
    cursor.advance();
    const numbers: Expression[] = [];
    while (!cursor.ended) {
      if (!cursor.isOp(",")) {
        this.error(cursor.place, "incbin", "comma expected after operand");
        return;
      }
      cursor.advance();
      if (cursor.ended) break;
      const expression = parseExpression(cursor, this.context);
      if (expression === undefined) return;
      numbers.push(expression);
    }
    if (numbers.length > 2) {
      this.error(token, "incbin", "`incbin': more than three parameters");
      return;
    }
    const [skip, limit] = numbers;
    this.statement.body = { kind: "incbin", name, skip, limit };
  }
}

function isInstructionWord(keyword: Keyword | undefined): boolean {
  return (
    keyword !== undefined &&
    ["instruction", "data", "reserve", "equ", "incbin"].includes(keyword.kind)
  );
}

function startsStatement(token: Token, keyword: Keyword | undefined): boolean {
  if (isBracedPrefix(token)) return true;
  if (token.kind !== "id" || keyword === undefined) return false;
  if (keyword.kind === "register") return keyword.register?.class === "sreg";
  return isInstructionWord(keyword) || keyword.kind === "prefix" || keyword.kind === "times";
}

/** Prefixes of one slot exclude each other. Segment registers are prefixes too. */
function prefixSlot(keyword: Keyword | undefined): string | undefined {
  if (keyword?.kind === "prefix") return keyword.slot;
  if (keyword?.kind === "register" && keyword.register?.class === "sreg") return "segment";
  return undefined;
}

function usesHere(tokens: readonly Token[], start: number): boolean {
  for (let i = start; i < tokens.length; i++) {
    const { kind } = tokens[i]!;
    if (kind === "here" || kind === "base") return true;
  }
  return false;
}
