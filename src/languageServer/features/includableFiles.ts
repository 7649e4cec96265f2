/** Files that could stand in the quotes of an %include, for completion. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { isOnDisk } from "../fileNames";
import { isSourceFile } from "../workspaceScan";

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
      if (entry.isDirectory()) return [`${entry.name}/`];
      return isSourceFile(entry.name) ? [entry.name] : [];
    });
  } catch {
    // The folder that is being typed need not exist.
    return [];
  }
}

/** Names as they would be written, `typed` being the part before the cursor. */
export function includableFiles(file: string, root: string, typed: string): string[] {
  const folder = /^(.*\/)?/.exec(typed)?.[0] ?? "";
  const bases = [...new Set([file, root].filter(isOnDisk).map((each) => path.dirname(each)))];
  const names = bases.flatMap((base) => entriesOf(path.resolve(base, folder)));
  return [...new Set(names)].map((name) => folder + name);
}
