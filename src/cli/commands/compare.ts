/** `ringside compare`: one guest under every technique that can run it, against the bare machine. */
import { createDebuggee, defaultMmu, UserError, VMM_KINDS } from "../../engine/index";
import type { GuestImage, MmuKind, VmmKind } from "../../engine/index";
import { machineSettings, parseAddress } from "../../debugAdapter/launch/machineSettings";
import { onlyFile, parseOptions } from "../command";
import type { Command, Streams } from "../command";
import { EXIT } from "../exitCodes";
import { loadGuest } from "../guestFile";
import { exitReport, runToEnd } from "../machineRun";
import type { RunEnd } from "../machineRun";

const OPTIONS = {
  entry: { type: "string" },
  load: { type: "string" },
  memory: { type: "string" },
  "max-instructions": { type: "string" },
  json: { type: "boolean" },
} as const;

const NO_MMU = "–";
/** It is not padded. */
const LAST_COLUMN = 7;

/** A guest that never ends would hold up the comparison for ever. */
const DEFAULT_LIMIT = 200_000_000;

interface Technique {
  readonly vmm: VmmKind;
  readonly mmu: MmuKind;
}

/** Every technique with its own memory virtualization; hardware-assisted with both of its kinds. */
const TECHNIQUES: readonly Technique[] = VMM_KINDS.filter((vmm) => vmm !== "none").flatMap(
  (vmm): readonly Technique[] =>
    vmm === "hardware-assisted"
      ? [
          { vmm, mmu: "nested" },
          { vmm, mmu: "shadow-lazy" },
        ]
      : [{ vmm, mmu: defaultMmu(vmm) }],
);

interface Row {
  readonly vmm: VmmKind;
  /** Absent on the bare machine: nothing virtualizes its memory. */
  readonly mmu?: MmuKind;
  /** Why this technique cannot run the guest. */
  readonly refused?: string;
  readonly stop?: RunEnd;
  readonly instructions?: number;
  readonly cycles?: number;
  /** Cycles as many times as on bare metal. */
  readonly slowdown?: number;
  readonly exits?: Readonly<Record<string, number>>;
  readonly serial?: string;
  /** Same end and same serial output as on the bare machine. */
  readonly sameAsBare?: boolean;
}

function run(args: readonly string[], streams: Streams): number {
  const options = parseOptions(args, OPTIONS);
  const settings = machineSettings({
    entry: options.text("entry"),
    loadAddress: options.text("load"),
    memory: options.text("memory"),
  });
  const { image } = loadGuest(onlyFile(options), settings, streams);
  const limit = parseAddress("number of instructions", options.text("max-instructions") ?? DEFAULT_LIMIT); // prettier-ignore
  const bareMachine: Technique = { vmm: "none", mmu: defaultMmu("none") };
  const bare = runUnder(image, bareMachine, settings.memoryBytes, limit);
  const others = TECHNIQUES.map((technique) =>
    withVerdict(runUnder(image, technique, settings.memoryBytes, limit), bare),
  );
  const rows = [bare, ...others];
  if (options.flag("json")) streams.out(`${JSON.stringify({ file: image.name, runs: rows })}\n`);
  else streams.out(table(rows));
  return EXIT.ok;
}

function runUnder(
  image: GuestImage,
  { vmm, mmu }: Technique,
  memoryBytes: number,
  limit: number,
): Row {
  const technique = vmm === "none" ? { vmm } : { vmm, mmu };
  try {
    const debuggee = createDebuggee({ image, vmm, mmu, memoryBytes, recording: false });
    const stop = runToEnd(debuggee, limit);
    return {
      ...technique,
      stop,
      instructions: debuggee.instructions,
      cycles: debuggee.cycles,
      exits: exitReport(debuggee),
      serial: debuggee.serialText(),
    };
  } catch (error) {
    if (error instanceof UserError) return { ...technique, refused: error.message };
    throw error;
  }
}

function withVerdict(row: Row, bare: Row): Row {
  if (row.stop === undefined || bare.stop === undefined) return row;
  const sameEnd = row.stop.reason === bare.stop.reason && row.stop.code === bare.stop.code;
  const slowdown = (row.cycles ?? 0) / Math.max(1, bare.cycles ?? 0);
  return { ...row, sameAsBare: sameEnd && row.serial === bare.serial, slowdown };
}

function table(rows: readonly Row[]): string {
  const lines = [
    ["technique", "memory", "end", "instructions", "cycles", "slowdown", "exits", "as bare metal"],
  ];
  for (const row of rows) {
    if (row.refused !== undefined) {
      lines.push([row.vmm, row.mmu ?? NO_MMU, "cannot run", "", "", "", "", row.refused]);
      continue;
    }
    const count = Object.values(row.exits ?? {}).reduce((sum, value) => sum + value, 0);
    const same = row.sameAsBare === undefined ? "" : row.sameAsBare ? "yes" : "NO";
    lines.push([row.vmm, row.mmu ?? NO_MMU, row.stop?.reason ?? "", String(row.instructions ?? 0), String(row.cycles ?? 0), `${(row.slowdown ?? 1).toFixed(2)} x`, String(count), same]); // prettier-ignore
  }
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (column === LAST_COLUMN ? 0 : (line[column] ?? "").length))),
  );
  const text = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()); // prettier-ignore
  const details = rows
    .filter((row) => Object.keys(row.exits ?? {}).length > 0)
    .map((row) => `\n${[row.vmm, row.mmu ?? []].flat().join(", ")}: ${exitList(row.exits ?? {})}`);
  return `${[...text, ...details].join("\n")}\n`;
}

function exitList(exits: Readonly<Record<string, number>>): string {
  return Object.entries(exits)
    .sort(([, a], [, b]) => b - a)
    .map(([key, count]) => `${key} ${count}`)
    .join(", ");
}

export const compareCommand: Command = {
  name: "compare",
  usage: "ringside compare FILE [--json]",
  summary: "Runs a guest under every technique that can: result, exits by reason, cycles, slowdown",
  options: [
    "--entry real16|protected32|long64, --load ADDR, --memory 64M   as with run",
    "--max-instructions N   give up after so many (default 200000000)",
    "--json                 one JSON object",
  ],
  run,
};
