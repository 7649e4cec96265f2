/** `ringside asm`: the assembler, as `nasm -f bin`. */
import { realpathSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { assemble, hexBytes, preprocess, UserError, utf8 } from "../../engine/language";
import type { Assembly, AssembleOptions, Bits, Diagnostic } from "../../engine/language";
import { ASSEMBLER_OPTIONS, assembleOptionsOf, preambleOf, warningsOf } from "../assemblerOptions";
import { batchLines } from "../batch";
import { onlyFile, parseOptions, UsageError } from "../command";
import type { Command, Parsed, Streams } from "../command";
import { diagnosticLine } from "../diagnostics";
import { EXIT } from "../exitCodes";

const OPTIONS = {
  ...ASSEMBLER_OPTIONS,
  output: { type: "string", short: "o" },
  listing: { type: "string", short: "l" },
  symbols: { type: "string" },
  preprocess: { type: "boolean", short: "E" },
  dependencies: { type: "boolean", short: "M" },
  batch: { type: "boolean" },
} as const;

function run(args: readonly string[], streams: Streams): number {
  const options = parseOptions(args, OPTIONS);
  if (options.flag("batch")) return batch(options, streams);
  const file = onlyFile(options);
  const settings = assembleOptionsOf(file, options);
  if (options.flag("preprocess")) return preprocessOnly(settings, options, streams);
  const assembly = assemble(settings);
  report(assembly.diagnostics, streams);
  const listing = options.text("listing");
  const symbols = options.text("symbols");
  const output = options.text("output") ?? defaultOutput(file);
  const inputs = [file, ...assembly.files];
  protectInputs(inputs, [listing, symbols, output]);
  if (listing !== undefined) write(listing, bytesOf(assembly.listing()), streams);
  if (!assembly.ok) return EXIT.diagnostics;
  if (options.flag("dependencies")) {
    streams.out(`${inMakefile(output)} : ${assembly.files.map(inMakefile).join(" ")}\n`);
    return EXIT.ok;
  }
  if (symbols !== undefined) write(symbols, `${JSON.stringify(symbolReport(assembly), null, 2)}\n`, streams); // prettier-ignore
  // Like NASM: without -o the image goes next to the source, without its extension.
  write(output, assembly.image, streams);
  return EXIT.ok;
}

/** -E: the text goes to standard output without -o. */
function preprocessOnly(settings: AssembleOptions, options: Parsed, streams: Streams): number {
  const { ok, text, diagnostics } = preprocess(settings);
  report(diagnostics, streams);
  protectInputs([settings.file], [options.text("output")]);
  write(options.text("output") ?? "-", bytesOf(text), streams);
  return ok ? EXIT.ok : EXIT.diagnostics;
}

function report(diagnostics: readonly Diagnostic[], streams: Streams): void {
  for (const diagnostic of diagnostics) streams.err(`${diagnosticLine(diagnostic)}\n`);
}

/** Text of a source as the bytes that it was read from. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(utf8(text));
}

/** A name as make reads it. */
function inMakefile(name: string): string {
  return name.replace(/[ \t#]/g, "\\$&").replaceAll("$", "$$$$");
}

function defaultOutput(file: string): string {
  const bare = file.replace(/\.[^./\\]*$/, "");
  return bare === file ? `${file}.out` : bare;
}

/** Throws a UserError where an output would take the place of a file that was read. */
function protectInputs(inputs: readonly string[], outputs: readonly (string | undefined)[]): void {
  const read = new Set(inputs.map(truePath));
  for (const output of outputs) {
    if (output === undefined || output === "-" || !read.has(truePath(output))) continue;
    throw new UserError(
      "would-overwrite-input",
      `${output} is a file that was read: it will not be overwritten.`,
      "Name another file with -o, -l or --symbols.",
    );
  }
}

/** Without links on the way; a file that is not there has no other name. */
function truePath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

/** "-" is standard output. */
function write(file: string, content: string | Uint8Array, streams: Streams): void {
  if (file === "-") {
    streams.out(content);
    return;
  }
  try {
    writeFileSync(file, content);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    throw new UserError("file-unwritable", `Cannot write ${file} (${code}).`);
  }
}

function symbolReport(assembly: Assembly): object {
  return {
    origin: assembly.origin,
    sections: assembly.sections,
    symbols: assembly.symbols.map(({ name, kind, value, section, global, range }) => ({
      name,
      kind,
      value: `0x${BigInt.asUintN(64, value).toString(16)}`,
      ...(section === undefined ? {} : { section }),
      global,
      file: range.file,
      line: range.line,
    })),
  };
}

// ---------------------------------------------------------------------------------------------------------------- batch

/** {"id": any, "src": "mov eax, 1", "bits": 32} -> {"id": any, "hex": "b801000000"} or {"id": any, "hex": null, "error": "line 1: ..."} */
interface Snippet {
  readonly id?: unknown;
  readonly src?: unknown;
  /** Code size before the first `bits`; 16 without it. */
  readonly bits?: unknown;
  readonly defines?: Readonly<Record<string, string>>;
  /** All diagnostics are wanted in the answer. */
  readonly diagnostics?: unknown;
}

function batch(options: Parsed, streams: Streams): number {
  if (options.positionals.length > 0) throw new UsageError("--batch reads standard input and takes no file."); // prettier-ignore
  const preamble = preambleOf(options);
  const warnings = warningsOf(options);
  const answer = (snippet: Snippet): object => {
    if (typeof snippet.src !== "string") throw new UserError("bad-line", 'A line needs "src", a string.'); // prettier-ignore
    const assembly = assemble({
      file: "<stdin>",
      text: snippet.src,
      preamble,
      warnings,
      ...(snippet.defines === undefined ? {} : { defines: snippet.defines }),
      ...bitsOf(snippet.bits),
    });
    const { ok, diagnostics } = assembly;
    const error = diagnostics.find(({ severity }) => severity === "error");
    return {
      hex: ok ? hexBytes(assembly.image) : null,
      ...(error ? { error: `line ${error.range.line}: ${error.message}` } : {}),
      ...(snippet.diagnostics === true ? { diagnostics: diagnostics.map(diagnosticReport) } : {}),
    };
  };
  return batchLines(streams, answer, { hex: null });
}

function bitsOf(bits: unknown): { readonly bits?: Bits } {
  if (bits === undefined) return {};
  if (bits === 16 || bits === 32 || bits === 64) return { bits };
  throw new UserError("bad-line", '"bits" must be 16, 32 or 64.');
}

function diagnosticReport({ severity, code, message, range }: Diagnostic): object {
  return { severity, code, message, line: range.line, column: range.column };
}

export const asmCommand: Command = {
  name: "asm",
  usage: "ringside asm FILE [-o OUT] [options]   |   ringside asm --batch",
  summary: "Assembles NASM syntax to a flat image, with the bytes that nasm -f bin gives",
  options: [
    "-o, --output OUT           the image (default: FILE without its extension; - for standard output)",
    "-l, --listing LISTING      a listing in NASM's format",
    "-I, --include DIR          folder for %include and incbin (may be repeated); also -i",
    "-D, --define NAME[=VALUE]  a single-line macro (may be repeated); also -d",
    "-U, --undefine NAME        takes one back; also -u",
    "-P, --pre-include FILE     read before the program; also -p",
    "--before LINE              a line of source before the program",
    "-w+CLASS, -w-CLASS         turns a class of warnings on or off; also -w+error=CLASS, -WCLASS, -Wno-CLASS, -Werror",
    "-E, --preprocess           only preprocesses",
    "-M, --dependencies         only prints the files that the program consists of, as a rule for make",
    "--symbols FILE.json        sections and symbols",
    '--batch                    JSON lines from standard input: {"src":"mov eax, 1","bits":32}, one answer each',
  ],
  run,
};
