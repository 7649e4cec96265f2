/** Statements as parsed once; every pass of the layout evaluates them again. */
import type { Bits, InstructionForm, OperandSize } from "../isa/types";
import type { SegmentIndex } from "../isa/registers";
import type { AsmOperand, EncodedInstruction, EncodeWarning, Target } from "../codec/types";
import { placeOfTokens, type Place } from "./diagnosticSink";
import type { Expression } from "./expressionTree";
import { withField, withNumber, type NumberField } from "./numberShapes";
import type { Section } from "./sections";
import type { SymbolEntry } from "./symbols";
import type { FoldedWord, Frame, SourceLine, Token } from "./tokens";
import type { WarningState } from "./warningClasses";

/** Tokens of the statement that belong together: from `from` up to, but without, `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface OperandSpan {
  readonly span: Span;
  readonly expression?: Expression;
}

export interface PlainOperand {
  readonly kind: "plain";
  readonly span: Span;
  /** Bits, as written in front: 8, 16, 32, 64, 80 ... */
  readonly size: number | undefined;
  readonly strict: boolean;
  readonly to: boolean;
  readonly distance: "short" | "near" | "far" | undefined;
  readonly expression: Expression;
}

export interface FarOperand {
  readonly kind: "far";
  readonly span: Span;
  readonly size: number | undefined;
  readonly distance: "short" | "near" | "far" | undefined;
  readonly selector: Expression;
  readonly offset: Expression;
}

export interface MemoryOperandTree {
  readonly kind: "memory";
  readonly span: Span;
  readonly size: number | undefined;
  readonly strict: boolean;
  readonly far: boolean;
  readonly near: boolean;
  readonly segment: SegmentIndex | undefined;
  /** `[expression]`, or `displacement[registers]` as two. */
  readonly parts: readonly Expression[];
  /** The second half of `[base,index*scale]`. */
  readonly indexPart: Expression | undefined;
  readonly displacementSize: OperandSize | undefined;
  readonly addressSize: 16 | 32 | 64 | undefined;
  readonly noSplit: boolean;
  readonly relative: "rel" | "abs" | undefined;
}

export type OperandTree = PlainOperand | FarOperand | MemoryOperandTree;

export type DataItem =
  | {
      readonly kind: "bytes";
      readonly bytes: readonly number[];
      readonly element: number;
      readonly repeat: readonly Expression[];
    }
  | {
      readonly kind: "number";
      readonly expression: Expression;
      readonly element: number;
      readonly repeat: readonly Expression[];
    }
  | { readonly kind: "reserve"; readonly element: number; readonly repeat: readonly Expression[] }
  | {
      readonly kind: "list";
      readonly items: readonly DataItem[];
      readonly repeat: readonly Expression[];
    };

export type StatementBody =
  | { readonly kind: "empty" }
  /** Prefixes alone: their bytes. */
  | { readonly kind: "prefixes" }
  | {
      readonly kind: "instruction";
      readonly mnemonic: string;
      readonly operands: readonly OperandTree[];
    }
  | { readonly kind: "data"; readonly items: readonly DataItem[]; readonly isConstant: boolean }
  | { readonly kind: "reserve"; readonly element: number; readonly count: Expression }
  | {
      readonly kind: "incbin";
      readonly name: Token;
      readonly skip: Expression | undefined;
      readonly limit: Expression | undefined;
    }
  | { readonly kind: "equ"; readonly expression: Expression }
  | {
      readonly kind: "directive";
      readonly name: string;
      readonly nameToken: Token;
      readonly value: readonly Token[];
      readonly expression: Expression | undefined;
    };

export interface LabelTree {
  readonly symbol: SymbolEntry;
  readonly token: Token;
}

const NO_WORDS: readonly string[] = [];
const NO_TOKENS: readonly Token[] = [];
const NO_SYMBOLS: readonly SymbolEntry[] = [];

/** What a jump goes to: a symbol, or `$` without one, and a number. */
export interface JumpTarget {
  readonly symbol: SymbolEntry | undefined;
  readonly addend: number;
  /** How far it was in the last pass. */
  gap: number;
}

/** Holds no token: a line must not keep the text alive that it was first found in. */
export interface KnownLine {
  /** None of them may be a macro where the line stands. */
  readonly words: readonly FoldedWord[];
  readonly body: StatementBody;
  readonly operands: readonly OperandSpan[];
  readonly encoded: EncodedStatement | undefined;
  readonly constantData: StatementTree["constantData"];
}

/** One line for the assembler. What passes find out is kept on it. */
export class StatementTree {
  label: LabelTree | undefined;
  times: Expression | undefined;
  /** Lower case, in source order; without `times`. */
  prefixes: readonly string[] = NO_WORDS;
  /** With `times`. */
  prefixTokens: readonly Token[] = NO_TOKENS;
  body: StatementBody = { kind: "empty" };
  /** An error was found in parsing: only its label counts. */
  failed = false;
  /** An error was found in the last pass. */
  broken = false;
  /** Operands of all kinds of statements, for errors and tools. */
  operands: readonly OperandSpan[] = [];

