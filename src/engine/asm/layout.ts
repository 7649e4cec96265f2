/**
 * Gives every statement its address and bytes. A program is run through again and again, each pass with the label values that the one before
 * found, until no label moves: NASM's -Ox. The first pass takes unknown values optimistically, so code only grows.
 */
import { encodeInstruction } from "../codec/encode";
import { emitPrefixes, sortPrefixes } from "../codec/nasm/prefixes";
import type { AsmOperand, EncodeWarning } from "../codec/types";
import type { Bits, InstructionForm } from "../isa/types";
import { DataWriter, type DataSurroundings } from "./dataBytes";
import { rangeOf, type DiagnosticSink, type Note, type Place } from "./diagnosticSink";
import { runDirectiveStatement, type DirectiveState } from "./assemblerDirectives";
import { Evaluator } from "./evaluate";
import type { Expression } from "./expressionTree";
import { OperandEvaluator, type OperandSurroundings } from "./operandValues";
import { SectionTable, type Section } from "./sections";
import type { EncodedStatement, Placed, StatementTree } from "./statementTree";
import { NO_SEGMENT, type SymbolEntry, type SymbolTable } from "./symbols";
import { tokensText, type Token } from "./tokens";
import type { Value } from "./value";
import { WarningState } from "./warningClasses";

type SymbolState = Pick<
  SymbolEntry,
  | "definedPass"
  | "segment"
  | "offset"
  | "declaration"
  | "kind"
  | "definition"
  | "definitionFrame"
  | "changedAt"
> & { readonly symbol: SymbolEntry };

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

export class Layout implements DirectiveState {
  readonly sections = new SectionTable();
  bits: Bits = 16;
  defaultRel = false;
  pass = 0;
  segment = NO_SEGMENT;
  offset = 0;
  inAbsolute = false;
  absoluteSegment = NO_SEGMENT;
  warningStack: WarningState[] = [];
  floatOptions = "";
  /** Labels that got another value in this pass. */
  private changes = 0;
  /** Counts changes of labels and of sections' places: tells which operands must be evaluated again. */
  private clock = 0;
  /** What symbols were before a pass that may have to be taken back. */
  private undoLog: SymbolState[] | undefined;
  private basesChangedAt = 0;
  private statement!: StatementTree;
  /** What the last pass made of this statement: used again if only its place has changed. */
  private previous: Placed | undefined;
  /** The last pass found an error in it: it must find it again. */
  private wasBroken = false;
  readonly operandSurroundings: OperandSurroundings;
  readonly dataSurroundings: DataSurroundings;
  /** The absolute space is that of a struc. */
  private inStructure = false;
  private readonly startBits: Bits;
  private readonly constants = new Map<string, EncodedStatement>();

  constructor(
    readonly symbols: SymbolTable,
    readonly sink: DiagnosticSink,
    private readonly host: LayoutHost,
    startBits: Bits,
  ) {
    this.startBits = startBits;
    const surroundings = this.surroundings();
    this.operandSurroundings = surroundings;
    this.dataSurroundings = surroundings;
  }

  private surroundings(): OperandSurroundings & DataSurroundings {
    const owner = this;
    return {
      get segment() {
        return owner.hereSegment;
      },
      get offset() {
        return BigInt(owner.offset);
      },
      get critical() {
        return owner.pass > 1;
      },
      tolerant: true,
      get firstPass() {
        return owner.pass === 1;
      },
      get bits() {
        return owner.bits;
      },
      get defaultRel() {
        return owner.defaultRel;
      },
      report: (token, code, message) => this.error(token, code, message),
      warn: (token, name, message) => this.warn(token, name, message),
      baseOf: (segment) => this.sections.baseOf(segment),
    };
  }

  /** The segment of `$`. */
  get hereSegment(): number {
    return this.inAbsolute ? this.absoluteSegment : this.segment;
  }

  error(place: Place, code: string, message: string, notes: readonly Note[] = []): void {
    this.statement.broken = true;
    this.sink.error(code, message, place, this.statement.frame, notes);
  }

  warn(token: Token, name: string, message: string): void {
    this.sink.warning(name, message, token, this.statement.frame);
  }

  beginPass(): void {
    this.pass++;
    this.changes = 0;
    this.bits = this.startBits;
    this.defaultRel = false;
    this.inAbsolute = false;
    this.absoluteSegment = NO_SEGMENT;
    this.warningStack = [];
    this.sink.warnings = WarningState.initial;
    this.symbols.scope = "";
    this.sections.beginPass();
    this.segment = this.sections.sections[0]!.segment;
    this.offset = 0;
    if (this.pass === 2) this.defineSectionLabels();
  }

