/** Files from disk, and sources assembled: what needs no machine. */
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { assemble, UserError } from "../../engine/language";
import type { Assembly } from "../../engine/language";

export interface AssembleSettings {
  readonly includePaths?: readonly string[] | undefined;
  readonly defines?: Readonly<Record<string, string>> | undefined;
}

const ERROR_TEXTS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "it may not be read",
};

/** Bytes of a file; a UserError names the file and the reason. */
export function readProgram(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    throw new UserError("file-unreadable", `Cannot read ${path}: ${ERROR_TEXTS[code] ?? code}.`);
  }
}

const SOURCE_NAME = /\.(asm|nasm|s|inc)$/i;

export function isSource(path: string): boolean {
  return SOURCE_NAME.test(path);
}

/** Assembles a source file; includes are searched next to the including file, then in the include paths. */
export function assembleFile(path: string, settings: AssembleSettings = {}): Assembly {
  const text = new TextDecoder().decode(readProgram(path));
  const folders = [dirname(path), ...(settings.includePaths ?? [])];
  return assemble({
    file: path,
    text,
    defines: settings.defines ?? {},
    readFile: (name, from) => {
      const found = readInclude(name, [dirname(from), ...folders]);
      return found && { ...found, file: resolve(found.file) };
    },
  });
}

/** The first of the folders that has the file; its name is as it was put together. */
export function readInclude(
  name: string,
  folders: readonly string[],
): { readonly file: string; readonly bytes: Uint8Array } | undefined {
  const candidates = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      return { file: candidate, bytes: readFileSync(candidate) };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "EISDIR") throw error;
    }
  }
  return undefined;
}
