/**
 * MODE1 and MODE7: `bits` at the target of a far jump against the D and L bits of the code descriptor that the jump loads. SDM Vol. 3A, "Code
 * Segment Descriptor in 64-bit Mode".
 */
import { AR, decodeSelector, type Bits, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { staticGdts, type StaticDescriptor, type StaticTable } from "../knowledge/descriptorTables";
import { addressOf } from "../knowledge/registerBits";
import { systemWritesOf } from "../knowledge/systemWrites";
import { linesBefore } from "./edits";
import { withCall } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

function codeDescriptor(table: StaticTable, statement: Statement): StaticDescriptor | undefined {
  const target = statement.operands[0]?.value;
  if (statement.form === undefined || target?.kind !== "far" || !target.known) return undefined;
  const selector = decodeSelector(Number(BigInt.asUintN(16, target.selector)));
  if (selector.table === "LDT" || selector.isNull) return undefined;
  const entry = table.entries.find((each) => each.index === selector.index);
  return entry?.descriptor.kind === "code" ? entry : undefined;
}

interface Landing {
  readonly jump: Statement;
  readonly target: Statement;
  readonly entry: StaticDescriptor;
  /** The code size that the descriptor gives. */
  readonly size: Bits;
}

/** A program may load GDTR more than once, but then always with this table. */
function isOnlyTable(analysis: Analysis, { lgdt }: StaticTable): boolean {
  const pointer = addressOf(lgdt.operands[0]?.value);
  return systemWritesOf(analysis)
    .indicesOf("lgdt")
    .every((at) => addressOf(analysis.model.statements[at]?.operands[0]?.value) === pointer);
}

/** Far jumps behind the only LGDT of a program, whose target is an instruction of it. */
function landings(analysis: Analysis): Landing[] {
  const [table] = staticGdts(analysis);
  if (table === undefined || !analysis.model.assembly.ok || !isOnlyTable(analysis, table))
    return [];
  const { statements } = analysis.model;
  const start = analysis.indexOf(table.lgdt);
  return statements.slice(start + 1).flatMap((jump) => {
    const entry = codeDescriptor(table, jump);
    if (entry?.descriptor.kind !== "code") return [];
    const target = landingOf(analysis, jump, entry.descriptor.segment.base);
    const { accessRights } = entry.descriptor.segment;
    const size = accessRights & AR.L ? 64 : accessRights & AR.DB ? 32 : 16;
    return target === undefined ? [] : [{ jump, target, entry, size }];
  });
}

function landingOf(analysis: Analysis, jump: Statement, base: bigint): Statement | undefined {
  const operand = jump.operands[0]?.value;
  if (operand?.kind !== "far") return undefined;
  const address = Number(BigInt.asUintN(32, operand.offset + base));
  const index = controlFlowOf(analysis).indexAt(address);
  const target = index === undefined ? undefined : analysis.model.statements[index];
  return target?.kind === "instruction" ? target : undefined;
}

function finding(code: string, { jump, target, entry, size }: Landing, message: string): Finding {
  const insert = linesBefore(target.callRange, [`bits ${size}`]);
  const found: Finding = {
    code,
    severity: "warning",
    message,
    range: target.mnemonic?.range ?? target.range,
    fixes: [{ title: `Insert bits ${size}`, edits: [insert] }],
    related: [
      { message: "the jump that comes here", range: jump.range },
      {
        message: `GDT entry ${entry.index}: ${entry.descriptor.text}`,
        range: entry.statement.callRange,
      },
    ],
  };
  return withCall(found, target);
}

function widths({ analysis }: RuleContext): Finding[] {
  return landings(analysis).flatMap((landing) => {
    const { target, size, entry } = landing;
    if (size === 64 || target.bits === 64 || target.bits === size) return [];
    const bit = size === 32 ? "D = 1" : "D = 0";
    return [
      finding("MODE1", landing, `This is assembled for ${target.bits}-bit code, but the far jump loads a ${size}-bit code segment (GDT entry ${entry.index} has ${bit}): the processor reads other instructions. Put \`bits ${size}\` here, or correct the descriptor.`), // prettier-ignore
    ];
  });
}

export const codeSegmentSize: Rule = {
  id: "MODE1",
  title: "Code size differs from the code segment",
  run: widths,
};

function longWidths({ analysis }: RuleContext): Finding[] {
  return landings(analysis).flatMap((landing) => {
    const { target, size, entry } = landing;
    if ((size === 64) === (target.bits === 64)) return [];
    const message =
      size === 64
        ? `This is assembled for ${target.bits}-bit code, but GDT entry ${entry.index} has L = 1: in IA-32e mode the processor takes it for 64-bit code.`
        : `This is 64-bit code, but GDT entry ${entry.index} has L = 0: the far jump leads into ${size}-bit compatibility mode. Set L (bit 53) and clear D (bit 54) of the descriptor.`;
    return [finding("MODE7", landing, message)];
  });
}

export const longCodeSegment: Rule = {
  id: "MODE7",
  title: "64-bit code and the L bit",
  run: longWidths,
};
