/**
 * Gives every statement its address and bytes. A program is run through again and again, each pass with the label values that the one before
 * found, until no label moves: NASM's -Ox. The first pass takes unknown values optimistically, so code only grows.
 */
import { elisionProblem, emitPrefixes, sortPrefixes } from "../codec/nasm/prefixes";
import type { AsmOperand, EncodeWarning } from "../codec/types";
import type { Bits } from "../isa/types";
import { DataWriter } from "./dataBytes";
import { decoratorProblem } from "./decorators";
import type { DiagnosticSink } from "./diagnosticSink";
import { runDirectiveStatement } from "./assemblerDirectives";
import type { Expression } from "./expressionTree";
import { InstructionEncoder } from "./instructionEncoder";
import { jumpBytes, jumpForms, jumpTarget, jumpToUnknown } from "./jumps";
import type { Reuse } from "./knownLines";
import { LayoutState } from "./layoutState";
import type { EncodedStatement, JumpTarget, Placed, StatementTree } from "./statementTree";
import { NO_SEGMENT, type SymbolEntry, type SymbolTable } from "./symbols";
import type { Token } from "./tokens";

export interface LayoutHost {
  readFile(
    name: string,
    from: string,
  ): { readonly file: string; readonly bytes: Uint8Array } | undefined;
  includedBinary(name: Token, spelled: string, file: string | undefined): void;
}

/** An image that is longer than this is a mistake (NASM would fill the disk). */
const MOST_IMAGE = 1 << 28;

const NOTHING = new Uint8Array(0);

export class Layout extends LayoutState {
  private readonly encoder: InstructionEncoder;
  /** What the last pass made of this statement: used again if only its place has changed. */
  private previous: Placed | undefined;
  /** The last pass found an error in it: it must find it again. */
  private wasBroken = false;

  constructor(
    symbols: SymbolTable,
    sink: DiagnosticSink,
    private readonly host: LayoutHost,
    startBits: Bits,
    reuse: Reuse,
    observed: boolean,
  ) {
    super(symbols, sink, startBits);
    this.encoder = new InstructionEncoder(this, reuse, observed);
  }

  execute(statement: StatementTree): void {
    this.statement = statement;
    this.wasBroken = statement.broken;
    statement.broken = false;
    this.previous = statement.placed;
    statement.placed = undefined;
    statement.bits = this.bits;
    statement.defaultRel = this.defaultRel;
    statement.warnings = this.sink.warnings;
    statement.segment = this.hereSegment;
    statement.offset = this.offset;
    const { body, label } = statement;
    if (label && body.kind !== "equ") this.defineHere(label.symbol, label.token);
    const times = statement.times ? this.times(statement.times) : 1;
    if (times === 0 && body.kind !== "directive") return;
    switch (body.kind) {
      case "empty":
        return;
      case "directive":
        runDirectiveStatement(body, this);
        return;
      case "equ":
        this.equ(statement, body.expression);
        return;
      case "instruction":
        this.instruction(statement, body.mnemonic, times);
        return;
      case "prefixes":
        this.prefixesAlone(statement, times);
        return;
      case "data":
        this.data(statement, times);
        return;
      case "reserve":
        this.reserve(body.count, body.element * times);
        return;
      case "incbin":
        this.incbin(body.name, body.skip, body.limit, times);
    }
  }

  defineHere(symbol: SymbolEntry, token: Token): void {
    const kind = this.inAbsolute && this.inStructure ? "struc-field" : "label";
    this.define(symbol, token, this.hereSegment, BigInt(this.offset), kind);
  }

  private times(expression: Expression): number {
    const value = this.evaluate(expression, this.pass > 1);
    if (value === undefined) return 0;
    const { token } = expression;
    if (!value.isSimple) {
      this.error(token, "times", "non-constant argument supplied to TIMES");
      return 1;
    }
    if (value.scalar < 0n) {
      if (this.pass > 1) this.error(token, "times", `TIMES value ${value.scalar} is negative`);
      return 0;
    }
    if (value.scalar > BigInt(MOST_IMAGE)) {
      this.error(token, "times", `TIMES value ${value.scalar} is too large`);
      return 0;
    }
    return Number(value.scalar);
  }

  private equ(statement: StatementTree, expression: Expression): void {
    const label = statement.label!;
    const value = this.evaluate(expression, this.pass > 1);
    if (value === undefined) return;
    const here = this.hereSegment;
    if (value.isJustUnknown) this.define(label.symbol, label.token, NO_SEGMENT, 0n, "equ");
    else if (value.isRelocatable(here) && !value.isSelfRelative(here)) {
      this.define(label.symbol, label.token, value.segment, value.scalar, "equ");
    } else this.error(expression.token, "equ", "bad syntax for EQU");
  }

