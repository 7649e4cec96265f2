/** One run over a program: preprocess, parse, lay out until nothing moves. What comes of it is read by `assemble` and `buildSourceModel`. */
import { DiagnosticSink } from "./diagnosticSink";
import { Evaluator } from "./evaluate";
import { isConstant, type Expression } from "./expressionTree";
import { Cursor, parseExpression } from "./expressionParser";
import type { Reuse } from "./knownLines";
import { Layout } from "./layout";
import { settle } from "./preprocessor/pasting";
import { Preprocessor } from "./preprocessor/preprocessor";
import { PreprocessedText } from "./preprocessOnly";
import { Relaxation } from "./relaxation";
import type { PreprocessorObserver } from "./preprocessor/observer";
import { Session, type AssemblerHost } from "./preprocessor/session";
import { SourceText } from "./sourceText";
import { StatementParser, type ParserObserver } from "./statementParser";
import type { StatementTree } from "./statementTree";
import { SymbolTable } from "./symbols";
import { Token } from "./tokens";
import type { AssembleOptions, Diagnostic } from "./types";
import type { Value } from "./value";
import { WarningState } from "./warningClasses";

/** What a tool may watch. `restart` says that a new preprocessing pass begins and all that was heard so far is void. */
export interface AssemblerObserver extends PreprocessorObserver, ParserObserver {
  restart(): void;
  statementParsed(statement: StatementTree): void;
}

/** An expression that the preprocessor evaluated with labels or `$` in it. */
interface Question {
  /** Number of statements before it. */
  readonly before: number;
  readonly expression: Expression;
  readonly answer: bigint | undefined;
}

/** NASM gives up after 1000 passes without progress; programs that need more than a few are wrong. */
const MOST_STALLED = 100;
const MOST_PASSES = 1000;

export class Assembler {
  readonly sink = new DiagnosticSink();
  readonly symbols = new SymbolTable();
  readonly sources = new Map<string, SourceText>();
  readonly layout: Layout;
  readonly files: string[] = [];
  statements: StatementTree[] = [];
  private readonly parser: StatementParser;
  private readonly main: SourceText;
  private preprocessor!: Preprocessor;
  private session!: Session;
  /** Preprocessing asked for something that may change from pass to pass. */
  private preprocessAgain = false;
  /** What it asked, and was told. */
  private questions: Question[] = [];
  private asksPassKind = false;
  /** The statements as steps, where the last pass was one over all of them. */
  private relaxation: Relaxation | undefined;
  /** Steps had overlooked something. That costs only time, but is a bug. */
  stepsFailed = false;
  private passKind: 1 | 2 = 1;

  constructor(
    private readonly options: AssembleOptions,
    private readonly observer: AssemblerObserver | undefined,
    private readonly reuse: Reuse,
  ) {
    reuse.beginRun();
    const { state, unknown } = WarningState.of(options.warnings ?? []);
    this.sink.startWarnings = this.sink.warnings = state;
    this.main = new SourceText(options.file, options.text);
    for (const name of unknown) {
      const place = { source: this.main, start: 0, end: 0 };
      this.sink.warning("unknown-warning", `unknown warning name: ${name}`, place);
    }
    this.sources.set(options.file, this.main);
    this.files.push(options.file);
    this.layout = new Layout(
      this.symbols,
      this.sink,
      {
        readFile: (name, from) => this.readFile(name, from),
        includedBinary: (name, spelled, file) =>
          this.observer?.included("incbin", name, spelled, file),
      },
      options.bits ?? 16,
      reuse,
      observer !== undefined,
    );
    this.parser = new StatementParser(this.symbols, this.sink, observer);
  }

  private readFile(
    name: string,
    from: string,
  ): { readonly file: string; readonly bytes: Uint8Array } | undefined {
    const found = this.options.readFile?.(name, from);
    if (found && !this.files.includes(found.file)) this.files.push(found.file);
    return found;
  }

  run(): void {
    this.allPasses();
    if (this.options.stopsAfterFailedPass === true) this.sink.keepWhatStoppedNasm();
  }

