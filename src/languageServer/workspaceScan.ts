/** Finds the assembly files of the workspace, without holding anything up. */
import { readdir } from "node:fs/promises";
import path from "node:path";

const SOURCE = /\.(asm|nasm|inc|mac)$/i;
const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "out", "build", "target"]);
const MOST_FILES = 5000;
const DEEPEST = 12;

export function isSourceFile(file: string): boolean {
  return SOURCE.test(file);
}

async function entriesOf(
  folder: string,
): Promise<{ readonly files: string[]; readonly folders: string[] }> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const full = (name: string): string => path.join(folder, name);
    return {
      files: entries
        .filter((each) => each.isFile() && SOURCE.test(each.name))
        .map((each) => full(each.name)),
      folders: entries
        .filter(
          (each) =>
            each.isDirectory() && !each.name.startsWith(".") && !SKIPPED_FOLDERS.has(each.name),
        )
        .map((each) => full(each.name)),
    };
  } catch {
    // Not readable: as if it were empty.
    return { files: [], folders: [] };
  }
}

export async function sourceFilesIn(roots: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  let level = [...roots];
  for (let depth = 0; depth < DEEPEST && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      const { files, folders } = await entriesOf(folder);
      found.push(...files);
      next.push(...folders);
      if (found.length >= MOST_FILES) return found.slice(0, MOST_FILES);
    }
    level = next;
  }
  return found;
}
