/** Runs the installed NASM and our assembler over one program; what came of it can be compared as a whole. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { assemble } from "../../src/engine/asm/assemble";
import type { Assembly, Diagnostic } from "../../src/engine/asm/types";
import { warningSuffix } from "../../src/engine/asm/warningClasses";
import { hexBytes } from "../../src/engine/base/hex";

const FILE = "program.asm";

/** What programs may include. */
export const FILES: Readonly<Record<string, Uint8Array>> = {
  "part.inc": new TextEncoder().encode(
    'included: db "from the include file", 5\n%define INCLUDED 7\n',
  ),
  "data.bin": Uint8Array.from({ length: 40 }, (_, i) => i * 3),
};

export interface Outcome {
  /** In hex; empty if the program is refused. */
  readonly image: string;
  readonly refused: boolean;
  /** `file:line: severity: text`, each once, sorted. */
  readonly diagnostics: readonly string[];
  /** Only of a program that is accepted. */
  readonly listing: string;
}

function sortedSet(lines: readonly string[]): readonly string[] {
  return [...new Set(lines)].sort();
}

/** Not what NASM does not say or says elsewhere: sections that cannot be placed (without a line), a missing %endif (at the end of the file), a missing comma. */
function isNasms({ code, message }: Diagnostic): boolean {
  if (code === "open-condition") return false;
  return code !== "section-layout" && !message.endsWith("is ignored here: a comma is missing");
}

/** NASM's listing repeats a message as often as it computes what it is about. */
function withoutRepetition(listing: string): string {
  const lines = listing.split("\n");
  return lines.filter((line, i) => line !== lines[i - 1] || !line.includes("*****")).join("\n");
}

/** NASM takes an unknown %word for a line of the assembler's. */
function inTheirWords(message: string): string {
  return message.startsWith("unknown preprocessor directive")
    ? "label or instruction expected at start of line"
    : message;
}

/** A folder with the files, in which NASM runs. */
export class NasmFolder {
  readonly path = mkdtempSync(join(tmpdir(), "nasm-programs-"));

  constructor() {
    for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(this.path, name), bytes);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  outcome(source: string, options: readonly string[] = []): Outcome {
    const at = (name: string): string => join(this.path, name);
    writeFileSync(at(FILE), source);
    for (const name of ["out.bin", "out.lst"]) rmSync(at(name), { force: true });
    const args = ["-f", "bin", ...options, "-o", "out.bin", "-l", "out.lst", FILE];
    const done = spawnSync("nasm", args, { cwd: this.path, encoding: "utf8", timeout: 20_000 });
    const refused = done.status !== 0 || !existsSync(at("out.bin"));
    return {
      image: refused ? "" : hexBytes(readFileSync(at("out.bin"))),
      refused,
      diagnostics: sortedSet(
        done.stderr
          .split("\n")
          .filter((line) => /^[^:]+:\d+: (error|fatal|warning): (?!expected `%endif')/.test(line))
          .map((line) => line.replace(": fatal: ", ": error: ")),
      ),
      listing: refused ? "" : withoutRepetition(readFileSync(at("out.lst"), "utf8")),
    };
  }
}

/** Without what NASM does not say. */
function ownListing(assembly: Assembly): string {
  return assembly.listing().replace(/^.*is ignored here: a comma is missing.*\n/gm, "");
}

export function ourOutcome(source: string, warnings: readonly string[] = []): Outcome {
  const assembly = assemble({
    file: FILE,
    text: source,
    warnings,
    stopsAfterFailedPass: true,
    readFile: (name) => {
      const bytes = FILES[name];
      return bytes && { file: name, bytes };
    },
  });
  return {
    image: assembly.ok ? hexBytes(assembly.image) : "",
    refused: !assembly.ok,
    diagnostics: sortedSet(
      assembly.diagnostics
        .filter(isNasms)
        .map(
          ({ range, severity, message, code }) =>
            `${basename(range.file)}:${range.line}: ${severity}: ${inTheirWords(message)}${warningSuffix(severity, code)}`,
        ),
    ),
    listing: assembly.ok ? withoutRepetition(ownListing(assembly)) : "",
  };
}
