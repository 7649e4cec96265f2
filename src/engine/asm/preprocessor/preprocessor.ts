/**
 * The preprocessor: from files to lines for the assembler, one at a time, because `%if` may ask for labels and `$` that the assembler knows only
 * when it has seen the lines before (NASM manual, "The NASM Preprocessor").
 */
import type { KnownLine } from "../statementTree";
import { FileLine, LineReader } from "../lines";
import { SourceText } from "../sourceText";
import { isOp, Token, tokensText, type FoldedWord, type Frame, type SourceLine } from "../tokens";
import { defineBuiltins, FUNCTION_WORDS } from "./builtinFunctions";
import { ConditionRunner, isConditional } from "./conditionDirectives";
import { defineDirective } from "./definitions";
import type { DirectiveHost } from "./directiveHost";
import { runDirective } from "./directives";
import { emits, Input, type Playback, type Recording } from "./inputs";
import { findCall } from "./multiLine";
import { withEnvironment } from "./environment";
import { expandParameters } from "./parameters";
import { settle } from "./pasting";
import type { Invocation, Session } from "./session";
import { expandLine } from "./singleLine";
import { STANDARD_MACROS } from "./standardMacros";

/** A line for the assembler's parser. */
export interface ReadyLine {
  /** Fully expanded; empty only for those who want blank lines. */
  readonly tokens: readonly Token[];
  /** The line as written, in the open or in a body. */
  readonly line: SourceLine;
  readonly frame: Frame | undefined;
  /** What an equal line came out as. */
  readonly known?: KnownLine;
  /** The line of a file as it stands, no macro in it. */
  readonly plain?: FileLine;
  /** White space stands at its end. */
  readonly trailing?: boolean;
}

/** Limits that keep runaway macros finite. NASM has the same kinds: "mmacros" 100,000, "macro-levels" 10,000. */
const MOST_CALLS = 100_000;
const MOST_LEVELS = 1_000;
const MOST_INCLUDES = 128;
const MOST_LINES = 2_000_000;

const STANDARD_SOURCE = new SourceText("<nasm>", STANDARD_MACROS, true);

const CASELESS = new Set([
  "assign", "defalias", "define", "defstr", "deftok", "macro", "pathsearch", "rmacro", "strcat", "strlen", "substr",
  "xdefine",
]); // prettier-ignore

/** `ifdef` → `%if` with `def`; `idefine` → `define`, any case. */
interface DirectiveWord {
  readonly word: string;
  readonly caseSensitive: boolean;
}

function directiveWord(token: Token): DirectiveWord {
  const text = token.word!.folded.lower.slice(1);
  if (text.startsWith("i") && CASELESS.has(text.slice(1))) {
    return { word: text.slice(1), caseSensitive: false };
  }
  return { word: text, caseSensitive: true };
}

export class Preprocessor implements DirectiveHost {
  private readonly inputs: Input[] = [];
  readonly recordings: Recording[] = [];
  private readonly pending: ReadyLine[] = [];
  private serial = 0;
  /** Macro calls since the last time that none was open, and how many are open. */
  private calls = 0;
  private levels = 0;
  private lines = 0;
  /** Of the line that was read last, as %line counts. */
  private lineNumber = 0;
  private complained = false;
  private fatal = false;
  private readonly conditions: ConditionRunner;

  constructor(
    readonly session: Session,
    main: SourceText,
    preamble: string,
    private readonly keepsBlankLines = false,
    private readonly mostLines = MOST_LINES,
  ) {
    this.conditions = new ConditionRunner(session);
    this.pushSource(main);
    if (preamble !== "") this.pushSource(new SourceText("<command line>", preamble, true));
    this.pushSource(STANDARD_SOURCE);
    const place = new Token("other", "", false, STANDARD_SOURCE, 0, 0);
    defineBuiltins(place, session);
  }

  get input(): Input {
    return this.inputs[this.inputs.length - 1]!;
  }

  nextSerial(): number {
    return ++this.serial;
  }

  stop(): void {
    this.fatal = true;
  }

  pushSource(source: SourceText, place?: Token): void {
    if (this.inputs.length >= MOST_INCLUDES) {
      this.session.error(place!, "include-depth", "files include each other without end");
      return;
    }
    const problem = source.builtin
      ? undefined
      : (code: string, message: string, start: number, end: number): void => {
          if (!this.isSkipping()) this.session.warning({ source, start, end }, code, message);
        };
    const reader = new LineReader(source, this.session.words, problem);
    this.inputs.push(new Input(reader, source.builtin, this.session.frame));
  }

