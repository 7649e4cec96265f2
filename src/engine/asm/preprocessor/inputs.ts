/** Where lines come from: files, and on top of each file the macro and %rep bodies that are being expanded. */
import type { LineReader } from "../lines";
import type { Frame, SourceLine, Token } from "../tokens";
import type { Invocation } from "./session";

export type ConditionState = "true" | "false" | "done" | "elseTrue" | "elseFalse" | "never";

export function emits(state: ConditionState): boolean {
  return state === "true" || state === "elseTrue";
}

export interface OpenCondition {
  state: ConditionState;
  /** The last %if, %elif or %else: what turned lines off. */
  directive: Token;
  readonly opener: Token;
}

/** A body that is being played back. */
export interface Playback {
  readonly kind: "macro" | "rep";
  readonly body: readonly SourceLine[];
  next: number;
  readonly frame: Frame;
  /** The innermost macro call: for a %rep the one around it. */
  readonly invocation: Invocation | undefined;
  /** %rep: how many times it still runs after this one. */
  remaining: number;
  /** %exitrep was met: the rest only closes conditions. */
  stopped: boolean;
  /** Conditions open in the file when it began: %exitmacro closes the others. */
  readonly conditions: number;
  /** Without `.nolist`. */
  readonly listed: boolean;
}

export class Input {
  readonly conditions: OpenCondition[] = [];
  readonly playbacks: Playback[] = [];

  constructor(
    readonly reader: LineReader,
    /** Part of NASM's own macros. */
    readonly builtin: boolean,
    /** Where it was included: the frame of the %include line. */
    readonly frame: Frame | undefined,
  ) {}

  get playback(): Playback | undefined {
    return this.playbacks[this.playbacks.length - 1];
  }
}

/** A %macro or %rep whose body is being read. */
export interface Recording {
  readonly kind: "macro" | "rep";
  readonly directive: Token;
  readonly start: SourceLine;
  readonly body: SourceLine[];
  /** Inner %macro and %rep that are open. */
  macros: number;
  reps: number;
  /** Finishes it at its %endmacro or %endrep. */
  readonly finish: (end: SourceLine) => void;
}
