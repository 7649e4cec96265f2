/** Page-table entries in a program: which stores and data lines are some, and what they say. */
import {
  decodeEntry,
  entryLayout,
  entryName,
  topLevel,
  type PagingFormat,
  type PagingLevel,
  type Statement,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { bitLines } from "./bitLines";
import { constantBefore, immediateOf, wholeRegister } from "./registerFlow";

const PAGE = 0xfffn;
/** What a program gives its tables' names after, the more special word first. */
const NAMED_LEVELS: readonly (readonly [RegExp, PagingLevel])[] = [
  [/pml4|page_?map_?level_?4|p4_?table/, 4],
  [/pdpt|pdp(?![a-z])|pointer_?table|p3_?table/, 3],
  [/page_?dir|directory|(?:^|[^a-z])pdt?(?![a-z])|pde|p2_?table/, 2],
  [/page_?tab|(?:^|[^a-z])pt(?![a-z])|pte(?![a-z])|p1_?table/, 1],
];

interface Store {
  readonly statement: Statement;
  readonly address: bigint | undefined;
  readonly value: bigint;
  /** Names around it, lower case. */
  readonly names: string;
}

interface Tables {
  readonly format: PagingFormat;
  /** Level of the table in a page, by the page's address. */
  readonly levels: ReadonlyMap<bigint, PagingLevel>;
}

/** `mov dword [table + n], value`. */
function storeOf(statement: Statement): Store | undefined {
  const [target, source] = statement.operands;
  const memory = target?.value;
  const value = immediateOf(source?.value);
  if (statement.form?.mnemonic !== "mov" || memory?.kind !== "mem" || value === undefined)
    return undefined;
  const isFixed = memory.base === undefined && memory.index === undefined;
  const address = isFixed && memory.displacementKnown ? memory.displacement : undefined;
  return { statement, address, value, names: target!.text.toLowerCase() };
}

/** One operand of a `dd` or `dq` line; `label` is the last label above. */
function dataStores(statement: Statement, label: string): Store[] {
  const size = { dd: 4, dq: 8 }[statement.mnemonic?.text.toLowerCase() ?? ""];
  if (size === undefined) return [];
  return statement.operands.flatMap(({ number }, i) =>
    number === undefined
      ? []
      : [
          {
            statement,
            address: BigInt(statement.address + i * size),
            value: number,
            names: label.toLowerCase(),
          },
        ],
  );
}

function labelAbove(analysis: Analysis, statement: Statement): string {
  const { statements } = analysis.model;
  for (let at = analysis.indexOf(statement); at >= 0; at--) {
    const { label, kind } = statements[at]!;
    if (label !== undefined && kind !== "equ") return label.name;
    if (kind === "instruction") return "";
  }
  return "";
}

/** Values that code loads into CR3. */
function roots(analysis: Analysis): bigint[] {
  return analysis.model.statements.flatMap((statement) => {
    const [target, source] = statement.operands;
    const register = target?.value?.kind === "reg" ? target.value.register : undefined;
    if (register?.class !== "cr" || register.number !== 3) return [];
    const from = wholeRegister(source?.value);
    const known = from === undefined ? undefined : constantBefore(analysis, statement, from);
    return known === undefined ? [] : [known.value & ~PAGE];
  });
}

function formatOf(analysis: Analysis): PagingFormat {
  const { statements } = analysis.model;
  if (statements.some((each) => each.bits === 64 && each.kind === "instruction")) return "4-level";
  const writesCr4 = statements.some(({ operands: [target] }) => {
    const register = target?.value?.kind === "reg" ? target.value.register : undefined;
    return register?.class === "cr" && register.number === 4;
  });
  const isWide = statements.some(
    (each) =>
      each.mnemonic?.text.toLowerCase() === "dq" && /pdpt/i.test(labelAbove(analysis, each)),
  );
  return writesCr4 && isWide ? "pae" : "32-bit";
}

const OPTIONS = {
  physicalAddressBits: 52,
  executeDisable: true,
  pageSizeExtensions: true,
  pages1G: true,
};

/** From the roots down: an entry of a known table that is present and maps no page names a table of the next level. */
const tablesOf = oncePerAnalysis((analysis): Tables => {
  const format = formatOf(analysis);
  const levels = new Map<bigint, PagingLevel>();
  for (const root of roots(analysis)) levels.set(root, topLevel(format));
  const stores =
    levels.size === 0 ? [] : analysis.model.statements.flatMap((each) => storeOf(each) ?? []);
  for (let round = 1; round < 4; round++) {
    for (const { address, value } of stores) {
      const level = address === undefined ? undefined : levels.get(address & ~PAGE);
      if (level === undefined || level === 1) continue;
      const entry = decodeEntry(BigInt.asUintN(64, value), format, level, OPTIONS);
      if (entry.present && !entry.leaf && !levels.has(entry.frame))
        levels.set(entry.frame, (level - 1) as PagingLevel);
    }
  }
  return { format, levels };
});

function namedLevel(names: string, format: PagingFormat): PagingLevel | undefined {
  const level = NAMED_LEVELS.find(([pattern]) => pattern.test(names))?.[1];
  return level !== undefined && entryName(format, level) !== undefined ? level : undefined;
}

function card(analysis: Analysis, store: Store): string | undefined {
  const { format, levels } = tablesOf(analysis);
  const page = store.address === undefined ? undefined : store.address & ~PAGE;
  const level =
    (page === undefined ? undefined : levels.get(page)) ?? namedLevel(store.names, format);
  if (level === undefined) return undefined;
  const width = format === "32-bit" ? 32 : 64;
  const value = BigInt.asUintN(width, store.value);
  const entry = decodeEntry(value, format, level, OPTIONS);
  const names = {
    "32-bit": "32-bit paging",
    pae: "PAE paging",
    "4-level": "4-level paging",
    ept: "EPT",
  };
  const head = `${entryName(format, level) ?? ""} (${names[format]}): ${entry.text}`;
  if (!entry.present) return head;
  return `${head}\n\n${bitLines(entryLayout(format, level, entry.leaf), value, "")}`;
}

/** Markdown about an operand that is, or is a part of, a page-table entry. */
export function pageEntryMeaning(
  analysis: Analysis,
  statement: Statement,
  index: number,
): string | undefined {
  if (statement.kind === "data") {
    const stores = dataStores(statement, labelAbove(analysis, statement));
    const value = statement.operands[index]?.number;
    const store = stores.find((each) => each.value === value);
    return store && value !== 0n ? card(analysis, store) : undefined;
  }
  const store = index === 1 ? storeOf(statement) : undefined;
  return store === undefined ? undefined : card(analysis, store);
}