  /** The next line for the assembler, or undefined at the end. */
  next(): ReadyLine | undefined {
    for (;;) {
      const ready = this.pending.shift();
      if (ready) return ready;
      if (this.inputs.length === 0 || this.fatal) return undefined;
      const known = this.knownLine();
      if (known) return known;
      const line = this.readLine();
      if (line === undefined) continue;
      if (++this.lines > this.mostLines) {
        this.giveUp(line, "overall line count exceeds the maximum");
        return undefined;
      }
      const result = this.process(line);
      if (result) return result;
    }
  }

  /** The next line, if it is one of a file and an equal one was assembled before. */
  private knownLine(): ReadyLine | undefined {
    const { session, input } = this;
    const { knownLines } = session;
    if (knownLines === undefined || input.builtin || this.lines >= this.mostLines) return undefined;
    if (input.playbacks.length > 0 || this.recordings.length > 0 || this.isSkipping())
      return undefined;
    const text = input.reader.peek();
    const known = text === undefined ? undefined : knownLines.find(text);
    if (known === undefined || known.words.some(isMacroName)) return undefined;
    const line = input.reader.take();
    this.lines++;
    session.frame = input.frame;
    session.invocation = undefined;
    session.line = line;
    return { tokens: [], line, frame: input.frame, known };
  }

  private giveUp(line: SourceLine, message: string): void {
    this.session.error(
      { source: line.source, start: line.start, end: line.end },
      "too-long",
      message,
    );
    this.fatal = true;
  }

  /** Reads from the innermost body or file; undefined when that one has just ended. */
  private readLine(): SourceLine | undefined {
    const { input, session } = this;
    const { playback } = input;
    if (playback === undefined) {
      session.frame = input.frame;
      const line = input.reader.read();
      if (line === undefined) {
        this.endInput(input);
        return undefined;
      }
      session.invocation = undefined;
      session.line = line;
      this.lineNumber = line.line + session.lineShift;
      session.observer?.lineRead?.(line, this.listLevel(), !input.builtin, this.lineNumber);
      return line;
    }
    const line = playback.body[playback.next++];
    if (line === undefined) {
      this.endPlayback(input, playback);
      return undefined;
    }
    session.frame = playback.frame;
    session.invocation = playback.invocation;
    session.line = line;
    this.lineNumber = line.line;
    session.observer?.lineRead?.(line, this.listLevel(), this.isListed());
    return line;
  }

  private listLevel(): number {
    return this.inputs.reduce((sum, input) => sum + input.playbacks.length, this.inputs.length - 1);
  }

  private isListed(): boolean {
    return this.inputs.every((input) => !input.builtin && input.playbacks.every((p) => p.listed));
  }

  private endInput(input: Input): void {
    for (const open of input.conditions) {
      this.session.error(open.opener, "open-condition", "expected `%endif' before end of file");
    }
    this.inputs.pop();
    if (this.inputs.length > 0) return;
    for (const recording of this.recordings) {
      const end = recording.kind === "macro" ? "%endmacro" : "%endrep";
      const message = `\`${recording.directive.text}' without \`${end}'`;
      this.session.error(recording.directive, "open-macro", message);
    }
  }

  private endPlayback(input: Input, playback: Playback): void {
    if (playback.kind === "rep" && playback.remaining > 0 && !playback.stopped) {
      playback.remaining--;
      playback.next = 0;
      return;
    }
    input.playbacks.pop();
    const recording = this.recordings[this.recordings.length - 1];
    if (playback.kind === "macro") {
      const { macro } = playback.invocation!;
      macro.inProgress--;
      if (
        recording?.kind === "rep" &&
        recording.start.source === playback.body[0]?.source &&
        this.recordedIn(recording, playback)
      ) {
        const message = `\`%rep' without \`%endrep' within expansion of macro \`${macro.name}'`;
        this.session.error(recording.directive, "open-macro", message);
        this.recordings.pop();
      }
      if (--this.levels === 0) {
        this.calls = 0;
        this.complained = false;
      }
    }
  }

  private recordedIn(recording: Recording, playback: Playback): boolean {
    return playback.body.includes(recording.start);
  }

  private isSkipping(): boolean {
    const { input } = this;
    const open = input.conditions[input.conditions.length - 1];
    return (open !== undefined && !emits(open.state)) || input.playback?.stopped === true;
  }