  /** `section.<name>.start` and `.vstart`: from the second pass on, for the sections of the first. */
  private defineSectionLabels(): void {
    for (const section of this.sections.sections) {
      this.defineAt(`section.${section.name}.start`, section.startSegment);
      this.defineAt(`section.${section.name}.vstart`, section.segment);
    }
  }

  private defineAt(name: string, segment: number): void {
    const symbol = this.symbols.entry(name);
    symbol.segment = segment;
    symbol.offset = 0n;
    symbol.definedPass = this.pass;
    symbol.kind = "label";
    symbol.changedAt = ++this.clock;
    this.changes++;
  }

  /** Ends a pass: sections are placed again. True if nothing moved. */
  endPass(): boolean {
    this.saveOffset();
    const before = this.sections.sections.map((s) => `${s.start},${s.vstart}`).join(";");
    this.sections.place((message) => {
      const section = this.sections.sections.find((s) => message.includes(`section ${s.name} `));
      const place = section?.place ?? this.sections.sections.find((s) => s.place)?.place;
      if (place) this.sink.error("section-layout", message, place);
    });
    const after = this.sections.sections.map((s) => `${s.start},${s.vstart}`).join(";");
    if (before !== after) this.basesChangedAt = ++this.clock;
    return this.pass > 1 && this.changes === 0 && before === after;
  }

  /** Begins a pass that `undoPass` can take back. */
  beginTentativePass(): void {
    this.beginPass();
    this.undoLog = [];
  }

  keepPass(): void {
    this.undoLog = undefined;
  }

  undoPass(): void {
    for (const { symbol, ...state } of this.undoLog!.reverse()) Object.assign(symbol, state);
    this.undoLog = undefined;
    this.pass--;
    // Operands that were evaluated from values that are gone.
    this.basesChangedAt = ++this.clock;
  }

  get changeCount(): number {
    return this.changes;
  }

  /** Continues in another section, where it was left. */
  switchTo(section: Section): void {
    this.saveOffset();
    this.segment = section.segment;
    this.offset = section.offset;
    this.inAbsolute = false;
  }

  /** Continues at an address that belongs to no section. */
  switchToAbsolute(segment: number, offset: number): void {
    this.saveOffset();
    const { frame } = this.statement;
    this.inAbsolute = true;
    this.inStructure = frame?.builtin === true && frame.name === "struc";
    this.segment = NO_SEGMENT;
    this.absoluteSegment = segment;
    this.offset = offset;
  }

  /** The origin is known as soon as it is written: then the first pass already works with true addresses. */
  originGiven(origin: number): void {
    const first = this.sections.sections[0]!;
    if (this.pass !== 1 || first.vstart === origin) return;
    first.start = first.vstart = origin;
    this.basesChangedAt = ++this.clock;
  }

  private saveOffset(): void {
    const section = this.sections.ofSegment(this.segment);
    if (section && !this.inAbsolute) section.offset = this.offset;
  }

  evaluate(expression: Expression, critical: boolean): Value | undefined {
    const around = this.operandSurroundings;
    const evaluator = new Evaluator({
      segment: around.segment,
      offset: around.offset,
      critical,
      firstPass: around.firstPass,
      report: around.report,
    });
    return evaluator.evaluate(expression);
  }

