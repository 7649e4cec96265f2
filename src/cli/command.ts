/** What a subcommand is, and how its options are read. */
import { parseArgs } from "node:util";
import type { ParseArgsConfig } from "node:util";

/** Bad use of the command line: the message and the usage are shown. */
export class UsageError extends Error {}

/** Where a command writes; tests give their own. */
export interface Streams {
  readonly out: (text: string | Uint8Array) => void;
  readonly err: (text: string) => void;
  /** All of standard input. */
  readonly input: () => string;
}

export interface Command {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** Lines of help after the usage. */
  readonly options: readonly string[];
  /** Returns the exit status; undefined: the process lives on (servers). */
  readonly run: (
    args: readonly string[],
    streams: Streams,
  ) => number | undefined | Promise<number | undefined>;
}

export interface Parsed {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  flag(name: string): boolean;
  /** Options with a value, in the order of the command line. */
  readonly ordered: readonly { readonly name: string; readonly value: string }[];
}

/** node:util's parseArgs with our kind of error. */
export function parseOptions(
  args: readonly string[],
  options: NonNullable<ParseArgsConfig["options"]>,
): Parsed {
  const { values, positionals, tokens } = parse(args, options);
  return {
    positionals,
    ordered: tokens.flatMap((token) =>
      token.kind === "option" && token.value !== undefined
        ? [{ name: token.name, value: token.value }]
        : [],
    ),
    text: (name) => (typeof values[name] === "string" ? values[name] : undefined),
    list: (name) => {
      const value = values[name];
      return Array.isArray(value) ? value.map(String) : [];
    },
    flag: (name) => values[name] === true,
  };
}

function parse(args: readonly string[], options: NonNullable<ParseArgsConfig["options"]>) {
  try {
    return parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
      tokens: true,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The one FILE that a command takes. */
export function onlyFile({ positionals }: Parsed): string {
  const [file, ...rest] = positionals;
  if (file === undefined) throw new UsageError("Which file?");
  if (rest.length > 0) throw new UsageError(`Unexpected argument "${rest[0] ?? ""}".`);
  return file;
}