  private process(line: SourceLine): ReadyLine | undefined {
    const { session } = this;
    const recording = this.recordings[this.recordings.length - 1];
    const skipping = this.isSkipping();
    let { tokens } = line;
    if (tokens.length === 0) {
      recording?.body.push(line);
      if (session.observer) this.observeLine(line, skipping);
      return recording || skipping ? undefined : this.blank(line);
    }
    if (!recording && !skipping) tokens = expandParameters(tokens, session);
    const first = tokens[0];
    if (first?.kind === "directive" && this.directive(first, tokens, line, skipping))
      return undefined;
    if (session.observer) this.observeLine(line, skipping);
    if (recording) {
      recording.body.push(line);
      return undefined;
    }
    if (skipping || first === undefined) return undefined;
    if (isOp(first, "#") && !first.space && first.start === line.start) {
      if (tokens[1]?.kind !== "number") session.error(first, "line-number", "`#' expects a line number"); // prettier-ignore
      return undefined;
    }
    if (this.input.playback === undefined && line instanceof FileLine && isPlainLine(line)) {
      return { tokens, line, frame: session.frame, plain: line };
    }
    return this.ordinary(expandLine(tokens, session), line);
  }

  private observeLine(line: SourceLine, skipping: boolean): void {
    const { input, session } = this;
    if (input.builtin || line.source.builtin) return;
    if (!skipping) session.observer!.active(line);
    else {
      const open = input.conditions[input.conditions.length - 1];
      if (open && !emits(open.state)) session.observer!.skipped(line, open.directive);
    }
  }

  /** A line that is no directive: a macro call, or one for the assembler. */
  private ordinary(expanded: readonly Token[], line: SourceLine): ReadyLine | undefined {
    const { session } = this;
    const last = expanded[expanded.length - 1];
    const call = this.macroCall(expanded, line);
    if (call) return undefined;
    const visible = last?.kind === "space" ? expanded.slice(0, -1) : expanded;
    const tokens = this.finished(visible);
    return tokens.length === 0 ? this.blank(line) : { tokens, line, frame: session.frame };
  }

  private blank(line: SourceLine): ReadyLine | undefined {
    if (!this.keepsBlankLines || line.source.builtin || this.input.builtin) return undefined;
    return { tokens: [], line, frame: this.session.frame };
  }

  /** `%$x` that is no macro becomes a label of its context; what grew together is read again. */
  private finished(tokens: readonly Token[]): readonly Token[] {
    const { session } = this;
    const named = tokens.some((token) => token.kind === "contextLocal")
      ? tokens.map((token) => (token.kind === "contextLocal" ? this.contextLabel(token) : token))
      : tokens;
    return settle(withEnvironment(named, session), session);
  }

  private contextLabel(token: Token): Token {
    const { contexts, words } = this.session;
    const match = /^%\$(\$*)(.*)$/.exec(token.text)!;
    const context = contexts[contexts.length - 1 - match[1]!.length];
    if (context === undefined) {
      this.session.error(token, "context-stack", `\`${token.text}': context stack is empty`);
      return token;
    }
    this.session.observer?.localMentioned("contextLabel", token, String(context.number));
    const text = `..@${context.number}.${match[2]!}`;
    return new Token(
      "id",
      text,
      token.space,
      token.source,
      token.start,
      token.end,
      words.word(text),
    );
  }

  /** Starts the expansion if the line calls a multi-line macro, with or without a label in front. */
  private macroCall(tokens: readonly Token[], line: SourceLine): boolean {
    const { session } = this;
    const first = tokens[0];
    if (first === undefined || (first.kind !== "id" && first.kind !== "contextLocal")) return false;
    let at = 0;
    let call = first.word!.folded.multiLine ? findCall(first, tokens.slice(1), session) : undefined;
    if (call === undefined) {
      at = isOp(tokens[1], ":") ? 2 : 1;
      const second = tokens[at];
      if (second?.kind !== "id" || !second.word!.folded.multiLine) return false;
      call = findCall(second, tokens.slice(at + 1), session);
      if (call === undefined) return false;
    }
    const nameToken = tokens[at]!;
    const { input } = this;
    if (this.calls >= MOST_CALLS || this.levels >= MOST_LEVELS) {
      if (!this.complained) {
        session.error(nameToken, "macro-recursion", "interminable multiline macro recursion");
        this.complained = true;
      }
      return false;
    }
    this.calls++;
    this.levels++;
    const { macro } = call;
    const frame: Frame = {
      parent: session.frame,
      name: macro.name,
      builtin: macro.builtin,
      noList: macro.noList,
      call: line,
      callToken: nameToken,
      serial: this.nextSerial(),
    };
    const label = at > 0 ? tokens.slice(0, at) : [];
    const parameters = [...call.parameters];
    if (label.length > 0 && macro.capturesLabel) parameters[0] = [label[0]!.spaced(false)];
    const invocation: Invocation = {
      macro,
      parameters,
      count: call.count,
      rotation: 0,
      unique: session.unique++,
      calledAs: nameToken.text,
      frame,
    };
    macro.inProgress++;
    input.playbacks.push({
      kind: "macro",
      body: macro.builtin ? macro.body.map((each) => placedAt(each, nameToken, line)) : macro.body,
      next: 0,
      frame,
      invocation,
      remaining: 0,
      stopped: false,
      conditions: input.conditions.length,
      listed: !macro.noList,
    });
    const written = call.parameters.slice(1, call.written + 1);
    session.observer?.multiLineUsed(macro, nameToken, written, frame);
    if (label.length > 0 && !macro.capturesLabel) this.pushLabel(label, line, nameToken.space);
    return true;
  }

