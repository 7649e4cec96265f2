/** "VM Exits": every reason with its count; the tick is a breakpoint. */
import type { ExitBody, ExitMode, RequestBody } from "../../debugAdapter/protocol";
import type { KnownExit } from "../contributions/exits";
import { isTrapKey } from "../contributions/exits";
import type { Reader, Row, Rows } from "./row";
import { facts, optional } from "./row";

/** What the user asked for: the part of the store that the rows need. */
export interface ExitChoices {
  modeOf(key: string): ExitMode;
  conditionOf(key: string): string | undefined;
  /** Every reason that there is. */
  readonly known: readonly KnownExit[];
}

const NEVER = { count: 0, cycles: 0, changed: false };

export async function exitRows(reader: Reader, choices: ExitChoices): Promise<Rows> {
  const body = reader.state === undefined ? undefined : await reader.read("ringside/exits", {});
  const exits = body === undefined ? withoutCounts(choices.known) : withRest(body, reader, choices);
  const rows = exits.map((exit) => exitRow(exit, choices));
  const isUp = (index: number): boolean =>
    (exits[index]?.count ?? 0) > 0 || choices.modeOf(exits[index]?.key ?? "") !== "ignore";
  const up = rows.filter((_, index) => isUp(index));
  const rest = rows.filter((_, index) => !isUp(index));
  const total = body === undefined ? undefined : totals(body.totalCount, body.totalCycles);
  return {
    rows: [anyRow(choices, total), ...up, ...others(rest, up.length > 0, body !== undefined)],
  };
}

function withoutCounts(exits: readonly KnownExit[]): readonly Counted[] {
  return exits.map((one) => ({ ...one, ...NEVER }));
}

/** What happened, and then what could happen under the technique in force. */
function withRest(
  body: RequestBody<"ringside/exits">,
  reader: Reader,
  choices: ExitChoices,
): readonly Counted[] {
  const hasVmx = ["hardware-assisted", "none"].includes(reader.state?.vmm ?? "none");
  const listed = new Set(body.exits.map(({ key }) => key));
  const others = choices.known.filter(({ key }) => !listed.has(key) && isTrapKey(key) !== hasVmx);
  return [...body.exits, ...withoutCounts(others)];
}

function totals(count: number, cycles: number): string {
  return `${count.toLocaleString("en")} so far · ${cycles.toLocaleString("en")} cycles`;
}

function anyRow(choices: ExitChoices, total: string | undefined): Row {
  return {
    id: "exit/any",
    kind: "exit",
    label: "Any VM exit",
    ...optional("description", total),
    checked: choices.modeOf("any") === "break",
    icon: "layers",
    tooltip: "Stop in the VMM at every VM exit, or trap of a deprivileged guest.",
    key: "any",
  };
}

function others(rows: readonly Row[], someAreUp: boolean, inSession: boolean): readonly Row[] {
  if (rows.length === 0) return [];
  return [
    {
      // Two ids: unfolding the full list must not unfold the short one.
      id: someAreUp ? "exit/others" : "exit/all",
      kind: "group",
      label: someAreUp ? "Other exits" : "Exits",
      description: inSession ? `${rows.length} that did not happen` : "tick one to stop there",
      expanded: !someAreUp,
      children: rows,
    },
  ];
}

type Counted = KnownExit & Pick<ExitBody, "count" | "cycles" | "changed">;

function exitRow(exit: Counted, choices: ExitChoices): Row {
  const mode = choices.modeOf(exit.key);
  const condition = choices.conditionOf(exit.key);
  const parts = [
    exit.count > 0 ? `${exit.count.toLocaleString("en")} ×` : undefined,
    exit.key === exit.title ? undefined : exit.key,
    mode === "log" ? "log" : undefined,
    condition === undefined ? undefined : `when ${condition}`,
  ];
  return {
    id: `exit/${exit.key}`,
    kind: "exit",
    label: `${exit.title.charAt(0).toUpperCase()}${exit.title.slice(1)}`,
    description: parts.filter((part) => part !== undefined).join(" · "),
    checked: mode === "break",
    ...(exit.changed ? { mark: "changed" as const } : {}),
    ...(mode === "log" ? { icon: "note" } : {}),
    tooltip: facts(exit.title, [
      ["Key", exit.key],
      ["Basic exit reason", exit.number >= 0 ? String(exit.number) : undefined],
      ["Count", exit.count.toLocaleString("en")],
      ["Cycles", exit.cycles.toLocaleString("en")],
      ["When it happens", MODE_SENTENCE[mode]],
      ["Condition", condition],
    ]),
    value: String(exit.count),
    key: exit.key,
  };
}

const MODE_SENTENCE: Readonly<Record<ExitMode, string>> = {
  break: "stop",
  log: "write a line to the debug console and go on",
  ignore: "go on",
};
