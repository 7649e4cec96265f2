// The command line the two runners share.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { assembleGuest } from "./buildImage.mjs";

/** Whether the module at `url` is the program Node was started with. */
export function runsAsMain(url) {
  return process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === url;
}

/** Entry by the first `bits` directive of a source, as Ringside chooses it. */
export function entryOfSource(text) {
  const bits = /^\s*\[?bits\s+(16|32|64)/im.exec(text)?.[1] ?? "16";
  return { 16: "real16", 32: "protected32", 64: "long64" }[bits];
}

const OPTIONS = {
  "--entry": ["entry", String],
  "--load": ["load", Number],
  "--memory": ["memoryMb", Number],
  "--timeout": ["timeoutMs", Number],
  "--log": ["log", String],
  "--drive": ["drive", String],
};

function readCommandLine(args) {
  const options = {};
  let file;
  for (let index = 0; index < args.length; index += 1) {
    const known = OPTIONS[args[index]];
    if (known === undefined) {
      file = args[index];
      continue;
    }
    const [name, convert] = known;
    index += 1;
    options[name] = convert(args[index]);
  }
  if (file === undefined) throw new Error("give a guest: FILE.asm or a flat image");
  const isSource = file.endsWith(".asm");
  const image = isSource ? assembleGuest(file) : readFileSync(file);
  const entry = isSource ? entryOfSource(readFileSync(file, "utf8")) : "protected32";
  return { image, entry, ...options };
}

/** Runs what the arguments name with `run`; the guest's output goes to standard output. */
export async function runFromCommandLine(run) {
  try {
    const result = await run(readCommandLine(process.argv.slice(2)));
    process.stdout.write(result.serial);
    process.stderr.write(`${result.messages ?? ""}exit status ${String(result.exitStatus)}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
