/** Where the page of a rule lies: beside the server's own program, so that every editor can open it without a network. */
import path from "node:path";
import { pathToFileURL } from "node:url";

/** Bundled, this file is part of dist/*.js; the pages are in docs/rules of the same package. */
const PAGES = path.resolve(__dirname, "..", "docs", "rules");

export function rulePageUri(id: string): string {
  return pathToFileURL(path.join(PAGES, `${id}.md`)).href;
}

/** Makes the link that the editor asked for: a template with `{id}` in it; without one, the page's own place. */
export function rulePages(template: unknown): (id: string) => string {
  if (typeof template !== "string" || !template.includes("{id}")) return rulePageUri;
  return (id) => template.replaceAll("{id}", id);
}
