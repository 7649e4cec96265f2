/** FLOW1: RET takes whatever lies on top of the stack for its return address. */
import type { Analysis } from "../analysis";
import { functionsOf } from "../knowledge/functions";
import { interruptsOf } from "../knowledge/interruptHandlers";
import { returnsWithDepth } from "../knowledge/stackDepth";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

/** How far before a RET a push makes it a jump (`push handler` / `ret`). */
const JUMP_BY_RETURN = 3;

/** Whether the return address is one that the code itself puts there. */
function isJumpByReturn(analysis: Analysis, index: number): boolean {
  const { flow } = functionsOf(analysis);
  const { statements } = analysis.model;
  let at: number | undefined = index;
  for (let steps = 0; steps < JUMP_BY_RETURN; steps++) {
    at = at === undefined ? undefined : flow.previous(at);
    if (at === undefined) return false;
    const { form, operands } = statements[at]!;
    if ((form?.mnemonic ?? "").startsWith("push")) return true;
    const [target] = operands.map(({ value }) => value);
    if (target?.kind === "mem" && target.base?.class === "gpr" && target.base.number === 4)
      return true;
  }
  return false;
}

function bytesText(depth: number): string {
  const bytes = Math.abs(depth);
  return `${bytes} byte${bytes === 1 ? "" : "s"}`;
}

function findingAt(analysis: Analysis, index: number, entry: number, depth: number): Finding {
  const { statements } = analysis.model;
  const label = functionsOf(analysis).flow.labelAt(entry);
  const name = label?.name ?? "the function";
  const message =
    depth > 0
      ? `On a path from ${name} ${bytesText(depth)} are still on the stack here: this returns to what was pushed last, not to where it came from.`
      : `On a path from ${name} ${bytesText(depth)} more are popped than pushed: the return address is gone, and this returns to what lies above it.`;
  return {
    code: "FLOW1",
    severity: "warning",
    message,
    range: statements[index]!.range,
    related: [{ message: `${name} begins here`, range: (label ?? statements[entry]!).range }],
  };
}

function run(analysis: Analysis): readonly Finding[] {
  const { entries, flow } = functionsOf(analysis);
  const found: Finding[] = [];
  for (const entry of entries) {
    const returns = returnsWithDepth(analysis, entry) ?? [];
    // A function that pops more on every path means it: it takes its caller's return address off.
    const isBalancedElsewhere = returns.some(({ depth }) => depth === 0);
    for (const { index, depth } of returns) {
      if (depth === 0 || (depth < 0 && !isBalancedElsewhere)) continue;
      if (flow.transfers[index]!.kind !== "return" || isJumpByReturn(analysis, index)) continue;
      found.push(findingAt(analysis, index, entry, depth));
    }
  }
  return [...found, ...handlers(analysis)];
}

/** Handlers too must leave the stack as it was, an error code below apart. */
function handlers(analysis: Analysis): Finding[] {
  const { flow } = functionsOf(analysis);
  return interruptsOf(analysis).handlers.flatMap(({ index: entry }) =>
    (returnsWithDepth(analysis, entry) ?? [])
      .filter(({ index, depth }) => depth > 0 && flow.transfers[index]!.kind === "interrupt-return")
      .filter(({ index }) => !isJumpByReturn(analysis, index))
      .map(({ index, depth }) => findingAt(analysis, index, entry, depth)),
  );
}

export const stackBalance = addressRule("FLOW1", "Stack not balanced at a return", run);
