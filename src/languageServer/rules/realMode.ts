/** MODE11: BIOS calls where there is no BIOS to be called. MODE14: instructions that real mode does not have. */
import type { Analysis } from "../analysis";
import { immediateOf } from "../knowledge/registerFlow";
import { isWholeProgram, systemWritesOf } from "../knowledge/systemWrites";
import { throughMacros } from "./expansions";
import type { Finding, Rule, RuleContext } from "./rule";

const BIOS_VECTORS: ReadonlySet<bigint> = new Set([0x10n, 0x11n, 0x12n, 0x13n, 0x14n, 0x15n, 0x16n, 0x17n, 0x19n, 0x1an]); // prettier-ignore

/** A program for somebody else's kernel may call what it likes; one that sets up the processor is the kernel. */
function isKernel(analysis: Analysis): boolean {
  const writes = systemWritesOf(analysis);
  return writes.has("lgdt") || writes.writesOf(0).length > 0;
}

function biosCalls({ analysis }: RuleContext): Finding[] {
  if (!isKernel(analysis) || !isWholeProgram(analysis)) return [];
  if (systemWritesOf(analysis).has("lidt")) return [];
  return throughMacros(analysis, (statement) => {
    const vector = immediateOf(statement.operands[0]?.value);
    if (statement.form?.mnemonic !== "int" || statement.bits === 16) return undefined;
    if (vector === undefined || !BIOS_VECTORS.has(vector)) return undefined;
    return {
      code: "MODE11",
      severity: "warning",
      message: `INT 0x${vector.toString(16)} is a BIOS service of real mode. In ${statement.bits}-bit code it goes through the IDT, and nothing here runs LIDT: this ends in a triple fault. Call the BIOS before the switch, or drive the device.`,
      range: statement.range,
    };
  });
}

export const biosInProtectedMode: Rule = {
  id: "MODE11",
  title: "BIOS service called in protected mode",
  run: biosCalls,
};

function realModeOnly({ analysis }: RuleContext): Finding[] {
  const { entryBits } = analysis.model.assembly;
  const writes = systemWritesOf(analysis);
  if (entryBits !== 16 || writes.writesOf(0).length > 0 || !isWholeProgram(analysis)) return [];
  // 32-bit code in the same program runs in protected mode, however it gets there.
  if (analysis.model.statements.some(({ form, bits }) => form !== undefined && bits !== 16))
    return [];
  return throughMacros(analysis, (statement) => {
    const { form, mnemonic } = statement;
    if (form?.protectedOnly !== true || mnemonic === undefined) return undefined;
    return {
      code: "MODE14",
      severity: "warning",
      message: `${mnemonic.text.toUpperCase()} raises #UD (INT 6) in real mode, and nothing in this program sets CR0.PE.`,
      range: mnemonic.range,
    };
  });
}

export const protectedOnlyInstruction: Rule = {
  id: "MODE14",
  title: "Protected-mode instruction in real mode",
  run: realModeOnly,
};
