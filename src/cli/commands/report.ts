/** `ringside report`: which instructions of a guest are sensitive (Popek and Goldberg 1974), and what running it under each technique shows. */
import path from "node:path";
import { createDebuggee, defaultMmu, hex, UserError } from "../../engine/index";
import type { GuestImage, MmuKind, VmmKind } from "../../engine/index";
import { TECHNIQUES } from "../../engine/language";
import type { SensitivitySeverity, TechniqueName } from "../../engine/language";
import { machineSettings, parseAddress } from "../../debugAdapter/launch/machineSettings";
import { Program } from "../../debugAdapter/sources/program";
import { onlyFile, parseOptions } from "../command";
import type { Command, Streams } from "../command";
import { EXIT } from "../exitCodes";
import { loadGuest } from "../guestFile";
import { runToEnd } from "../machineRun";
import type { RunEnd } from "../machineRun";
import { sensitiveInstructions } from "../sensitiveInstructions";
import type { SensitiveInstruction } from "../sensitiveInstructions";

const OPTIONS = {
  entry: { type: "string" },
  load: { type: "string" },
  memory: { type: "string" },
  "max-instructions": { type: "string" },
  json: { type: "boolean" },
} as const;

/** Instructions after which a guest that does not end is given up. */
const DEFAULT_LIMIT = 200_000_000;

interface Setting {
  readonly vmm: VmmKind;
  readonly mmu: MmuKind;
  readonly kernelRing?: 1 | 3;
}

const BARE: Setting = { vmm: "none", mmu: defaultMmu("none") };
const RUNS: readonly Setting[] = [
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

interface RunReport extends Setting {
  /** Why this technique cannot run the guest. */
  readonly refused?: string;
  readonly stop?: RunEnd;
  readonly serial?: string;
  readonly lost?: readonly Loss[];
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
  const instructions = sensitiveInstructions(image);
  const bare = runUnder(image, BARE, settings.memoryBytes, limit);
  const others = RUNS.map((each) => withVerdict(runUnder(image, each, settings.memoryBytes, limit), bare)); // prettier-ignore
  const runs = [bare, ...others];
  if (options.flag("json"))
    streams.out(`${JSON.stringify({ file: image.name, instructions, runs })}\n`);
  else streams.out(text(instructions, runs));
  return EXIT.ok;
}

function runUnder(
  image: GuestImage,
  setting: Setting,
  memoryBytes: number,
  limit: number,
): RunReport {
  const program = new Program(image);
  const lost: Loss[] = [];
  try {
    const debuggee = createDebuggee({ image, ...setting, memoryBytes, recording: false });
    debuggee.onNotice = (notice, address) => {
      if (address !== undefined) lost.push(lossAt(program, address, notice));
    };
    const stop = runToEnd(debuggee, limit);
    return { ...setting, stop, serial: debuggee.serialText(), lost };
  } catch (error) {
    if (error instanceof UserError) return { ...setting, refused: error.message };
    throw error;
  }
}

function lossAt(program: Program, address: bigint, notice: string): Loss {
  const range = program.entryAt(address)?.range;
  return { ...(range && { file: range.file, line: range.line }), address: hex(address), text: notice }; // prettier-ignore
}

function withVerdict(row: RunReport, bare: RunReport): RunReport {
  if (row.stop === undefined || bare.stop === undefined) return row;
  const sameEnd = row.stop.reason === bare.stop.reason && row.stop.code === bare.stop.code;
  return { ...row, sameAsBare: sameEnd && row.serial === bare.serial };
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
  options: [
    "--entry real16|protected32|long64, --load ADDR, --memory 64M   as with run",
    "--max-instructions N   give up after so many (default 200000000)",
    "--json                 one JSON object",
  ],
  run,
};
