/** PAGE2: a present translation is taken back, and the TLB is not told. SDM Vol. 3A, "Invalidation of TLBs and Paging-Structure Caches". */
import { type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { linearAddressOf, operandAddress, pagingOf, type Paging } from "../knowledge/pagingEntries";
import { immediateOf } from "../knowledge/registerFlow";
import { systemWritesOf } from "../knowledge/systemWrites";
import { linesAfter } from "./edits";
import { withCall } from "./expansions";
import type { Finding, Fix, Rule, RuleContext } from "./rule";

const PRESENT = 1n;
const WRITABLE = 2n;
const TABLE_BYTES = 4096;
const FARTHEST = 16;

/** Whether a store takes rights away: only then can the TLB hold more than the table allows. */
function revokes({ form, operands }: Statement): boolean {
  const value = immediateOf(operands[1]?.value);
  if (value === undefined) return false;
  switch (form?.mnemonic) {
    case "mov":
      return (value & PRESENT) === 0n;
    case "and":
      return (value & PRESENT) === 0n || (value & WRITABLE) === 0n;
    case "btr":
      return value === 0n || value === 1n;
    default:
      return false;
  }
}

function flushes({ form, operands }: Statement): boolean {
  const target = operands[0]?.value;
  const toControl = target?.kind === "reg" && target.register.class === "cr";
  return /^(invlpg|invpcid|invept|invvpid)/.test(form?.mnemonic ?? "") || toControl;
}

/** Whether control comes to the end of a handler, or waits, with the old translation in force. */
function staysStale(analysis: Analysis, at: number): boolean {
  const { statements } = analysis.model;
  for (let i = at + 1; i < statements.length && i <= at + FARTHEST; i++) {
    const next = statements[i]!;
    if (next.kind === "directive" || next.kind === "equ") continue;
    if (next.form === undefined || next.label !== undefined || flushes(next)) return false;
    if (/^(iret[dq]?|hlt|sysret|sysexit)$/.test(next.form.mnemonic)) return true;
    // A callee or the caller may flush.
    if (/^(j|call|ret|loop|int|vm)/.test(next.form.mnemonic)) return false;
  }
  return false;
}

function insertInvlpg(
  analysis: Analysis,
  paging: Paging,
  statement: Statement,
  address: number,
): Fix[] {
  const table = address - (address % TABLE_BYTES);
  const page = linearAddressOf(paging, { table, address });
  if (page === undefined || statement.macroTrail.length > 0) return [];
  const edit = linesAfter(analysis, statement.range, [`        invlpg  [0x${page.toString(16)}]`]);
  return [{ title: "Insert INVLPG", edits: [edit] }];
}

/** Code that runs with paging on: what the statement that turns it on can reach, but not the way to it. */
function runsPaged(analysis: Analysis, at: number): boolean {
  const flow = controlFlowOf(analysis);
  const sites = systemWritesOf(analysis).pagingSwitches;
  return (
    sites.some(({ index }) => flow.reachableFrom([index]).has(at)) &&
    !sites.some(({ index }) => flow.reachableFrom([at]).has(index))
  );
}

function staleTranslations({ analysis }: RuleContext): Finding[] {
  const paging = pagingOf(analysis);
  if (paging.tables.size === 0) return [];
  return analysis.model.statements.flatMap((statement, at) => {
    if (statement.bits === 16 || !revokes(statement)) return [];
    const address = operandAddress(analysis, statement);
    if (address === undefined || !paging.tables.has(address - (address % TABLE_BYTES))) return [];
    if (!staysStale(analysis, at) || !runsPaged(analysis, at)) return [];
    const finding: Finding = {
      code: "PAGE2",
      severity: "information",
      message:
        "This takes a translation back, but the TLB may still hold it: accesses go on as before until INVLPG of the page or a write of CR3.",
      range: statement.range,
      fixes: insertInvlpg(analysis, paging, statement, address),
    };
    return [withCall(finding, statement)];
  });
}

export const staleTranslation: Rule = {
  id: "PAGE2",
  title: "Page-table entry changed without INVLPG",
  run: staleTranslations,
};
