/** The streams of this process. */
import { readFileSync, writeSync } from "node:fs";
import type { Streams } from "./command";

/** Synchronous and complete: a pipe that is full for a moment must not cost output, and the process may end right after. */
function writeAll(descriptor: number, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The reader went away (`ringside … | head`): nothing more to say.
      if (code === "EPIPE") process.exit(0);
      if (code !== "EAGAIN") throw error;
    }
  }
}

export const processStreams: Streams = {
  out: (content) => writeAll(1, content),
  err: (text) => writeAll(2, text),
  input: () => readFileSync(0, "utf8"),
};
