/** What `ringside asm` tells the assembler: NASM's options, with NASM's meaning. */
import { dirname } from "node:path";
import { bytesText } from "../engine/language";
import type { AssembleOptions } from "../engine/language";
import { readInclude, readProgram } from "../debugAdapter/launch/sourceFile";
import { UsageError } from "./command";
import type { Parsed } from "./command";

/** Options that NASM has in two spellings, as parseOptions takes them. */
export const ASSEMBLER_OPTIONS = {
  include: { type: "string", short: "I", multiple: true },
  "include-dir": { type: "string", short: "i", multiple: true },
  define: { type: "string", short: "D", multiple: true },
  "define-macro": { type: "string", short: "d", multiple: true },
  undefine: { type: "string", short: "U", multiple: true },
  "undefine-macro": { type: "string", short: "u", multiple: true },
  "pre-include": { type: "string", short: "P", multiple: true },
  "pre-include-file": { type: "string", short: "p", multiple: true },
  before: { type: "string", multiple: true },
  warn: { type: "string", short: "w", multiple: true },
  warning: { type: "string", short: "W", multiple: true },
  format: { type: "string", short: "f" },
  optimize: { type: "string", short: "O", multiple: true },
} as const;

/** What an option of the command line puts in front of the program. */
const PREAMBLE: Readonly<Record<string, (value: string) => string>> = {
  define: defineLine,
  "define-macro": defineLine,
  undefine: (name) => `%undef ${name}`,
  "undefine-macro": (name) => `%undef ${name}`,
  "pre-include": (file) => `%include ${quoted(file)}`,
  "pre-include-file": (file) => `%include ${quoted(file)}`,
  before: (line) => line,
};

function defineLine(text: string): string {
  const equals = text.indexOf("=");
  return equals < 0
    ? `%define ${text}`
    : `%define ${text.slice(0, equals)} ${text.slice(equals + 1)}`;
}

function quoted(file: string): string {
  return file.includes('"') ? `'${file}'` : `"${file}"`;
}

/** Lines in front of the program, in the order of the command line. */
export function preambleOf(options: Parsed): readonly string[] {
  return options.ordered.flatMap(({ name, value }) => {
    const line = Object.hasOwn(PREAMBLE, name) ? PREAMBLE[name] : undefined;
    return line ? [line(value)] : [];
  });
}

function valuesOf(options: Parsed, ...names: readonly string[]): readonly string[] {
  return options.ordered.filter(({ name }) => names.includes(name)).map(({ value }) => value);
}

/** The values of -w and -W, in order. */
export function warningsOf(options: Parsed): readonly string[] {
  return valuesOf(options, "warn", "warning");
}

/** Refuses what NASM could do and we cannot. */
function checkFormat(options: Parsed): void {
  const format = options.text("format");
  if (format !== undefined && format !== "bin") {
    throw new UsageError(`Only flat binaries are made: -f ${format} is not known.`);
  }
  for (const level of valuesOf(options, "optimize")) {
    if (!/^(x|v|[2-9])$/.test(level)) throw new UsageError(`Only -Ox is there, not -O${level}.`);
  }
}

export function assembleOptionsOf(file: string, options: Parsed): AssembleOptions {
  checkFormat(options);
  const folders = valuesOf(options, "include", "include-dir");
  return {
    file,
    text: bytesText(Array.from(readProgram(file))),
    preamble: preambleOf(options),
    warnings: warningsOf(options),
    environment: (name) => process.env[name],
    stopsAfterFailedPass: true,
    // NASM looks in the working folder and in those of -I; we also look where the files are.
    readFile: (name, from) => readInclude(name, [".", ...folders, dirname(from), dirname(file)]),
  };
}
