/** `ringside compare`: one guest under every technique that can run it, against the bare machine. */
import { defaultMmu, VMM_KINDS } from "../../engine/index";
import type { Debuggee, MmuKind, VmmKind } from "../../engine/index";
import type { Command, Streams } from "../command";
import { EXIT } from "../exitCodes";
import { GUEST_RUN_OPTIONS, guestRuns, isSame, runUnder } from "../guestRuns";
import type { GuestRuns, Outcome, Technique } from "../guestRuns";
import { exitReport } from "../machineRun";

const NO_MMU = "–";
/** It is not padded. */
const LAST_COLUMN = 7;

const BARE: Technique = { vmm: "none", mmu: defaultMmu("none") };

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

interface Row extends Outcome {
  readonly vmm: VmmKind;
  /** Absent on the bare machine: nothing virtualizes its memory. */
  readonly mmu?: MmuKind;
  readonly instructions?: number;
  readonly cycles?: number;
  /** Cycles as many times as on bare metal. */
  readonly slowdown?: number;
  readonly exits?: Readonly<Record<string, number>>;
  /** Same end and same serial output as on the bare machine. */
  readonly sameAsBare?: boolean;
}

function run(args: readonly string[], streams: Streams): number {
  const runs = guestRuns(args, streams);
  const bare = rowOf(runs, BARE);
  const rows = [bare, ...TECHNIQUES.map((each) => withVerdict(rowOf(runs, each), bare))];
  const { image, isJson } = runs;
  streams.out(isJson ? `${JSON.stringify({ file: image.name, runs: rows })}\n` : table(rows));
  return EXIT.ok;
}

function rowOf(runs: GuestRuns, technique: Technique): Row {
  const { vmm, mmu } = technique;
  return { ...(vmm === "none" ? { vmm } : { vmm, mmu }), ...runUnder(runs, technique, look) };
}

function look(debuggee: Debuggee): Required<Pick<Row, "instructions" | "cycles" | "exits">> {
  const { instructions, cycles } = debuggee;
  return { instructions, cycles, exits: exitReport(debuggee) };
}

function withVerdict(row: Row, bare: Row): Row {
  const sameAsBare = isSame(row, bare);
  if (sameAsBare === undefined) return row;
  return { ...row, sameAsBare, slowdown: (row.cycles ?? 0) / Math.max(1, bare.cycles ?? 0) };
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
  options: GUEST_RUN_OPTIONS,
  run,
};
