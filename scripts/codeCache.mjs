// Runs a bundle of commands once and writes what V8 compiled for it to a file beside it: node scripts/codeCache.mjs BUNDLE.js KIND...
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import path from "node:path";
import { Script } from "node:vm";

const ROOT = path.resolve(import.meta.dirname, "..");
const EXAMPLES = path.join(ROOT, "examples");

const sources = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith(".asm"))
  .map((name) => path.join(EXAMPLES, name));

/** Command lines that use what most calls use. @type {Record<string, string[][]>} */
const WARM_UP = {
  assemble: [["--help"], ...sources.map((file) => ["asm", file, "-o", "-"])],
  help: [["--help"]],
  run: [["run", path.join(EXAMPLES, "hello64.asm"), "--json"]],
};

const [bundle = "", ...kinds] = process.argv.slice(2);
const script = new Script(Module.wrap(readFileSync(bundle, "latin1")), { filename: bundle });
const module = { exports: /** @type {import("../src/cli/bundle").CommandBundle} */ ({}) };
script.runInThisContext()(
  module.exports,
  createRequire(bundle),
  module,
  bundle,
  path.dirname(bundle),
);
const silent = { out: () => undefined, err: () => undefined, input: () => "" };
for (const line of kinds.flatMap((kind) => WARM_UP[kind] ?? []))
  await module.exports.main(line, silent);
writeFileSync(bundle.replace(/\.js$/, ".cache"), script.createCachedData());
