/** Who calls whom in a program: functions are labels with the code below them, edges are calls, jumps and software interrupts. */
import path from "node:path";
import type { SourceRange, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { contains } from "../positions";
import { handlerOf } from "./interruptHandlers";

/** Code from a label to the next label that is not local; what stands before the first is the file's own. */
export interface CodeFunction {
  readonly name: string;
  /** The label; the start of the first line where there is none. */
  readonly range: SourceRange;
  /** To the last statement in the label's file. */
  readonly whole: SourceRange;
  readonly isFile: boolean;
}

export interface CallEdge {
  readonly from: CodeFunction;
  readonly to: CodeFunction;
  /** The target's name where it is written in the open or in a macro's arguments, else the macro call that jumps. */
  readonly at: SourceRange;
  /** The call, for a reader: `call`, `jz`, `int 0x80`. */
  readonly by: string;
  /** Macros that the call lies in, outermost first. */
  readonly macros: readonly string[];
}

interface CallGraph {
  readonly functions: readonly CodeFunction[];
  readonly edges: readonly CallEdge[];
}

const TRANSFERS = /^(call|jmp|j\w+|loop\w*)$/;

/** A label that a reader would call a function: no local one, none that a macro made. */
function startsFunction(statement: Statement): boolean {
  const { label, kind } = statement;
  if (label === undefined || kind === "equ" || kind === "reserve" || kind === "data") return false;
  return !label.name.startsWith("..@") && !label.name.includes(".", 1);
}

interface Open {
  readonly start: Statement;
  readonly isFile: boolean;
  last: Statement;
  readonly code: Statement[];
}

function extent(start: SourceRange, last: SourceRange): SourceRange {
  const isBehind = last.file === start.file && last.endLine >= start.endLine;
  return isBehind ? { ...start, endLine: last.endLine, endColumn: last.endColumn } : start;
}

function functionOf(analysis: Analysis, open: Open): CodeFunction {
  const { start, last, isFile } = open;
  const label = start.label;
  const isOpenLine = start.macroTrail.length === 0;
  const range = isFile || label === undefined || !isOpenLine ? start.callRange : label.range;
  return {
    name: isFile || label === undefined ? path.basename(analysis.root) : label.name,
    range,
    whole: extent(range, last.callRange),
    isFile,
  };
}

/** Cuts each section's statements at its labels. A label before data is no function. */
function cutFunctions(analysis: Analysis): Open[] {
  const openBySection = new Map<string, Open>();
  const all: Open[] = [];
  for (const statement of analysis.model.statements) {
    const { section, kind } = statement;
    const isCode = kind === "instruction";
    let open = openBySection.get(section);
    const starts = startsFunction(statement);
    if (starts || (open === undefined && isCode)) {
      open = { start: statement, isFile: !starts, last: statement, code: [] };
      openBySection.set(section, open);
      all.push(open);
    }
    if (open === undefined || kind === "directive") continue;
    open.last = statement;
    if (isCode) open.code.push(statement);
  }
  return all.filter(({ code }) => code.length > 0);
}

/** Value of the operand that control goes to. */
function targetAddress(analysis: Analysis, statement: Statement): number | undefined {
  const handler = handlerOf(analysis, statement);
  if (handler !== undefined) return handler;
  if (!TRANSFERS.test(statement.form?.mnemonic ?? "")) return undefined;
  const target = statement.operands.at(-1)?.value;
  if (target?.kind === "imm" && target.known) return Number(target.value);
  return target?.kind === "far" && target.known ? Number(target.offset) : undefined;
}

/** The label that the operand names, where it names one: sections may share addresses. */
function namedTarget(analysis: Analysis, statement: Statement): string | undefined {
  const operand = statement.operands.at(-1);
  if (operand === undefined) return undefined;
  const { file, line } = operand.range;
  const names = analysis
    .namesAt({ file, line, column: operand.range.column })
    .filter((each) => each.kind.endsWith("label") && contains(operand.range, startOf(each.range)));
  return names.length === 1 ? names[0]!.name : undefined;
}

function startOf(range: SourceRange): { file: string; line: number; column: number } {
  return { file: range.file, line: range.line, column: range.column };
}

class Builder {
  private readonly functions: CodeFunction[];
  private readonly byName = new Map<string, CodeFunction>();
  /** Functions by their first address, and by the addresses of their labels inside; doubtful ones are undefined. */
  private readonly byAddress = new Map<number, CodeFunction | undefined>();

  constructor(
    private readonly analysis: Analysis,
    private readonly opens: readonly Open[],
  ) {
    this.functions = opens.map((open) => functionOf(analysis, open));
    this.functions.forEach((each, i) => {
      this.byName.set(each.name, each);
      this.addAddress(opens[i]!.start.address, each);
      for (const statement of opens[i]!.code) {
        if (statement.label !== undefined) this.addAddress(statement.address, each);
      }
    });
    for (const { name, kind, value } of analysis.model.assembly.symbols) {
      const parent = name.includes(".", 1) ? name.slice(0, name.indexOf(".", 1)) : name;
      const owner = this.byName.get(parent);
      if (kind === "label" && owner !== undefined) this.addAddress(Number(value), owner);
    }
  }

  private addAddress(address: number, owner: CodeFunction): void {
    const isTaken = this.byAddress.has(address) && this.byAddress.get(address) !== owner;
    this.byAddress.set(address, isTaken ? undefined : owner);
  }

  build(): CallGraph {
    const edges = this.opens.flatMap(({ code }, i) =>
      code.flatMap((statement) => this.edge(this.functions[i]!, statement) ?? []),
    );
    return { functions: this.functions, edges };
  }

  private edge(from: CodeFunction, statement: Statement): CallEdge | undefined {
    const address = targetAddress(this.analysis, statement);
    if (address === undefined || statement.mnemonic === undefined) return undefined;
    const named = namedTarget(this.analysis, statement);
    const parent = named?.replace(/(?<=.)\..*$/, "");
    const to =
      (parent === undefined ? undefined : this.byName.get(parent)) ?? this.byAddress.get(address);
    const isCall = /^(call|int)$/.test(statement.form?.mnemonic ?? "");
    // Jumps within a function are its loops; a call of itself is recursion.
    if (to === undefined || (to === from && !isCall)) return undefined;
    const operand = statement.operands.at(-1)!;
    // In a macro, a target that was an argument stands at the call.
    const isVisible =
      statement.macroTrail.every(({ macro }) => macro === "%rep") ||
      contains(statement.callRange, startOf(operand.range));
    const word = statement.mnemonic.text.toLowerCase();
    return {
      from,
      to,
      at: isVisible ? operand.range : statement.callRange,
      by: word === "int" ? `int ${operand.text}` : word,
      macros: statement.macroTrail.map(({ macro }) => macro).filter((macro) => macro !== "%rep"),
    };
  }
}

export const callGraph = oncePerAnalysis((analysis): CallGraph =>
  new Builder(analysis, cutFunctions(analysis)).build(),
);
