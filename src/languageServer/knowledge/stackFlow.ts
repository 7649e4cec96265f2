/** What a pushed number is for, as far as the next lines show it: flags for POPF or IRET, a selector for RETF or IRET. */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { useOf, wholeRegister, writesRegister } from "./registerFlow";

const FARTHEST = 6;

/** The next taker of pushed values in straight-line code, and how many pushes come before it. */
function takerAfter(
  analysis: Analysis,
  push: Statement,
): { readonly mnemonic: string; readonly pushes: number } | undefined {
  const { statements } = analysis.model;
  const start = analysis.indexOf(push);
  let pushes = 0;
  for (let at = start + 1; start >= 0 && at <= start + FARTHEST && at < statements.length; at++) {
    const { label, form, kind } = statements[at]!;
    if (label !== undefined && kind !== "equ") return undefined;
    const mnemonic = form?.mnemonic ?? "";
    if (mnemonic === "push") pushes += 1;
    else if (/^(popf|iret|retf)/.test(mnemonic)) return { mnemonic, pushes };
    else if (/^(pop|call|ret|jmp|int|enter|leave|push)/.test(mnemonic)) return undefined;
  }
  return undefined;
}

/** IRET takes the address, CS, then the flags. SDM Vol. 2A, "IRET". */
export function pushedFlags(analysis: Analysis, push: Statement): boolean {
  const taker = takerAfter(analysis, push);
  if (taker === undefined) return false;
  return taker.mnemonic.startsWith("popf")
    ? taker.pushes === 0
    : taker.mnemonic.startsWith("iret") && taker.pushes === 2;
}

/** CS of IRET and RETF, SS of an IRET to another ring. */
export function isPushedSelector(analysis: Analysis, push: Statement): boolean {
  const taker = takerAfter(analysis, push);
  if (taker === undefined || taker.mnemonic.startsWith("popf")) return false;
  return taker.pushes === 1 || (taker.mnemonic.startsWith("iret") && taker.pushes === 4);
}

/** `pushfd`, `pop eax` before, or `push eax`, `popfd` behind. */
export function registerHoldsFlags(
  analysis: Analysis,
  statement: Statement,
  register: number,
): boolean {
  const { statements } = analysis.model;
  const goesToFlags = useOf(analysis, statement, register, (next) => {
    const isPush =
      next.form?.mnemonic === "push" && wholeRegister(next.operands[0]?.value) === register;
    return (
      isPush && (statements[analysis.indexOf(next) + 1]?.form?.mnemonic ?? "").startsWith("popf")
    );
  });
  if (goesToFlags !== undefined) return true;
  for (let at = analysis.indexOf(statement), steps = 0; at > 0 && steps < FARTHEST; steps++) {
    if (statements[at]!.label !== undefined) return false;
    at -= 1;
    const before = statements[at]!;
    const isPop =
      before.form?.mnemonic === "pop" && wholeRegister(before.operands[0]?.value) === register;
    if (isPop) return (statements[at - 1]?.form?.mnemonic ?? "").startsWith("pushf");
    const combines = /^(and|or|xor|bts|btr)$/.test(before.form?.mnemonic ?? "");
    if (writesRegister(before, register) !== false && !combines) return false;
  }
  return false;
}
