/** Where a page of the documentation lies: beside the server's own program, so that every editor can open it without a network. */
import path from "node:path";
import { pathToFileURL } from "node:url";

/** Bundled, this file is part of dist/*.js; the pages are in docs/ of the same package. */
const PAGES = path.resolve(__dirname, "..", "docs");

/** `page` without its ending: "rules/VMM1", "sensitive/popf". */
export function pageUri(page: string): string {
  return pathToFileURL(path.join(PAGES, `${page}.md`)).href;
}

export function rulePageUri(id: string): string {
  return pageUri(`rules/${id}`);
}
