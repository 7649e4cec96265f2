/** What the parts of the preprocessor share while one program is read. */
import type { DiagnosticSink, Note, Place } from "../diagnosticSink";
import type { KnownLines } from "../knownLines";
import type { LexProblem } from "../lexer";
import type { Frame, MultiLineMacro, SingleLineMacro, SourceLine, Token } from "../tokens";
import type { Value } from "../value";
import type { WordTable } from "../words";
import { SourceText } from "../sourceText";
import { bytesText } from "../stringLiterals";
import type { PreprocessorObserver } from "./observer";
import { defaultStackModel, type StackModel } from "./stackModel";

/** An entry of the context stack (%push). */
export interface Context {
  name: string | undefined;
  readonly number: number;
  /** Macros `%$x` by lower-case name. */
  readonly macros: Map<string, SingleLineMacro[]>;
}

/** A call of a multi-line macro that is being expanded. */
export interface Invocation {
  readonly macro: MultiLineMacro;
  /** From 1; 0 is the captured label (%00). */
  readonly parameters: readonly (readonly Token[])[];
  /** %0. */
  readonly count: number;
  rotation: number;
  /** The number in `..@N.x`. */
  readonly unique: number;
  /** The macro's name as the call spells it (%?). */
  readonly calledAs: string;
  readonly frame: Frame;
}

/** What the preprocessor asks the assembler. */
export interface AssemblerHost {
  bits(): 16 | 32 | 64;
  /** 1 until the last pass, 2 in it. */
  passKind(): 1 | 2;
  /** Evaluates the expression at the start of `tokens`, with all symbols known: errors are reported. `rest`: the first token after it. */
  evaluate(
    tokens: readonly Token[],
    place: Token,
  ): { readonly value: Value; readonly rest: number } | undefined;
  environment(name: string): string | undefined;
  /** Something that may differ in the next pass was used: the program must be preprocessed again in each. */
  dependsOnPass(): void;
  readFile(
    name: string,
    from: string,
  ): { readonly file: string; readonly bytes: Uint8Array } | undefined;
}

export class Session {
  readonly contexts: Context[] = [];
  /** Next number for `..@N.x` of macros and contexts. */
  unique = 0;
  /** The line that is being worked on. */
  line!: SourceLine;
  frame: Frame | undefined;
  invocation: Invocation | undefined;
  aliasesOff = false;
  /** Packages loaded by %use. */
  readonly packages = new Set<string>();
  /** `%pragma preproc sane_empty_expansion`. */
  saneEmptyExpansion = false;
  /** Files that %include or %require has read. */
  readonly included = new Set<string>();
  stack: StackModel = defaultStackModel();
  /** What %line adds to line numbers, and the file that it names. */
  lineShift = 0;
  lineFile: string | undefined;
  /** Lines that would come out as they did before; undefined where all must be read. */
  knownLines: KnownLines | undefined;
  /** Tokens that may still be made in expanding this line. */
  budget = 0;

  constructor(
    readonly words: WordTable,
    readonly sink: DiagnosticSink,
    readonly host: AssemblerHost,
    readonly observer: PreprocessorObserver | undefined,
    /** All files of the program by resolved name, in order of first use; kept over all passes. */
    readonly sources: Map<string, SourceText>,
  ) {}

  sourceOf(file: string, bytes: Uint8Array): SourceText {
    let source = this.sources.get(file);
    if (source === undefined) {
      source = new SourceText(file, bytesText(Array.from(bytes)));
      this.sources.set(file, source);
    }
    return source;
  }

  error(place: Place, code: string, message: string, notes: readonly Note[] = []): void {
    this.sink.error(code, message, place, this.frame, notes);
  }

  warning(place: Place, name: string, message: string, notes: readonly Note[] = []): void {
    this.sink.warning(name, message, place, this.frame, notes);
  }

  /** The file that __FILE__ means. */
  fileName(): string {
    if (this.lineFile !== undefined) return this.lineFile;
    if (!this.line.source.builtin) return this.line.source.name;
    for (let f = this.frame; f !== undefined; f = f.parent) {
      if (!f.call.source.builtin) return f.call.source.name;
    }
    return this.line.source.name;
  }

  /** Reports what the lexer finds in text that was made by expansion. */
  lexProblem(place: Token): LexProblem {
    return (code, message) => this.warning(place, code, message);
  }
}
