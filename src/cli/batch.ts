/** JSON lines in, JSON lines out: one answer for each line, in order; a bad line gets an answer with `error`. */
import { UserError } from "../engine/language";
import type { Streams } from "./command";

/** A line: an `id`, if it has one, comes back in its answer; the rest is the command's. */
export interface BatchLine {
  readonly id?: unknown;
}

/** Characters of answers that are kept back to be written at once. */
const CHUNK = 1 << 16;

/** `failed` is what an answer has instead of a result. */
export function batchLines(
  streams: Streams,
  answer: (line: BatchLine) => object,
  failed: object,
): number {
  let answers = "";
  for (const line of streams.input().split("\n")) {
    if (line.trim() === "") continue;
    answers += `${JSON.stringify(answerLine(line, answer, failed))}\n`;
    if (answers.length < CHUNK) continue;
    streams.out(answers);
    answers = "";
  }
  if (answers !== "") streams.out(answers);
  return 0;
}

function answerLine(text: string, answer: (line: BatchLine) => object, failed: object): object {
  let id: BatchLine = {};
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line !== "object" || line === null || Array.isArray(line)) {
      throw new UserError("bad-line", "A line must be a JSON object.");
    }
    if ("id" in line) id = { id: line.id };
    return { ...id, ...answer(line) };
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof SyntaxError)) throw error;
    return { ...id, ...failed, error: error.message };
  }
}
