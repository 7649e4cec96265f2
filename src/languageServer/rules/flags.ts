/** FLOW4: conditions that test flags which nothing has set, and comparisons whose result is lost. SDM Vol. 1, "EFLAGS Cross-Reference". */
import type { InstructionForm, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { interruptsOf } from "../knowledge/interruptHandlers";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

const FLAG_NAMES: Readonly<Record<string, string>> = {
  C: "CF",
  P: "PF",
  Z: "ZF",
  S: "SF",
  O: "OF",
};
/** Instructions that leave the flags alone when their count is 0. */
const COUNTED = /^(shl|sal|shr|sar|rol|ror|rcl|rcr|shld|shrd)$/;
const FARTHEST = 12;

function isCondition(form: InstructionForm | undefined): form is InstructionForm {
  return form?.condition !== undefined;
}

function changes({ flags }: InstructionForm, flag: string): boolean {
  return (flags.written + flags.cleared + flags.set).includes(flag);
}

function undefinedFlag(analysis: Analysis, index: number): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  const { form, range } = statements[index]!;
  if (!isCondition(form)) return [];
  const needed = new Set(form.flags.read);
  for (let at = index, steps = 0; steps < FARTHEST && needed.size > 0; steps++) {
    const [before, ...others] = flow.predecessors(at);
    if (before === undefined || others.length > 0 || flow.mayBeEntered(at)) return [];
    const writer = statements[before]!.form;
    if (!/^(next|branch|jump)$/.test(flow.transfers[before]!.kind)) return [];
    const lost = [...needed].find((flag) => writer?.flags.undefined.includes(flag));
    if (writer !== undefined && lost !== undefined)
      return [
        {
          code: "FLOW4",
          severity: "warning",
          message: `${form.mnemonic.toUpperCase()} tests ${FLAG_NAMES[lost] ?? lost}, which ${writer.mnemonic.toUpperCase()} leaves undefined.`,
          range,
          related: [{ message: "the flag is lost here", range: statements[before]!.range }],
        },
      ];
    for (const flag of [...needed])
      if (writer !== undefined && changes(writer, flag)) needed.delete(flag);
    at = before;
  }
  return [];
}

function isCompare({ form, operands }: Statement): boolean {
  if (form?.mnemonic !== "cmp" && form?.mnemonic !== "test") return false;
  // A read of memory can be meant for its own sake.
  return operands.every(({ value }) => value?.kind !== "mem");
}

function overwrittenCompare(analysis: Analysis, index: number): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  const compare = statements[index]!;
  if (!isCompare(compare)) return [];
  const open = new Set("CZSO");
  let at = flow.next(index);
  for (let steps = 0; at !== undefined && steps < FARTHEST; steps++) {
    const { form, prefixes, length, macroTrail } = statements[at]!;
    if (form === undefined && length > 0) return [];
    if (flow.transfers[at]!.kind !== "next" || macroTrail.length > 0) return [];
    if (form !== undefined) {
      if ([...open].some((flag) => form.flags.read.includes(flag))) return [];
      if (COUNTED.test(form.mnemonic) || prefixes.some(({ text }) => /^rep/i.test(text))) return [];
      for (const flag of [...open])
        if (changes(form, flag) || form.flags.undefined.includes(flag)) open.delete(flag);
      if (open.size === 0) {
        const name = form.mnemonic.toUpperCase();
        return [
          {
            code: "FLOW4",
            severity: "warning",
            message: `Nothing reads the flags of this ${compare.form?.mnemonic.toUpperCase()}: ${name} overwrites them.`,
            range: compare.range,
            related: [{ message: "overwritten here", range: statements[at]!.range }],
          },
        ];
      }
    }
    at = flow.next(at);
  }
  return [];
}

/** The flags at a handler's entry are those of the interrupted program. */
function flagsOfInterrupted(analysis: Analysis, entry: number): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  const written = new Set<string>();
  let at: number | undefined = entry;
  for (let steps = 0; at !== undefined && steps < FARTHEST; steps++) {
    const { form, range, length } = statements[at]!;
    if (form === undefined && length > 0) return [];
    if (isCondition(form) && Array.from(form.flags.read).every((flag) => !written.has(flag)))
      return [
        {
          code: "FLOW4",
          severity: "warning",
          message: `${form.mnemonic.toUpperCase()} tests flags that nothing in this handler has set: they are those of the interrupted program.`,
          range,
        },
      ];
    if (flow.transfers[at]!.kind !== "next") return [];
    const { flags } = form ?? {};
    for (const flag of (flags?.written ?? "") +
      (flags?.cleared ?? "") +
      (flags?.set ?? "") +
      (flags?.undefined ?? ""))
      written.add(flag);
    at = flow.next(at);
  }
  return [];
}

function run(analysis: Analysis): Finding[] {
  return [
    ...analysis.model.statements.flatMap((_, index) => [
      ...undefinedFlag(analysis, index),
      ...overwrittenCompare(analysis, index),
    ]),
    ...interruptsOf(analysis).handlers.flatMap(({ index }) => flagsOfInterrupted(analysis, index)),
  ];
}

export const flagUse = addressRule("FLOW4", "Flags that are undefined or overwritten", run);
