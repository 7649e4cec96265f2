/** Where a page of the documentation lies: beside the server's own program, so that every editor can open it without a network. */
import path from "node:path";
import { pathToFileURL } from "node:url";

/** Bundled, this file is part of dist/*.js; the pages are in docs/ of the same package. */
const PAGES = path.resolve(__dirname, "..", "docs");

/** A link to a page, which is named without its ending: "rules/VMM1", "sensitive/popf". */
export type PageUri = (page: string) => string;

export const pageFileUri: PageUri = (page) => pathToFileURL(path.join(PAGES, `${page}.md`)).href;

export function rulePage(id: string): string {
  return `rules/${id}`;
}

/** Makes the links that the editor asked for: a template with `{page}` in it; without one, the page's own place. */
export function pageUriFrom(template: unknown): PageUri {
  if (typeof template !== "string" || !template.includes("{page}")) return pageFileUri;
  return (page) => template.replaceAll("{page}", page);
}
