/** FLOW11, FLOW12, FLOW13: registers that DIV, REP and LOOP use without naming them. */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf, type ControlFlow } from "../knowledge/controlFlow";
import { functionsOf } from "../knowledge/functions";
import { followPaths } from "../knowledge/paths";
import { constantBefore, gprOf, immediateOf, writesRegister } from "../knowledge/registerFlow";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

const [A, C, D] = [0, 1, 2] as const;

/** Whether a statement loads the accumulator alone, as wide as the divisor. */
function loadsAccumulator({ form, operands }: Statement, size: number): boolean {
  const target = gprOf(operands[0]?.value);
  if (form?.mnemonic !== "mov" || target?.number !== A || target.high) return false;
  return target.size === size;
}

/** Whether a statement may write the upper half of the dividend: AH for a byte, else DX. */
function writesUpperHalf(statement: Statement, size: number): boolean {
  if (size > 8) return writesRegister(statement, D) !== false;
  if (writesRegister(statement, A) === false) return false;
  const target = gprOf(statement.operands[0]?.value);
  return !(
    target?.number === A &&
    target.size === 8 &&
    !target.high &&
    !/^(mul|imul|in)$/.test(statement.form?.mnemonic ?? "")
  );
}

/** Statements before a DIV that are looked at: a function's worth. */
const FARTHEST = 200;

/** Whether something on any way to a statement may have prepared the upper half of the dividend. */
function isPrepared(analysis: Analysis, index: number, size: number): boolean {
  const flow = controlFlowOf(analysis);
  const reached = new Set(flow.predecessors(index));
  for (const at of reached) {
    const statement = analysis.model.statements[at]!;
    if (reached.size > FARTHEST || statement.kind === "data") return true;
    if (writesUpperHalf(statement, size)) return true;
    for (const before of flow.predecessors(at))
      if (!isCaller(flow, before, at)) reached.add(before);
  }
  return false;
}

/** Whether control comes to a statement by a call of it, not from what stands before. */
function isCaller(flow: ControlFlow, before: number, at: number): boolean {
  return flow.transfers[before]!.kind === "call" && flow.next(before) !== at;
}

/** The load of the lower half on the straight way to a DIV. */
function loadBefore(analysis: Analysis, index: number, size: number): Statement | undefined {
  const flow = controlFlowOf(analysis);
  let [at, ...others] = flow.predecessors(index);
  while (at !== undefined && others.length === 0) {
    const statement = analysis.model.statements[at]!;
    if (loadsAccumulator(statement, size)) return statement;
    if (writesRegister(statement, A) !== false) return undefined;
    [at, ...others] = flow.predecessors(at);
  }
  return undefined;
}

function divisions(analysis: Analysis): Finding[] {
  return analysis.model.statements.flatMap((statement, index) => {
    const { form, operands } = statement;
    if (form?.mnemonic !== "div" && form?.mnemonic !== "idiv") return [];
    const value = operands[0]?.value;
    const size = gprOf(value)?.size ?? (value?.kind === "mem" ? (value.size ?? 0) : 0);
    if (size === 0) return [];
    const load = loadBefore(analysis, index, size);
    if (load === undefined || isPrepared(analysis, index, size)) return [];
    return [divisionFinding(statement, load, size)];
  });
}

const UPPER: Readonly<Record<number, readonly [upper: string, lower: string, extend: string]>> = {
  8: ["AH", "AL", "cbw"],
  16: ["DX", "AX", "cwd"],
  32: ["EDX", "EAX", "cdq"],
  64: ["RDX", "RAX", "cqo"],
};

function divisionFinding(statement: Statement, load: Statement, size: number): Finding {
  const [upper, lower, extend] = UPPER[size]!;
  const isSigned = statement.form?.mnemonic === "idiv";
  const clear = isSigned ? extend : `xor ${upper.toLowerCase()}, ${upper.toLowerCase()}`;
  const { range } = statement;
  return {
    code: "FLOW11",
    severity: "warning",
    message: `${isSigned ? "IDIV" : "DIV"} divides ${upper}:${lower}, and only ${lower} was loaded: what is left in ${upper} gives a wrong quotient or #DE. Add \`${clear}\` before this.`,
    range,
    related: [{ message: `${lower} is loaded here`, range: load.range }],
    fixes: [
      {
        title: `Insert ${clear}`,
        edits: [
          {
            range: { ...range, endLine: range.line, endColumn: range.column },
            newText: `${clear}\n${" ".repeat(range.column - 1)}`,
          },
        ],
      },
    ],
  };
}

