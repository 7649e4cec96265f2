/** ASM3, ASM6: where the bytes depend on how an instruction is spelled, or on NASM's version. */
import type { Statement } from "../../engine/language";
import { immediateOf } from "../knowledge/registerFlow";
import { throughMacros } from "./expansions";
import type { Finding, Rule } from "./rule";

const SHIFTS = /^(shl|sal|shr|sar|rol|ror|rcl|rcr)$/;

function longShift({ form, operands }: Statement): Finding | undefined {
  const count = operands[1];
  if (!SHIFTS.test(form?.mnemonic ?? "") || count?.value?.kind !== "imm") return undefined;
  if (count.value.size !== 8 || count.value.value !== 1n) return undefined;
  return {
    code: "ASM3",
    severity: "hint",
    message: "`byte 1` takes the form with an immediate byte; `1` alone is a byte shorter.",
    range: count.range,
    replacement: "1",
  };
}

export const shiftByByte: Rule = {
  id: "ASM3",
  title: "Shift by `byte 1`",
  run: ({ analysis }) => throughMacros(analysis, longShift),
};

function fitsShort(statement: Statement, target: bigint): boolean {
  const distance = target - BigInt(statement.address + 2);
  return distance >= -128n && distance <= 127n;
}

/** NASM 3 takes `near` for the widest distance allowed, and shortens the jump; only `strict near` keeps it. */
function nearJump({ form, operands }: Statement): string | undefined {
  const target = operands[0]?.value;
  if (target?.kind !== "imm" || target.distance !== "near" || target.strict) return undefined;
  return form?.mnemonic !== "call" ? "`near` no longer keeps a jump long" : undefined;
}

/** SMSW and LAR of a 64-bit register: NASM 3 leaves out REX.W. */
function wideRead({ form, operands }: Statement): string | undefined {
  const target = operands[0]?.value;
  const is64 =
    target?.kind === "reg" && target.register.class === "gpr" && target.register.size === 64;
  return is64 && /^(smsw|lar)$/.test(form?.mnemonic ?? "") ? "REX.W is left out" : undefined;
}

function versionDependent(statement: Statement): Finding | undefined {
  const target = immediateOf(statement.operands[0]?.value);
  const near =
    target !== undefined && fitsShort(statement, target) ? nearJump(statement) : undefined;
  const reason = near ?? wideRead(statement);
  if (reason === undefined) return undefined;
  const fix = near === undefined ? "" : " Write `strict near` for the same bytes everywhere.";
  return {
    code: "ASM6",
    severity: "hint",
    message: `NASM 3 makes this shorter than NASM 2: ${reason}, and what follows moves.${fix}`,
    range: statement.range,
  };
}

export const encodingByVersion: Rule = {
  id: "ASM6",
  title: "Other bytes under NASM 3",
  run: ({ analysis }) => throughMacros(analysis, versionDependent),
};
