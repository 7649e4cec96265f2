/**
 * What CR3 must hold when paging is on: PAGE3 alignment, PAGE5 never loaded, PAGE10 tables over the program's own code. SDM Vol. 3A,
 * "Paging-Mode Enabling", "CR3".
 */
import { CR4 } from "../../engine/language";
import { pagingFormatOf, pagingOf } from "../knowledge/pagingEntries";
import { knownValue } from "../knowledge/registerBits";
import { isLinkedPart, isWholeProgram, systemWritesOf } from "../knowledge/systemWrites";
import { alignFix } from "./edits";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

const TABLE_BYTES = 4096;
/** PWT and PCD. */
const CACHE_BITS = 0x18n;

function misaligned({ analysis }: RuleContext): Finding[] {
  const writes = systemWritesOf(analysis);
  if (writes.writesOf(3).length === 0 || writes.setsControlBit(4, CR4.PCIDE) !== "no") return [];
  if (isLinkedPart(analysis)) return [];
  const format = pagingFormatOf(analysis);
  if (format === undefined) return [];
  const [low, size] = format === "pae" ? [0x1fn, 32] : [0xfffn, TABLE_BYTES];
  return writes.writesOf(3).flatMap(({ bits, statement }) => {
    const value = knownValue(bits, statement.bits === 64 ? 64 : 32);
    const ignored = value === undefined ? 0n : value & low & ~CACHE_BITS;
    if (value === undefined || ignored === 0n) return [];
    const finding: Finding = {
      code: "PAGE3",
      severity: "warning",
      message: `CR3 gets 0x${value.toString(16)}, which is no multiple of ${size}: the low bits are ignored, and the processor walks the table at 0x${(value & ~low).toString(16)}. Put \`align ${size}\` before the table.`,
      range: statement.range,
      fixes: alignFix(analysis, value, size),
    };
    return [withCall(finding, statement)];
  });
}

export const misalignedTable: Rule = {
  id: "PAGE3",
  title: "CR3 with a misaligned table",
  run: misaligned,
};

function withoutTable({ analysis }: RuleContext): Finding[] {
  const writes = systemWritesOf(analysis);
  const [paging] = writes.pagingSwitches;
  if (paging === undefined || writes.writesOf(3).length > 0) return [];
  if (!isWholeProgram(analysis) || writes.has("vmlaunch", "vmrun")) return [];
  const { statement } = paging;
  const finding: Finding = {
    code: "PAGE5",
    severity: "warning",
    message:
      "This turns paging on, and nothing in this program loads CR3: the processor walks whatever lies at the old CR3 (0 after reset).",
    range: statement.range,
  };
  return [withCall(finding, statement)];
}

export const pagingWithoutTable: Rule = {
  id: "PAGE5",
  title: "Paging turned on without loading CR3",
  run: withoutTable,
};

function overlapping({ analysis }: RuleContext): Finding[] {
  if (!analysis.model.assembly.originGiven) return [];
  const { tables } = pagingOf(analysis);
  return [...tables.keys()].flatMap((table) => {
    const hit = analysis.model.statements.find(
      ({ kind, address, length }) =>
        kind === "instruction" && address < table + TABLE_BYTES && address + length > table,
    );
    if (hit === undefined) return [];
    const finding: Finding = {
      code: "PAGE10",
      severity: "warning",
      message: `This code lies in the paging structure at 0x${table.toString(16)} (4096 bytes): filling the table overwrites it, and what is left of it is taken for entries. Move the table.`,
      range: hit.range,
    };
    return [withCall(finding, hit)];
  });
}

export const tableOverCode: Rule = {
  id: "PAGE10",
  title: "Paging structure over code",
  run: overlapping,
};