  private instruction(statement: StatementTree, mnemonic: string, times: number): void {
    if (times === 1 && this.jump(statement, mnemonic)) return;
    if (typeof statement.jump === "object") statement.jump.gap = NaN;
    const { encoder } = this;
    const key = encoder.shareConstant(statement);
    const { said } = this.sink;
    const operands = encoder.operands(statement, this.wasBroken);
    if (operands === undefined) return;
    const { decorator } = statement;
    if (decorator) {
      if (this.pass > 1) this.error(decorator, "decorator", decoratorProblem(decorator, mnemonic)!);
      return;
    }
    if (mnemonic === "lea" && this.pass > 1) this.checkBareAddress(statement, operands[1]);
    const first = encoder.encode(statement, mnemonic, operands, this.offset);
    if (first === undefined) return;
    const silent = this.sink.said === said;
    if (key !== undefined && silent) encoder.rememberConstant(key, first);
    if (times === 1 || !first.usesAddress) {
      this.place(statement, "code", first.bytes, times, true, first, operands);
      return;
    }
    const copies: Uint8Array[] = [first.bytes];
    let length = first.bytes.length;
    for (let i = 1; i < times; i++) {
      const next = encoder.encode(statement, mnemonic, operands, this.offset + length, false);
      if (next === undefined) return;
      copies.push(next.bytes);
      length += next.bytes.length;
    }
    this.place(statement, "code", joinBytes(copies, length), times, false, first, operands);
  }

  /** A jump or call to a label of this section, by its pattern. False, and nothing has happened: there is more to it. */
  private jump(statement: StatementTree, mnemonic: string): boolean {
    const target = (statement.jump ??= jumpTarget(statement) ?? "other");
    if (target === "other") return false;
    const forms = jumpForms(mnemonic, this.bits, this.target);
    if (forms === undefined) return false;
    const { symbol, addend } = target;
    if (symbol?.definedPass === 0) {
      if (this.pass > 1) return false;
      this.place(statement, "code", jumpToUnknown(forms), 1, true);
      return true;
    }
    if (symbol && (symbol.segment !== this.hereSegment || isOutside(symbol))) return false;
    const gap = (symbol ? symbol.offsetNumber - this.offset : 0) + addend;
    if (Number.isNaN(gap)) return false;
    const bytes = this.keptJump(target, gap) ?? jumpBytes(forms, gap);
    if (bytes === undefined) return false;
    target.gap = gap;
    this.place(statement, "code", bytes, 1, true);
    return true;
  }

  /** The bytes of the last pass, if it went as far. */
  private keptJump({ gap }: JumpTarget, now: number): Uint8Array | undefined {
    return gap === now && this.previous?.bits === this.bits ? this.previous.bytes : undefined;
  }

  /** Operands of a jump that was made by its pattern, worked out again after the last pass. */
  jumpOperands(statement: StatementTree): readonly AsmOperand[] | undefined {
    this.standAt(statement);
    return this.encoder.operands(statement, true);
  }

  /** `lea rax, 5` is `lea rax, [5]`. */
  private checkBareAddress(statement: StatementTree, source: AsmOperand | undefined): void {
    if (this.bits !== 64 || !this.defaultRel || source?.kind !== "imm" || source.isAddress) return;
    const message = "absolute address can not be RIP-relative";
    this.warn(statement.mnemonicToken!, "ea-absolute", message);
  }

  /** `rep` on a line of its own. */
  private prefixesAlone(statement: StatementTree, times: number): void {
    const bytes: number[] = [];
    const warnings: EncodeWarning[] = [];
    const slots = sortPrefixes(statement.prefixes);
    emitPrefixes(slots, slots.operandSize, this.bits, bytes, warnings);
    for (const warning of warnings) {
      this.warn(statement.prefixTokens[0]!, warning.class, warning.message);
    }
    const lock = statement.prefixTokens.find((token) => token.text.toLowerCase() === "lock");
    if (lock && this.pass > 1) this.warn(lock, "prefix-lock", "instruction is not lockable");
    const elision = elisionProblem(undefined, slots, false);
    if (elision !== undefined && this.pass > 1)
      this.warn(statement.prefixTokens[0]!, "prefix-hle", `${slots.repeat} ${elision}`);
    if (bytes.length > 0) this.place(statement, "code", Uint8Array.from(bytes), times, true);
  }

  private data(statement: StatementTree, times: number): void {
    const { body } = statement;
    if (body.kind !== "data") return;
    let result = statement.constantData;
    if (result === undefined || result.warned) {
      const writer = new DataWriter(this.surroundings);
      const before = this.sink.diagnostics.length;
      const written = writer.write(body.items, statement.mnemonicToken!);
      if (written === undefined) return;
      result = { ...written, warned: written.isTentative || this.sink.diagnostics.length > before };
      if (body.isConstant) statement.constantData = result;
    }
    const { bytes, onlyReserved, hasReserved } = result;
    if (bytes.length === 0) return;
    if (onlyReserved) {
      this.reserveBytes(bytes.length * times);
      return;
    }
    if (hasReserved) this.warnOfZeroing();
    this.place(statement, "data", bytes, times, true);
  }

