/** DESC9, DESC10: what LGDT and LIDT read. SDM Vol. 2A, "LGDT/LIDT". */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { constantAddress, Image } from "../knowledge/descriptorTables";
import { constantBefore, wholeRegister } from "../knowledge/registerFlow";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

interface PseudoDescriptor {
  readonly load: Statement;
  readonly address: number;
  /** The statement that holds the base, and the one behind it. */
  readonly base: Statement | undefined;
  readonly behind: Statement | undefined;
}

function pseudoDescriptors(analysis: Analysis): PseudoDescriptor[] {
  return analysis.model.statements.flatMap((load) => {
    if (load.form?.mnemonic !== "lgdt" && load.form?.mnemonic !== "lidt") return [];
    const address = constantAddress(load);
    if (address === undefined) return [];
    const base = analysis.statementAtAddress(address + 2);
    return [{ load, address, base, behind: analysis.statementAtAddress(address + 4) }];
  });
}

function isWordData(statement: Statement | undefined): boolean {
  return statement?.kind === "data" && statement.mnemonic?.text.toLowerCase() === "dw";
}

/** Whether data goes on without a name of its own. */
function continues(analysis: Analysis, statement: Statement | undefined): boolean {
  if (statement?.kind !== "data" || statement.times > 1) return false;
  return controlFlowOf(analysis).labelAt(analysis.indexOf(statement)) === undefined;
}

function shortBase(
  analysis: Analysis,
  { load, address, base, behind }: PseudoDescriptor,
): Finding[] {
  if (base === undefined || !isWordData(base)) return [];
  // `dw limit, low, high`, `dw low` / `dw high` and `dw low` / `db 0, 0` are whole.
  if (base.address + base.length !== address + 4 || continues(analysis, behind)) return [];
  const name = load.mnemonic?.text.toUpperCase();
  return [
    {
      code: "DESC9",
      severity: "warning",
      message: `${name} reads 4 bytes of base${load.bits === 16 ? " (3 without o32)" : ""}, and \`dw\` gives 2: the rest is whatever follows. Write \`dd\`.`,
      range: base.range,
      related: [{ message: `${name} reads it here`, range: load.range }],
    },
  ];
}

function wideBase(image: Image, { load, address, base }: PseudoDescriptor): Finding[] {
  const isWide = load.prefixes.some(({ text }) => /^o32$/i.test(text));
  if (load.bits !== 16 || isWide || base === undefined || !image.holds(address, 6)) return [];
  if (isWordData(base) || image.dword(address + 2) <= 0xffffff) return [];
  const name = load.mnemonic?.text.toUpperCase() ?? "";
  const { range } = load;
  return [
    {
      code: "DESC9",
      severity: "warning",
      message: `In 16-bit code ${name} loads 24 bits of base: the upper byte of 0x${image.dword(address + 2).toString(16)} is lost. Write \`o32 ${name.toLowerCase()}\`.`,
      range,
      fixes: [
        {
          title: `Write o32 ${name.toLowerCase()}`,
          edits: [
            { range: { ...range, endLine: range.line, endColumn: range.column }, newText: "o32 " },
          ],
        },
      ],
    },
  ];
}

function bases(analysis: Analysis): Finding[] {
  const image = new Image(analysis);
  return pseudoDescriptors(analysis).flatMap((each) => [
    ...shortBase(analysis, each),
    ...wideBase(image, each),
  ]);
}

export const tableBase = addressRule("DESC9", "Base of LGDT or LIDT cut short", bases);

/** The paragraph that DS gets in real mode, when it is a constant other than 0. */
function dataSegment(analysis: Analysis): { value: bigint; at: Statement } | undefined {
  for (const statement of analysis.model.statements) {
    const { form, operands, bits } = statement;
    const target = operands[0]?.value;
    if (bits !== 16 || form?.mnemonic !== "mov" || target?.kind !== "reg") continue;
    if (target.register.class !== "sreg" || target.register.number !== 3) continue;
    const source = wholeRegister(operands[1]?.value);
    const constant = source === undefined ? undefined : constantBefore(analysis, statement, source);
    return constant === undefined || constant.value === 0n
      ? undefined
      : { value: constant.value, at: statement };
  }
  return undefined;
}

function isAdjusted(analysis: Analysis, address: number): boolean {
  return analysis.model.statements.some(({ form, operands }) => {
    const target = operands[0]?.value;
    if (form === undefined || target?.kind !== "mem" || form.mnemonic.startsWith("l")) return false;
    return target.base !== undefined || Number(target.displacement) === address + 2;
  });
}

/** A base is a linear address, and a label only an offset in the segment that DS names. */
function offsetsForBases(analysis: Analysis): Finding[] {
  const { origin, image: bytes } = analysis.model.assembly;
  const segment = origin === 0 ? dataSegment(analysis) : undefined;
  if (segment === undefined) return [];
  const image = new Image(analysis);
  return pseudoDescriptors(analysis).flatMap(({ load, address, base }) => {
    if (load.bits !== 16 || base === undefined || !image.holds(address, 6)) return [];
    const value = image.dword(address + 2);
    if (value === 0 || value >= bytes.length || isAdjusted(analysis, address)) return [];
    const linear = `0x${(16n * BigInt.asUintN(16, segment.value)).toString(16)}`;
    return [
      {
        code: "DESC10",
        severity: "warning" as const,
        message: `The base 0x${value.toString(16)} is an offset in DS = 0x${segment.value.toString(16)}, and a descriptor table's base is a linear address: add ${linear}.`,
        range: base.range,
        related: [{ message: "DS is set here", range: segment.at.range }],
      },
    ];
  });
}

export const linearBase = addressRule(
  "DESC10",
  "Table base that is only an offset",
  offsetsForBases,
);
