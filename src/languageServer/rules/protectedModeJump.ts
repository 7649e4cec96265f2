/** MODE2: CR0.PE is set in 16-bit code, and no far transfer follows: CS keeps its real-mode base and 16-bit size. SDM Vol. 3A, "Switching to Protected Mode". */
import type { Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { gprOf, immediateOf, wholeRegister } from "../knowledge/registerFlow";
import type { Finding, Rule, RuleContext } from "./rule";
import { withCall } from "./expansions";

/** Instructions that real code puts between (segment loads, a serialising jump). */
const FARTHEST = 8;

function isMoveToCr0(statement: Statement): number | undefined {
  const target = statement.operands[0]?.value;
  if (statement.form?.mnemonic !== "mov" || target?.kind !== "reg") return undefined;
  if (target.register.class !== "cr" || target.register.number !== 0) return undefined;
  return wholeRegister(statement.operands[1]?.value);
}

/** Whether the last thing that happened to a register before `at` set its bit 0. */
function setsBit0(statements: readonly Statement[], at: number, register: number): boolean {
  for (let i = at - 1; i >= 0 && i >= at - 4; i--) {
    const { form, operands } = statements[i]!;
    if (gprOf(operands[0]?.value)?.number !== register) continue;
    const value = immediateOf(operands[1]?.value);
    if (form?.mnemonic === "inc") return true;
    if (form?.mnemonic === "or" || form?.mnemonic === "mov") return ((value ?? 0n) & 1n) === 1n;
    if (form?.mnemonic === "bts") return value === 0n;
    return false;
  }
  return false;
}

function setsProtectionEnable(statements: readonly Statement[], at: number): boolean {
  const statement = statements[at]!;
  if (statement.bits !== 16) return false;
  const register = isMoveToCr0(statement);
  if (register !== undefined) return setsBit0(statements, at, register);
  if (statement.form?.mnemonic !== "lmsw") return false;
  const source = wholeRegister(statement.operands[0]?.value);
  return source !== undefined && setsBit0(statements, at, source);
}

type Next = "far" | "unknown" | "none";

function isFarTransfer({ form, operands }: Statement): boolean {
  if (/^(retf|iret|iretd|iretq)$/.test(form?.mnemonic ?? "")) return true;
  if (!/^(jmp|call)$/.test(form?.mnemonic ?? "")) return false;
  const target = operands[0]?.value;
  return target?.kind === "far" || (target?.kind === "mem" && target.far);
}

/** Hand-made far jumps: `db 0xea`, `db 0x66, 0xea`. */
function isHandMadeJump(statement: Statement): boolean {
  const { kind, bytes } = statement;
  return kind === "data" && bytes.some((byte) => byte === 0xea || byte === 0xcb || byte === 0xcf);
}

/** What control reaches after `at`, as long as the way is straight. */
function whatFollows({ model: { statements } }: Analysis, at: number): Next {
  let seen = 0;
  for (let i = at + 1; i < statements.length; i++) {
    const next = statements[i]!;
    if (isHandMadeJump(next)) return "far";
    if (next.kind !== "instruction") continue;
    if (next.bits !== 16) return "none";
    if (next.form === undefined) return "unknown";
    if (isFarTransfer(next)) return "far";
    const { mnemonic } = next.form;
    // `jmp short $+2` only serialises; every other transfer leaves the straight way.
    const jumpsToNext =
      mnemonic === "jmp" &&
      immediateOf(next.operands[0]?.value) === BigInt(next.address + next.length);
    if (!jumpsToNext && /^(j|call|ret|loop|int|sys|hlt)/.test(mnemonic)) return "unknown";
    seen += 1;
    // Setting PE and clearing it again ("unreal mode") needs no far jump.
    if (isMoveToCr0(next) !== undefined) return "unknown";
    if (seen >= FARTHEST) return "none";
  }
  return "unknown";
}

function run({ analysis }: RuleContext): readonly Finding[] {
  const { statements } = analysis.model;
  const found: Finding[] = [];
  statements.forEach((statement, at) => {
    if (!setsProtectionEnable(statements, at) || whatFollows(analysis, at) !== "none") return;
    const finding: Finding = {
      code: "MODE2",
      severity: "warning",
      message:
        "CR0.PE is set, but no far jump follows: CS keeps its real-mode base and its 16-bit size until it is loaded. Add `jmp CODE_SELECTOR:label` directly behind.",
      range: statement.range,
    };
    found.push(withCall(finding, statement));
  });
  return found;
}

export const protectedModeJump: Rule = {
  id: "MODE2",
  title: "CR0.PE set without a far jump",
  run,
};
