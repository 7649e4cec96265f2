/** The real disk. */
import { readFileSync, statSync } from "node:fs";
import type { Disk } from "./documents";
import { isOnDisk } from "./fileNames";

export const REAL_DISK: Disk = {
  stamp(path) {
    if (!isOnDisk(path)) return undefined;
    try {
      const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
      return stat?.isFile() === true ? `${stat.mtimeNs}:${stat.size}` : undefined;
    } catch {
      // A folder on the way is a file, or may not be entered: for us there is no such file.
      return undefined;
    }
  },
  read(path) {
    try {
      return readFileSync(path);
    } catch {
      // Gone or locked between the two calls: the same as missing.
      return undefined;
    }
  },
};
