/**
 * The program `ringside`: loads the bundle that holds the command and runs it. Beside a bundle lies what V8 made of it when it was built, so
 * that nothing need be compiled again; another version of V8 than the builder's refuses it, and compiles.
 */
import { readFileSync, statSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";
import type { CommandBundle } from "./bundle";

type Wrapper = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: object },
  file: string,
  folder: string,
) => void;

/** Absent where nobody made one, and of no use for a bundle that was changed after it: V8 itself only compares lengths. */
function readCache(file: string, bundle: string): Buffer | undefined {
  try {
    return statSync(file).mtimeMs >= statSync(bundle).mtimeMs ? readFileSync(file) : undefined;
  } catch {
    return undefined;
  }
}

/** Newer versions of Node can keep what they compile, in a folder for temporary files. */
function keepCompiled(): void {
  const { enableCompileCache } = Module as { enableCompileCache?: () => unknown };
  enableCompileCache?.();
}

function load(name: string): CommandBundle {
  const file = join(__dirname, `${name}.js`);
  const require = createRequire(file);
  const cachedData = readCache(join(__dirname, `${name}.cache`), file);
  if (cachedData === undefined) return require(file) as CommandBundle;
  // The bundles are plain ASCII.
  const script = new Script(Module.wrap(readFileSync(file, "latin1")), {
    filename: file,
    cachedData,
  });
  if (script.cachedDataRejected === true) {
    keepCompiled();
    return require(file) as CommandBundle;
  }
  const module = { exports: {} };
  (script.runInThisContext() as Wrapper)(module.exports, require, module, file, __dirname);
  return module.exports as CommandBundle;
}

/** What the assembler's bundle was built with: scripts/build.mjs puts it in. Another V8 may not know the flags, and would say so. */
declare const ASSEMBLER_V8: { readonly version: string; readonly flags: string } | undefined;

function setAssemblerFlags(): void {
  const built = typeof ASSEMBLER_V8 === "undefined" ? undefined : ASSEMBLER_V8;
  if (built?.version === process.versions.v8) setFlagsFromString(built.flags);
}

const args = process.argv.slice(2);
const assembles = args[0] === "asm";
if (assembles) setAssemblerFlags();
void load(assembles ? "cliAssembler" : "cliProgram").main(args);
