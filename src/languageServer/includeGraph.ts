/** Which file includes which, from the text alone: tells in whose context a fragment is to be checked. */
import type { Documents } from "./documents";
import { includeCandidates } from "./fileNames";

const INCLUDE = /^[ \t]*%include[ \t]+(["'`<])([^"'`>\r\n]+)["'`>]/gim;

export class IncludeGraph {
  private readonly includes = new Map<string, ReadonlySet<string>>();
  /** Found out by assembling: also holds where names are made by macros or lie in include paths. */
  private readonly programs = new Map<string, readonly string[]>();
  private includers: Map<string, Set<string>> | undefined;
  private includePaths: readonly string[] = [];

  constructor(private readonly documents: Documents) {}

  configure(includePaths: readonly string[]): void {
    this.includePaths = includePaths;
  }

  /** Reads the include lines of a file anew. */
  update(file: string): void {
    const text = this.documents.textOf(file);
    this.includers = undefined;
    if (text === undefined) {
      this.includes.delete(file);
      this.programs.delete(file);
      return;
    }
    const targets = new Set<string>();
    for (const match of text.matchAll(INCLUDE)) {
      const candidates = includeCandidates(match[2] ?? "", file, file, this.includePaths);
      const found = candidates.find((each) => this.documents.stamp(each) !== undefined);
      if (found !== undefined) targets.add(found);
    }
    this.includes.set(file, targets);
  }

  /** A program was assembled from these files. */
  noteProgram(root: string, files: readonly string[]): void {
    const known = this.programs.get(root);
    if (known?.length === files.length && known.every((file, i) => file === files[i])) return;
    this.programs.set(root, files);
    this.includers = undefined;
  }

  get files(): string[] {
    return [...this.includes.keys()];
  }

  private includersOf(file: string): ReadonlySet<string> {
    if (this.includers === undefined) {
      const map = new Map<string, Set<string>>();
      const add = (from: string, to: string): void => {
        const set = map.get(to) ?? new Set<string>();
        map.set(to, set.add(from));
      };
      for (const [from, targets] of this.includes) for (const to of targets) add(from, to);
      for (const [root, files] of this.programs)
        for (const to of files) if (to !== root) add(root, to);
      this.includers = map;
    }
    return this.includers.get(file) ?? new Set();
  }

  /** The main files that a file ends up in, itself if nothing includes it. Files that include each other in a circle are none. */
  rootsOf(file: string): string[] {
    const roots: string[] = [];
    const seen = new Set<string>([file]);
    const queue = [file];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const above = this.includersOf(next);
      if (above.size === 0) roots.push(next);
      for (const each of above) {
        if (seen.has(each)) continue;
        seen.add(each);
        queue.push(each);
      }
    }
    return roots.length > 0 ? roots.sort() : [file];
  }
}
