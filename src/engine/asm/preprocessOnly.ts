/** What `nasm -E` prints: the program after preprocessing, with %line where the line numbers jump. */
import { tokensText, type SourceLine } from "./tokens";
import type { ReadyLine } from "./preprocessor/preprocessor";

/** The line that NASM counts: `.nolist` macros are at their call as a whole. */
function lineOf({ line, frame }: ReadyLine): SourceLine {
  let place = line;
  for (let f = frame; f !== undefined; f = f.parent) {
    if (f.builtin || f.noList === true) place = f.call;
  }
  return place;
}

export class PreprocessedText {
  private text = "";
  private file: string | undefined;
  /** The number that the next line has for a reader, and what %line says that each line adds. */
  private next = 0;
  private step: 0 | 1 = 0;

  add(ready: ReadyLine): void {
    const { source, line } = lineOf(ready);
    if (source.name !== this.file) {
      this.file = source.name;
      this.next = -1;
      this.step = 1;
    } else this.follow(line);
    const { tokens } = ready;
    if (this.next === -1 && tokens.length === 0) return;
    if (this.next !== line) this.text += `%line ${line}+${this.step} ${source.name}\n`;
    this.next = line + this.step;
    const indent = tokens[0]?.space === true ? " " : "";
    this.text += `${indent}${tokensText(tokens)}${ready.trailing === true ? " " : ""}\n`;
  }

  private follow(line: number): void {
    if (this.step === 0) {
      if (this.next + 1 === line) this.step = 1;
    } else if (this.next + 1 === line) {
      this.text += "\n";
      this.next++;
    } else if (this.next - 1 === line) this.step = 0;
  }

  toString(): string {
    return this.text;
  }
}
