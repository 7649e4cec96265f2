/**
 * Entries of paging structures that are constants: PAGE1 reserved bits, PAGE6 large frames, PAGE7 PS without PSE, PAGE8 user pages, PAGE9
 * execute-disable. SDM Vol. 3A, "Paging".
 */
import { CR4, EFER, entryName, levelShift, MSR, setBits } from "../../engine/language";
import type { Analysis } from "../analysis";
import { pagingOf, parentsOf, type Paging, type StaticEntry } from "../knowledge/pagingEntries";
import { isWholeProgram, systemWritesOf } from "../knowledge/systemWrites";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

const XD = 1n << 63n;
const PS = 1n << 7n;

function finding(code: string, paging: Paging, entry: StaticEntry, message: string): Finding {
  const name = entryName(paging.format, entry.level) ?? "entry";
  const { statement } = entry;
  const full = `${name} 0x${entry.value.toString(16)}: ${message}`;
  return withCall({ code, severity: "warning", message: full, range: statement.range }, statement);
}

type Judge = (entry: StaticEntry, paging: Paging, analysis: Analysis) => string | undefined;

function overEntries(code: string, judge: Judge): Rule["run"] {
  return ({ analysis }: RuleContext) => {
    const paging = pagingOf(analysis);
    return paging.entries.flatMap((entry) => {
      const message = entry.decoded.present ? judge(entry, paging, analysis) : undefined;
      return message === undefined ? [] : [finding(code, paging, entry, message)];
    });
  };
}

function isLarge({ decoded, level }: StaticEntry): boolean {
  return decoded.leaf && level > 1;
}

/** Bits below the frame of a large page, without PAT (bit 12). */
function misplacedBits({ value, level }: StaticEntry, { format }: Paging): bigint {
  return value & ((1n << BigInt(levelShift(format, level))) - 1n) & ~0x1fffn;
}

const reserved: Judge = (entry, paging) => {
  const alignment = isLarge(entry) ? misplacedBits(entry, paging) : 0n;
  const bits = entry.decoded.reservedSet & ~alignment & ~XD;
  if (bits === 0n) return undefined;
  const list = setBits(bits).join(", ");
  return paging.format === "pae" && entry.level === 3
    ? `bits ${list} are reserved: PDPTEs have no R/W and no U/S, and loading CR3 (or setting PG) raises #GP(0).`
    : `bits ${list} are reserved at this level: each access through it raises #PF with the RSVD bit.`;
};

export const reservedEntryBits: Rule = {
  id: "PAGE1",
  title: "Reserved bits in a page-table entry",
  run: overEntries("PAGE1", reserved),
};

const largeFrame: Judge = (entry, paging) => {
  const bits = isLarge(entry) ? misplacedBits(entry, paging) : 0n;
  if (bits === 0n) return undefined;
  const size = { 22: "4 MiB", 21: "2 MiB", 30: "1 GiB" }[levelShift(paging.format, entry.level)];
  return `the frame of a ${size ?? "large"} page is a multiple of ${size ?? "its size"}; bits ${setBits(bits).join(", ")} below it are not part of the address (#PF with RSVD${paging.format === "32-bit" ? ", or another frame above 4 GiB" : ""}).`;
};

export const misalignedLargePage: Rule = {
  id: "PAGE6",
  title: "Frame of a large page misaligned",
  run: overEntries("PAGE6", largeFrame),
};

const withoutPse: Judge = (entry, paging, analysis) => {
  if (paging.format !== "32-bit" || entry.level !== 2 || (entry.value & PS) === 0n)
    return undefined;
  const isOff = systemWritesOf(analysis).setsControlBit(4, CR4.PSE) === "no";
  if (!isOff || !isWholeProgram(analysis)) return undefined;
  return "PS is ignored unless CR4.PSE (bit 4) is 1, and nothing in this program sets it: the processor takes the frame for a page table.";
};

export const pageSizeWithoutPse: Rule = {
  id: "PAGE7",
  title: "4 MiB page without CR4.PSE",
  run: overEntries("PAGE7", withoutPse),
};

/** A page is user-accessible only where every entry on the way to it is. */
const userBelow: Judge = (entry, paging) => {
  if (!entry.decoded.leaf || !entry.decoded.user) return undefined;
  const parents = parentsOf(paging, entry.table);
  const isOpen = ({ decoded, address }: StaticEntry): boolean =>
    decoded.user || paging.changed.has(address);
  if (parents.length === 0 || parents.some(isOpen)) return undefined;
  const above = entryName(paging.format, parents[0]!.level) ?? "entry";
  return `U/S is 1 here and 0 in the ${above} above it, so ring 3 has no access: U/S must be 1 at every level.`;
};

function userFindings({ analysis }: RuleContext): Finding[] {
  const paging = pagingOf(analysis);
  return paging.entries.flatMap((entry) => {
    const message = entry.decoded.present ? userBelow(entry, paging, analysis) : undefined;
    if (message === undefined) return [];
    const related = parentsOf(paging, entry.table).map(({ statement }) => {
      return { message: "the entry above", range: statement.range };
    });
    return [{ ...finding("PAGE8", paging, entry, message), related }];
  });
}

export const userBitAbove: Rule = {
  id: "PAGE8",
  title: "User page below a supervisor entry",
  run: userFindings,
};

const executeDisable: Judge = (entry, paging, analysis) => {
  if (paging.format === "32-bit" || (entry.value & XD) === 0n) return undefined;
  const isOff = systemWritesOf(analysis).setsMsrBit(MSR.EFER, EFER.NXE) === "no";
  if (!isOff || !isWholeProgram(analysis)) return undefined;
  return "bit 63 is reserved unless EFER.NXE (bit 11) is 1, and nothing in this program sets it: each access raises #PF with the RSVD bit.";
};

export const executeDisableWithoutNxe: Rule = {
  id: "PAGE9",
  title: "Execute-disable without EFER.NXE",
  run: overEntries("PAGE9", executeDisable),
};
