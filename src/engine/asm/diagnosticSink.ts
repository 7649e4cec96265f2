/** Collects diagnostics with exact places, macro trails and NASM's warning switches. */
import { Token, type Frame } from "./tokens";
import type { SourceText } from "./sourceText";
import type { Diagnostic, SourceRange } from "./types";
import { WarningState } from "./warningClasses";

/** A place in a source: a token, or a run of tokens of one source. */
export interface Place {
  readonly source: SourceText;
  readonly start: number;
  readonly end: number;
}

export interface Note {
  readonly message: string;
  readonly range: SourceRange;
}

/** From the first to the last of the tokens that stand on its line; a token from a single-line macro stands where the macro was called. */
export function placeOfTokens(tokens: readonly Token[], from = 0, to = tokens.length): Place {
  const first = tokens[from]!.via ?? tokens[from]!;
  const { source } = first;
  let { start, end } = first;
  for (let i = from + 1; i < to; i++) {
    const token = tokens[i]!.via ?? tokens[i]!;
    if (token.source !== source) continue;
    if (token.end > end && sameLine(source, end, token.start)) end = token.end;
    else if (token.start < start && sameLine(source, token.end, start)) start = token.start;
  }
  return { source, start, end };
}

/** Nothing but continued line ends between two offsets. */
export function sameLine({ text }: SourceText, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code !== 10 && code !== 13) continue;
    const before = code === 10 && text.charCodeAt(i - 1) === 13 ? i - 2 : i - 1;
    if (text.charCodeAt(before) !== 92) return false;
  }
  return true;
}

/** A token's place on the line that is read, not in the definition that it comes from. */
function visiblePlace(place: Place): Place {
  return place instanceof Token && place.via ? place.via : place;
}

function definitionNotes(place: Place): Note[] {
  if (!(place instanceof Token) || !place.via || place.source.builtin) return [];
  return [{ message: `in the definition of \`${place.via.text}'`, range: rangeOf(place) }];
}

export function rangeOf(place: Place): SourceRange {
  return place.source.range(place.start, place.end);
}

/** What NASM says in its last pass only, though it is found while preprocessing or parsing: another pass may take another way through the %if. */
const ONLY_IN_LAST_PASS: ReadonlySet<string> = new Set([
  "float-denorm",
  "float-overflow",
  "float-toolong",
  "float-underflow",
  "pp-rep-negative",
  "error-directive",
  "user",
]);

/** Errors that NASM finds in the pass before the last one, and then makes no last one. */
const BEFORE_LAST_PASS: ReadonlySet<string> = new Set([
  "section-attribute",
  "section-type",
  "special-name",
  "special-type",
]);

/** More than this many is noise; what comes after is dropped and said once. */
const MOST = 2000;

export class DiagnosticSink {
  readonly diagnostics: Diagnostic[] = [];
  /** Counts all that is said, also what is not kept because it was said before or is too much. */
  said = 0;
  /** The warning switches as each pass begins with them. */
  startWarnings = WarningState.initial;
  warnings = WarningState.initial;
  private readonly seen = new Set<string>();
  /** True while messages shall not be kept: passes whose outcome is not final. */
  muted = false;
  /** Keys of the diagnostics, in the same order. */
  private keys: string[] = [];
  /** The first pass found errors that NASM stops at. */
  firstPassFailed = false;
  /** What was said in the first pass. */
  private firstPass: ReadonlySet<Diagnostic> = new Set();
  private heard: ((diagnostic: Diagnostic) => void) | undefined;
  private readonly closedLines = new Set<string>();

  error(
    code: string,
    message: string,
    place: Place,
    frame?: Frame,
    notes: readonly Note[] = [],
  ): void {
    this.add("error", code, message, place, frame, notes);
  }

  /** `name` is NASM's warning class. */
  warning(
    name: string,
    message: string,
    place: Place,
    frame?: Frame,
    notes: readonly Note[] = [],
  ): void {
    if (!this.warnings.isOn(name)) return;
    const severity = this.warnings.isError(name) ? "error" : "warning";
    this.add(severity, name, message, place, frame, notes);
  }

  get hasErrors(): boolean {
    return this.diagnostics.some((diagnostic) => diagnostic.severity === "error");
  }

