/**
 * PAGE4: the instruction behind the one that sets CR0.PG is fetched through the tables; they must map it to where it lies. SDM Vol. 3A,
 * "Paging-Mode Enabling".
 */
import {
  CR0,
  entryIndex,
  entryName,
  entrySize,
  topLevel,
  type PagingLevel,
  type Statement,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { pagingOf, type Paging, type StaticEntry } from "../knowledge/pagingEntries";
import { systemWritesOf } from "../knowledge/systemWrites";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

/** A program that is assembled for higher addresses runs at others until paging is on. */
const HIGHEST_PHYSICAL = 0x40000000n;

type Walk =
  | { readonly kind: "unknown" }
  | { readonly kind: "absent"; readonly level: PagingLevel; readonly statement: Statement }
  | { readonly kind: "mapped"; readonly frame: bigint; readonly entry: StaticEntry };

const UNKNOWN: Walk = { kind: "unknown" };

/** `dd 0`, written out for this very entry. */
function emptyEntry(analysis: Analysis, at: number): Statement | undefined {
  const holder = analysis.model.statements.find(
    ({ kind, times, address, length }) =>
      kind === "data" && times === 1 && at >= address && at < address + length,
  );
  return holder?.bytes.every((byte) => byte === 0) === true ? holder : undefined;
}

function walk(analysis: Analysis, paging: Paging, top: number, address: bigint): Walk {
  const { format, entries, changed } = paging;
  let table = top;
  for (let level: number = topLevel(format); level >= 1; level--) {
    const at = table + entryIndex(format, level as PagingLevel, address) * entrySize(format);
    if (changed.has(at)) return UNKNOWN;
    const candidates = entries.filter((each) => each.address === at);
    const [entry] = candidates;
    if (entry === undefined) {
      const statement = emptyEntry(analysis, at);
      if (statement === undefined) return UNKNOWN;
      return { kind: "absent", level: level as PagingLevel, statement };
    }
    if (candidates.length > 1) return UNKNOWN;
    if (!entry.decoded.present)
      return { kind: "absent", level: entry.level, statement: entry.statement };
    if (entry.decoded.leaf) return { kind: "mapped", frame: entry.decoded.frame, entry };
    table = Number(entry.decoded.frame);
  }
  return UNKNOWN;
}

function mistake(address: bigint, result: Walk, paging: Paging): string | undefined {
  const digits = `0x${address.toString(16)}`;
  if (result.kind === "absent") {
    const name = entryName(paging.format, result.level) ?? "entry";
    return `The next instruction, at ${digits}, is not mapped: its ${name} is not present. Fetching it faults, and without a handler that is mapped this is a triple fault.`;
  }
  if (result.kind === "unknown") return undefined;
  const size = BigInt(result.entry.decoded.pageSize ?? 4096);
  const target = result.frame + (address % size);
  if (target === address) return undefined;
  return `The next instruction, at ${digits}, is fetched from physical address 0x${target.toString(16)} from here on. Map the page of this code to itself until it has jumped away.`;
}

function unmapped({ analysis }: RuleContext): Finding[] {
  const paging = pagingOf(analysis);
  const tops = [...paging.tables].filter(([, level]) => level === topLevel(paging.format));
  const [top] = tops;
  // With several top tables it is not known which one is in force.
  if (top === undefined || tops.length > 1 || !analysis.model.assembly.originGiven) return [];
  return systemWritesOf(analysis)
    .writesOf(0)
    .flatMap(({ bits, statement }) => {
      const address = BigInt(statement.address + statement.length);
      if ((bits.ones & CR0.PG) === 0n || address >= HIGHEST_PHYSICAL) return [];
      const result = walk(analysis, paging, top[0], address);
      const message = mistake(address, result, paging);
      if (message === undefined || result.kind === "unknown") return [];
      const entry = result.kind === "mapped" ? result.entry.statement : result.statement;
      const related = [{ message: "the entry that decides", range: entry.range }];
      const finding = { code: "PAGE4", severity: "warning", message, range: statement.range, related } as const; // prettier-ignore
      return [withCall(finding, statement)];
    });
}

export const identityMapping: Rule = {
  id: "PAGE4",
  title: "Code that turns paging on is not mapped to itself",
  run: unmapped,
};
