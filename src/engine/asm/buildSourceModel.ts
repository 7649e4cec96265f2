/** Makes the source model: one run of the assembler with someone listening, then the statements in a form for tools. */
import { decode } from "../codec/decode";
import type { AsmOperand } from "../codec/types";
import type { InstructionForm } from "../isa/types";
import { addressOf, assemblyOf, fileOffsetOf } from "./assemble";
import { sharedReuse } from "./knownLines";
import { Assembler } from "./assembler";
import { placeOfTokens, rangeOf } from "./diagnosticSink";
import { Evaluator } from "./evaluate";
import type { Expression } from "./expressionTree";
import { keywordAt } from "./expressionParser";
import { ModelRecorder } from "./modelRecorder";
import { OriginFinder } from "./origins";
import { plainTokens } from "./plainTokens";
import type {
  BuildSourceModel,
  NameOccurrence,
  PlainToken,
  SourceModel,
  SourceWord,
  Statement,
  StatementKind,
  StatementOperand,
} from "./sourceModel";
import type { Placed, StatementTree } from "./statementTree";
import { tokensText, type Frame, type Token } from "./tokens";
import type { AssembleOptions, Assembly } from "./types";

export const buildSourceModel: BuildSourceModel = (options) => {
  const recorder = new ModelRecorder();
  const assembler = new Assembler(options, recorder, sharedReuse());
  assembler.run();
  return new FinishedModel(options, assembler, recorder);
};

/** A class for the same reason as the assembly. */
class FinishedModel implements SourceModel {
  readonly assembly: Assembly;
  readonly statements: readonly Statement[];
  readonly includes: SourceModel["includes"];
  readonly inactive: SourceModel["inactive"];
  readonly macroDefinitions: SourceModel["macroDefinitions"];
  readonly macroInvocations: SourceModel["macroInvocations"];
  readonly blocks: SourceModel["blocks"];
  private readonly tokens = new Map<string, readonly PlainToken[]>();
  // Diagnostics alone do not want them.
  private nameList: readonly NameOccurrence[] | undefined;

  constructor(
    readonly options: AssembleOptions,
    private readonly assembler: Assembler,
    private readonly recorder: ModelRecorder,
  ) {
    this.assembly = assemblyOf(assembler, options);
    this.statements = new StatementBuilder(assembler, recorder, this.assembly.origin).build();
    this.includes = recorder.includes;
    this.inactive = recorder.inactiveRegions();
    this.macroDefinitions = recorder.definitions;
    this.macroInvocations = recorder.invocations;
    this.blocks = recorder.blocks;
  }

  get names(): readonly NameOccurrence[] {
    return (this.nameList ??= this.recorder.names.occurrences());
  }

  textOf(file: string): string | undefined {
    return this.assembler.sources.get(file)?.text;
  }

  tokensOf(file: string): readonly PlainToken[] {
    let list = this.tokens.get(file);
    if (list === undefined) {
      const source = this.assembler.sources.get(file);
      list = source ? plainTokens(source) : [];
      this.tokens.set(file, list);
    }
    return list;
  }
}