  /** Puts `$`, code size and all to where a statement stood, to evaluate it once more after the last pass. */
  standAt(statement: StatementTree): void {
    this.statement = statement;
    this.bits = statement.bits;
    this.defaultRel = statement.defaultRel;
    this.segment = statement.segment;
    this.absoluteSegment = statement.segment;
    this.inAbsolute = this.sections.ofSegment(statement.segment) === undefined;
    this.offset = statement.offset;
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
    if (label && body.kind !== "equ") {
      const kind = this.inAbsolute && this.inStructure ? "struc-field" : "label";
      this.define(label.symbol, label.token, this.hereSegment, BigInt(this.offset), kind);
    }
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

  define(
    symbol: SymbolEntry,
    token: Token,
    segment: number,
    offset: bigint,
    kind: NonNullable<SymbolEntry["kind"]>,
  ): void {
    if (symbol.declaration === "extern" || symbol.declaration === "required") {
      if (kind !== "extern") {
        symbol.declaration = "global";
        symbol.definedPass = 0;
      }
    }
    const changed =
      symbol.definedPass === 0 || symbol.segment !== segment || symbol.offset !== offset;
    if (symbol.definedPass === this.pass && symbol.definition) {
      // The first definition stays: else the value would swing between the two from pass to pass.
      this.redefined(symbol, token, changed);
      return;
    }
    this.undoLog?.push({ ...symbol, symbol });
    if (changed) {
      this.changes++;
      symbol.changedAt = ++this.clock;
    }
    symbol.definition = token;
    symbol.definitionFrame = this.statement.frame;
    symbol.segment = segment;
    symbol.offset = offset;
    symbol.kind = kind;
    symbol.definedPass = this.pass;
  }

  private redefined(symbol: SymbolEntry, token: Token, changed: boolean): void {
    const notes = [
      {
        message: `label \`${symbol.name}' originally defined here`,
        range: rangeOf(symbol.definition!),
      },
    ];
    if (changed) {
      const message = `label \`${symbol.name}' inconsistently redefined`;
      this.error(token, "label-redefined", message, notes);
    } else {
      const message = `label \`${symbol.name}' redefined to an identical value`;
      this.sink.warning("label-redef", message, token, this.statement.frame, notes);
    }
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
    const key =
      statement.isConstant && !statement.encoded ? this.constantKey(statement) : undefined;
    if (key !== undefined) statement.encoded = this.constants.get(key);
    const said = this.sink.diagnostics.length;
    const operands = this.operands(statement);
    if (operands === undefined) return;
    const first = this.encode(statement, mnemonic, operands, this.offset);
    if (first === undefined) return;
    const silent = this.sink.diagnostics.length === said;
    if (key !== undefined && silent && !first.usesAddress) this.constants.set(key, first);
    if (times === 1 || !first.usesAddress) {
      this.place(statement, "code", first.bytes, times, true, first.form, operands);
      return;
    }
    const copies: Uint8Array[] = [first.bytes];
    let length = first.bytes.length;
    for (let i = 1; i < times; i++) {
      const next = this.encode(statement, mnemonic, operands, this.offset + length, false);
      if (next === undefined) return;
      copies.push(next.bytes);
      length += next.bytes.length;
    }
    this.place(statement, "code", joinBytes(copies, length), times, false, first.form, operands);
  }

  /** Instructions without symbols are written again and again: equal text in equal state has equal bytes. */
  private constantKey(statement: StatementTree): string {
    const start = statement.tokens.indexOf(statement.mnemonicToken!);
    const state = `${this.bits}${this.defaultRel ? "r" : "a"}${statement.prefixes.join(" ")}`;
    return `${state} ${tokensText(statement.tokens, start)}`;
  }

  private operands(statement: StatementTree): readonly AsmOperand[] | undefined {
    const { body, encoded } = statement;
    if (body.kind !== "instruction") return undefined;
    if (encoded && this.unchanged(statement)) return encoded.operands;
    statement.evaluatedAt = this.clock;
    statement.evaluatedOffset = this.offset;
    const evaluator = new OperandEvaluator(this.operandSurroundings);
    const operands: AsmOperand[] = [];
    for (const tree of body.operands) {
      const operand = evaluator.operand(tree);
      if (operand === undefined) return undefined;
      operands.push(operand);
    }
    return operands;
  }

  /** Whether the operands still have the values of the last evaluation. */
  private unchanged(statement: StatementTree): boolean {
    if (this.wasBroken) return false;
    if (statement.isConstant) return true;
    const at = statement.evaluatedAt;
    if (at < this.basesChangedAt) return false;
    if (statement.usesHere && statement.evaluatedOffset !== this.offset) return false;
    for (const symbol of statement.symbols) {
      if (symbol.changedAt > at || symbol.definedPass === 0) return false;
      if (symbol.declaration === "extern" || symbol.declaration === "required") return false;
    }
    return true;
  }

  /** Encodes, or takes what the last pass encoded from the same values. */
  private encode(
    statement: StatementTree,
    mnemonic: string,
    operands: readonly AsmOperand[],
    offset: number,
    keep = true,
  ): EncodedStatement | undefined {
    const address = this.sections.baseOf(this.segment) + offset;
    const old = keep ? statement.encoded : undefined;
    if (old?.bits === this.bits && sameEncoding(old, operands, address)) {
      // Records that do not use the address are shared between equal statements.
      if (old.usesAddress) {
        old.address = address;
        old.operands = operands;
      }
      this.reportEncoding(statement, old);
      return old;
    }
    const result = encodeInstruction({
      mnemonic,
      operands,
      bits: this.bits,
      prefixes: statement.prefixes,
      address: BigInt(address),
    });
    if (!result.ok) {
      if (this.pass > 1) {
        this.error(statement.operandPlace(result.operand), "operands", result.error);
      }
      return undefined;
    }
    const made: EncodedStatement = {
      operands,
      address,
      bytes: result.bytes,
      form: result.form,
      usesAddress: dependsOnAddress(result.form, operands),
      bits: this.bits,
      warnings: result.warnings,
      outOfRange: result.outOfRange,
    };
    if (keep) statement.encoded = made;
    this.reportEncoding(statement, made);
    return made;
  }

  private reportEncoding(
    statement: StatementTree,
    { warnings, outOfRange }: EncodedStatement,
  ): void {
    if (this.pass === 1) return;
    if (outOfRange) {
      this.error(statement.operandPlace(0), "short-jump", "short jump is out of range");
    }
    for (const warning of warnings) {
      const place = statement.operandPlace(warning.operand);
      this.sink.warning(warning.class, warning.message, place, statement.frame);
    }
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
    if (bytes.length > 0) this.place(statement, "code", Uint8Array.from(bytes), times, true);
  }

  private data(statement: StatementTree, times: number): void {
    const { body } = statement;
    if (body.kind !== "data") return;
    let result = statement.constantData;
    if (result === undefined || result.warned) {
      const writer = new DataWriter(this.dataSurroundings);
      const before = this.sink.diagnostics.length;
      const written = writer.write(body.items, statement.mnemonicToken!);
      if (written === undefined) return;
      result = { ...written, warned: this.sink.diagnostics.length > before };
      if (body.isConstant) statement.constantData = result;
    }
    const { bytes, onlyReserved } = result;
    if (bytes.length === 0) return;
    if (onlyReserved) this.reserveBytes(bytes.length * times);
    else this.place(statement, "data", bytes, times, true);
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
    const zeroing = section !== undefined && section.type !== "nobits";
    if (zeroing && this.pass > 1) {
      const message = `uninitialized space declared in ${section.name} section: zeroing`;
      this.warn(this.statement.mnemonicToken!, "zeroing", message);
    }
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
      form: undefined,
      operands: undefined,
    });
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
      this.error(name, "file-not-found", `\`incbin': unable to open file \`${spelled}'`);
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
    form?: InstructionForm,
    operands?: readonly AsmOperand[],
  ): void {
    const section = this.inAbsolute ? undefined : this.sections.ofSegment(this.segment);
    const length = uniform ? bytes.length * copies : bytes.length;
    const token = statement.mnemonicToken ?? statement.tokens[0]!;
    if (section === undefined) {
      this.error(token, "absolute-code", "attempt to assemble code in [ABSOLUTE] space");
    } else if (section.type === "nobits" && this.pass > 1) {
      this.warn(token, "other", "attempt to initialize memory in a nobits section: ignored");
    }
    if (length > MOST_IMAGE || this.offset + length > MOST_IMAGE) {
      if (section && section.type !== "nobits") {
        this.error(token, "too-long", "the image is too long");
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
      form,
      operands,
    });
  }

  private record(placed: Placed): void {
    this.statement.placed = placed;
    this.offset += placed.length;
  }
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

