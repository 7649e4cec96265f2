/**
 * Addresses that mean something else than they look like: MODE8 (`rel` outside 64-bit code), MODE9 (sign extension in 64-bit code), MODE10
 * (beyond 64 KiB in real mode).
 */
import type { Statement, StatementOperand } from "../../engine/language";
import type { Analysis } from "../analysis";
import { addressOf, bitsBefore, knownValue } from "../knowledge/registerBits";
import { isLinkedPart, systemWritesOf } from "../knowledge/systemWrites";
import { throughMacros } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

function relative(analysis: Analysis, statement: Statement): Finding | undefined {
  if (statement.form === undefined || statement.bits === 64) return undefined;
  const operand = statement.operands.find(
    ({ value, text }) => value?.kind === "mem" && value.relative === "rel" && /\brel\b/i.test(text),
  );
  if (operand === undefined) return undefined;
  return {
    code: "MODE8",
    severity: "warning",
    message: `\`rel\` has no effect in ${statement.bits}-bit code: RIP-relative addressing exists in 64-bit mode only, and this is the absolute address. Position-independent code has to find its own address (call, pop).`,
    range: operand.range,
    ...withoutRelative(analysis, operand),
  };
}

/** The operand without the word, where it is written out at its place. */
function withoutRelative(
  analysis: Analysis,
  { range }: StatementOperand,
): Pick<Finding, "replacement"> {
  const line = analysis.lineText(range.file, range.line);
  const written = line.slice(range.column - 1, range.endColumn - 1);
  const replacement = written.replace(/\brel\s+/i, "");
  return replacement === written ? {} : { replacement };
}

export const relativeOutside64: Rule = {
  id: "MODE8",
  title: "rel outside 64-bit code",
  run: ({ analysis }) => throughMacros(analysis, (each) => relative(analysis, each)),
};

const TWO_GIB = 1n << 31n;
const FOUR_GIB = 1n << 32n;
const SMALL = 1n << 16n;

/** The displacement of a 64-bit address that its 32 bits cannot hold as a positive number. */
function extended({ value }: StatementOperand): bigint | undefined {
  if (value?.kind !== "mem" || !value.displacementKnown || value.relative === "rel")
    return undefined;
  if (value.displacementSize === 64 || value.addressSize === 32) return undefined;
  // A 32-bit address register makes the whole address 32 bits wide.
  const registers = [value.base, value.index];
  if (registers.some((each) => each?.class === "gpr" && each.size === 32)) return undefined;
  const { displacement } = value;
  // A small negative number may be written that way on purpose where there is something to subtract it from.
  const most = registers.some((each) => each !== undefined) ? FOUR_GIB - SMALL : FOUR_GIB;
  return displacement >= TWO_GIB && displacement < most ? displacement : undefined;
}

function signExtended(statement: Statement): Finding | undefined {
  const { form, bits, operands, prefixes } = statement;
  if (form === undefined || bits !== 64 || prefixes.some(({ text }) => /^a32$/i.test(text)))
    return undefined;
  const operand = operands.find((each) => extended(each) !== undefined);
  if (operand?.value?.kind !== "mem") return undefined;
  const low = operand.value.displacement.toString(16);
  const high = BigInt.asUintN(64, BigInt.asIntN(32, operand.value.displacement)).toString(16);
  const alone = operand.value.base === undefined && operand.value.index === undefined;
  const address = alone ? `this accesses 0x${high}, not 0x${low}` : `this adds 0x${high}`;
  return {
    code: "MODE9",
    severity: "warning",
    message: `The displacement is 32 bits and sign-extended: ${address}. Load the address into a register (\`mov ebx, 0x${low}\`) and use that.`,
    range: operand.range,
    // NASM says that the value does not fit, but not what becomes of it.
    replaces: ["number-overflow"],
  };
}

export const signExtendedAddress: Rule = {
  id: "MODE9",
  title: "Displacement that is sign-extended in 64-bit code",
  run: ({ analysis }) => throughMacros(analysis, signExtended),
};

/** The constant address that a 16-bit statement accesses with 32-bit addressing. */
function wideAddress(analysis: Analysis, statement: Statement): bigint | undefined {
  const { form, operands } = statement;
  for (const [i, { value }] of operands.entries()) {
    if (value?.kind !== "mem" || form?.operands[i]?.access === "n") continue;
    if (value.displacementSize === 32 || value.addressSize === 32) {
      const address = addressOf(value);
      if (address !== undefined) return BigInt.asUintN(32, address);
    }
    if (value.base?.class !== "gpr" || value.base.size !== 32 || value.index !== undefined)
      continue;
    const base = knownValue(bitsBefore(analysis, analysis.indexOf(statement), value.base.number), 32); // prettier-ignore
    if (base !== undefined && value.displacementKnown)
      return BigInt.asUintN(32, base + value.displacement);
  }
  return undefined;
}

/** No segment of real mode reaches an address from here on: FFFF:FFFF is below it. */
const BEYOND_REAL_MODE = 0x110000n;

/** A 32-bit register gets such an address in 16-bit code, and the program uses it as one: it counts on limits that someone has raised. */
function countsOnRaisedLimits({ model }: Analysis): boolean {
  const used = new Set<number>();
  const loaded = new Set<number>();
  for (const { bits, form, operands } of model.statements) {
    if (bits !== 16 || form === undefined) continue;
    for (const { value } of operands)
      if (value?.kind === "mem" && value.base?.class === "gpr" && value.base.size === 32)
        used.add(value.base.number);
    const [target, source] = operands.map(({ value }) => value);
    const isLoad = form.mnemonic === "mov" && target?.kind === "reg" && source?.kind === "imm";
    if (!isLoad || target.register.class !== "gpr" || !source.known) continue;
    if (BigInt.asUintN(32, source.value) >= BEYOND_REAL_MODE) loaded.add(target.register.number);
  }
  return [...loaded].some((number) => used.has(number));
}

/** Without any write of CR0 the program stays in real mode, and no segment has a limit above 64 KiB. */
function beyondLimit({ analysis }: RuleContext): Finding[] {
  const writes = systemWritesOf(analysis);
  if (writes.writesOf(0).length > 0 || writes.has("lgdt") || isLinkedPart(analysis)) return [];
  if (countsOnRaisedLimits(analysis)) return [];
  return throughMacros(analysis, (statement) => {
    if (statement.bits !== 16 || statement.form === undefined) return undefined;
    const address = wideAddress(analysis, statement);
    if (address === undefined || address <= 0xffffn) return undefined;
    return {
      code: "MODE10",
      severity: "warning",
      message: `Offset 0x${address.toString(16)} lies beyond the 64 KiB limit of a real-mode segment: this raises #GP (INT 13). Put the upper part into the segment register.`,
      range: statement.range,
    };
  });
}

export const beyondRealModeLimit: Rule = {
  id: "MODE10",
  title: "Address beyond 64 KiB in real mode",
  run: beyondLimit,
};
