/** Where the layout stands: position, labels, sections, and the switches that directives set. */
import type { Target } from "../codec/types";
import type { Bits } from "../isa/types";
import type { DirectiveState } from "./assemblerDirectives";
import type { DataSurroundings } from "./dataBytes";
import { rangeOf, type DiagnosticSink, type Note, type Place } from "./diagnosticSink";
import { Evaluator } from "./evaluate";
import type { Expression } from "./expressionTree";
import { FloatOptions } from "./floats";
import type { OperandSurroundings } from "./operandValues";
import { SectionTable, type Section } from "./sections";
import type { StatementTree } from "./statementTree";
import { isSpecialName, NO_SEGMENT, type SymbolEntry, type SymbolTable } from "./symbols";
import type { Token } from "./tokens";
import type { Value } from "./value";
import type { WarningState } from "./warningClasses";

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

function savedState(symbol: SymbolEntry): SymbolState {
  const {
    definedPass,
    segment,
    offset,
    declaration,
    kind,
    definition,
    definitionFrame,
    changedAt,
  } = symbol;
  return {
    symbol,
    definedPass,
    segment,
    offset,
    declaration,
    kind,
    definition,
    definitionFrame,
    changedAt,
  };
}

/** What operands and data are evaluated in: the state of the layout, as it is at each moment. */
class LayoutSurroundings implements OperandSurroundings, DataSurroundings {
  readonly tolerant = true;

  constructor(private readonly state: LayoutState) {}

  get segment(): number {
    return this.state.hereSegment;
  }
  get offset(): bigint {
    return BigInt(this.state.offset);
  }
  get critical(): boolean {
    return this.state.pass > 1;
  }
  get firstPass(): boolean {
    return this.state.pass === 1;
  }
  get bits(): Bits {
    return this.state.bits;
  }
  get defaultRel(): boolean {
    return this.state.defaultRel;
  }
  readonly report = (token: Token, code: string, message: string): void =>
    this.state.error(token, code, message);
  readonly warn = (token: Token, name: string, message: string): void =>
    this.state.warn(token, name, message);
  readonly baseOf = (segment: number): number => this.state.sections.baseOf(segment);
}

export class LayoutState implements DirectiveState {
  readonly sections = new SectionTable();
  bits: Bits = 16;
  defaultRel = false;
  /** What the CPU directive allows; undefined: everything. */
  target: Target | undefined;
  pass = 0;
  segment = NO_SEGMENT;
  offset = 0;
  inAbsolute = false;
  absoluteSegment = NO_SEGMENT;
  warningStack: WarningState[] = [];
  /** No pass resets them: what is set at the end holds at the start of the next pass, as with NASM. */
  floatOptions = FloatOptions.initial;
  /** Counts changes of labels and of sections' places: tells which operands must be evaluated again. */
  clock = 0;
  basesChangedAt = 0;
  statement!: StatementTree;
  readonly surroundings: OperandSurroundings & DataSurroundings = new LayoutSurroundings(this);
  /** Labels that got another value in this pass. */
  private changes = 0;
  /** What symbols were before a pass that may have to be taken back. */
  private undoLog: SymbolState[] | undefined;
  private floatOptionsAtStart = FloatOptions.initial;
  private placesAtStart = "";
  /** The absolute space is that of a struc. */
  protected inStructure = false;

  constructor(
    readonly symbols: SymbolTable,
    readonly sink: DiagnosticSink,
    private readonly startBits: Bits,
  ) {}

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
    this.target = undefined;
    this.inAbsolute = false;
    this.absoluteSegment = NO_SEGMENT;
    this.warningStack = [];
    this.sink.warnings = this.sink.startWarnings;
    this.symbols.scope = "";
    this.sections.beginPass();
    this.segment = this.sections.sections[0]!.segment;
    this.offset = 0;
    if (this.pass === 2) this.defineSectionLabels();
    this.placesAtStart = this.places();
  }

  /** Where the sections are: attributes change it in the middle of a pass, when statements before them have gone by. */
  private places(): string {
    return this.sections.sections.map((s) => `${s.start},${s.vstart}`).join(";");
  }

  /** `section.<name>.start` and `.vstart`: from the second pass on, for the sections of the first. */
  private defineSectionLabels(): void {
    for (const section of this.sections.sections) {
      this.defineAt(`section.${section.name}.start`, section.startSegment);
      this.defineAt(`section.${section.name}.vstart`, section.segment);
    }
  }

  private defineAt(name: string, segment: number): void {
    // Nobody has asked for it: no value has changed for anyone.
    if (this.symbols.find(name) !== undefined) this.changes++;
    const symbol = this.symbols.entry(name);
    symbol.segment = segment;
    symbol.offset = 0n;
    symbol.definedPass = this.pass;
    symbol.kind = "label";
    symbol.changedAt = ++this.clock;
  }

  /** Ends a pass: sections are placed again. True if nothing moved. */
  endPass(): boolean {
    this.saveOffset();
    const before = this.placesAtStart;
    this.sections.place((message) => {
      const section = this.sections.sections.find((s) => message.includes(`section ${s.name} `));
      const place = section?.place ?? this.sections.sections.find((s) => s.place)?.place;
      if (place) this.sink.error("section-layout", message, place);
    });
    const after = this.places();
    if (before !== after) this.basesChangedAt = ++this.clock;
    return this.pass > 1 && this.changes === 0 && before === after;
  }

  /** Begins a pass that `undoPass` can take back. */
  beginTentativePass(): void {
    this.beginPass();
    this.undoLog = [];
    this.floatOptionsAtStart = this.floatOptions;
  }

  keepPass(): void {
    this.undoLog = undefined;
  }

  undoPass(): void {
    for (const { symbol, ...state } of this.undoLog!.reverse()) Object.assign(symbol, state);
    this.undoLog = undefined;
    this.floatOptions = this.floatOptionsAtStart;
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
    const around = this.surroundings;
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

  define(
    symbol: SymbolEntry,
    token: Token,
    segment: number,
    offset: bigint,
    kind: NonNullable<SymbolEntry["kind"]>,
  ): void {
    if (this.pass > 1) this.refuseSpecial(symbol, token);
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
      const { again } = symbol;
      const isAnother = again?.pass === this.pass ? again.segment !== segment || again.offset !== offset : changed; // prettier-ignore
      symbol.again = { pass: this.pass, segment, offset };
      this.redefined(symbol, token, isAnother);
      return;
    }
    this.undoLog?.push(savedState(symbol));
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

  /**
   * Gives a label, defined by the last pass in this segment, its offset of this pass. False, and nothing has happened, where there is more to it:
   * then it must be defined.
   */
  moveLabel(symbol: SymbolEntry, offset: number): boolean {
    if (symbol.definedPass !== this.pass - 1 || symbol.segment !== this.hereSegment) return false;
    if (symbol.declaration === "extern" || symbol.declaration === "required") return false;
    if (symbol.offsetNumber !== offset) {
      this.changes++;
      symbol.changedAt = ++this.clock;
      symbol.moveTo(offset);
    }
    symbol.definedPass = this.pass;
    return true;
  }

  /** What the flat format does not know is refused where it is defined. */
  private refuseSpecial(symbol: SymbolEntry, token: Token): void {
    if (symbol.hasSpecialType) {
      const message = "binary format does not support any special symbol types";
      this.error(token, "special-type", message);
    } else if (isSpecialName(symbol.name)) {
      this.error(token, "special-name", `unrecognised special symbol \`${symbol.name}'`);
    }
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
}