  /** State in force, set when it is first executed. */
  bits: Bits = 16;
  defaultRel = false;
  /** Where it stands in the last pass; the segment is that of `$`. */
  segment = -1;
  offset = 0;
  warnings: WarningState | undefined;

  /** Its line was assembled before: it has the operands' values, not their trees. */
  isKnown = false;
  /** No symbol, `$` or `$$` in it: the operands never change. */
  isConstant = false;
  encoded: EncodedStatement | undefined;
  /** Where the last pass put it; undefined if it takes no space. */
  placed: Placed | undefined;
  /** Symbols in the operands, and whether `$` is: what their values depend on. */
  symbols: readonly SymbolEntry[] = NO_SYMBOLS;
  usesHere = false;
  /** The layout's count of changes when the operands were evaluated last, and the offset then. */
  evaluatedAt = -1;
  evaluatedOffset = -1;
  /** Data without symbols: its bytes. */
  constantData:
    | {
        readonly bytes: Uint8Array;
        readonly onlyReserved: boolean;
        readonly hasReserved: boolean;
        readonly warned: boolean;
      }
    | undefined;
  /** Where a jump goes that has a pattern. */
  jump: JumpTarget | "other" | undefined;
  /** A word in braces that the instruction does not take. */
  decorator: Token | undefined;
  /** incbin: the whole file. */
  binary: Uint8Array | undefined;

  /** Which token the mnemonic is, or -1. */
  private mnemonicAt = -1;

  constructor(
    /** Undefined: those of the line, which are cut again when someone asks: most are never looked at. */
    private readonly expanded: readonly Token[] | undefined,
    readonly line: SourceLine,
    readonly frame: Frame | undefined,
  ) {}

  get tokens(): readonly Token[] {
    return this.expanded ?? this.line.tokens;
  }

  get mnemonicToken(): Token | undefined {
    return this.mnemonicAt < 0 ? undefined : this.tokens[this.mnemonicAt];
  }

  set mnemonicToken(token: Token | undefined) {
    this.mnemonicAt = token === undefined ? -1 : this.tokens.indexOf(token);
  }

  /** The statement of a line that is equal to one before. */
  static again(known: KnownLine, line: SourceLine, frame: Frame | undefined): StatementTree {
    const statement = new StatementTree(undefined, line, frame);
    statement.mnemonicAt = 0;
    statement.isKnown = true;
    statement.body = known.body;
    statement.operands = known.operands;
    statement.encoded = known.encoded;
    statement.constantData = known.constantData;
    statement.isConstant = true;
    return statement;
  }

  /** Where an operand stands; the whole statement's first word if there is no such operand. */
  operandPlace(index: number | undefined): Place {
    const operand = index === undefined ? undefined : this.operands[index];
    if (operand === undefined || operand.span.from >= this.tokens.length) {
      return this.mnemonicToken ?? this.tokens[0]!;
    }
    return placeOfTokens(this.tokens, operand.span.from, operand.span.to);
  }
}

/** What the last pass made of an instruction; reused while its inputs stay. */
export class EncodedStatement {
  readonly bits: Bits;
  readonly warnings: readonly EncodeWarning[];
  readonly outOfRange: boolean;

  constructor(
    public operands: readonly AsmOperand[],
    public address: number,
    readonly bytes: Uint8Array,
    readonly usesAddress: boolean,
    private readonly result: EncodedInstruction,
  ) {
    this.bits = result.bits;
    this.warnings = result.warnings;
    this.outOfRange = result.outOfRange;
  }

  /** The same with another number of its range. Its row is the same, so it may come from the result for the first number. */
  withNumber(field: NumberField, number: number): EncodedStatement {
    const operands = withNumber(this.operands, field.operand, number);
    const bytes = withField(this.bytes, field, number);
    return new EncodedStatement(operands, this.address, bytes, this.usesAddress, this.result);
  }

  get isRelative(): boolean {
    return this.result.isRelative;
  }

  get target(): Target | undefined {
    return this.result.target;
  }

  /** Worked out when someone asks. */
  get form(): InstructionForm {
    return this.result.form;
  }
}

/** What the last pass made of a statement. */
export interface Placed {
  section: Section | undefined;
  segment: number;
  offset: number;
  /** Of all copies. */
  readonly length: number;
  /** One copy if `uniform`, else all of them. Empty for reserved space. */
  readonly bytes: Uint8Array;
  readonly copies: number;
  readonly uniform: boolean;
  readonly kind: "code" | "data" | "reserve";
  readonly bits: Bits;
  readonly encoded: EncodedStatement | undefined;
  readonly operands: readonly AsmOperand[] | undefined;
}
