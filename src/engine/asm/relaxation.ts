/**
 * Passes that only move labels. What the full passes of the layout found out about each statement is boiled down to steps: a length that cannot
 * change, a label, a jump that is short or near, and statements that must be executed as ever. Each pass over the steps gives every label the
 * value that a full pass would give it; a full pass follows when none moves any more, for the bytes and for what there is to say.
 */
import { hasShortAndNear } from "../codec/nasm/compile";
import { isConstant, type Expression } from "./expressionTree";
import { jumpForms, jumpLength, jumpTarget, type JumpForms } from "./jumps";
import type { Layout } from "./layout";
import type { DataItem, JumpTarget, LabelTree, OperandTree, StatementTree } from "./statementTree";
import { NO_SEGMENT, type SymbolEntry } from "./symbols";

const enum Kind {
  Fixed,
  Label,
  Jump,
  Execute,
  Question,
}

interface Step {
  readonly kind: Kind;
  /** Fixed: bytes. Question: its number. */
  length: number;
  readonly forms: JumpForms | undefined;
  readonly target: JumpTarget | undefined;
  readonly statement: StatementTree | undefined;
}

export class Relaxation {
  private readonly steps: Step[] = [];
  private readonly defined = new Set<SymbolEntry>();
  private usable = true;

  constructor(private readonly layout: Layout) {}

  /** False once a pass has met something that the steps do not cover. */
  get isUsable(): boolean {
    return this.usable;
  }

  /** Takes up a statement that a full pass, not the first, has just executed. */
  add(statement: StatementTree): void {
    const { label, body } = statement;
    if (label) {
      // Who is defined twice is an error to be found again in each pass.
      if (this.defined.has(label.symbol)) this.usable = false;
      this.defined.add(label.symbol);
    }
    if (body.kind === "equ") {
      if (isConstant(body.expression) && !statement.broken && !statement.times) return;
      this.execute(statement);
      return;
    }
    const length = this.fixedLength(statement);
    const jump = length === undefined ? this.jumpOf(statement) : undefined;
    if (length === undefined && jump === undefined) {
      this.execute(statement);
      return;
    }
    if (label) this.push(Kind.Label, 0, statement);
    if (jump) this.steps.push(jump);
    else if (length! > 0) this.fixed(length!);
  }

  /** The preprocessor asked something before the next statement. */
  addQuestion(number: number): void {
    this.push(Kind.Question, number, undefined);
  }

  private execute(statement: StatementTree): void {
    this.push(Kind.Execute, 0, statement);
  }

  private fixed(length: number): void {
    const last = this.steps[this.steps.length - 1];
    if (last?.kind === Kind.Fixed) last.length += length;
    else this.push(Kind.Fixed, length, undefined);
  }

  private push(kind: Kind, length: number, statement: StatementTree | undefined): void {
    this.steps.push({ kind, length, forms: undefined, target: undefined, statement });
  }

  /** Bytes of a statement that takes the same space wherever labels are; undefined if that is not sure. */
  private fixedLength(statement: StatementTree): number | undefined {
    const { body, placed, times } = statement;
    if (statement.broken) return undefined;
    if (body.kind === "empty") return times ? undefined : 0;
    if (placed === undefined || (times && !isConstant(times))) return undefined;
    switch (body.kind) {
      case "instruction":
        if (!placed.uniform) return undefined;
        return statement.isConstant || this.addressesOnly(statement) ? placed.length : undefined;
      case "data":
        return body.isConstant || body.items.every(hasFixedSize) ? placed.length : undefined;
      case "reserve":
        return isConstant(body.count) ? placed.length : undefined;
      default:
        return undefined;
    }
  }

