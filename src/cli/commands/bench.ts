/** `ringside bench`: speed of the assembler, the language server and the machine, by the host's clock. */
import { measureAgainstNasm, measureEdits } from "../bench/assemblerBench";
import { measureKeystrokes } from "../bench/languageServerBench";
import { measurePeers } from "../bench/peers/peersBench";
import { measureMachine } from "../bench/machineBench";
import type { Measurement } from "../bench/measurement";
import { parseOptions, UsageError } from "../command";
import type { Command, Streams } from "../command";
import { EXIT } from "../exitCodes";

type Measure = (
  runs: number,
  say: (line: string) => void,
) => Promise<Measurement[]> | Measurement[];

const PARTS: Readonly<Record<string, Measure>> = {
  assembler: (runs) => measureAgainstNasm(ownScript(), runs),
  edits: measureEdits,
  "language-server": () => measureKeystrokes(ownScript()),
  machine: measureMachine,
  peers: (runs, say) => measurePeers(ownScript(), runs, say),
};

const RUNS = 5;

/** What started this process: whole processes are measured by starting it again. */
function ownScript(): string {
  return process.argv[1] ?? "";
}

async function run(args: readonly string[], streams: Streams): Promise<number> {
  const options = parseOptions(args, {
    json: { type: "boolean" },
    only: { type: "string", multiple: true },
    runs: { type: "string" },
  });
  const wanted = options.list("only");
  for (const part of wanted)
    if (!Object.hasOwn(PARTS, part)) throw new UsageError(`There is no part "${part}".`);
  const runs = Number(options.text("runs") ?? RUNS);
  if (!Number.isInteger(runs) || runs < 1) throw new UsageError("--runs takes a number from 1.");
  const results: Measurement[] = [];
  for (const [part, measure] of Object.entries(PARTS)) {
    if (wanted.length > 0 && !wanted.includes(part)) continue;
    const measured = await measure(runs, (text) => streams.err(`${text}\n`));
    results.push(...measured);
    if (!options.flag("json")) for (const each of measured) streams.out(`${line(each)}\n`);
  }
  if (options.flag("json")) streams.out(`${JSON.stringify({ results })}\n`);
  return EXIT.ok;
}

function line({ name, value, unit, note }: Measurement): string {
  return `${name.padEnd(50)} ${value} ${unit}${note === undefined ? "" : `; ${note}`}`;
}

export const benchCommand: Command = {
  name: "bench",
  usage: "ringside bench [--only PART] [--runs N] [--json]",
  summary: "Measures the assembler, the language server and the machine on this host",
  options: [
    "--only PART   assembler (whole processes, beside nasm), edits, language-server, machine or peers (may be repeated)",
    `--runs N      starts of each whole process, and rounds over all machines; the median counts (default ${RUNS})`,
    "--json        one JSON object",
  ],
  run,
};
