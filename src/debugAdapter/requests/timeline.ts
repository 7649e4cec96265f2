/** ringside/timeline: what happened, on the axis of time. */
import type { MachineEvent, TimelineEntry } from "../../engine/index";
import type { TimelineArguments, TimelineBody, TimelineEntryBody } from "../protocol";
import { eventSentence } from "../running/stopText";
import type { RingsideSession } from "../session/session";
import type { Target } from "../session/target";

const DEFAULT_LIMIT = 1000;

export function timelineBody(session: RingsideSession, args: TimelineArguments): TimelineBody {
  const { target } = session;
  const { debuggee } = target;
  const from = args.from ?? 0;
  const to = args.to ?? Infinity;
  const wanted = debuggee
    .timeline()
    .filter(
      ({ position, event }) =>
        position >= from && position <= to && (args.kinds?.includes(event.kind) ?? true),
    );
  const limit = Math.max(0, args.limit ?? DEFAULT_LIMIT);
  const shown = wanted.slice(Math.max(0, wanted.length - limit));
  return {
    generation: session.generation,
    position: debuggee.position,
    horizon: debuggee.horizon,
    entries: shown.map((entry) => entryBody(target, entry)),
    omitted: wanted.length - shown.length,
  };
}

function entryBody(target: Target, { position, event }: TimelineEntry): TimelineEntryBody {
  const address = addressOf(event);
  return {
    position,
    kind: event.kind,
    text: eventSentence(event, target.debuggee.exits()),
    ...(event.kind === "vm-exit" ? { key: event.key } : {}),
    ...(address === undefined ? {} : { place: target.place(address) }),
  };
}

function addressOf(event: MachineEvent): bigint | undefined {
  return "rip" in event ? event.rip : undefined;
}
