/** The quick fix for instructions that a paravirtual kernel leaves to hypercalls: a macro that does either. */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { paravirtualOperation } from "../knowledge/paravirtualMacros";
import { contains, fileStart } from "../positions";
import type { Fix } from "./rule";

/** Lines between `%if...` and `%endif` where the condition speaks of paravirtualization: the kernel has both ways there. */
export function hasBothWays(analysis: Analysis, { range }: Statement): boolean {
  return analysis.model.blocks.some(
    (block) =>
      block.kind === "if" &&
      contains(block.range, range) &&
      block.words.some((word) =>
        /paravirt|hypercall|\bxen\b|\bpv\b/i.test(
          analysis.lineText(word.range.file, word.range.line),
        ),
      ),
  );
}

/** Puts the macro's call in the place of the instruction, and its definition in front of the file where it is missing. */
export function paravirtualFix(analysis: Analysis, statement: Statement): Fix | undefined {
  const { form, mnemonic, prefixes, operands, range, macroTrail } = statement;
  if (form === undefined || mnemonic === undefined || prefixes.length > 0) return undefined;
  // A macro of somebody's own has to be changed as a whole.
  if (macroTrail.length > 0) return undefined;
  const operation = paravirtualOperation(
    form,
    operands.map(({ text }) => text),
  );
  if (operation === undefined) return undefined;
  const end = operands.at(-1)?.range ?? mnemonic.range;
  const written = { ...mnemonic.range, endLine: end.endLine, endColumn: end.endColumn };
  const isDefined = analysis.model.macroDefinitions.some(({ name }) => name === operation.macro);
  const definition = { range: fileStart(range.file), newText: operation.definition };
  return {
    title: `Use the macro ${operation.macro}: hypercall or ${mnemonic.text.toUpperCase()}`,
    edits: [...(isDefined ? [] : [definition]), { range: written, newText: operation.call }],
  };
}
