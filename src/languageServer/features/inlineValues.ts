/** Values in the text while the machine stands still: registers, flags and memory that the lines up to the stop use. */
import type { InlineValueEvaluatableExpression, Range } from "vscode-languageserver-protocol";
import {
  GPR16,
  GPR32,
  GPR64,
  keywordOf,
  SEGMENTS,
  type Statement,
  type StatementOperand,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { callGraph } from "../knowledge/callGraph";
import { writesRegister } from "../knowledge/registerFlow";
import { contains, toRange } from "../positions";

/** Flags that an expression can name, by the letters of the instruction table. */
const FLAGS: Readonly<Record<string, string>> = {
  C: "cf",
  P: "pf",
  A: "af",
  Z: "zf",
  S: "sf",
  O: "of",
  D: "df",
};
const SIZES: Readonly<Record<number, string>> = { 8: "byte", 16: "word", 32: "dword", 64: "qword" };

/** First line of the code that a stop lies in. */
function firstLine(analysis: Analysis, file: string, stop: number): number {
  const around = callGraph(analysis).functions.find((each) =>
    contains(each.whole, { file, line: stop, column: 1 }),
  );
  return around?.range.line ?? stop;
}

/** Statements of the lines from one to another, the last first. */
function linesUp(analysis: Analysis, file: string, from: number, to: number): Statement[] {
  const found: Statement[] = [];
  for (let line = to; line >= from; line--) {
    const statement = analysis
      .statementsOn(file, line)
      .find((each) => each.kind === "instruction" && each.macroTrail.length === 0);
    if (statement !== undefined) found.push(statement);
  }
  return found;
}

class Collector {
  readonly values: InlineValueEvaluatableExpression[] = [];
  private readonly shown = new Set<string>();
  /** Registers that the lines between here and the stop have written: an address made of them was another one. */
  private readonly overwritten = new Set<number>();

  constructor(private readonly analysis: Analysis) {}

  private show(expression: string, range: Range): void {
    if (this.shown.has(expression)) return;
    this.shown.add(expression);
    this.values.push({ range, expression });
  }

  add(statement: Statement, isStop: boolean): void {
    const { operands, form, mnemonic } = statement;
    if (!isStop) this.noteWrites(statement);
    operands.forEach((operand, i) => {
      this.registersOf(operand);
      const bits = /^(?:rm|m|moffs)(\d+)$/.exec(form?.operands[i]?.kind ?? "")?.[1];
      if (form?.mnemonic !== "lea") this.memory(operand, bits === undefined ? 0 : Number(bits));
    });
    if (mnemonic === undefined || !/^(j|set|cmov|adc|sbb|rcl|rcr|loop)/.test(form?.mnemonic ?? ""))
      return;
    for (const letter of form?.flags.read ?? "") {
      const flag = FLAGS[letter];
      if (flag !== undefined) this.show(flag, toRange(mnemonic.range));
    }
  }

  private noteWrites(statement: Statement): void {
    for (let register = 0; register < 16; register++) {
      if (writesRegister(statement, register) !== false) this.overwritten.add(register);
    }
  }

  private registersOf({ range }: StatementOperand): void {
    for (const token of this.analysis.tokensOn(range.file, range.line)) {
      const isInside =
        token.range.column >= range.column && token.range.endColumn <= range.endColumn;
      const name = token.text.toLowerCase();
      if (
        isInside &&
        token.kind === "word" &&
        keywordOf(name)?.kind === "register" &&
        name !== "rip"
      )
        this.show(name, toRange(token.range));
    }
  }

  /** The label that an operand is written with, where it is all of its address: a name says more than a number. */
  private labelIn(text: string, address: bigint): string | undefined {
    return text.match(/[a-z_]\w*/gi)?.find((word) => {
      const symbol = this.analysis.symbol(word);
      return symbol?.kind === "label" && symbol.value === address;
    });
  }

  private memory(operand: StatementOperand, bits: number): void {
    const { value, range } = operand;
    if (value?.kind !== "mem" || !value.displacementKnown) return;
    const parts: string[] = [];
    for (const [register, scale] of [
      [value.base, 1],
      [value.index, value.scale],
    ] as const) {
      if (register === undefined) continue;
      if (register.class !== "gpr" || this.overwritten.has(register.number)) return;
      const names = { 16: GPR16, 32: GPR32, 64: GPR64 }[register.size as 16 | 32 | 64];
      parts.push(`${names[register.number] ?? ""}${scale > 1 ? `*${scale}` : ""}`);
    }
    const displacement = BigInt.asIntN(64, value.displacement);
    const size = SIZES[value.size ?? bits];
    const isPlain = parts.length === 0;
    const label = isPlain ? this.labelIn(operand.text, displacement) : undefined;
    const number = label ?? `0x${(displacement < 0n ? -displacement : displacement).toString(16)}`;
    const sign = displacement < 0n ? "-" : isPlain ? "" : "+";
    if (isPlain || displacement !== 0n) parts.push(`${sign}${number}`);
    const segment = value.segment === undefined ? "" : `${SEGMENTS[value.segment]}:`;
    this.show(
      `${size === undefined ? "" : `${size} `}[${segment}${joined(parts)}]`,
      toRange(range),
    );
  }
}

/** "ebx+esi*4-0x8": a sign that a part brings stays. */
function joined(parts: readonly string[]): string {
  return parts.reduce(
    (text, part) => (text === "" || /^[+-]/.test(part) ? text + part : `${text}+${part}`),
    "",
  );
}

/** `viewport`: what the editor shows; `stop`: where the machine stands. */
export function inlineValues(
  analysis: Analysis,
  file: string,
  viewport: Range,
  stop: Range,
): InlineValueEvaluatableExpression[] {
  const stopLine = stop.end.line + 1;
  const from = Math.max(firstLine(analysis, file, stopLine), viewport.start.line + 1);
  const collector = new Collector(analysis);
  for (const statement of linesUp(analysis, file, from, stopLine))
    collector.add(statement, statement.range.line === stopLine);
  return collector.values.filter(({ range }) => range.start.line <= viewport.end.line);
}
