/** Entry point of the adapter's own process. */
import { startDebugAdapter } from "./main";

startDebugAdapter();
