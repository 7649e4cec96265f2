/** `ringside run`: a program from start to end. */
import { writeFileSync } from "node:fs";
import { CPU_MODELS, createDebuggee, hex, UserError } from "../../engine/index";
import type { Debuggee } from "../../engine/index";
import { machineSettings, parseAddress } from "../../debugAdapter/launch/machineSettings";
import type { MachineSettings } from "../../debugAdapter/launch/machineSettings";
import { readProgram } from "../../debugAdapter/launch/sourceFile";
import { Program } from "../../debugAdapter/sources/program";
import { onlyFile, parseOptions } from "../command";
import type { Command, Parsed, Streams } from "../command";
import { exitReport, runToEnd, vcpuReport } from "../machineRun";
import type { RunEnd } from "../machineRun";
import { loadGuest } from "../guestFile";

/** What ends a line of output: it is passed on at once. */
const LINE_FEED = 10;

const OPTIONS = {
  vmm: { type: "string" },
  mmu: { type: "string" },
  entry: { type: "string" },
  load: { type: "string" },
  memory: { type: "string" },
  vcpus: { type: "string" },
  cpu: { type: "string" },
  "kernel-ring": { type: "string" },
  "max-instructions": { type: "string" },
  "serial-in": { type: "string" },
  disk: { type: "string" },
  "boot-drive": { type: "string" },
  append: { type: "string" },
  keys: { type: "string" },
  screen: { type: "boolean" },
  json: { type: "boolean" },
  "dump-memory": { type: "string", multiple: true },
} as const;

export function settingsOf(options: Parsed): MachineSettings {
  return machineSettings({
    vmm: options.text("vmm"),
    mmu: options.text("mmu"),
    entry: options.text("entry"),
    loadAddress: options.text("load"),
    memory: options.text("memory"),
    vcpus: options.text("vcpus"),
    disk: options.text("disk"),
    bootDrive: options.text("boot-drive"),
    append: options.text("append"),
    cpu: options.text("cpu"),
    kernelRing: options.text("kernel-ring"),
  });
}

interface Dump {
  readonly address: bigint;
  readonly length: number;
  readonly file: string;
}

/** GPA:LEN:FILE; a Windows path may have a colon of its own. */
function parseDump(text: string): Dump {
  const match = /^([^:]+):([^:]+):(.+)$/.exec(text);
  if (!match) throw new UserError("bad-dump", `"${text}" is not GPA:LEN:FILE.`, "For example 0x7c00:512:boot.bin."); // prettier-ignore
  const [, address = "", length = "", file = ""] = match;
  return {
    address: BigInt(parseAddress("guest-physical address", address)),
    length: parseAddress("length", length),
    file,
  };
}

function writeDump(debuggee: Debuggee, { address, length, file }: Dump): void {
  const bytes = debuggee.readMemory("gpa", address, length);
  if (bytes.length < length) {
    throw new UserError("bad-dump", `Only ${bytes.length} of ${length} bytes at ${hex(address)} can be read.`, "Check the address and the guest's memory size."); // prettier-ignore
  }
  try {
    writeFileSync(file, bytes);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    throw new UserError("file-unwritable", `Cannot write ${file} (${code}).`);
  }
}

function run(args: readonly string[], streams: Streams): number {
  const options = parseOptions(args, OPTIONS);
  const file = onlyFile(options);
  const settings = settingsOf(options);
  const limitText = options.text("max-instructions");
  const limit = limitText === undefined ? undefined : parseAddress("number of instructions", limitText); // prettier-ignore
  const dumps = options.list("dump-memory").map(parseDump);
  const { image } = loadGuest(file, settings, streams);
  const program = new Program(image);
  const { vmm, mmu, memoryBytes, cpu, kernelRing } = settings;
  const debuggee = createDebuggee({ image, vmm, mmu, memoryBytes, cpu, kernelRing, recording: false }); // prettier-ignore
  const input = options.text("serial-in");
  if (input !== undefined) debuggee.sendSerial(readProgram(input));

  const keys = options.text("keys") ?? "";
  const json = options.flag("json");
  const screen = options.flag("screen");
  const pending: number[] = [];
  const pass = (): void => {
    if (json || pending.length === 0) return;
    streams.out(Uint8Array.from(pending.splice(0)));
  };
  debuggee.onOutput = (_, byte) => {
    pending.push(byte);
    if (byte === LINE_FEED) pass();
  };
  debuggee.onNotice = (text, address) => {
    streams.err(`${address === undefined ? "" : `${linePlace(program, address)}: `}${text}\n`);
  };
  const end = runToEnd(debuggee, limit, { keys, afterSlice: pass });
  for (const dump of dumps) writeDump(debuggee, dump);
  if (screen && !json) streams.out(`${shownScreen(debuggee)}\n`);
  if (json) streams.out(`${JSON.stringify(report(debuggee, end))}\n`);
  else streams.err(`${summary(debuggee, end)}\n`);
  return end.status;
}

/** "kernel.asm:12", or the linear address where no source is known. */
function linePlace(program: Program, address: bigint): string {
  const entry = program.entryAt(address);
  return entry === undefined ? hex(address) : `${entry.range.file}:${entry.range.line}`;
}

function report(debuggee: Debuggee, stop: RunEnd): object {
  return {
    stop,
    instructions: debuggee.instructions,
    cycles: debuggee.cycles,
    serial: debuggee.serialText(),
    screen: debuggee.screenText().split("\n"),
    exits: exitReport(debuggee),
    vmm: debuggee.config.vmm,
    mmu: debuggee.config.mmu,
    vcpus: [vcpuReport(debuggee.vcpu())],
  };
}

/** The text screen without the empty lines at its end. */
function shownScreen(debuggee: Debuggee): string {
  return debuggee.screenText().trimEnd();
}

function summary(debuggee: Debuggee, end: RunEnd): string {
  const exits = Object.values(exitReport(debuggee)).reduce((sum, count) => sum + count, 0);
  const { vmm } = debuggee.config;
  return `ringside: ${end.message}; ${debuggee.instructions} instructions, ${debuggee.cycles} cycles, ${exits} exits (${vmm})`;
}

export const runCommand: Command = {
  name: "run",
  usage: "ringside run FILE [options]",
  summary: "Runs a program on the simulated computer",
  options: [
    "--vmm none|trap-and-emulate|binary-translation|paravirtual|hardware-assisted",
    "--mmu nested|shadow-lazy|shadow-write-protect|direct",
    "--entry real16|protected32|long64     how the processor starts (default: by the source's first `bits`)",
    "--load ADDR                           where the image goes (default: its org)",
    "--memory 64M                          guest memory",
    "--vcpus N                             VCPUs (1)",
    `--cpu ${CPU_MODELS.map(({ name }) => name).join("|")}                   the processor (current)`,
    "--kernel-ring 1|3                     where trap-and-emulate runs the guest's kernel (1)",
    "--max-instructions N                  stop with status 75 after so many",
    "--serial-in FILE                      bytes that arrive on COM1",
    "--disk FILE                           the disk that the BIOS reads (default: the program itself)",
    "--boot-drive 0|0x80                   the BIOS's number of that disk, in DL at the start (0x80)",
    "--append TEXT                         arguments for a kernel, behind its name on the multiboot command line",
    "--keys TEXT                           typed on the keyboard, a character every 20 ms",
    "--screen                              print the text screen at the end",
    "--json                                one JSON object instead of the serial output",
    "--dump-memory GPA:LEN:FILE            write guest-physical memory to a file at the end (may be repeated)",
  ],
  run,
};
