/** `ringside asm`: the assembler, as `nasm -f bin`. */
import { writeFileSync } from "node:fs";
import { assemble, hexBytes, UserError } from "../../engine/language";
import type { Assembly, Bits, Diagnostic } from "../../engine/language";
import { assembleFile } from "../../debugAdapter/launch/sourceFile";
import { batchLines } from "../batch";
import { onlyFile, parseOptions, UsageError } from "../command";
import type { Command, Parsed, Streams } from "../command";
import { diagnosticLine } from "../diagnostics";
import { EXIT } from "../exitCodes";

const OPTIONS = {
  output: { type: "string", short: "o" },
  listing: { type: "string", short: "l" },
  include: { type: "string", short: "I", multiple: true },
  define: { type: "string", short: "D", multiple: true },
  symbols: { type: "string" },
  batch: { type: "boolean" },
} as const;

function run(args: readonly string[], streams: Streams): number {
  const options = parseOptions(args, OPTIONS);
  if (options.flag("batch")) return batch(options, streams);
  const file = onlyFile(options);
  const assembly = assembleFile(file, {
    includePaths: options.list("include"),
    defines: parseDefines(options.list("define")),
  });
  for (const diagnostic of assembly.diagnostics) streams.err(`${diagnosticLine(diagnostic)}\n`);
  const listing = options.text("listing");
  if (listing !== undefined) write(listing, assembly.listing(), streams);
  if (!assembly.ok) return EXIT.diagnostics;
  const symbols = options.text("symbols");
  if (symbols !== undefined) write(symbols, `${JSON.stringify(symbolReport(assembly), null, 2)}\n`, streams); // prettier-ignore
  // Like NASM: without -o the image goes next to the source, without its extension.
  write(options.text("output") ?? defaultOutput(file), assembly.image, streams);
  return EXIT.ok;
}

function defaultOutput(file: string): string {
  const bare = file.replace(/\.[^./\\]*$/, "");
  return bare === file ? `${file}.out` : bare;
}

function parseDefines(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
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

/** {"id": any, "text": "bits 32\nmov eax, 1", "bits": 32} -> {"id": any, "ok": true, "hex": "b801000000", "diagnostics": []} */
interface Snippet {
  readonly id?: unknown;
  readonly text?: string;
  /** The same as `text`. */
  readonly source?: string;
  readonly bits?: Bits;
  readonly defines?: Readonly<Record<string, string>>;
}

function batch(options: Parsed, streams: Streams): number {
  if (options.positionals.length > 0) throw new UsageError("--batch reads standard input and takes no file."); // prettier-ignore
  const defines = parseDefines(options.list("define"));
  return batchLines(streams, (snippet: Snippet) => {
    const text = snippet.text ?? snippet.source;
    if (typeof text !== "string") throw new UserError("bad-line", 'A line needs "text".');
    const assembly = assemble({
      file: "<stdin>",
      text,
      defines: { ...defines, ...snippet.defines },
      ...(snippet.bits === undefined ? {} : { bits: snippet.bits }),
    });
    return {
      ok: assembly.ok,
      hex: assembly.ok ? hexBytes(assembly.image) : "",
      diagnostics: assembly.diagnostics.map(diagnosticReport),
    };
  });
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
    "-l, --listing LISTING      a listing",
    "-I, --include DIR          folder for %include and incbin (may be repeated)",
    "-D, --define NAME[=VALUE]  a single-line macro (may be repeated)",
    "--symbols FILE.json        sections and symbols",
    '--batch                    JSON lines from standard input: {"text":"mov eax, 1","bits":32}, one answer each',
  ],
  run,
};
