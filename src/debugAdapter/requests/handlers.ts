/** Which function answers which request. */
import { breakpointHandlers } from "./breakpoints";
import { disassemblyHandlers } from "./disassembly";
import { evaluationHandlers } from "./evaluation";
import type { Handler, HandlerTable } from "./handler";
import { inspectionHandlers } from "./inspection";
import { lifecycleHandlers } from "./lifecycle";
import { memoryHandlers } from "./memory";
import { ringsideHandlers } from "./ringside";
import { runningHandlers } from "./running";
import { sourceHandlers } from "./sources";
import { variableHandlers } from "./variables";

export const HANDLERS: ReadonlyMap<string, Handler> = new Map(
  [
    lifecycleHandlers,
    breakpointHandlers,
    runningHandlers,
    inspectionHandlers,
    variableHandlers,
    evaluationHandlers,
    memoryHandlers,
    disassemblyHandlers,
    sourceHandlers,
    ringsideHandlers,
  ].flatMap((table: HandlerTable) => Object.entries(table)),
);

/** Answered at once, whatever is going on. */
export const IMMEDIATE_REQUESTS: ReadonlySet<string> = new Set([
  "pause",
  "threads",
  "cancel",
  "terminate",
  "disconnect",
  "ringside/input",
]);
