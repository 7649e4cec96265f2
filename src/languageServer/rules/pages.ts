/** Where the page of a rule lies: beside the server's own program, so that every editor can open it without a network. */
import path from "node:path";
import { pathToFileURL } from "node:url";

/** Bundled, this file is part of dist/*.js; the pages are in docs/rules of the same package. */
const PAGES = path.resolve(__dirname, "..", "docs", "rules");

export function rulePageUri(id: string): string {
  return pathToFileURL(path.join(PAGES, `${id}.md`)).href;
}
