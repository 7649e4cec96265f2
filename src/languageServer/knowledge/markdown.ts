/** Text from sources as Markdown that shows it as it is written. */

/** Prose: nothing in it makes a link, an image, HTML or a heading. Line breaks stay. */
export function escaped(prose: string): string {
  return prose
    .replace(/[\\`*_[\]<>&!|~]/g, "\\$&")
    .replace(/^([ \t]*)(#{1,6}|[-+=]+|\d+(?=[.)]))/gm, escapedStart)
    .replace(/\b(https?|ftp):\/\//gi, "$1\\://")
    .replace(/\bwww\./gi, "www\\.");
}

/** A mark at the start of a line would make a heading, a list or a rule. */
function escapedStart(_: string, indent: string, mark: string): string {
  return /^\d/.test(mark) ? `${indent}${mark}\\` : `${indent}\\${mark}`;
}

/** Code between fences that are longer than any run of backticks in it. */
export function fencedCode(code: string, language = ""): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}${language}`, code, fence].join("\n");
}
