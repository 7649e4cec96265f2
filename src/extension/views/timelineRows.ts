/** "Timeline": what happened, newest first. A row is a place in time to go to. */
import type { MachineEventKind, TimelineEntryBody } from "../../debugAdapter/protocol";
import type { Reader, Row, Rows } from "./row";
import { NO_ROWS, facts, optional } from "./row";

const LIMIT = 500;

const ICONS: Readonly<Record<MachineEventKind, string>> = {
  "vm-exit": "arrow-up",
  "vm-entry": "arrow-down",
  "vm-entry-failure": "error",
  interrupt: "zap",
  exception: "warning",
  "ring-change": "target",
  "mode-change": "settings",
  "cr3-load": "map",
  "triple-fault": "flame",
  "fidelity-lost": "eye-closed",
  firmware: "info",
};

export async function timelineRows(reader: Reader): Promise<Rows> {
  if (reader.state === undefined) return NO_ROWS;
  const { entries, omitted, position } = await reader.read("ringside/timeline", { limit: LIMIT });
  if (entries.length === 0) return { rows: [], note: "Nothing happened so far." };
  const seen = new Map<string, number>();
  const rows = entries.map((entry) => {
    // Several things can happen at one position.
    const place = `${entry.position}/${entry.kind}`;
    const index = seen.get(place) ?? 0;
    seen.set(place, index + 1);
    return entryRow(entry, `timeline/${place}/${index}`, position);
  });
  const older: readonly Row[] =
    omitted === 0
      ? []
      : [{ id: "timeline/older", kind: "note", label: `${omitted} older events are left out` }];
  return { rows: [...rows.reverse(), ...older] };
}

function entryRow(entry: TimelineEntryBody, id: string, now: number): Row {
  const where = entry.place?.symbol ?? entry.place?.address;
  const when = entry.position > now ? "ahead" : undefined;
  return {
    id,
    kind: "event",
    label: entry.text,
    description: [`at ${entry.position.toLocaleString("en")}`, where, when]
      .filter((part) => part !== undefined)
      .join(" · "),
    icon: entry.position > now ? "circle-outline" : ICONS[entry.kind],
    tooltip: facts(entry.text, [
      ["Time", entry.position.toLocaleString("en")],
      ["Kind", entry.kind],
      ["Exit key", entry.key],
      ["At", where],
      ["Instruction", entry.place?.instruction],
    ]),
    value: entry.text,
    position: entry.position,
    ...optional("key", entry.key),
  };
}