  private allPasses(): void {
    this.pass(true);
    // Constants before the first `float` of the file are rounded anew as the last one says.
    if (!this.layout.floatOptions.areDefault) this.preprocessAgain = true;
    const kept = this.sink.endFirstPass(this.preprocessAgain);
    if (this.options.stopsAfterFailedPass === true && this.sink.firstPassFailed) return;
    let least = Infinity;
    let stalled = 0;
    for (;;) {
      this.sink.rollback(kept);
      // What is said in the end is what a full pass says.
      const mayBeLast = stalled >= MOST_STALLED || this.layout.pass >= MOST_PASSES;
      const attempt = mayBeLast ? "none" : this.shortPass(kept);
      if (attempt === "none" ? this.pass(this.preprocessAgain) : this.layout.endPass()) {
        if (attempt !== "none" && !this.confirm(kept, attempt)) continue;
        if (!this.asksPassKind || this.passKind === 2) return;
        this.passKind = 2;
        continue;
      }
      const { changeCount, pass } = this.layout;
      stalled = changeCount < least ? 0 : stalled + 1;
      least = Math.min(least, changeCount);
      if (stalled > MOST_STALLED || pass > MOST_PASSES) {
        this.noConvergence(pass);
        return;
      }
    }
  }

  /** Makes a pass without preprocessing what was preprocessed, if it can: by steps, or by the statements. */
  private shortPass(kept: number): "steps" | "statements" | "none" {
    if (this.relaxation?.isUsable === true) {
      if (!this.preprocessAgain) {
        this.layout.beginPass();
        this.relaxation.pass(false, () => true);
        return "steps";
      }
      return this.replaySteps(this.relaxation, kept) ? "steps" : "none";
    }
    const mayReplay = this.preprocessAgain && !this.asksPassKind;
    return mayReplay && this.replay(kept) ? "statements" : "none";
  }

  /** Once more in full, for the bytes and for what there is to say. False: the short passes had overlooked something, and there will be no more. */
  private confirm(kept: number, attempt: "steps" | "statements"): boolean {
    this.sink.rollback(kept);
    const settled = this.pass(this.preprocessAgain);
    if (settled || attempt === "statements") return true;
    this.stepsFailed = true;
    this.relaxation = undefined;
    return false;
  }

  /**
   * Runs through the statements of the last preprocessing, as long as all that it asked is still answered as it was. False, and nothing has
   * happened, if it is not: then the program must be preprocessed again.
   */
  private replay(kept: number): boolean {
    const { layout, statements, questions } = this;
    layout.beginTentativePass();
    const relaxation = this.newRelaxation();
    let next = 0;
    for (let i = 0; i <= statements.length; i++) {
      for (; questions[next]?.before === i; next++) {
        relaxation?.addQuestion(next);
        if (this.stillHolds(next)) continue;
        this.takeBack(kept);
        return false;
      }
      const statement = statements[i];
      if (statement) {
        layout.execute(statement);
        relaxation?.add(statement);
      }
    }
    layout.keepPass();
    this.relaxation = relaxation;
    return true;
  }

  /** The same by the steps that the last replay has left. */
  private replaySteps(relaxation: Relaxation, kept: number): boolean {
    this.layout.beginTentativePass();
    if (!relaxation.pass(true, (question) => this.stillHolds(question))) {
      this.takeBack(kept);
      return false;
    }
    this.layout.keepPass();
    return true;
  }

  private takeBack(kept: number): void {
    this.layout.undoPass();
    this.sink.rollback(kept);
  }

  private stillHolds(question: number): boolean {
    const { expression, answer } = this.questions[question]!;
    return this.answer(expression) === answer;
  }

  /** The first pass knows too little of the statements. */
  private newRelaxation(): Relaxation | undefined {
    return this.layout.pass > 1 && !this.stepsFailed ? new Relaxation(this.layout) : undefined;
  }

  /** The number that an expression is now; undefined if it is none. */
  private answer(expression: Expression): bigint | undefined {
    const { layout } = this;
    const value = new Evaluator({
      segment: layout.hereSegment,
      offset: BigInt(layout.offset),
      critical: true,
      firstPass: false,
      report: () => undefined,
    }).evaluate(expression);
    return value?.isReallySimple ? value.scalar : undefined;
  }

  /** Goes over the settled program once more, as NASM's last pass does: all is read, said and placed again in order. */
  lastPass(heard: (diagnostic: Diagnostic) => void): void {
    this.passKind = 2;
    this.sink.tellInstead(heard);
    this.pass(true);
  }

  private noConvergence(pass: number): void {
    const message = `unable to find valid values for all labels after ${pass} passes; possible causes: recursive EQUs, macro abuse`;
    this.sink.error("no-convergence", message, { source: this.main, start: 0, end: 0 });
  }

