/** Where a symbol is declared without being defined: the operands of `global`, `extern`, `common` and their like. */
import type { SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { contains, type Place } from "../positions";

const DECLARING = /^(global|extern|common|static|required)$/i;

export interface Declaration {
  /** Full name of the symbol. */
  readonly name: string;
  readonly range: SourceRange;
}

/** `global name:function hidden`, `common name 4`: the name comes first. */
function nameOnly(range: SourceRange, text: string): Declaration | undefined {
  const name = /^\$?([\w.?@~#$]+)/.exec(text)?.[0];
  if (name === undefined || range.line !== range.endLine) return undefined;
  return {
    name: name.replace(/^\$/, ""),
    range: { ...range, endColumn: range.column + name.length },
  };
}

/** Written out in the open; what a macro declares has no place of its own. */
export const declarations = oncePerAnalysis((analysis): readonly Declaration[] =>
  analysis.model.statements.flatMap(({ kind, mnemonic, operands, macroTrail }) =>
    kind === "directive" && macroTrail.length === 0 && DECLARING.test(mnemonic?.text ?? "")
      ? operands.flatMap((operand) => nameOnly(operand.range, operand.text) ?? [])
      : [],
  ),
);

export function declarationAt(analysis: Analysis, place: Place): Declaration | undefined {
  return declarations(analysis).find((each) => contains(each.range, place));
}