  /**
   * Ends the first pass and returns how many diagnostics stay. Where the program is preprocessed again, warnings and %error will be said again if they
   * still hold. A line that was wrong has had its say: what later passes make of it is only a consequence.
   */
  endFirstPass(preprocessedAgain: boolean): number {
    this.firstPass = new Set(this.diagnostics);
    this.firstPassFailed = this.diagnostics.some(
      (each) => each.severity === "error" && isEarly(each),
    );
    if (preprocessedAgain && !this.firstPassFailed)
      this.keepOnly((each) => each.severity === "error" && isEarly(each));
    for (const each of this.diagnostics) {
      if (each.severity !== "error" || !isEarly(each)) continue;
      this.closedLines.add(`${each.range.file}:${each.range.line}`);
    }
    return this.diagnostics.length;
  }

  /** Forgets what NASM would not have come to say: it makes no further pass after one with errors. */
  keepWhatStoppedNasm(): void {
    const inFirst = (each: Diagnostic): boolean => this.firstPass.has(each) && isEarly(each);
    const before = (each: Diagnostic): boolean => BEFORE_LAST_PASS.has(each.code);
    const isError = ({ severity }: Diagnostic): boolean => severity === "error";
    if (this.firstPassFailed) this.keepOnly(inFirst);
    else if (this.diagnostics.some((each) => isError(each) && before(each))) {
      this.keepOnly((each) => before(each) || inFirst(each) || each.message.startsWith("ignoring unknown section attribute")); // prettier-ignore
    }
  }

  private keepOnly(wanted: (diagnostic: Diagnostic) => boolean): void {
    const kept = this.diagnostics.map(wanted);
    this.keys.forEach((key, i) => kept[i]! || this.seen.delete(key));
    this.keys = this.keys.filter((_key, i) => kept[i]);
    const rest = this.diagnostics.filter((_each, i) => kept[i]);
    this.diagnostics.splice(0, this.diagnostics.length, ...rest);
  }

  /** Someone who hears all that is said from now on, each time that it is said; nothing is kept any more. */
  tellInstead(heard: (diagnostic: Diagnostic) => void): void {
    this.heard = heard;
    this.closedLines.clear();
  }

  /** Forgets everything from the `count`th diagnostic on: what a pass said that was not the last. */
  rollback(count: number): void {
    for (const key of this.keys.splice(count)) this.seen.delete(key);
    this.diagnostics.length = count;
  }

  private add(
    severity: Diagnostic["severity"],
    code: string,
    message: string,
    place: Place,
    frame: Frame | undefined,
    notes: readonly Note[],
  ): void {
    this.said++;
    if (this.muted || this.diagnostics.length >= MOST) return;
    const shown = placeInTheOpen(place, frame);
    if (this.heard) {
      this.heard({ severity, code, message, range: rangeOf(shown), related: notes });
      return;
    }
    const key = `${shown.source.name}:${shown.start}:${message}`;
    if (this.seen.has(key)) return;
    const range = rangeOf(shown);
    if (severity === "error" && this.closedLines.has(`${range.file}:${range.line}`)) return;
    this.seen.add(key);
    this.keys.push(key);
    const related = [
      ...notes,
      ...definitionNotes(place),
      ...trailNotes(visiblePlace(place), shown, frame),
    ];
    this.diagnostics.push({ severity, code, message, range, related });
  }
}

function isEarly({ code }: Diagnostic): boolean {
  return !ONLY_IN_LAST_PASS.has(code);
}

/**
 * Where a message is shown, as in NASM: at the macro call in the open, unless the place itself is on that line (an argument). A %rep is no call.
 */
function placeInTheOpen(place: Place, frame: Frame | undefined): Place {
  const visible = visiblePlace(place);
  let outermost: Frame | undefined;
  for (let f = frame; f !== undefined; f = f.parent) if (f.name !== "%rep") outermost = f;
  if (outermost === undefined) return visible;
  const { call, callToken } = outermost;
  const onCallLine =
    visible.source === call.source && visible.start >= call.start && visible.end <= call.end;
  return onCallLine ? visible : visiblePlace(callToken);
}

/** The place in the body, and the calls between it and the one in the open, innermost first. */
function trailNotes(place: Place, shown: Place, frame: Frame | undefined): Note[] {
  const notes: Note[] = [];
  let current = place;
  for (let f = frame; f !== undefined; f = f.parent) {
    if (f.builtin || f.name === "%rep") continue;
    if (current.start !== shown.start || current.source !== shown.source) {
      notes.push({ message: `in the expansion of macro \`${f.name}'`, range: rangeOf(current) });
    }
    current = visiblePlace(f.callToken);
  }
  return notes;
}
