/** FLOW6: a jump whose constant target lies inside an instruction. */
import type { Analysis } from "../analysis";
import { controlFlowOf } from "../knowledge/controlFlow";
import { addressRule } from "./addressRule";
import type { Finding } from "./rule";

function run(analysis: Analysis): Finding[] {
  const flow = controlFlowOf(analysis);
  const { statements } = analysis.model;
  return flow.transfers.flatMap(({ kind, address, target }, index) => {
    if (address === undefined || target !== undefined || kind === "far-jump") return [];
    const hit = analysis.statementAtAddress(address);
    const { section, range, mnemonic } = statements[index]!;
    if (hit?.kind !== "instruction" || hit.section !== section) return [];
    const offset = (address - hit.address) % hit.bytes.length;
    if (offset === 0) return [];
    return [
      {
        code: "FLOW6",
        severity: "warning" as const,
        message: `This ${mnemonic?.text.toUpperCase()} goes to byte ${offset} of the ${hit.bytes.length} bytes of "${hit.form?.mnemonic}" at 0x${hit.address.toString(16)}: the rest of an instruction is run as another one.`,
        range,
        related: [{ message: "the target lies in here", range: hit.range }],
      },
    ];
  });
}

export const jumpIntoInstruction = addressRule(
  "FLOW6",
  "Jump into the middle of an instruction",
  run,
);