export const divisionOfHalf = addressRule(
  "FLOW11",
  "Division without the upper half of the dividend",
  divisions,
);

function emptyRepetition(analysis: Analysis, statement: Statement): Finding[] {
  if (!statement.prefixes.some(({ text }) => /^rep/i.test(text))) return [];
  if (statement.form === undefined || statement.form.repeat === "none") return [];
  const count = constantBefore(analysis, statement, C);
  if (count?.value !== 0n) return [];
  return [
    {
      code: "FLOW12",
      severity: "warning",
      message: "The count of this REP is 0: it does nothing.",
      range: statement.range,
      related: [{ message: "the count is set to 0 here", range: count.from.range }],
    },
  ];
}

/** STD in a function that returns with DF still set. */
function leftBackwards(analysis: Analysis, entry: number, std: number): Finding[] {
  const functions = functionsOf(analysis);
  const { statements } = analysis.model;
  const returns = new Set<number>();
  followPaths(std, "set", String, (index, state) => {
    const { kind } = functions.flow.transfers[index]!;
    if (kind === "return") returns.add(index);
    const clears = /^(cld|popf)/.test(statements[index]!.form?.mnemonic ?? "");
    if (clears || kind === "call") return { next: [] };
    return { next: functions.successors(index).map((next) => [next, state]) };
  });
  const [first] = returns;
  if (first === undefined) return [];
  return [
    {
      code: "FLOW12",
      severity: "information",
      message: `${functions.flow.labelAt(entry)?.name ?? "The function"} returns with DF = 1: the caller's string instructions run backwards. Add CLD before the return.`,
      range: statements[std]!.range,
      related: [{ message: "it returns here", range: statements[first]!.range }],
    },
  ];
}

function strings(analysis: Analysis): Finding[] {
  const { statements } = analysis.model;
  const found = statements.flatMap((statement) => emptyRepetition(analysis, statement));
  const stds = statements.flatMap(({ form }, index) => (form?.mnemonic === "std" ? [index] : []));
  if (stds.length === 0) return found;
  const functions = functionsOf(analysis);
  for (const entry of functions.entries)
    for (const std of stds)
      if (functions.bodyOf(entry).has(std)) found.push(...leftBackwards(analysis, entry, std));
  return found;
}

export const stringInstructions = addressRule(
  "FLOW12",
  "REP that does nothing, DF left set",
  strings,
);

/** The count with which a loop is entered from above, where that is a constant. */
function countAtEntry(analysis: Analysis, top: number): bigint | undefined {
  const flow = controlFlowOf(analysis);
  const before = flow.previous(top);
  if (before === undefined || !flow.predecessors(top).includes(before)) return undefined;
  const statement = analysis.model.statements[before]!;
  const target = gprOf(statement.operands[0]?.value);
  if (target?.number === C && writesRegister(statement, C) === true) {
    const { mnemonic } = statement.form!;
    if (mnemonic === "mov" && target.size > 8) return immediateOf(statement.operands[1]?.value);
    const isSame = statement.operands[0]?.text === statement.operands[1]?.text;
    return /^(xor|sub)$/.test(mnemonic) && isSame ? 0n : undefined;
  }
  if (writesRegister(statement, C) !== false) return undefined;
  return constantBefore(analysis, statement, C)?.value;
}

const ROUNDS: Readonly<Record<number, string>> = { 16: "65536", 32: "4294967296", 64: "2^64" };

function loops(analysis: Analysis): Finding[] {
  const flow = controlFlowOf(analysis);
  return analysis.model.statements.flatMap((statement, index) => {
    const { target } = flow.transfers[index]!;
    if (!(statement.form?.mnemonic ?? "").startsWith("loop") || target === undefined) return [];
    if (target === index || flow.predecessors(target).length > 2) return [];
    if (countAtEntry(analysis, target) !== 0n) return [];
    return [
      {
        code: "FLOW13",
        severity: statement.bits === 16 ? ("information" as const) : ("warning" as const),
        message: `LOOP counts down before it tests: entered with 0, this runs ${ROUNDS[statement.bits]} rounds.`,
        range: statement.range,
        related: [
          { message: "the loop begins here", range: analysis.model.statements[target]!.range },
        ],
      },
    ];
  });
}

export const loopFromZero = addressRule("FLOW13", "LOOP that starts from 0", loops);
