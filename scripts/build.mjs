// Bundles what is shipped: the extension, and the programs that it or a shell starts.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";

const ROOT = path.resolve(import.meta.dirname, "..");
const DIST = path.join(ROOT, "dist");

/**
 * What the assembler asks of V8, which optimises too early for a process that is over in a fraction of a second: with three times the budget
 * before a function is optimised, 10,000 lines cost a fourth less and 50,000 the same. V8 takes a code cache only under the flags that it was made with.
 */
const ASSEMBLER_FLAGS = "--interrupt-budget=400000";

/**
 * Output -> source. `program`: a shell starts it. `warmUp`: what is compiled while these command lines run is kept beside the bundle, so that the
 * program starts without compiling (src/cli/main.ts).
 */
const BUNDLES = [
  { output: "extension.js", source: "src/extension/extension.ts", external: ["vscode"] },
  { output: "debugAdapter.js", source: "src/debugAdapter/main.ts" },
  { output: "languageServer.js", source: "src/languageServer/main.ts" },
  {
    output: "cli.js",
    source: "src/cli/main.ts",
    program: true,
    define: {
      ASSEMBLER_V8: JSON.stringify({ version: process.versions.v8, flags: ASSEMBLER_FLAGS }),
    },
  },
  {
    output: "cliAssembler.js",
    source: "src/cli/assemblerBundle.ts",
    warmUp: ["assemble"],
    flags: [ASSEMBLER_FLAGS],
  },
  { output: "cliProgram.js", source: "src/cli/programBundle.ts", warmUp: ["help", "run"] },
];

/** @param {(typeof BUNDLES)[number]} bundle */
async function make(bundle) {
  const outfile = path.join(DIST, bundle.output);
  await build({
    absWorkingDir: ROOT,
    entryPoints: [bundle.source],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: bundle.external ?? [],
    define: bundle.define ?? {},
    // Packages that ship both module kinds: the ES one bundles without dynamic requires.
    mainFields: ["module", "main"],
    sourcemap: process.argv.includes("--sourcemap") ? "linked" : false,
    // Names stay: they are what a stack in an error report shows.
    minifySyntax: true,
    minifyWhitespace: true,
    banner: bundle.program ? { js: "#!/usr/bin/env node" } : {},
    logLevel: "warning",
  });
  if (bundle.program) chmodSync(outfile, 0o755);
  if (bundle.warmUp) {
    const script = path.join(ROOT, "scripts", "codeCache.mjs");
    execFileSync(process.execPath, [...(bundle.flags ?? []), script, outfile, ...bundle.warmUp], {
      stdio: "inherit",
    });
  }
  return `${bundle.output} ${Math.round(statSync(outfile).size / 1024)} KiB`;
}

const start = Date.now();
rmSync(DIST, { recursive: true, force: true });
const made = await Promise.all(BUNDLES.map(make));
console.log(`dist: ${made.join(", ")} (${Date.now() - start} ms)`);
