import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assemble } from "../../src/engine/asm/assemble";
import type { Assembly } from "../../src/engine/asm/types";

/** Assembles a file on disk; includes are looked for beside the including file, then beside the main one. */
export function assembleFile(file: string): Assembly {
  const readFile = (
    name: string,
    from: string,
  ): { file: string; bytes: Uint8Array } | undefined => {
    for (const folder of [dirname(from), dirname(file)]) {
      try {
        const path = join(folder, name);
        return { file: path, bytes: new Uint8Array(readFileSync(path)) };
      } catch (problem) {
        if ((problem as NodeJS.ErrnoException).code !== "ENOENT") throw problem;
      }
    }
    return undefined;
  };
  return assemble({ file, text: readFileSync(file, "utf8"), readFile });
}