  private reserve(count: Expression, unit: number): void {
    const value = this.evaluate(count, this.pass > 1);
    if (value === undefined || value.isJustUnknown) return;
    if (!value.isReallySimple) {
      const message = "attempt to reserve non-constant quantity of BSS space";
      this.error(count.token, "reserve", message);
      return;
    }
    if (value.scalar < 0n) {
      if (this.pass > 1) this.error(count.token, "reserve", "negative argument to RESx");
      return;
    }
    const bytes = value.scalar * BigInt(unit);
    if (bytes > 0x7fffffffffffn) this.error(count.token, "reserve", "too much space is reserved");
    else this.reserveBytes(Number(bytes));
  }

  private reserveBytes(length: number): void {
    if (length === 0) return;
    const section = this.inAbsolute ? undefined : this.sections.ofSegment(this.segment);
    const zeroing = this.warnOfZeroing();
    if (zeroing && length > MOST_IMAGE) {
      this.error(this.statement.mnemonicToken!, "too-long", "the image is too long");
      return;
    }
    this.record({
      section,
      segment: this.segment,
      offset: this.offset,
      length,
      bytes: NOTHING,
      copies: 1,
      uniform: true,
      kind: "reserve",
      bits: this.bits,
      encoded: undefined,
      operands: undefined,
    });
  }

  /** Whether reserved space takes room in the image here. */
  private warnOfZeroing(): boolean {
    const section = this.inAbsolute ? undefined : this.sections.ofSegment(this.segment);
    if (section === undefined || section.type === "nobits") return false;
    if (this.pass > 1) {
      const message = `uninitialized space declared in ${section.name} section: zeroing`;
      this.warn(this.statement.mnemonicToken!, "zeroing", message);
    }
    return true;
  }

  private incbin(
    name: Token,
    skip: Expression | undefined,
    limit: Expression | undefined,
    times: number,
  ): void {
    const number = (expression: Expression | undefined): number | undefined => {
      const value = expression && this.evaluate(expression, true);
      return value?.isReallySimple ? Number(value.scalar) : undefined;
    };
    const from = number(skip) ?? 0;
    const most = number(limit);
    const found = this.statement.binary ?? this.readBinary(name);
    if (found === undefined) return;
    const end = most === undefined ? found.length : Math.min(found.length, from + most);
    const bytes = from >= end ? NOTHING : found.subarray(from, end);
    if (bytes.length > 0) this.place(this.statement, "data", bytes, times, true);
  }

  private readBinary(name: Token): Uint8Array | undefined {
    const spelled = name.text.slice(1, -1);
    const found = this.host.readFile(spelled, this.statement.line.source.name);
    if (this.pass === 1) this.host.includedBinary(name, spelled, found?.file);
    if (found === undefined) {
      this.error(name, "file-not-found", `\`incbin': unable to get length of file \`${spelled}'`);
      return undefined;
    }
    this.statement.binary = found.bytes;
    return found.bytes;
  }

  private place(
    statement: StatementTree,
    kind: "code" | "data",
    bytes: Uint8Array,
    copies: number,
    uniform: boolean,
    encoded?: EncodedStatement,
    operands?: readonly AsmOperand[],
  ): void {
    const section = this.inAbsolute ? undefined : this.sections.ofSegment(this.segment);
    const length = uniform ? bytes.length * copies : bytes.length;
    if (section === undefined) {
      const message = "attempt to assemble code in [ABSOLUTE] space";
      this.error(firstWord(statement), "absolute-code", message);
    } else if (section.type === "nobits" && this.pass > 1) {
      const message = "attempt to initialize memory in a nobits section: ignored";
      this.warn(firstWord(statement), "other", message);
    }
    if (length > MOST_IMAGE || this.offset + length > MOST_IMAGE) {
      if (section && section.type !== "nobits") {
        this.error(firstWord(statement), "too-long", "the image is too long");
        return;
      }
    }
    const { segment, offset, bits, previous } = this;
    if (
      previous?.bytes === bytes && previous.copies === copies && previous.uniform === uniform &&
      previous.operands === operands && previous.bits === bits
    ) {
      previous.section = section;
      previous.segment = segment;
      previous.offset = offset;
      this.record(previous);
      return;
    } // prettier-ignore
    this.record({
      section,
      segment,
      offset,
      length,
      bytes,
      copies,
      uniform,
      kind,
      bits,
      encoded,
      operands,
    });
  }

  private record(placed: Placed): void {
    this.statement.placed = placed;
    this.offset += placed.length;
  }
}

function isOutside({ declaration }: SymbolEntry): boolean {
  return declaration === "extern" || declaration === "required";
}

function firstWord(statement: StatementTree): Token {
  return statement.mnemonicToken ?? statement.tokens[0]!;
}

function joinBytes(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