  /** True if no label moved. */
  private pass(preprocess: boolean): boolean {
    this.layout.beginPass();
    this.relaxation = undefined;
    if (preprocess) this.preprocessingPass();
    else {
      const relaxation = this.newRelaxation();
      for (const statement of this.statements) {
        this.layout.execute(statement);
        relaxation?.add(statement);
      }
      this.relaxation = relaxation;
    }
    return this.layout.endPass();
  }

  private preprocessingPass(): void {
    this.observer?.restart();
    this.beginPreprocessing(false);
    this.statements = [];
    this.questions = [];
    const { layout, parser, session, sink } = this;
    for (;;) {
      parser.bits = layout.bits;
      session.knownLines = this.mayReuse ? this.reuse.linesIn(layout) : undefined;
      const ready = this.preprocessor.next();
      if (ready === undefined) return;
      parser.bits = layout.bits;
      parser.floatOptions = layout.floatOptions;
      const { said } = sink;
      const statement = parser.parse(ready);
      this.statements.push(statement);
      this.observer?.statementParsed(statement);
      layout.execute(statement);
      if (ready.plain === undefined || this.observer !== undefined) continue;
      if (this.mayReuse && sink.said === said) {
        this.reuse.learn(ready.plain.text, statement, layout);
      }
      ready.plain.forget();
    }
  }

  /** Whether lines may be taken from before and left for later: no one listens, and all switches that count are as at the start. */
  private get mayReuse(): boolean {
    const { layout, sink } = this;
    return (
      this.observer === undefined &&
      sink.warnings === WarningState.initial &&
      layout.floatOptions.areDefault
    );
  }

  private beginPreprocessing(keepsBlankLines: boolean): void {
    const { words } = this.reuse;
    words.forget(true, true, false);
    this.session = new Session(words, this.sink, this.host(), this.observer, this.sources);
    this.preprocessor = new Preprocessor(
      this.session,
      this.main,
      this.preamble(),
      keepsBlankLines,
      this.options.mostLines,
    );
  }

  /** Preprocesses and does no more: nothing is known of labels. */
  preprocessOnly(): string {
    this.layout.beginPass();
    this.beginPreprocessing(true);
    const { preprocessor } = this;
    const text = new PreprocessedText();
    for (let ready = preprocessor.next(); ready; ready = preprocessor.next()) text.add(ready);
    return text.toString();
  }

  /** `-D NAME=VALUE` as %define lines, and what else NASM is told before the file is read. */
  private preamble(): string {
    const { defines, preamble } = this.options;
    return Object.entries(defines ?? {})
      .map(([name, value]) => `%define ${name} ${value.replace(/[\r\n]+/g, " ")}`)
      .concat(preamble ?? [])
      .join("\n");
  }

  private host(): AssemblerHost {
    return {
      bits: () => this.layout.bits,
      passKind: () => this.passKind,
      environment: (name) => this.options.environment?.(name),
      evaluate: (tokens, place) => this.evaluateTokens(tokens, place),
      dependsOnPass: () => {
        this.preprocessAgain = true;
        this.asksPassKind = true;
      },
      readFile: (name, from) => this.readFile(name, from),
    };
  }

  /** An expression in a preprocessor directive: everything in it must be known now. */
  private evaluateTokens(
    tokens: readonly Token[],
    place: Token,
  ): { readonly value: Value; readonly rest: number } | undefined {
    const { session, layout } = this;
    const error = (token: Token, code: string, message: string): void =>
      session.error(token, code, message);
    if (tokens.length === 0) {
      error(place, "expression-syntax", "expression syntax error");
      return undefined;
    }
    const settled = settle(tokens, session);
    const cursor = new Cursor(settled);
    const expression = parseExpression(cursor, {
      bits: () => layout.bits,
      floatOptions: () => layout.floatOptions,
      symbol: (name, token) => {
        const symbol = this.symbols.entry(name);
        this.observer?.symbolReferred(symbol, token);
        return symbol;
      },
      error,
      warning: (token, name, message) => session.warning(token, name, message),
    });
    if (expression === undefined) return undefined;
    const asks = !isConstant(expression);
    const value = new Evaluator({
      segment: layout.hereSegment,
      offset: BigInt(layout.offset),
      critical: true,
      firstPass: layout.pass === 1,
      report: error,
    }).evaluate(expression);
    if (asks) {
      this.preprocessAgain = true;
      const answer = value?.isReallySimple ? value.scalar : undefined;
      this.questions.push({ before: this.statements.length, expression, answer });
    }
    // Where pieces grew together, the rest is counted from the end.
    return value && { value, rest: cursor.position + tokens.length - settled.length };
  }
}
