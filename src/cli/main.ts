/**
 * The program `ringside`: loads the bundle that holds the command and runs it. Beside a bundle lies what V8 made of it when it was built, so
 * that nothing need be compiled again; another version of V8 than the builder's refuses it, and compiles.
 */
import { readFileSync, statSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { join } from "node:path";
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

const args = process.argv.slice(2);
void load(args[0] === "asm" ? "cliAssembler" : "cliProgram").main(args);
