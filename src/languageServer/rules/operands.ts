/** ASM9, ASM11, ASM12: operands that are legal and mean something else than it seems. */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { gprOf } from "../knowledge/registerFlow";
import { addressRule } from "./addressRule";
import { throughMacros } from "./expansions";
import type { Finding } from "./rule";

const FIXED_WIDTHS = { db: 1, dw: 2, dd: 4, dq: 8 } as const;

/** Bytes that an instruction reads or writes at its memory operand. */
function accessBytes({ form, operands }: Statement): number {
  if (!/^(mov|add|sub|cmp|inc|dec|and|or|xor|test|push|pop|neg|not)$/.test(form?.mnemonic ?? ""))
    return 0;
  const memory = operands.find(({ value }) => value?.kind === "mem")?.value;
  const register = operands.map(({ value }) => gprOf(value)).find((each) => each !== undefined);
  const size = (memory?.kind === "mem" ? memory.size : undefined) ?? register?.size ?? 0;
  return size / 8;
}

interface Variable {
  readonly statement: Statement;
  readonly name: string;
}

/** Single labelled values (`count: db 0`) that another label follows directly, by address. */
function variablesOf(analysis: Analysis): ReadonlyMap<bigint, Variable> {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  const found = new Map<bigint, Variable>();
  statements.forEach((statement, index) => {
    const width = FIXED_WIDTHS[statement.mnemonic?.text.toLowerCase() as keyof typeof FIXED_WIDTHS];
    if (statement.kind !== "data" || statement.length !== width || statement.operands.length !== 1)
      return;
    const label = flow.labelAt(index);
    const next = flow.next(index);
    const above = flow.previous(index);
    if (label === undefined || next === undefined) return;
    // A second name at the same address is that of the whole pair.
    if (above !== undefined && statement.label !== undefined && statements[above]!.kind === "label")
      return;
    const follows = statements[next]!;
    const isNamed = follows.label !== undefined || follows.kind === "label";
    if (isNamed) found.set(BigInt(statement.address), { statement, name: label.name });
  });
  return found;
}

function wideAccess(analysis: Analysis): Finding[] {
  const variables = variablesOf(analysis);
  return throughMacros(analysis, (statement) => {
    const memory = statement.operands.find(({ value }) => value?.kind === "mem");
    if (memory?.value?.kind !== "mem" || !memory.value.displacementIsAddress) return undefined;
    if (memory.value.base !== undefined || memory.value.index !== undefined) return undefined;
    const variable = variables.get(memory.value.displacement);
    const bytes = accessBytes(statement);
    if (variable === undefined || bytes <= variable.statement.length) return undefined;
    // Two halves that are read at once are named one after the other; a write to them is seen as well.
    if (!/^[^+-]*$/.test(memory.text)) return undefined;
    return {
      code: "ASM9",
      severity: "warning",
      message: `This takes ${bytes} bytes, and ${variable.name} has ${variable.statement.length}: the rest belongs to the name behind it.`,
      range: memory.range,
      related: [{ message: `${variable.name} is declared here`, range: variable.statement.range }],
    };
  });
}

export const accessTooWide = addressRule("ASM9", "Access wider than the variable", wideAccess);

function truncatedAddress({ form, operands }: Statement): Finding | undefined {
  const [target, source] = operands;
  if (!/^(mov|cmp|add|sub|and|or|xor|test)$/.test(form?.mnemonic ?? "")) return undefined;
  const value = source?.value;
  if (gprOf(target?.value)?.size !== 8 || value?.kind !== "imm" || !value.isAddress)
    return undefined;
  // `label + 3` as a byte is meant: the address is computed with.
  if (!/^[a-z_.?@$][\w.$?@]*$/i.test(source!.text)) return undefined;
  return {
    code: "ASM11",
    severity: "warning",
    message: `${source!.text} is an address, and this byte register takes its lowest 8 bits. Write \`[${source!.text}]\` for what stands there.`,
    range: source!.range,
    replacement: `[${source!.text}]`,
  };
}

export const addressInByte = addressRule("ASM11", "Address in a byte register", (analysis) =>
  throughMacros(analysis, truncatedAddress),
);

/** L, GE, LE, G: conditions on SF and OF. */
const SIGNED = new Set([12, 13, 14, 15]);

function comparedConstant({
  form,
  operands,
}: Statement): { value: bigint; size: number } | undefined {
  // prettier-ignore
  const [target, source] = operands.map(({ value }) => value);
  if (form?.mnemonic !== "cmp" || source?.kind !== "imm" || !source.known || source.isAddress)
    return undefined;
  const size = gprOf(target)?.size ?? (target?.kind === "mem" ? target.size : undefined);
  if (size === undefined || size === 64) return undefined;
  // All ones is a way to write -1.
  const highest = (1n << BigInt(size)) - 1n;
  const isHigh = source.value >= 1n << BigInt(size - 1) && source.value < highest;
  return isHigh ? { value: source.value, size } : undefined;
}

function signedJump(analysis: Analysis, index: number): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  const compare = statements[index]!;
  const constant = comparedConstant(compare);
  if (constant === undefined) return [];
  for (let at = flow.next(index), steps = 0; at !== undefined && steps < 4; steps++) {
    const { form, range } = statements[at]!;
    if (form?.condition !== undefined && SIGNED.has(form.condition)) {
      const signed = BigInt.asIntN(constant.size, constant.value);
      return [
        {
          code: "ASM12",
          severity: "warning",
          message: `${form.mnemonic.toUpperCase()} compares signed numbers, and ${constant.value} in ${constant.size} bits is ${signed}. Use the unsigned condition (JA, JAE, JB, JBE).`,
          range,
          related: [{ message: "compared here", range: compare.range }],
        },
      ];
    }
    const isConditional = flow.transfers[at]!.kind === "branch";
    if (!isConditional && form?.flags.written !== "") return [];
    if (!/^(next|branch)$/.test(flow.transfers[at]!.kind)) return [];
    at = flow.next(at);
  }
  return [];
}

export const signedComparison = addressRule(
  "ASM12",
  "Signed jump after an unsigned constant",
  (analysis) => analysis.model.statements.flatMap((_, index) => signedJump(analysis, index)),
);
