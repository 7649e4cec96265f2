// Bundles what is shipped: the extension, and the three programs that it or a shell starts.
import { chmodSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";

const ROOT = path.resolve(import.meta.dirname, "..");
const DIST = path.join(ROOT, "dist");

/** Output -> source. */
const BUNDLES = [
  { output: "extension.js", source: "src/extension/extension.ts", external: ["vscode"] },
  { output: "debugAdapter.js", source: "src/debugAdapter/main.ts" },
  { output: "languageServer.js", source: "src/languageServer/main.ts" },
  { output: "cli.js", source: "src/cli/main.ts", program: true },
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
    // Packages that ship both module kinds: the ES one bundles without dynamic requires.
    mainFields: ["module", "main"],
    sourcemap: process.argv.includes("--sourcemap") ? "linked" : false,
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    banner: bundle.program ? { js: "#!/usr/bin/env node" } : {},
    logLevel: "warning",
  });
  if (bundle.program) chmodSync(outfile, 0o755);
  return `${bundle.output} ${Math.round(statSync(outfile).size / 1024)} KiB`;
}

const start = Date.now();
rmSync(DIST, { recursive: true, force: true });
const made = await Promise.all(BUNDLES.map(make));
console.log(`dist: ${made.join(", ")} (${Date.now() - start} ms)`);
