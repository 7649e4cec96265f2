/** Where a statement stands for a reader: the line in the open, and the macro bodies that it came through. */
import { placeOfTokens, rangeOf } from "./diagnosticSink";
import type { Frame, SourceLine } from "./tokens";
import type { SourceRange } from "./types";

export interface Origin {
  /** The line in the open: the macro call, or the line itself. A %rep is no call: its body lines stand where they are. */
  readonly callRange: SourceRange;
  /** The line itself, in the innermost body. */
  readonly range: SourceRange;
  /** Outermost first. */
  readonly trail: readonly { readonly macro: string; readonly range: SourceRange }[];
}

const NO_TRAIL: Origin["trail"] = [];

/** Ranges of lines are asked for again and again when a macro is long: remembered by line. */
export class OriginFinder {
  private readonly ranges = new Map<SourceLine, SourceRange>();

  lineRange(line: SourceLine): SourceRange {
    let range = this.ranges.get(line);
    if (range === undefined) {
      range =
        line.tokens.length > 0
          ? rangeOf(placeOfTokens(line.tokens))
          : line.source.range(line.start, line.end);
      this.ranges.set(line, range);
    }
    return range;
  }

  /** The innermost line and frame that a reader can see: NASM's own macros stand for their call. */
  visible(
    line: SourceLine,
    frame: Frame | undefined,
  ): { readonly line: SourceLine; readonly frame: Frame | undefined } {
    let shown = line;
    let f = frame;
    while (f?.builtin === true) {
      shown = f.call;
      f = f.parent;
    }
    return { line: shown, frame: f };
  }

  origin(line: SourceLine, frame: Frame | undefined): Origin {
    const seen = this.visible(line, frame);
    const range = this.lineRange(seen.line);
    if (seen.frame === undefined) return { callRange: range, range, trail: NO_TRAIL };
    const trail: { macro: string; range: SourceRange }[] = [];
    let current = seen.line;
    for (let f: Frame | undefined = seen.frame; f !== undefined; f = f.parent) {
      if (!f.builtin) trail.unshift({ macro: f.name, range: this.lineRange(current) });
      if (f.name !== "%rep") current = f.call;
    }
    return { callRange: this.lineRange(current), range, trail };
  }
}
