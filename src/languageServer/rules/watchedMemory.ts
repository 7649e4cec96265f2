/**
 * VMM8: plain stores to memory that a VMM must watch. VMM14: stores into code. Both work; they cost a trap or a retranslation each time. Adams
 * and Agesen (2006).
 */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { staticGdts } from "../knowledge/descriptorTables";
import { pagingOf } from "../knowledge/pagingEntries";
import { addressOf } from "../knowledge/registerBits";
import { throughMacros } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

const CS = 1;
const TABLE_BYTES = 4096;

/** The constant address that an instruction writes to. `labelled`: only where a label was written, which means this program's own memory. */
function storeAddress(statement: Statement, labelled: boolean): number | undefined {
  const { form, operands } = statement;
  const target = operands[0]?.value;
  const access = form?.operands[0]?.access;
  if (target?.kind !== "mem" || (access !== "w" && access !== "rw")) return undefined;
  if (labelled && !target.displacementIsAddress) return undefined;
  if (target.segment !== undefined && target.segment !== CS) return undefined;
  const address = addressOf(target);
  return address === undefined ? undefined : Number(address);
}

interface Watched {
  readonly what: string;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

function watchedMemory(analysis: Analysis): Watched[] {
  const gdts = staticGdts(analysis).map(({ base, limit }) => {
    return { what: "the GDT", from: base, to: base + limit + 1 };
  });
  const tables = [...pagingOf(analysis).tables.keys()].map((base) => {
    return { what: "a page table", from: base, to: base + TABLE_BYTES };
  });
  return [...gdts, ...tables];
}

const WATCHED_TEXT = {
  "trap-and-emulate": "the VMM write-protects it to keep its shadow in step, so this store faults and is emulated (a hidden page fault)",
  "binary-translation": "the VMM write-protects it to keep its shadow in step; after a few faults here the translator turns this store into a callout",
  paravirtual: "it is read-only for the guest: this store faults unless the VMM emulates it, and the update hypercall can carry many entries at once",
} as const; // prettier-ignore

function watchedStores({ analysis, technique, showPrivileged }: RuleContext): Finding[] {
  if (!showPrivileged || technique === "none" || technique === "hardware-assisted") return [];
  const watched = watchedMemory(analysis);
  if (watched.length === 0) return [];
  return throughMacros(analysis, (statement) => {
    const address = statement.bits === 32 ? storeAddress(statement, false) : undefined;
    if (address === undefined) return undefined;
    const hit = watched.find(({ from, to }) => address >= from && address < to);
    if (hit === undefined) return undefined;
    return {
      code: "VMM8",
      severity: "information",
      message: `This writes ${hit.what}: ${WATCHED_TEXT[technique]}.`,
      range: statement.range,
    };
  });
}

export const watchedStore: Rule = {
  id: "VMM8",
  title: "Store to a table that the VMM shadows",
  run: watchedStores,
};

/** The instruction that an address lies in. */
function instructionAt(analysis: Analysis, address: number): Statement | undefined {
  const flow = controlFlowOf(analysis);
  // The longest instruction has 15 bytes.
  for (let start = address; start > address - 15; start--) {
    const index = flow.indexAt(start);
    const statement = index === undefined ? undefined : analysis.model.statements[index];
    if (statement === undefined) continue;
    const isHit = statement.kind === "instruction" && address < start + statement.length;
    return isHit && statement.times === 1 ? statement : undefined;
  }
  return undefined;
}

function codeStores({ analysis, technique }: RuleContext): Finding[] {
  if (technique !== "binary-translation") return [];
  return throughMacros(analysis, (statement) => {
    if (statement.bits === 16) return undefined;
    const address = storeAddress(statement, true);
    const hit = address === undefined ? undefined : instructionAt(analysis, address);
    if (hit === undefined) return undefined;
    return {
      code: "VMM14",
      severity: "information",
      message:
        "This store changes an instruction: its page is write-protected because translated code came from it, so the store faults, the translations of the page are thrown away, and the code is translated again.",
      range: statement.range,
      related: [{ message: "the instruction that is changed", range: hit.range }],
    };
  });
}

export const codeStore: Rule = { id: "VMM14", title: "Self-modifying code", run: codeStores };
