/** ringside/runTo: to the next (or last) VM exit, VM entry, ring or mode change, CR3 load, interrupt, exception, or address. */
import type { MachineEvent } from "../../engine/index";
import { eventVariables } from "../expressions/eventVariables";
import { Condition } from "../expressions/expression";
import { MachineScope } from "../expressions/names";
import { RUN_TO_TARGETS } from "../protocol";
import type { RunToArguments } from "../protocol";
import type { RunOptions } from "../running/runControl";
import type { RingsideSession } from "../session/session";
import { RequestError } from "../session/requestError";
import { addressOf, requireRecording } from "./running";

export function runTo(session: RingsideSession, args: RunToArguments): object {
  if (!RUN_TO_TARGETS.includes(args.target)) {
    throw new RequestError(`"${args.target}" is not a place to run to: ${RUN_TO_TARGETS.join(", ")}.`); // prettier-ignore
  }
  const backward = args.direction === "backward";
  const debuggee = backward ? requireRecording(session) : session.stopped.debuggee;
  const options: Omit<RunOptions, "seenPosition"> = { backward, ...targetOf(session, args) };
  session.runUnasked(options, (ticks, control) =>
    backward ? debuggee.runBackSlice(control) : debuggee.run(ticks, control),
  );
  return {};
}

function targetOf(
  session: RingsideSession,
  args: RunToArguments,
): Pick<RunOptions, "target" | "targetAddress"> {
  if (args.target === "address") {
    if (args.address === undefined) throw new RequestError("Which address?");
    return { targetAddress: addressOf(session, args.address) };
  }
  const condition = Condition.parse(args.condition);
  return { target: (event) => matches(session, args, condition, event) };
}

function matches(
  session: RingsideSession,
  args: RunToArguments,
  condition: Condition | undefined,
  event: MachineEvent,
): boolean {
  if (event.kind !== args.target) return false;
  if (args.key !== undefined && event.kind === "vm-exit" && event.key !== args.key) return false;
  if (!condition) return true;
  const { debuggee, program } = session.target;
  return condition.holds(new MachineScope(debuggee, program, eventVariables(event)));
}
