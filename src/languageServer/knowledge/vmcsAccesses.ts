/** All VMREADs and VMWRITEs of a program, with the field and the value where straight-line code shows them. */
import {
  accessedField,
  type Statement,
  type VmcsField,
  type VmcsFieldName,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { knownValue, operandBits, type RegisterBits } from "./registerBits";
import { fieldRegister } from "./vmcsOperands";

export interface VmcsAccess {
  readonly index: number;
  readonly statement: Statement;
  readonly writes: boolean;
  /** Undefined where the field's encoding is not known. */
  readonly encoding: number | undefined;
  /** Undefined where it is not known or there is no such field. */
  readonly field: VmcsField | undefined;
  /** Bits 63:32 of a 64-bit field. */
  readonly high: boolean;
  /** What is known of the value written. */
  readonly value: RegisterBits;
}

function accessOf(analysis: Analysis, statement: Statement, index: number): VmcsAccess | undefined {
  const mnemonic = statement.form?.mnemonic;
  if (mnemonic !== "vmread" && mnemonic !== "vmwrite") return undefined;
  const writes = mnemonic === "vmwrite";
  const operand = statement.operands[writes ? 0 : 1]?.value;
  const known =
    fieldRegister(statement) === undefined
      ? undefined
      : knownValue(operandBits(analysis, index, operand), 32);
  const encoding = known === undefined ? undefined : Number(known);
  const accessed = encoding === undefined ? undefined : accessedField(encoding);
  const value = operandBits(analysis, index, writes ? statement.operands[1]?.value : undefined);
  return {
    index,
    statement,
    writes,
    encoding,
    field: accessed?.field,
    high: accessed?.high === true,
    value,
  };
}

/** In program order; made once for a program. */
export const vmcsAccessesOf = oncePerAnalysis((analysis): readonly VmcsAccess[] =>
  analysis.model.statements.flatMap(
    (statement, index) => accessOf(analysis, statement, index) ?? [],
  ),
);

/** The value written, of as many bits as the operand has in this mode. */
export function valueWritten({ value, statement }: VmcsAccess): bigint | undefined {
  return knownValue(value, statement.bits === 64 ? 64 : 32);
}

/** The VMWRITEs of a field that are known to be that. */
export function writesOfField(analysis: Analysis, name: VmcsFieldName): readonly VmcsAccess[] {
  return vmcsAccessesOf(analysis).filter((each) => each.writes && each.field?.name === name);
}
