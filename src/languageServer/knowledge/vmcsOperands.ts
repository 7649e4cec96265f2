/** Which VMCS field a VMREAD or VMWRITE names, where straight-line code shows it. */
import type { SourceRange, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { constantBefore, wholeRegister } from "./registerFlow";

/** The operand that holds the field's encoding: the second of VMREAD, the first of VMWRITE. */
function fieldOperandIndex(statement: Statement): number | undefined {
  switch (statement.form?.mnemonic) {
    case "vmread":
      return 1;
    case "vmwrite":
      return 0;
    default:
      return undefined;
  }
}

/** The register that holds the field's encoding. */
export function fieldRegister(statement: Statement): number | undefined {
  const index = fieldOperandIndex(statement);
  return index === undefined ? undefined : wholeRegister(statement.operands[index]?.value);
}

export function fieldOperandConstant(
  analysis: Analysis,
  statement: Statement,
): { readonly value: bigint; readonly range: SourceRange } | undefined {
  const register = fieldRegister(statement);
  const known = register === undefined ? undefined : constantBefore(analysis, statement, register);
  const operand = statement.operands[fieldOperandIndex(statement) ?? 0];
  return known === undefined || operand === undefined
    ? undefined
    : { value: known.value, range: operand.range };
}

/** The register whose value a VMWRITE puts into the field. */
export function valueRegister(statement: Statement): number | undefined {
  return statement.form?.mnemonic === "vmwrite"
    ? wholeRegister(statement.operands[1]?.value)
    : undefined;
}
