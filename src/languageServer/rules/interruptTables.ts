/** DESC2, DESC7: an IDT that is written out in the source. SDM Vol. 3A, "Interrupt Descriptor Table (IDT)", "IDT Descriptors". */
import { selectorText } from "../../engine/language";
import type { Analysis } from "../analysis";
import { Image } from "../knowledge/descriptorTables";
import { interruptsOf, type InterruptTable, type StaticGate } from "../knowledge/interruptHandlers";
import { namedDescriptor, onlyGdt, selectorLoads } from "../knowledge/selectorLoads";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

/** Bytes from an address to the next label: what was written for a table. */
function writtenBytes(analysis: Analysis, base: number): number | undefined {
  const { statements } = analysis.model;
  const start = statements.findIndex(({ address, length }) => address === base && length > 0);
  const first = statements[start];
  if (first === undefined || first.kind === "instruction") return undefined;
  let end = first.address + first.length;
  for (const next of statements.slice(start + 1)) {
    if (next.label !== undefined || next.section !== first.section) break;
    if (next.length > 0 && next.kind !== "data" && next.kind !== "reserve") break;
    end = next.address + next.length;
  }
  return end - base;
}

function sizeOfTable(analysis: Analysis, table: InterruptTable): Finding[] {
  const { base, limit, entryBytes, pointer, lidt } = table;
  const size = limit + 1;
  const finding = (message: string): Finding => ({
    code: "DESC2",
    severity: "warning",
    message,
    range: pointer.range,
    related: [{ message: "LIDT loads it here", range: lidt.range }],
  });
  if (size % entryBytes !== 0) {
    const hint = limit % entryBytes === 0 ? " The limit is the size minus 1." : "";
    return [
      finding(
        `The IDT's limit is ${limit}, so its size is ${size}, which is no multiple of ${entryBytes}.${hint}`,
      ),
    ];
  }
  const written = writtenBytes(analysis, base);
  // Bytes that are only reserved may lie elsewhere, or be a part of something larger.
  if (written === undefined || written % entryBytes !== 0 || written < entryBytes) return [];
  const [has, takes] = [written / entryBytes, size / entryBytes];
  if (takes <= has) return [];
  return [
    finding(
      `The IDT's limit takes in ${takes} gates, and ${has} are written: the processor takes what follows the table for gates.`,
    ),
  ];
}

export const interruptTableSize = addressRule(
  "DESC2",
  "IDT's limit and size disagree",
  (analysis) => interruptsOf(analysis).tables.flatMap((table) => sizeOfTable(analysis, table)),
);

const LEGACY_TYPES = new Set([0x5, 0x6, 0x7, 0xe, 0xf]);
const IA32E_TYPES = new Set([0xe, 0xf]);

function isGateByte(access: number): boolean {
  return (access & 0x9f) === 0x8e || (access & 0x9f) === 0x8f;
}

function gateFault(image: Image, { gate, raw, table, vector }: StaticGate): string | undefined {
  const at = table.base + vector * table.entryBytes;
  if (table.entryBytes === 16 && isGateByte(image.byte(at + 5)) && isGateByte(image.byte(at + 13)))
    return "takes 8 bytes, and in 64-bit mode a gate takes 16: the processor reads two of these as one";
  const types = table.entryBytes === 16 ? IA32E_TYPES : LEGACY_TYPES;
  if (gate.present && !types.has(gate.type))
    return `has type 0x${gate.type.toString(16)}, which is no gate of an IDT: the interrupt raises #GP`;
  const isWritten = (raw & 0xffffn) !== 0n && LEGACY_TYPES.has(gate.type);
  return !gate.present && isWritten ? "is not present: the interrupt raises #NP" : undefined;
}

function gates(analysis: Analysis): Finding[] {
  const image = new Image(analysis);
  const faults = interruptsOf(analysis).gates.flatMap((each) => {
    const fault = gateFault(image, each);
    if (fault === undefined) return [];
    const message = `The gate of vector ${each.vector} ${fault}.`;
    return [
      { code: "DESC7", severity: "warning" as const, message, range: each.statement.callRange },
    ];
  });
  return [...faults, ...selectorsOfGates(analysis)];
}

function selectorsOfGates(analysis: Analysis): Finding[] {
  const table = onlyGdt(analysis);
  if (table === undefined) return [];
  return selectorLoads(analysis).flatMap(({ use, target, selector, statement }) => {
    if (use !== "gate") return [];
    const named = namedDescriptor(table, selector);
    const isNull = selector.isNull;
    // A task gate names a TSS.
    if (!isNull && (named === undefined || /^(code|system)$/.test(named.descriptor.kind)))
      return [];
    return [
      {
        code: "DESC7",
        severity: "warning" as const,
        message: `The gate of ${target} has selector ${selectorText(selector.value)}, which is no code segment: the interrupt raises #GP.`,
        range: statement.callRange,
      },
    ];
  });
}

export const interruptGates = addressRule("DESC7", "Mistakes in an IDT's gates", gates);
