/**
 * MODE2: CR0.PE is set in 16-bit code, and no far transfer follows: CS keeps its real-mode base and 16-bit size. SDM Vol. 3A, "Switching to
 * Protected Mode".
 */
import { AR, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { staticGdts } from "../knowledge/descriptorTables";
import { isMoveToCr0, modeSwitchesOf } from "../knowledge/modeSwitches";
import { immediateOf } from "../knowledge/registerFlow";
import { linesAfter } from "./edits";
import { withCall } from "./expansions";
import type { Finding, Fix, Rule, RuleContext } from "./rule";

/** Instructions that real code puts between (a serialising jump, constants), loads of segment registers not counted. */
const FARTHEST = 8;

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
    const { form } = next;
    const { mnemonic } = form;
    // `jmp short $+2` only serialises; every other transfer leaves the straight way.
    const jumpsToNext =
      mnemonic === "jmp" &&
      immediateOf(next.operands[0]?.value) === BigInt(next.address + next.length);
    if (!jumpsToNext && /^(j|call|ret|loop|int|sys|hlt)/.test(mnemonic)) return "unknown";
    if (form.semantics !== "mov_to_sreg") seen += 1;
    // Setting PE and clearing it again ("unreal mode") needs no far jump.
    if (isMoveToCr0(next) !== undefined) return "unknown";
    if (seen >= FARTHEST) return "none";
  }
  return "unknown";
}

/** The first 32-bit code segment of a GDT in the source, else the selector that nearly every program has for it. */
function codeSelector(analysis: Analysis): number {
  const entries = staticGdts(analysis)[0]?.entries ?? [];
  const code = entries.find(
    ({ descriptor }) =>
      descriptor.kind === "code" && (descriptor.segment.accessRights & AR.DB) !== 0,
  );
  return 8 * (code?.index ?? 1);
}

function jumpFix(analysis: Analysis, statement: Statement): Fix[] {
  if (statement.macroTrail.length > 0) return [];
  const names = new Set(analysis.model.assembly.symbols.map(({ name }) => name));
  let label = "protectedMode";
  for (let count = 2; names.has(label); count++) label = `protectedMode${count}`;
  const selector = `0x${codeSelector(analysis).toString(16).padStart(2, "0")}`;
  const lines = [`        jmp     ${selector}:${label}`, "bits 32", `${label}:`];
  const edits = [linesAfter(analysis, statement.range, lines)];
  return [{ title: `Insert a far jump to selector ${selector}`, edits }];
}

function run({ analysis }: RuleContext): readonly Finding[] {
  const { statements } = analysis.model;
  return modeSwitchesOf(analysis).flatMap(({ at }) => {
    const statement = statements[at]!;
    if (whatFollows(analysis, at) !== "none") return [];
    const finding: Finding = {
      code: "MODE2",
      severity: "warning",
      message:
        "CR0.PE is set, but no far jump follows: CS keeps its real-mode base and its 16-bit size until it is loaded. Add `jmp CODE_SELECTOR:label` directly behind.",
      range: statement.range,
      fixes: jumpFix(analysis, statement),
    };
    return [withCall(finding, statement)];
  });
}

export const protectedModeJump: Rule = {
  id: "MODE2",
  title: "CR0.PE set without a far jump",
  run,
};