  /** A label in front of a macro call becomes a line of its own. */
  private pushLabel(label: readonly Token[], line: SourceLine, space: boolean): void {
    const first = label[0]!;
    const colon = label[1] ?? new Token("op", ":", true, first.source, first.end, first.end);
    const tokens = this.finished([first, colon]);
    const trailing = space && label.length > 1;
    const made = `${first.space ? " " : ""}${tokensText([first, colon])}${trailing ? " " : ""}`;
    this.session.observer?.lineRead?.(
      { ...line, tokens, made },
      this.listLevel(),
      this.isListed(),
      this.lineNumber,
    );
    this.pending.push({ tokens, line, frame: this.session.frame, trailing });
  }

  /** Carries out a line that starts with a %-word. False: the word is no directive here. */
  private directive(
    first: Token,
    tokens: readonly Token[],
    line: SourceLine,
    skipping: boolean,
  ): boolean {
    const { word, caseSensitive } = directiveWord(first);
    const conditional = isConditional(word);
    if (skipping && !conditional) return false;
    const recording = this.recordings[this.recordings.length - 1];
    if (recording) return this.directiveInBody(recording, word, first, line);
    if (FUNCTION_WORDS.has(word) && isOp(tokens[1], "(")) return false;
    if (
      conditional &&
      this.conditions.carryOut(word, first, tokens.slice(1), this.input, skipping)
    ) {
      this.observeDirective(line);
      return true;
    }
    if (skipping) return false;
    this.observeDirective(line);
    if (defineDirective(word, caseSensitive, first, tokens.slice(1), this.session)) return true;
    return runDirective(word, caseSensitive, first, tokens.slice(1), line, this);
  }

  private observeDirective(line: SourceLine): void {
    const { observer } = this.session;
    if (observer && !line.source.builtin && !this.input.builtin) observer.active(line);
  }

  /** While a body is recorded only nesting counts. */
  private directiveInBody(
    recording: Recording,
    word: string,
    first: Token,
    line: SourceLine,
  ): boolean {
    if (word === "macro" || word === "rmacro") recording.macros++;
    else if (word === "endmacro" || word === "endm") {
      if (recording.macros > 0) recording.macros--;
      else if (recording.kind === "macro") return this.finishRecording(recording, first, line);
    } else if (recording.kind === "rep" && recording.macros === 0) {
      if (word === "rep") recording.reps++;
      else if (word === "endrep") {
        if (recording.reps === 0) return this.finishRecording(recording, first, line);
        recording.reps--;
      }
    }
    return false;
  }

  private finishRecording(recording: Recording, word: Token, line: SourceLine): boolean {
    this.recordings.pop();
    this.observeDirective(line);
    this.session.observer?.block(recording.kind, "close", word);
    recording.finish(line);
    return true;
  }
}

function isMacroName({ singleLine, multiLine }: FoldedWord): boolean {
  return multiLine !== undefined || (singleLine !== undefined && singleLine.length > 0);
}

/** There is nothing for the preprocessor in it. */
function isPlainLine({ tokens }: SourceLine): boolean {
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    switch (token.kind) {
      case "id":
        if (isMacroName(token.word!.folded)) return false;
        // `1.x` is cut in two, and grows together again.
        if (i > 0 && tokens[i - 1]!.kind === "number" && token.text.startsWith(".")) return false;
        break;
      case "number":
      case "float":
      case "string":
      case "op":
      case "here":
      case "base":
        break;
      default:
        return false;
    }
  }
  return true;
}

/** A line of a built-in macro, placed at the call: errors and statements are shown there. */
function placedAt(line: SourceLine, call: Token, callLine: SourceLine): SourceLine {
  return { ...callLine, tokens: line.tokens.map((token) => token.at(call)) };
}
