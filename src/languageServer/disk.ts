/** The real disk. */
import { readFileSync, statSync } from "node:fs";
import type { Disk } from "./documents";
import { isOnDisk } from "./fileNames";

export const REAL_DISK: Disk = {
  stamp(path) {
    if (!isOnDisk(path)) return undefined;
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
    return stat?.isFile() === true ? `${stat.mtimeNs}:${stat.size}` : undefined;
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
