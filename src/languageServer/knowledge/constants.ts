/** Constants in byte and word registers on straight-line code, and ports: `mov al, 0x20` … `out 0x20, al`. */
import type { AsmOperand, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import { controlFlowOf } from "./controlFlow";
import { constantBefore, gprOf, immediateOf, writesRegister } from "./registerFlow";

const [A, D] = [0, 2] as const;
const FARTHEST = 12;

export type Half = "low" | "high";

/** Whether an operand is a part of a register that holds one of its two low bytes. */
function coversHalf(operand: AsmOperand | undefined, register: number, half: Half): boolean {
  const found = gprOf(operand);
  if (found?.number !== register) return false;
  return found.size > 8 || (found.high ? "high" : "low") === half;
}

function byteOf(statement: Statement, half: Half): number | undefined {
  const { form, operands } = statement;
  const [target, source] = operands.map(({ value }) => value);
  const size = gprOf(target)?.size ?? 0;
  const clears =
    /^(xor|sub)$/.test(form?.mnemonic ?? "") && operands[0]?.text === operands[1]?.text;
  if (clears) return 0;
  if (form?.mnemonic !== "mov" && !(form?.mnemonic === "and" && immediateOf(source) === 0n))
    return undefined;
  const value = immediateOf(source);
  if (value === undefined) return undefined;
  return Number(BigInt.asUintN(8, size > 8 && half === "high" ? value >> 8n : value));
}

/** What a statement does to one byte of a register: nothing, a known value, or something unknown. */
function byteWrite(
  statement: Statement,
  register: number,
  half: Half,
): "none" | "unknown" | number {
  const written = writesRegister(statement, register);
  if (written === false) return "none";
  const [target] = statement.operands;
  if (written === "barrier" || gprOf(target?.value)?.number !== register) return "unknown";
  if (!coversHalf(target?.value, register, half)) return "none";
  return byteOf(statement, half) ?? "unknown";
}

/** A byte of a register when a statement begins, if straight-line code shows it. */
export function byteBefore(
  analysis: Analysis,
  index: number,
  register: number,
  half: Half,
): number | undefined {
  const { statements } = analysis.model;
  const flow = controlFlowOf(analysis);
  let at = index;
  for (let distance = 0; distance < FARTHEST; distance++) {
    const { label, kind } = statements[at]!;
    if (label !== undefined && kind !== "equ" && flow.mayBeEntered(at)) return undefined;
    const before = flow.previous(at);
    const [only, ...others] = flow.predecessors(at);
    if (before === undefined || only !== before || others.length > 0) return undefined;
    const written = byteWrite(statements[before]!, register, half);
    if (written === "unknown") return undefined;
    if (written !== "none") return written;
    at = before;
  }
  return undefined;
}

export interface PortWrite {
  readonly index: number;
  readonly port: number;
  /** The byte in AL, if it is known. */
  readonly value: number | undefined;
}

/** OUT with a port that is written in it or is a known constant in DX. */
export const portWrites = oncePerAnalysis((analysis): readonly PortWrite[] =>
  analysis.model.statements.flatMap((statement, index) => {
    const { form, operands } = statement;
    if (form?.mnemonic !== "out") return [];
    const port = immediateOf(operands[0]?.value) ?? constantBefore(analysis, statement, D)?.value;
    if (port === undefined) return [];
    const isByte = gprOf(operands[1]?.value)?.size === 8;
    const value = isByte ? byteBefore(analysis, index, A, "low") : undefined;
    return [{ index, port: Number(BigInt.asUintN(16, port)), value }];
  }),
);
