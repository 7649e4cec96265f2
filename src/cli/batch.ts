/** JSON lines in, JSON lines out: one answer for each line, in order; a bad line gets an answer with `error`. */
import { UserError } from "../engine/language";
import type { Streams } from "./command";

/** A line: an `id`, if it has one, comes back in its answer; the rest is the command's. */
export interface BatchLine {
  readonly id?: unknown;
}

export function batchLines(streams: Streams, answer: (line: BatchLine) => object): number {
  for (const line of streams.input().split("\n")) {
    if (line.trim() === "") continue;
    streams.out(`${JSON.stringify(answerLine(line, answer))}\n`);
  }
  return 0;
}

function answerLine(text: string, answer: (line: BatchLine) => object): object {
  let id: BatchLine = {};
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line !== "object" || line === null) {
      throw new UserError("bad-line", "A line must be a JSON object.");
    }
    if ("id" in line) id = { id: line.id };
    return { ...id, ...answer(line) };
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof SyntaxError)) throw error;
    return { ...id, ok: false, error: error.message };
  }
}
