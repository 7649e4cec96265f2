/**
 * Lines that were assembled before and would come out the same again: instructions and data without symbols, macros or anything to say. Text, code
 * size and switches decide their bytes, so an equal line, later in the program or in its next version, is neither cut into tokens nor parsed.
 */
import type { Target } from "../codec/types";
import type { Bits } from "../isa/types";
import { targetKey } from "./cpuDirective";
import { numberField, numberLine, type NumberField } from "./numberShapes";
import type { EncodedStatement, KnownLine, StatementBody, StatementTree } from "./statementTree";
import type { FoldedWord, Token } from "./tokens";
import { WordTable } from "./words";

/** An instruction whose number may be another one of the same range. */
interface KnownShape {
  readonly line: KnownLine;
  readonly field: NumberField;
}

/** The lines known in one state. */
export class KnownLines {
  private readonly lines = new Map<string, KnownLine>();
  private readonly shapes = new Map<string, KnownShape | undefined>();

  find(text: string): KnownLine | undefined {
    return this.lines.get(text) ?? this.findShape(text);
  }

  private findShape(text: string): KnownLine | undefined {
    if (this.shapes.size === 0) return undefined;
    const cut = numberLine(text);
    const shape = cut && this.shapes.get(cut.key);
    const encoded = shape?.line.encoded;
    if (cut === undefined || encoded === undefined) return undefined;
    return { ...shape!.line, encoded: encoded.withNumber(shape!.field, cut.number) };
  }

  add(text: string, line: KnownLine, state: LineState): void {
    this.lines.set(ownCopy(text), line);
    const { body, encoded } = line;
    const cut = body.kind === "instruction" && encoded ? numberLine(text) : undefined;
    if (cut === undefined || body.kind !== "instruction" || this.shapes.has(cut.key)) return;
    const { operands, bytes } = encoded!;
    const field = numberField(body.mnemonic, state, operands, bytes, cut.number);
    // What has no field is remembered too: it is not tried again.
    this.shapes.set(ownCopy(cut.key), field && { line, field });
  }
}

/** What decides the bytes of a line besides its text. */
export interface LineState {
  readonly bits: Bits;
  readonly defaultRel: boolean;
  /** Of the CPU directive. */
  readonly target: Target | undefined;
}

/** The one that programs share: versions of one program have most of their lines in common. */
export function sharedReuse(): Reuse {
  return shared;
}

/** So many lines or words are of many programs: it begins anew. */
const MOST_LINES = 100_000;
const MOST_WORDS = 100_000;

/** What runs of the assembler leave for later ones. */
export class Reuse {
  words = new WordTable();
  private readonly lines = new Map<number, KnownLines>();
  /** Instructions without symbols by state and text: those of macros, and of lines that tools look into. */
  private readonly constants = new Map<string, EncodedStatement>();
  private count = 0;

  /** The lines known in a state. */
  linesIn({ bits, defaultRel, target }: LineState): KnownLines {
    const key = (defaultRel ? bits + 1 : bits) + 128 * targetKey(target);
    let lines = this.lines.get(key);
    if (lines === undefined) this.lines.set(key, (lines = new KnownLines()));
    return lines;
  }

  beginRun(): void {
    if (this.count <= MOST_LINES && this.words.size <= MOST_WORDS) return;
    this.lines.clear();
    this.constants.clear();
    this.count = 0;
    this.words = new WordTable();
  }

  constant(key: string): EncodedStatement | undefined {
    return this.constants.get(key);
  }

  rememberConstant(key: string, encoded: EncodedStatement): void {
    this.count++;
    this.constants.set(key, encoded);
  }

  /** Takes up a statement whose first pass had nothing to say; `text` is its whole line. */
  learn(text: string, statement: StatementTree, state: LineState): void {
    if (!isRepeatable(statement)) return;
    const { tokens, body, encoded, constantData } = statement;
    this.count++;
    const line = {
      words: wordsOf(tokens),
      body: withoutTokens(body),
      operands: statement.operands.map(({ span }) => ({ span })),
      encoded,
      constantData,
    };
    this.linesIn(state).add(text, line, state);
  }
}

function isRepeatable(statement: StatementTree): boolean {
  const { body, label, times, placed, encoded, prefixTokens } = statement;
  if (label || times || placed === undefined || prefixTokens.length > 0) return false;
  if (statement.failed || statement.broken) return false;
  if (body.kind === "instruction") {
    return (
      statement.isConstant &&
      encoded !== undefined &&
      !encoded.usesAddress &&
      encoded.warnings.length === 0
    );
  }
  return body.kind === "data" && statement.constantData?.warned === false;
}

/** Later passes take the bytes as they are; only tools look into operands, and they hear every line. */
function withoutTokens(body: StatementBody): StatementBody {
  if (body.kind === "instruction") return { ...body, operands: [] };
  return body.kind === "data" ? { ...body, items: [] } : body;
}

function wordsOf(tokens: readonly Token[]): readonly FoldedWord[] {
  return tokens.flatMap((token) => (token.word ? [token.word.folded] : []));
}

/** A part of a text keeps all of it in memory. */
export function ownCopy(text: string): string {
  return ` ${text}`.slice(1);
}

const shared = new Reuse();
