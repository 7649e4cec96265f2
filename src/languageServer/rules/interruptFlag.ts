/** FLOW9, FLOW10: interrupts that come between a test and HLT, and functions that forget to allow them again. */
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { functionsOf } from "../knowledge/functions";
import { followPaths } from "../knowledge/paths";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

/** Statements between STI and HLT, and between CLI and STI, that still belong together. */
const NEAR = 3;
const FAR = 12;

/** The nearest statement above with a mnemonic, on the straight way. */
function above(
  analysis: Analysis,
  index: number,
  mnemonic: RegExp,
  most: number,
): number | undefined {
  const flow = controlFlowOf(analysis);
  let at: number | undefined = index;
  for (let steps = 0; steps < most; steps++) {
    at = at === undefined ? undefined : flow.previous(at);
    if (at === undefined) return undefined;
    const { form } = analysis.model.statements[at]!;
    if (mnemonic.test(form?.mnemonic ?? "")) return at;
    if (!/^(next|branch)$/.test(flow.transfers[at]!.kind)) return undefined;
  }
  return undefined;
}

function wakeUpGap(analysis: Analysis): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  return statements.flatMap((statement, index) => {
    if (flow.transfers[index]!.kind !== "halt") return [];
    const sti = above(analysis, index, /^sti$/, NEAR);
    if (sti === undefined || flow.next(sti) === index) return [];
    const between = statements.slice(sti + 1, index).filter(({ length }) => length > 0);
    const cli = above(analysis, sti, /^cli$/, FAR);
    if (cli === undefined || between.length === 0) return [];
    const tests = flow.transfers.slice(cli, sti).some(({ kind }) => kind === "branch");
    if (!tests) return [];
    return [
      {
        code: "FLOW9",
        severity: "warning" as const,
        message:
          "An interrupt can come between STI and this HLT, and HLT then sleeps although what it waits for has happened. Put STI directly before HLT: it takes effect after the next instruction.",
        range: statement.range,
        related: [{ message: "interrupts are allowed here", range: statements[sti]!.range }],
      },
    ];
  });
}

export const haltGap = addressRule("FLOW9", "Interrupt between STI and HLT", wakeUpGap);

/** How IF stands on a path: as at the entry, cleared by the function, or set again after it was cleared. */
type InterruptState = "as before" | "off" | "on again";

function returnStates(analysis: Analysis, entry: number): Map<InterruptState, number> {
  const functions = functionsOf(analysis);
  const { statements } = analysis.model;
  const states = new Map<InterruptState, number>();
  followPaths<InterruptState>(entry, "as before", String, (index, state) => {
    const { kind } = functions.flow.transfers[index]!;
    if (kind === "return") states.set(state, index);
    // A callee may change IF too.
    if (kind === "call" || kind === "service") return { next: [] };
    const mnemonic = statements[index]!.form?.mnemonic ?? "";
    let after = state;
    if (mnemonic === "cli") after = "off";
    else if (/^(sti|popf)/.test(mnemonic)) after = state === "off" ? "on again" : state;
    return { next: functions.successors(index).map((next) => [next, after]) };
  });
  return states;
}

function forgotten(analysis: Analysis): Finding[] {
  const { statements } = analysis.model;
  const { entries, flow } = functionsOf(analysis);
  if (!statements.some(({ form }) => form?.mnemonic === "cli")) return [];
  return [...entries].flatMap((entry) => {
    const states = returnStates(analysis, entry);
    const off = states.get("off");
    if (off === undefined || !states.has("on again")) return [];
    const label = flow.labelAt(entry);
    return [
      {
        code: "FLOW10",
        severity: "warning" as const,
        message: `${label?.name ?? "The function"} returns here with interrupts off; on another path it allows them again.`,
        range: statements[off]!.range,
        related: [
          { message: "the function begins here", range: (label ?? statements[entry]!).range },
        ],
      },
    ];
  });
}

export const interruptsLeftOff = addressRule(
  "FLOW10",
  "Interrupts left off on one path",
  forgotten,
);