/** Whether the bytes change when the instruction moves: relative jumps and RIP-relative operands. */
function dependsOnAddress(form: InstructionForm, operands: readonly AsmOperand[]): boolean {
  return (
    form.operands.some((operand) => operand.kind.startsWith("rel")) ||
    operands.some((operand) => operand.kind === "mem" && operand.relative === "rel")
  );
}

/** Whether the bytes are still right. A relative jump's are, if its target has moved as far as itself. */
function sameEncoding(
  old: EncodedStatement,
  operands: readonly AsmOperand[],
  address: number,
): boolean {
  if (!old.usesAddress || old.address === address) return sameOperands(old.operands, operands);
  const before = old.operands[0]!;
  const now = operands[0]!;
  return (
    operands.length === 1 &&
    before.kind === "imm" &&
    now.kind === "imm" &&
    now.value - before.value === BigInt(address - old.address) &&
    now.known === before.known &&
    now.isAddress === before.isAddress &&
    now.otherSection === before.otherSection
  );
}

function sameOperands(a: readonly AsmOperand[], b: readonly AsmOperand[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((operand, i) => sameOperand(operand, b[i]!));
}

/** Of two operands from one tree: only what an evaluation can change is compared. */
function sameOperand(a: AsmOperand, b: AsmOperand): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "reg":
      return a.register === (b as typeof a).register;
    case "imm": {
      const other = b as typeof a;
      return (
        a.value === other.value &&
        a.known === other.known &&
        a.isAddress === other.isAddress &&
        a.otherSection === other.otherSection
      );
    }
    case "far": {
      const other = b as typeof a;
      return a.selector === other.selector && a.offset === other.offset && a.known === other.known;
    }
    case "mem": {
      const other = b as typeof a;
      return (
        a.displacement === other.displacement &&
        a.displacementKnown === other.displacementKnown &&
        a.displacementIsAddress === other.displacementIsAddress &&
        a.relative === other.relative &&
        a.base === other.base &&
        a.index === other.index &&
        a.scale === other.scale
      );
    }
  }
}
