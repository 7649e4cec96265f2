/** JSON lines in, JSON lines out: one answer for each line, in order; a bad line gets an answer with `error`. */
import { UserError } from "../engine/index";
import type { Streams } from "./command";

/** `id` of a line, if any, comes back in its answer. */
export function batchLines<T extends { readonly id?: unknown }>(
  streams: Streams,
  answer: (line: T) => object,
): number {
  for (const line of streams.input().split("\n")) {
    if (line.trim() === "") continue;
    streams.out(`${JSON.stringify(answerLine(line, answer))}\n`);
  }
  return 0;
}

function answerLine<T extends { readonly id?: unknown }>(
  line: string,
  answer: (line: T) => object,
): object {
  let id: { readonly id?: unknown } = {};
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) throw new UserError("bad-line", "A line must be a JSON object."); // prettier-ignore
    const request = value as T;
    if (request.id !== undefined) id = { id: request.id };
    return { ...id, ...answer(request) };
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof SyntaxError)) throw error;
    return { ...id, ok: false, error: error.message };
  }
}
