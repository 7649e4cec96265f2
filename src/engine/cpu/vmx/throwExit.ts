import type { ExitAbort } from "../abort";
import type { VmExit } from "./vmExit";

/** Ends the current instruction with a VM exit. */
export function throwExit(exit: VmExit): never {
  const abort: ExitAbort = { abort: "exit", exit };
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- aborts are plain data without a stack trace, see abort.ts
  throw abort;
}
