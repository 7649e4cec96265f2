/** Names of files inside the server: a path for files on disk, the URI itself for everything else (untitled:, git: ...). */
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const SCHEME = /^[a-z][a-z0-9+.-]+:/i;

export function fileOfUri(uri: string): string {
  if (!uri.toLowerCase().startsWith("file:")) return uri;
  try {
    return fileURLToPath(uri);
  } catch {
    // A URI that names no path of this system (another host, say) can still be an open document.
    return uri;
  }
}

export function uriOfFile(file: string): string {
  return isOnDisk(file) ? pathToFileURL(file).href : file;
}

/** A Windows path such as `c:\x` has a "scheme" of one letter and is a path. */
export function isOnDisk(file: string): boolean {
  return !SCHEME.test(file);
}

/** Where an included file may lie: next to the including file, next to the main file, in the include paths. */
export function includeCandidates(
  name: string,
  from: string,
  main: string,
  includePaths: readonly string[],
): string[] {
  if (path.isAbsolute(name)) return [name];
  const folders = [from, main].filter(isOnDisk).map((file) => path.dirname(file));
  return [...new Set([...folders, ...includePaths].map((folder) => path.resolve(folder, name)))];
}
