/** The adapter's own process: DAP over stdin and stdout. */
import { startDebugAdapter } from "./server";

startDebugAdapter(process.stdin, process.stdout);
