/** `ringside check`: what the language server says of files, in a terminal. */
import { statSync } from "node:fs";
import path from "node:path";
import { UserError } from "../../engine/index";
import {
  checkFiles,
  isSourceFile,
  sourceFilesIn,
  type CheckedFile,
} from "../../languageServer/check";
import { parseOptions, UsageError } from "../command";
import type { Command, Streams } from "../command";
import { EXIT } from "../exitCodes";

const OPTIONS = {
  include: { type: "string", short: "I", multiple: true },
  define: { type: "string", short: "D", multiple: true },
  vmm: { type: "string" },
  rules: { type: "boolean" },
  json: { type: "boolean" },
} as const;

async function run(args: readonly string[], streams: Streams): Promise<number> {
  const options = parseOptions(args, OPTIONS);
  if (options.positionals.length === 0) throw new UsageError("Which files or folders?");
  const files = (await Promise.all(options.positionals.map(filesAt))).flat();
  const settings = {
    includePaths: options.list("include").map((folder) => path.resolve(folder)),
    defines: parseDefines(options.list("define")),
    vmm: options.text("vmm"),
  };
  const checked = checkFiles(files, settings, { onlyRules: options.flag("rules") });
  if (options.flag("json"))
    streams.out(checked.map((each) => `${JSON.stringify(each)}\n`).join(""));
  else for (const file of checked) streams.out(lines(file));
  const isBad = checked.some(({ findings }) =>
    findings.some(({ severity }) => severity === "error"),
  );
  return isBad ? EXIT.diagnostics : EXIT.ok;
}

async function filesAt(name: string): Promise<readonly string[]> {
  const file = path.resolve(name);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) throw new UserError("file-not-found", `There is no file ${name}.`);
  return stat.isDirectory() ? (await sourceFilesIn([file])).filter(isSourceFile).sort() : [file];
}

function parseDefines(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name = "", ...value] = text.split("=");
      return [name, value.join("=")];
    }),
  );
}

function lines({ file, findings }: CheckedFile): string {
  const shown = path.relative(process.cwd(), file);
  return findings
    .map(
      ({ line, column, severity, code, message }) =>
        `${shown}:${line}:${column}: ${severity}: ${message} [${code}]\n`,
    ) // prettier-ignore
    .join("");
}

export const checkCommand: Command = {
  name: "check",
  usage: "ringside check FILE|FOLDER… [options]",
  summary:
    "Prints what the language server finds: errors, warnings and the rules for kernels and hypervisors",
  options: [
    "--vmm TECHNIQUE            the technique that sensitive instructions are judged by",
    "--rules                    only Ringside's own rules, not the assembler's errors and warnings",
    "-I, --include DIR          folder for %include and incbin (may be repeated)",
    "-D, --define NAME[=VALUE]  a single-line macro (may be repeated)",
    "--json                     one JSON object for each file",
  ],
  run,
};
