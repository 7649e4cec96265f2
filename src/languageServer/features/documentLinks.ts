/** Links from %include and incbin to their files. */
import type { DocumentLink } from "vscode-languageserver-protocol";
import type { Analysis } from "../analysis";
import { uriOfFile } from "../fileNames";
import { rangeKey, toRange } from "../positions";

export function documentLinks(analysis: Analysis, file: string): DocumentLink[] {
  const links = new Map<string, DocumentLink>();
  for (const include of analysis.model.includes) {
    if (include.range.file !== file || include.file === undefined) continue;
    links.set(rangeKey(include.range), {
      range: toRange(include.range),
      target: uriOfFile(include.file),
      tooltip: include.file,
    });
  }
  return [...links.values()];
}
