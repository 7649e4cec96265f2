/** Where a program loads constant selectors, and the one GDT that is in force there. */
import {
  decodeSelector,
  type Descriptor,
  type Selector,
  type Statement,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { staticGdts, type StaticTable } from "./descriptorTables";
import { interruptsOf } from "./interruptHandlers";
import { constantBefore, wholeRegister } from "./registerFlow";

export type SelectorUse = "cs" | "ss" | "data" | "tr" | "ldtr" | "gate";

export interface SelectorLoad {
  readonly use: SelectorUse;
  /** "DS", "TR", "vector 14". */
  readonly target: string;
  readonly selector: Selector;
  readonly statement: Statement;
  /** Offset that CS is loaded with. */
  readonly offset?: number;
}

/** ES, CS, SS, DS, FS, GS. */
const SEGMENT_NAMES = ["ES", "CS", "SS", "DS", "FS", "GS"] as const;
const SS = 2;

/** The only GDT of a program: with several it is not known which one is in force. */
export function onlyGdt(analysis: Analysis): StaticTable | undefined {
  const tables = staticGdts(analysis);
  const loads = analysis.model.statements.filter(({ form }) => form?.mnemonic === "lgdt");
  return tables.length === 1 &&
    loads.length > 0 &&
    new Set(loads.map(({ range }) => range.line)).size === 1
    ? tables[0]
    : undefined;
}

function farLoad(statement: Statement): SelectorLoad | undefined {
  const target = statement.operands[0]?.value;
  if (statement.form === undefined || target?.kind !== "far" || !target.known) return undefined;
  const selector = decodeSelector(Number(BigInt.asUintN(16, target.selector)));
  const offset = Number(BigInt.asUintN(32, target.offset));
  return { use: "cs", target: "CS", selector, statement, offset };
}

function registerLoad(analysis: Analysis, statement: Statement): SelectorLoad | undefined {
  const { form, operands, bits } = statement;
  const isTask = form?.mnemonic === "ltr" || form?.mnemonic === "lldt";
  const target = operands[0]?.value;
  const isSegment =
    form?.mnemonic === "mov" && target?.kind === "reg" && target.register.class === "sreg";
  // In 16-bit code a segment register may still take a paragraph number.
  if (!isTask && (!isSegment || bits === 16)) return undefined;
  const register = wholeRegister((isTask ? operands[0] : operands[1])?.value);
  const constant =
    register === undefined ? undefined : constantBefore(analysis, statement, register);
  if (constant === undefined) return undefined;
  const selector = decodeSelector(Number(BigInt.asUintN(16, constant.value)));
  if (isTask) {
    const use = form.mnemonic === "ltr" ? "tr" : "ldtr";
    return { use, target: use.toUpperCase(), selector, statement };
  }
  if (target?.kind !== "reg") return undefined;
  const { number } = target.register;
  return {
    use: number === SS ? "ss" : "data",
    target: SEGMENT_NAMES[number] ?? "",
    selector,
    statement,
  };
}

/** Loads behind LGDT in the order of the program, and the selectors of the IDT's gates. */
function findLoads(analysis: Analysis): SelectorLoad[] {
  const table = onlyGdt(analysis);
  if (table === undefined) return [];
  const after = analysis.model.statements.slice(analysis.indexOf(table.lgdt) + 1);
  const loads = after.flatMap((each) => farLoad(each) ?? registerLoad(analysis, each) ?? []);
  const gates = interruptsOf(analysis).gates.filter(({ gate }) => gate.present);
  return [
    ...loads,
    ...gates.map(({ gate, vector, statement }): SelectorLoad => ({
      use: "gate",
      target: `vector ${vector}`,
      selector: decodeSelector(gate.selector),
      statement,
    })),
  ];
}

export const selectorLoads = oncePerAnalysis((analysis): readonly SelectorLoad[] =>
  findLoads(analysis),
);

export interface NamedDescriptor {
  readonly descriptor: Descriptor;
  readonly statement: Statement;
}

/** The descriptor that a selector names; undefined where code fills it in. */
export function namedDescriptor(
  table: StaticTable,
  { index, table: which }: Selector,
): NamedDescriptor | undefined {
  const entry = table.entries.find((each) => each.index === index);
  if (which === "LDT" || entry === undefined || entry.descriptor.kind === "null") return undefined;
  return { descriptor: entry.descriptor, statement: entry.statement };
}
