/** The assembler beside the installed NASM as whole processes, and one edit after another in this process. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble } from "../../engine/language";
import { milliseconds, quantile, rounded, type Measurement } from "./measurement";
import { benchProgram, editProgram, PORTS_INCLUDE, type ProgramKind } from "./programs";

const SIZES = [1_000, 10_000, 50_000];
const KINDS: readonly ProgramKind[] = ["backward", "forward", "dense"];
const EDIT_LINES = 2_000;
const EDITS = 60;
/** Edits before the clock counts: an editor's process has long been running. */
const FIRST_EDITS = 20;

type Start = () => void;

function start(command: string, args: readonly string[]): Start {
  return () => {
    const { status, error } = spawnSync(command, args, { stdio: "ignore" });
    if (error || status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
  };
}

function hasNasm(): boolean {
  return spawnSync("nasm", ["-v"], { stdio: "ignore" }).status === 0;
}

/** Medians of several starts, taken in turn so that what else the host does meets all alike. */
function medians(starts: readonly Start[], runs: number): number[] {
  const times = starts.map((): number[] => []);
  for (let run = 0; run < runs; run++)
    starts.forEach((each, index) => times[index]!.push(milliseconds(each)));
  return times.map((each) => quantile(each, 0.5));
}

/** Whole processes. `program` is this command's own script. */
export function measureAgainstNasm(program: string, runs: number): Measurement[] {
  const folder = mkdtempSync(join(tmpdir(), "ringside-bench-"));
  const results: Measurement[] = [];
  const nasm = hasNasm();
  for (const kind of KINDS) {
    for (const lines of SIZES) {
      const source = join(folder, `${kind}${lines}.asm`);
      const output = join(folder, "out.bin");
      writeFileSync(source, benchProgram(kind, lines));
      const starts = [
        start(process.execPath, ["-e", "0"]),
        start(process.execPath, [program, "asm", source, "-o", output]),
        ...(nasm ? [start("nasm", ["-f", "bin", "-o", output, source])] : []),
      ];
      const [node = NaN, ours = NaN, theirs] = medians(starts, runs);
      results.push(processResult(`${kind} jumps, ${lines} lines`, node, ours, theirs));
    }
  }
  rmSync(folder, { recursive: true, force: true });
  return results;
}

function processResult(
  name: string,
  node: number,
  ours: number,
  nasm: number | undefined,
): Measurement {
  const own = Math.max(ours - node, 0.1);
  const compared =
    nasm === undefined
      ? "nasm is not installed: nothing to compare with"
      : `nasm ${rounded(nasm)} ms: ${rounded(nasm / ours, 2)} x as fast as it, ${rounded(nasm / own, 2)} x without Node's start`;
  const note = `${compared} (Node's start ${rounded(node)} ms)`;
  return { name, value: rounded(ours), unit: "ms", note };
}

/** The file with one line changed, another one each time. */
export function edited(lines: readonly string[], edit: number): string {
  const changed = [...lines];
  const at = (edit * 37 + 11) % lines.length;
  changed[at] = `${changed[at]!} ; edit ${edit}`;
  // What was typed is mostly an instruction.
  changed.splice(at, 0, `    add eax, ${edit}`);
  return changed.join("\n");
}

export function measureEdits(): Measurement[] {
  const lines = editProgram(EDIT_LINES).split("\n");
  const include = { file: PORTS_INCLUDE.name, bytes: new TextEncoder().encode(PORTS_INCLUDE.text) };
  const times: number[] = [];
  for (let edit = 0; edit < EDITS; edit++) {
    const text = edited(lines, edit);
    const time = milliseconds(() => assemble({ file: "edit.asm", text, readFile: () => include }));
    if (edit >= FIRST_EDITS) times.push(time);
  }
  return editResults(`one edit of ${EDIT_LINES} lines, assembled again`, times);
}

export function editResults(name: string, times: readonly number[]): Measurement[] {
  return [
    { name: `${name}: p50`, value: rounded(quantile(times, 0.5)), unit: "ms" },
    { name: `${name}: p95`, value: rounded(quantile(times, 0.95)), unit: "ms" },
  ];
}
