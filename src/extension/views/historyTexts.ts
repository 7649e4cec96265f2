/** What the last steps changed, line by line. */
import type { HistoryEntryBody } from "../../debugAdapter/protocol";

/** It changes at every step, and the yellow arrow shows it. */
const INSTRUCTION_POINTERS = ["rip", "eip", "ip"];
const FLAGS = ["rflags", "eflags", "flags"];

/** The last time that each line of a file ran. */
export function inlineTexts(
  entries: readonly HistoryEntryBody[],
  path: string,
): readonly { readonly line: number; readonly text: string }[] {
  const byLine = new Map<number, string>();
  for (const { place, changes } of entries) {
    if (place.source?.path !== path) continue;
    const visible = changes.filter(({ name }) => !INSTRUCTION_POINTERS.includes(name));
    const values = visible.filter(({ name }) => !FLAGS.includes(name));
    const shown = values.length > 0 ? values : visible;
    const text = shown.map(({ name, before, after }) => `${name} ${before} → ${after}`).join(", ");
    byLine.set(place.source.line, text);
  }
  return [...byLine].flatMap(([line, text]) => (text === "" ? [] : [{ line, text }]));
}