const NOTHING = new Uint8Array(0);
const NO_PREFIXES: readonly SourceWord[] = [];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class StatementBuilder {
  private readonly finder = new OriginFinder();

  constructor(
    private readonly assembler: Assembler,
    private readonly recorder: ModelRecorder,
    private readonly origin: number,
  ) {}

  build(): Statement[] {
    const { statements } = this.assembler;
    const result: Statement[] = [];
    for (let i = 0; i < statements.length;) {
      const statement = statements[i]!;
      const call = builtinCall(statement.frame);
      if (call === undefined) {
        result.push(this.plain(statement));
        i++;
        continue;
      }
      let end = i + 1;
      while (end < statements.length && builtinCall(statements[end]!.frame) === call) end++;
      result.push(this.ofBuiltin(call, statements.slice(i, end)));
      i = end;
    }
    return result;
  }

  private common(
    statement: StatementTree,
    placed: Placed | undefined,
  ): Pick<
    Statement,
    "range" | "callRange" | "macroTrail" | "bits" | "section" | "address" | "fileOffset"
  > {
    const { range, callRange, trail } = this.finder.origin(statement.line, statement.frame);
    return {
      range,
      callRange,
      macroTrail: trail,
      bits: statement.bits,
      section: this.sectionName(statement),
      address: this.address(statement, placed),
      fileOffset: placed ? fileOffsetOf(placed, this.origin) : -1,
    };
  }

  private plain(statement: StatementTree): Statement {
    const { placed } = statement;
    const { mnemonicToken, label } = statement;
    const values = placed && this.values(statement, placed);
    const form = placed && formOf(statement, placed);
    const { range, callRange, trail } = this.finder.origin(statement.line, statement.frame);
    // Thousands of these are made after each keystroke: no spreads, no copies.
    const result: Mutable<Statement> = {
      kind: kindOf(statement),
      range,
      callRange,
      macroTrail: trail,
      bits: statement.bits,
      section: this.sectionName(statement),
      address: this.address(statement, placed),
      fileOffset: placed ? fileOffsetOf(placed, this.origin) : -1,
      prefixes:
        statement.prefixTokens.length === 0 ? NO_PREFIXES : statement.prefixTokens.map(word),
      operands: statement.operands.map((_, i) => this.operand(statement, values?.[i], i)),
      length: placed?.length ?? 0,
      bytes: placed ? oneCopy(statement, placed) : NOTHING,
      times: placed?.copies ?? 1,
      failed: statement.failed || statement.broken,
    };
    if (label) result.label = { ...word(label.token), name: label.symbol.name };
    if (mnemonicToken) result.mnemonic = word(mnemonicToken);
    if (form) result.form = form;
    return result;
  }

  private sectionName({ segment }: StatementTree): string {
    return this.assembler.layout.sections.ofSegment(segment)?.name ?? "";
  }

  private address(statement: StatementTree, placed: Placed | undefined): number {
    if (placed?.section) return addressOf(placed);
    return statement.offset + this.assembler.layout.sections.baseOf(statement.segment);
  }

  private values(statement: StatementTree, placed: Placed): readonly AsmOperand[] | undefined {
    if (placed.operands || statement.body.kind !== "instruction") return placed.operands;
    return this.assembler.layout.jumpOperands(statement);
  }

  private operand(
    statement: StatementTree,
    value: AsmOperand | undefined,
    index: number,
  ): StatementOperand {
    const { span, expression } = statement.operands[index]!;
    const number =
      statement.body.kind === "instruction" || !expression
        ? undefined
        : this.number(expression, statement);
    const result: Mutable<StatementOperand> = {
      range: rangeOf(statement.operandPlace(index)),
      text: tokensText(statement.tokens, span.from, span.to),
    };
    if (value) result.value = value;
    if (number !== undefined) result.number = number;
    return result;
  }

  private number(expression: Expression, statement: StatementTree): bigint | undefined {
    const { segment, offset } = statement;
    const { sections } = this.assembler.layout;
    const value = new Evaluator({
      segment,
      offset: BigInt(offset),
      critical: true,
      firstPass: false,
      report: () => undefined,
    }).evaluate(expression);
    if (!value?.isRelocatable(segment)) return undefined;
    return value.segments.reduce(
      (sum, term) => sum + BigInt(sections.baseOf(term.segment)) * term.factor,
      value.scalar,
    );
  }

  /** Statements that one of NASM's own macros made (`align`, `struc`, `section`) are one statement of the user. */
  private ofBuiltin(call: Frame, group: readonly StatementTree[]): Statement {
    const first = group[0]!;
    const placed = group.map((each) => each.placed).filter((each) => each !== undefined);
    const args = this.recorder.builtinArguments.get(call) ?? [];
    const length = placed.reduce((sum, each) => sum + each.length, 0);
    return {
      kind:
        placed.some((each) => each.kind !== "reserve") && call.name !== "align"
          ? "data"
          : "directive",
      ...this.common(first, placed[0]),
      ...this.labelOf(group),
      prefixes: [],
      mnemonic: word(call.callToken),
      operands: args
        .filter((arg) => arg.length > 0 && !arg[0]!.source.builtin)
        .map((arg) => ({ range: rangeOf(placeOfTokens(arg)), text: tokensText(arg) })),
      length,
      bytes: joined(placed, length),
      times: 1,
      failed: group.some((each) => each.failed || each.broken),
    };
  }

  /** `struc name` defines its name. */
  private labelOf(group: readonly StatementTree[]): {
    readonly label?: SourceWord & { readonly name: string };
  } {
    const label = group.find(
      (each) => each.label && !each.label.symbol.name.startsWith("..@"),
    )?.label;
    return label ? { label: { ...word(label.token), name: label.symbol.name } } : {};
  }
}

/** The row of an instruction; jumps that were made by a pattern have only their bytes. */
function formOf({ body }: StatementTree, placed: Placed): InstructionForm | undefined {
  if (placed.encoded || body.kind !== "instruction") return placed.encoded?.form;
  const decoded = decode(placed.bytes, 0, placed.bits);
  return "failure" in decoded ? undefined : decoded.form;
}

/** The outermost of NASM's own macros around a statement, if it stands in one that the user called. */
function builtinCall(frame: Frame | undefined): Frame | undefined {
  let call: Frame | undefined;
  for (let f = frame; f?.builtin === true; f = f.parent) call = f;
  return call;
}

function word(token: Token): SourceWord {
  return { text: token.text, range: rangeOf(token.via ?? token) };
}

function kindOf(statement: StatementTree): StatementKind {
  switch (keywordAt(statement.mnemonicToken)?.kind) {
    case "instruction":
    case "prefix":
      return "instruction";
    case "data":
    case "incbin":
      return "data";
    case "reserve":
      return "reserve";
    case "equ":
      return "equ";
    default:
  }
  if (statement.body.kind === "prefixes") return "instruction";
  if (statement.body.kind === "directive" || statement.mnemonicToken) return "directive";
  return statement.label ? "label" : "directive";
}

function oneCopy(statement: StatementTree, placed: Placed): Uint8Array {
  if (placed.uniform) {
    const zeroed =
      placed.kind === "reserve" && placed.section !== undefined && placed.section.type !== "nobits";
    return zeroed ? new Uint8Array(placed.length) : placed.bytes;
  }
  return statement.encoded?.bytes ?? placed.bytes;
}

function joined(placed: readonly Placed[], length: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(length, 1 << 20));
  let at = 0;
  for (const each of placed) {
    for (let i = 0; i < (each.uniform ? each.copies : 1) && at < bytes.length; i++) {
      bytes.set(each.bytes.subarray(0, bytes.length - at), at);
      at += each.bytes.length;
    }
    if (each.bytes.length === 0) at += each.length;
  }
  return bytes;
}
