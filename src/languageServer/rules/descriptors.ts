/** DESC1: mistakes in a GDT that is written out in the source. SDM Vol. 3A, "Segment Descriptors". */
import { AR, decodeSelector, type Statement } from "../../engine/language";
import { staticGdts, type StaticDescriptor, type StaticTable } from "../knowledge/descriptorTables";
import type { Finding, Rule, RuleContext } from "./rule";

function finding(
  statement: Statement,
  message: string,
  severity: Finding["severity"] = "warning",
): Finding {
  return { code: "DESC1", severity, message, range: statement.callRange };
}

function limitFinding(table: StaticTable): Finding[] {
  const size = table.limit + 1;
  if (size % 8 === 0) return [];
  const hint = table.limit % 8 === 0 ? " The limit is the size minus 1." : "";
  return [
    finding(
      table.pointer,
      `The GDT's limit is ${table.limit}, so its size is ${size}, which is no multiple of 8.${hint}`,
    ),
  ];
}

function entryFindings({ index, descriptor, statement }: StaticDescriptor): Finding[] {
  const where = `GDT entry ${index} (selector 0x${(8 * index).toString(16).padStart(2, "0")})`;
  if (descriptor.kind === "null") return [];
  if (index === 0 && descriptor.kind !== "gate" && descriptor.segment.accessRights & AR.P)
    return [
      finding(
        statement,
        `${where} is the null descriptor: the processor never uses what stands there, and selector 0 faults. Put \`dq 0\` before this.`,
      ),
    ];
  if (index === 0) return [];
  if (
    descriptor.kind === "code" &&
    descriptor.segment.accessRights & AR.L &&
    descriptor.segment.accessRights & AR.DB
  )
    return [
      finding(statement, `${where} has L and D both set: loading it into CS raises #GP.`, "error"),
    ];
  if (
    descriptor.kind === "system" &&
    descriptor.system === "reserved" &&
    descriptor.segment.accessRights & AR.P
  )
    return [
      finding(
        statement,
        `${where} has a reserved system type. The S bit (0x10 of the access byte) makes it code or data.`,
      ),
    ];
  return [];
}

/** `jmp sel:offset` with a constant selector. */
function farSelector(statement: Statement): number | undefined {
  const target = statement.operands[0]?.value;
  if (statement.form === undefined || target?.kind !== "far" || !target.known) return undefined;
  return Number(BigInt.asUintN(16, target.selector));
}

/** Far jumps in real mode name paragraphs; after LGDT in program order a value below the table's end is taken for a selector. */
function jumpFindings(table: StaticTable, statements: readonly Statement[]): Finding[] {
  const start = statements.indexOf(table.lgdt);
  return statements.slice(start + 1).flatMap((statement) => {
    const value = farSelector(statement);
    if (value === undefined) return [];
    const selector = decodeSelector(value);
    if (selector.table === "LDT" || selector.isNull) return [];
    const entry = table.entries.find((each) => each.index === selector.index);
    if (entry === undefined) return [];
    const digits = `0x${value.toString(16).padStart(2, "0")}`;
    const { descriptor } = entry;
    const shown = `GDT entry ${entry.index} is ${descriptor.text}`;
    const related = [{ message: shown, range: entry.statement.callRange }];
    // An empty entry is one that code fills in.
    if (descriptor.kind === "data")
      return [
        {
          ...finding(
            statement,
            `Selector ${digits} names no code segment: ${shown}. This raises #GP.`,
          ),
          related,
        },
      ];
    if (descriptor.kind === "code" && (descriptor.segment.accessRights & AR.P) === 0)
      return [
        {
          ...finding(
            statement,
            `The code segment of selector ${digits} is not present: this raises #NP.`,
          ),
          related,
        },
      ];
    return [];
  });
}

function run({ analysis }: RuleContext): readonly Finding[] {
  if (!analysis.model.assembly.ok) return [];
  const tables = staticGdts(analysis);
  const found = tables.flatMap((table) => [
    ...limitFinding(table),
    ...table.entries.flatMap(entryFindings),
  ]);
  const [only] = tables;
  // With several tables it is not known which one is in force at a jump.
  if (only !== undefined && tables.length === 1)
    found.push(...jumpFindings(only, analysis.model.statements));
  return found;
}

export const descriptors: Rule = { id: "DESC1", title: "Mistakes in a GDT", run };
