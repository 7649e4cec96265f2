/** FLOW2, FLOW7, FLOW20: where control runs out of the code, and code that it never reaches. */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { controlFlowOf, goesOn } from "../knowledge/controlFlow";
import { functionsOf } from "../knowledge/functions";
import { spanning } from "../positions";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

function isPadding({ kind, times, bytes }: Statement): boolean {
  return kind === "data" && times > 8 && bytes.every((byte) => byte === 0);
}

function isText({ kind, operands }: Statement): boolean {
  return kind === "data" && /^["'`]/.test(operands[0]?.text ?? "");
}

/** Bytes that nobody means to be run: text, zeros, a variable. Other bytes may be instructions written by hand. */
function isPlainData(analysis: Analysis, index: number): boolean {
  const flow = controlFlowOf(analysis);
  const statement = analysis.model.statements[index]!;
  if (isPadding(statement) || isText(statement) || statement.kind === "reserve") return true;
  if (statement.kind !== "data" || flow.predecessors(index).length > 1) return false;
  const label = flow.labelAt(index);
  return label !== undefined && isReadAsData(analysis, label.name);
}

/** Whether a label stands in brackets somewhere: then it is a variable. */
function isReadAsData(analysis: Analysis, name: string): boolean {
  const symbol = analysis.symbol(name);
  return symbol !== undefined && variableAddresses(analysis).has(symbol.value);
}

const variableAddresses = oncePerAnalysis((analysis): ReadonlySet<bigint> => {
  const found = new Set<bigint>();
  for (const { form, operands } of analysis.model.statements) {
    if (form === undefined) continue;
    for (const { value } of operands)
      if (value?.kind === "mem" && value.displacementIsAddress && !value.far)
        found.add(value.displacement);
  }
  return found;
});

/** Statement behind, past labels that stand alone. */
function behind(analysis: Analysis, index: number): number | undefined {
  const flow = controlFlowOf(analysis);
  let next = flow.next(index);
  while (next !== undefined && analysis.model.statements[next]!.length === 0)
    next = flow.next(next);
  return next;
}

function intoData(analysis: Analysis): Finding[] {
  const { flow, entries } = functionsOf(analysis);
  const { statements } = analysis.model;
  return statements.flatMap((statement, index) => {
    const { kind, target } = flow.transfers[index]!;
    // NOPs before zeros fill up a template.
    if (statement.form === undefined || statement.form.mnemonic === "nop") return [];
    if (!/^(next|branch|call)$/.test(kind)) return [];
    // The filler behind a jump (`jmp start` / `nop` before a disk's parameters) is never run.
    if (flow.predecessors(index).length === 0 && !flow.mayBeEntered(index)) return [];
    const next = behind(analysis, index);
    if (next === undefined || !isPlainData(analysis, next)) return [];
    if (kind === "call") {
      // `call print` / `db "text", 0`: the callee takes the text from behind the call.
      if (target === undefined || !entries.has(target) || !functionsOf(analysis).mayReturn(target))
        return [];
      if (!isPadding(statements[next]!)) return [];
    }
    const what = isPadding(statements[next]!) ? "the padding" : "data";
    return [
      {
        code: "FLOW2",
        severity: "warning" as const,
        message: `Control runs from here into ${what}, and the processor takes the bytes for instructions. End the code with a jump, RET or a HLT loop.`,
        range: statement.range,
        related: [{ message: "the data begins here", range: statements[next]!.range }],
      },
    ];
  });
}

export const fallThroughIntoData = addressRule("FLOW2", "Control runs into data", intoData);

function haltWithoutLoop(analysis: Analysis): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  return statements.flatMap((statement, index) => {
    if (flow.transfers[index]!.kind !== "halt") return [];
    const next = behind(analysis, index);
    if (next !== undefined && !isPlainData(analysis, next)) return [];
    // User code behind the system call that ends it: there HLT raises #GP.
    const before = statements[flow.previous(index) ?? -1]?.form?.mnemonic ?? "";
    if (/^sys(call|enter)$/.test(before)) return [];
    const where = next === undefined ? "beyond the end of the program" : "into data";
    const { range } = statement;
    const end = { ...range, line: range.endLine, column: range.endColumn };
    const indent = analysis
      .lineText(range.file, range.line)
      .slice(0, range.column - 1)
      .replace(/\S/g, " ");
    return [
      {
        code: "FLOW7",
        severity: "warning" as const,
        message: `HLT waits for an interrupt only: after it (with IF = 0 after an NMI or SMI) control runs on ${where}. Add \`jmp $-1\` behind it.`,
        range,
        fixes: [
          { title: "Loop back to HLT", edits: [{ range: end, newText: `\n${indent}jmp $-1` }] },
        ],
      },
    ];
  });
}

export const haltAtEnd = addressRule("FLOW7", "HLT without a loop behind it", haltWithoutLoop);

/** Fillers that stand behind jumps by intention. */
const FILLERS = /^(nop|int3|hlt|ud2)$/;

function isUnreachableStart(analysis: Analysis, index: number): boolean {
  const flow = controlFlowOf(analysis);
  const statement = analysis.model.statements[index]!;
  if (statement.form === undefined || statement.macroTrail.length > 0) return false;
  if (FILLERS.test(statement.form.mnemonic) || flow.labelAt(index) !== undefined) return false;
  if (flow.predecessors(index).length > 0) return false;
  const before = flow.previous(index);
  if (before === undefined || analysis.model.statements[before]!.kind !== "instruction")
    return false;
  const { kind } = flow.transfers[before]!;
  return (
    !goesOn(kind) && kind !== "none" && analysis.model.statements[before]!.macroTrail.length === 0
  );
}

/** The last of the statements that control reaches only from an unreachable one. */
function endOfUnreachable(analysis: Analysis, start: number): number {
  const flow = controlFlowOf(analysis);
  let last = start;
  for (;;) {
    const next = flow.next(last);
    if (next === undefined || !goesOn(flow.transfers[last]!.kind)) return last;
    const { kind, label, range } = analysis.model.statements[next]!;
    if (kind !== "instruction" || label !== undefined || flow.predecessors(next).length > 1)
      return last;
    if (range.file !== analysis.model.statements[start]!.range.file) return last;
    last = next;
  }
}

function unreachable(analysis: Analysis): Finding[] {
  const { statements } = analysis.model;
  return statements.flatMap((statement, index) => {
    if (!isUnreachableStart(analysis, index)) return [];
    const end = endOfUnreachable(analysis, index);
    // `jmp service` line after line is a table whose places callers know.
    if (/^(jmp|call)$/.test(statement.form?.mnemonic ?? "") && end - index < 2) return [];
    const last = statements[end]!;
    return [
      {
        code: "FLOW20",
        severity: "hint" as const,
        message:
          "Nothing reaches this code: control never comes from above, and no label stands here.",
        range: spanning(statement.range, last.range),
        unnecessary: true,
      },
    ];
  });
}

export const unreachableCode = addressRule("FLOW20", "Code that is never reached", unreachable);