  /** Operands that are addresses of labels are encoded at full width, whatever their values. */
  private addressesOnly({ body, placed, symbols }: StatementTree): boolean {
    if (body.kind !== "instruction" || placed?.operands?.length !== body.operands.length)
      return false;
    if (!symbols.every(isLabel)) return false;
    const { operands } = placed;
    const chooses = hasShortAndNear(body.mnemonic);
    return body.operands.every((tree, i) => {
      const operand = operands[i]!;
      if (tree.kind === "far") return false;
      if (treeExpressions(tree).every(isConstant)) return true;
      if (!treeExpressions(tree).every(isLinear)) return false;
      if (operand.kind === "mem") return operand.displacementKnown && operand.displacementIsAddress;
      if (operand.kind !== "imm" || !operand.known || !operand.isAddress) return false;
      return !chooses || operand.distance !== undefined;
    });
  }

  private jumpOf(statement: StatementTree): Step | undefined {
    const { body, placed, times, symbols } = statement;
    if (body.kind !== "instruction" || times || statement.broken || !placed) return undefined;
    const { bits, hereSegment } = this.layout;
    const target = jumpTarget(statement);
    const forms = target && jumpForms(body.mnemonic, bits, this.layout.target);
    if (!forms || !symbols.every(isLabel)) return undefined;
    if (target.symbol && target.symbol.segment !== hereSegment) return undefined;
    return { kind: Kind.Jump, length: 0, forms, target, statement };
  }

  /** One pass. `tentative`: it may be taken back, so every definition is noted. False: a question is answered differently than before. */
  pass(tentative: boolean, stillHolds: (question: number) => boolean): boolean {
    const { layout, steps } = this;
    let { offset } = layout;
    for (const step of steps) {
      switch (step.kind) {
        case Kind.Fixed:
          offset += step.length;
          break;
        case Kind.Label: {
          const label = step.statement!.label!;
          if (!tentative && layout.moveLabel(label.symbol, offset)) break;
          layout.offset = offset;
          layout.statement = step.statement!;
          this.define(label);
          break;
        }
        case Kind.Jump: {
          const { symbol, addend } = step.target!;
          if (symbol && symbol.segment !== layout.hereSegment) this.usable = false;
          const gap = (symbol ? symbol.offsetNumber - offset : 0) + addend;
          offset += jumpLength(step.forms!, gap);
          break;
        }
        case Kind.Execute:
          layout.offset = offset;
          layout.execute(step.statement!);
          ({ offset } = layout);
          break;
        case Kind.Question:
          layout.offset = offset;
          if (!stillHolds(step.length)) return false;
      }
    }
    layout.offset = offset;
    return true;
  }

  private define({ symbol, token }: LabelTree): void {
    const { segment } = symbol;
    this.layout.defineHere(symbol, token);
    // Operands with it may be of another kind now.
    if (symbol.segment !== segment) this.usable = false;
  }
}

function isLabel(symbol: SymbolEntry): boolean {
  return (
    symbol.kind === "label" &&
    symbol.segment !== NO_SEGMENT &&
    symbol.definedPass > 0 &&
    symbol.declaration !== "extern" &&
    symbol.declaration !== "required"
  );
}

function treeExpressions(tree: OperandTree): readonly Expression[] {
  switch (tree.kind) {
    case "plain":
      return [tree.expression];
    case "far":
      return [tree.selector, tree.offset];
    case "memory":
      return tree.indexPart ? [...tree.parts, tree.indexPart] : tree.parts;
  }
}

/** A sum: whether it is an address, and of which segment, does not depend on the values of its symbols. */
function isLinear(expression: Expression): boolean {
  switch (expression.op) {
    case "constant":
    case "symbol":
    case "here":
    case "base":
    case "register":
      return true;
    case "binary": {
      const { operator, left, right } = expression;
      if (operator === "+" || operator === "-") return isLinear(left) && isLinear(right);
      return isConstant(left) && isConstant(right);
    }
    default:
      return isConstant(expression);
  }
}

function hasFixedSize(item: DataItem): boolean {
  return item.repeat.every(isConstant) && (item.kind !== "list" || item.items.every(hasFixedSize));
}
