/** The listing of a program, with the lines of a document that it shows. */
import type { Analysis } from "../analysis";
import { oncePerAnalysis } from "../oncePerAnalysis";
import type { ListingResult } from "../protocol";

/** Number, offset and bytes, mark of macros and includes, text. NASM manual, "-l: Generating a Listing File". */
const LINE = /^ *(\d+) .{28}(?:.{4} ?(.*))?$/;

const textOf = oncePerAnalysis((analysis): string => analysis.model.assembly.listing());

/** Lines of macros and of other files have numbers too: the text tells which are the document's. */
export function listingOf(analysis: Analysis, file: string): ListingResult {
  const text = textOf(analysis);
  const sources = analysis.lines(file);
  let last: number | null = null;
  const lines = text.split("\n").map((shown) => {
    const match = LINE.exec(shown);
    if (match === null) return null;
    const line = Number(match[1]) - 1;
    const source = match[2];
    // Bytes that do not fit go on in lines without text.
    if (source === undefined) return last;
    last = sources[line]?.trimEnd() === source.trimEnd() ? line : null;
    return last;
  });
  return { text, lines };
}
