/** Runs the installed NASM over many independent lines at once and says what each became. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a line became: its bytes, or NASM's error. */
export type LineResult =
  | { readonly bytes: Uint8Array; readonly offset: number; readonly warnings: readonly string[] }
  | { readonly error: string };

/** The installed NASM's version, or undefined. */
export function nasmVersion(): string | undefined {
  try {
    return /NASM version (\S+)/.exec(execFileSync("nasm", ["-v"], { encoding: "utf8" }))?.[1];
  } catch {
    return undefined;
  }
}

/** The NASM whose bytes and words are promised (docs/quirks.md, "Assembler"). */
export const PINNED = "2.16.01";

/** For `before`: skips the suite and says why, if the installed NASM is another one or missing. */
export function skipWithoutPinnedNasm(context: Mocha.Context): void {
  const version = nasmVersion();
  if (version === PINNED) return;
  console.log(`      skipped: needs NASM ${PINNED}, found ${version ?? "none"}`);
  context.skip();
}

interface Run {
  readonly status: number;
  readonly stderr: string;
  readonly listing: string;
  readonly image: Uint8Array;
}

function run(directory: string, source: string): Run {
  const at = (name: string): string => join(directory, name);
  writeFileSync(at("in.asm"), source);
  const done = spawnSync(
    "nasm",
    ["-f", "bin", "-o", at("out.bin"), "-l", at("out.lst"), at("in.asm")],
    { encoding: "utf8", maxBuffer: 1 << 28 },
  );
  if (done.status !== 0)
    return { status: done.status ?? 1, stderr: done.stderr, listing: "", image: new Uint8Array() };
  return {
    status: 0,
    stderr: done.stderr,
    listing: readFileSync(at("out.lst"), "utf8"),
    image: readFileSync(at("out.bin")),
  };
}

/** Line number of the source (1-based) and error text. */
function errorsOf(stderr: string): Map<number, string> {
  const errors = new Map<number, string>();
  for (const line of stderr.split("\n")) {
    const match = /^[^:]*:(\d+): (?:error|panic|fatal): (.*)$/.exec(line);
    if (match !== null && !errors.has(Number(match[1]))) errors.set(Number(match[1]), match[2]!);
  }
  return errors;
}

/** Different warnings by line, each as `class: text`. */
function warningsOf(stderr: string): Map<number, string[]> {
  const warnings = new Map<number, string[]>();
  for (const line of stderr.split("\n")) {
    const match = /^[^:]*:(\d+): warning: (.*) \[-w\+([a-z-]+)\]$/.exec(line);
    if (match === null) continue;
    const list = warnings.get(Number(match[1])) ?? [];
    const text = `${match[3]}: ${match[2]}`;
    if (!list.includes(text)) list.push(text);
    warnings.set(Number(match[1]), list);
  }
  return warnings;
}

/** Offset of the first byte of every source line that emitted some. */
function offsetsOf(listing: string): Map<number, number> {
  const offsets = new Map<number, number>();
  for (const line of listing.split("\n")) {
    const match = /^\s*(\d+) ([0-9A-F]{8}) /.exec(line);
    if (match !== null && !offsets.has(Number(match[1])))
      offsets.set(Number(match[1]), parseInt(match[2]!, 16));
  }
  return offsets;
}

/** NASM itself has broken: what it says, and the line that it was at. */
function failure(stderr: string, lines: readonly string[]): string {
  const at = /in\.asm:(\d+): assertion/.exec(stderr)?.[1];
  return `NASM failed at \`${lines[Number(at) - 2] ?? "?"}\`: ${stderr.slice(-300)}`;
}

/** Assembles the lines for one code size; refused lines are taken out and the rest is assembled again. */
export function assembleLines(lines: readonly string[], bits: number): LineResult[] {
  const directory = mkdtempSync(join(tmpdir(), "nasm-lines-"));
  try {
    const errors = new Map<number, string>();
    for (let round = 0; round < 8; round++) {
      const kept = lines.map((line, index) => (errors.has(index) ? "" : line));
      const done = run(directory, [`bits ${bits}`, ...kept, "end_mark: nop"].join("\n"));
      const found = errorsOf(done.stderr);
      for (const [number, text] of found) errors.set(number - 2, text);
      if (done.status === 0) return resultsOf(lines, errors, done);
      if (found.size === 0) throw new Error(failure(done.stderr, lines));
    }
    throw new Error("NASM keeps finding errors");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function resultsOf(
  lines: readonly string[],
  errors: ReadonlyMap<number, string>,
  done: Run,
): LineResult[] {
  const offsets = offsetsOf(done.listing);
  const warned = warningsOf(done.stderr);
  const results: LineResult[] = new Array<LineResult>(lines.length);
  let end = offsets.get(lines.length + 2) ?? done.image.length;
  for (let index = lines.length - 1; index >= 0; index--) {
    const error = errors.get(index);
    const start = offsets.get(index + 2);
    if (error !== undefined) results[index] = { error };
    else if (start === undefined)
      results[index] = { bytes: new Uint8Array(), offset: end, warnings: [] };
    else {
      results[index] = {
        bytes: done.image.subarray(start, end),
        offset: start,
        warnings: warned.get(index + 2) ?? [],
      };
      end = start;
    }
  }
  return results;
}
