/** A debug adapter on a pair of streams. */
import { createDebuggee } from "../engine/index";
import { QueuedSession } from "./session/requestQueue";

export function startDebugAdapter(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): void {
  new QueuedSession({ createDebuggee }).start(input, output);
}
