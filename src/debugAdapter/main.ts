/** The debug adapter over stdin and stdout. */
import { createDebuggee } from "../engine/index";
import { QueuedSession } from "./session/requestQueue";

export function startDebugAdapter(
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stdout,
): void {
  const session = new QueuedSession({ createDebuggee });
  session.start(input, output);
}
