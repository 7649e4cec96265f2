/** `ringside report`: which instructions of a guest are sensitive (Popek and Goldberg 1974), and what running it under each technique shows. */
import path from "node:path";
import { defaultMmu, hex } from "../../engine/index";
import type { Debuggee } from "../../engine/index";
import { TECHNIQUES } from "../../engine/language";
import type { SensitivitySeverity, TechniqueName } from "../../engine/language";
import { Program } from "../../debugAdapter/sources/program";
import type { Command, Streams } from "../command";
import { EXIT } from "../exitCodes";
import { GUEST_RUN_OPTIONS, guestRuns, isSame, runUnder } from "../guestRuns";
import type { GuestRuns, Outcome, Technique } from "../guestRuns";
import { sensitiveInstructions } from "../sensitiveInstructions";
import type { SensitiveInstruction } from "../sensitiveInstructions";

const BARE: Technique = { vmm: "none", mmu: defaultMmu("none") };
const RUNS: readonly Technique[] = [
  { vmm: "trap-and-emulate", mmu: "shadow-lazy", kernelRing: 1 },
  { vmm: "trap-and-emulate", mmu: "shadow-lazy", kernelRing: 3 },
  { vmm: "hardware-assisted", mmu: "nested" },
  { vmm: "hardware-assisted", mmu: "shadow-lazy" },
];

interface Loss {
  readonly file?: string;
  readonly line?: number;
  /** Linear address. */
  readonly address: string;
  readonly text: string;
}

interface RunReport extends Technique, Outcome {
  readonly lost?: readonly Loss[];
  /** Same end and same serial output as on the bare machine. */
  readonly sameAsBare?: boolean;
}

function run(args: readonly string[], streams: Streams): number {
  const runs = guestRuns(args, streams);
  const { image, isJson } = runs;
  const instructions = sensitiveInstructions(image);
  const bare = reportOf(runs, BARE);
  const rows = [bare, ...RUNS.map((each) => withVerdict(reportOf(runs, each), bare))];
  if (isJson) streams.out(`${JSON.stringify({ file: image.name, instructions, runs: rows })}\n`);
  else streams.out(text(instructions, rows));
  return EXIT.ok;
}

function reportOf(runs: GuestRuns, technique: Technique): RunReport {
  const program = new Program(runs.image);
  const lost: Loss[] = [];
  const listen = (debuggee: Debuggee): void => {
    debuggee.onNotice = (notice, address) => {
      if (address !== undefined) lost.push(lossAt(program, address, notice));
    };
  };
  return { ...technique, ...runUnder(runs, technique, () => ({ lost }), listen) };
}

function lossAt(program: Program, address: bigint, notice: string): Loss {
  const range = program.entryAt(address)?.range;
  return { ...(range && { file: range.file, line: range.line }), address: hex(address), text: notice }; // prettier-ignore
}

function withVerdict(row: RunReport, bare: RunReport): RunReport {
  const sameAsBare = isSame(row, bare);
  return sameAsBare === undefined ? row : { ...row, sameAsBare };
}

function text(
  instructions: readonly SensitiveInstruction[] | undefined,
  runs: readonly RunReport[],
): string {
  const table =
    instructions === undefined
      ? ["The program has no line information: its instructions cannot be listed."]
      : tableLines(instructions);
  return `${[...table, "\nBy running it:", ...runs.flatMap(runLines)].join("\n")}\n`;
}

function tableLines(instructions: readonly SensitiveInstruction[]): readonly string[] {
  const listed = instructions.map(
    ({ file, line, text: shown, traps, silentFailure }) =>
      `${path.relative(process.cwd(), file)}:${line}: ${shown}: ${traps}${silentFailure === undefined ? "" : ` (${silentFailure})`}`,
  );
  const silent = instructions.filter(({ traps }) => traps === "silent").length;
  return [
    "Sensitive instructions:",
    ...listed,
    `${instructions.length} sensitive, ${silent} of them silent when deprivileged: ${silent === 0 ? "Popek and Goldberg's condition holds" : "Popek and Goldberg's condition does not hold"}`,
    "\nBy the table of instructions (what is executed decides):",
    ...TECHNIQUES.map((technique) => verdict(technique, instructions)),
  ];
}

function verdict(technique: TechniqueName, instructions: readonly SensitiveInstruction[]): string {
  const count = (wanted: SensitivitySeverity): number =>
    instructions.filter(({ severities }) => severities[technique] === wanted).length;
  const [errors, warnings] = [count("error"), count("warning")];
  if (errors + warnings === 0) return `${technique}: nothing against it`;
  return `${technique}: ${errors} go wrong, ${warnings} need care`;
}

function runLines(row: RunReport): readonly string[] {
  const ring = row.kernelRing === undefined ? "" : `, kernel at ring ${row.kernelRing}`;
  const name = row.vmm === "none" ? "bare metal" : `${row.vmm}, ${row.mmu}${ring}`;
  if (row.refused !== undefined) return [`${name}: cannot run: ${row.refused}`];
  const same =
    row.sameAsBare === undefined ? "" : row.sameAsBare ? "; as bare metal" : "; NOT as bare metal";
  const losses = (row.lost ?? []).map(
    ({ file, line, address, text: what }) =>
      `  ${file === undefined ? address : `${file}:${line ?? 0}`}: ${what}`,
  );
  return [`${name}: ${row.stop?.message ?? ""}${same}`, ...losses];
}

export const reportCommand: Command = {
  name: "report",
  usage: "ringside report FILE [--json]",
  summary:
    "Lists a guest's sensitive instructions, and runs it to see which techniques are faithful",
  options: GUEST_RUN_OPTIONS,
  run,
};
