/** The two page-table views: trees that are read one table at a time, with equal neighbours merged into runs. */
import type { PageTableRowBody, PageTablesBody } from "../../debugAdapter/protocol";
import type { Reader, Row, Rows } from "./row";
import { NO_ROWS, byteSize, facts, optional } from "./row";

type Which = PageTablesBody["which"];

export async function guestTableRows(reader: Reader): Promise<Rows> {
  return reader.state === undefined ? NO_ROWS : rootRows(reader, "guest");
}

/** Nested or shadow tables, whichever the hardware walks. */
export async function hardwareTableRows(reader: Reader): Promise<Rows> {
  if (reader.state === undefined) return NO_ROWS;
  return rootRows(reader, reader.state.mmu === "nested" ? "nested" : "shadow");
}

async function rootRows(reader: Reader, which: Which): Promise<Rows> {
  const body = await reader.read("ringside/pageTables", { which, path: [] });
  const note =
    body.note ?? (body.rows.length === 0 ? "No entry of the root table is present." : undefined);
  return { rows: tableRows(reader, body), ...optional("note", note) };
}

function tableRows(reader: Reader, body: PageTablesBody): readonly Row[] {
  return mergeRuns(body.rows).map((run) => {
    const [first] = run;
    return run.length === 1 ? entryRow(reader, body, first) : runRow(reader, body, run);
  });
}

type Run = readonly [PageTableRowBody, ...PageTableRowBody[]];

/** Neighbouring leaves with equal flags that map neighbouring frames become one run. */
export function mergeRuns(rows: readonly PageTableRowBody[]): readonly Run[] {
  const runs: [PageTableRowBody, ...PageTableRowBody[]][] = [];
  for (const row of rows) {
    const run = runs.at(-1);
    if (run !== undefined && continues(run.at(-1) ?? run[0], row)) run.push(row);
    else runs.push([row]);
  }
  return runs;
}

function continues(last: PageTableRowBody, next: PageTableRowBody): boolean {
  const size = BigInt(last.size);
  return (
    last.leaf &&
    next.leaf &&
    last.level === next.level &&
    last.size === next.size &&
    last.flags.join() === next.flags.join() &&
    BigInt(last.from) + size === BigInt(next.from) &&
    BigInt(last.target) + size === BigInt(next.target)
  );
}

function range(from: bigint, size: bigint): string {
  return `${hex(from)} – ${hex(BigInt.asUintN(64, from + size - 1n))}`;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

const NAMES = { gva: "GVA", gpa: "GPA", hpa: "HPA" } as const;

function entryRow(reader: Reader, body: PageTablesBody, row: PageTableRowBody): Row {
  const path = [...body.path, row.index];
  const target = `${NAMES[row.targetSpace]} ${row.target}`;
  const flags = row.flags.join(" ");
  return {
    id: `${body.which}/${path.join("/")}`,
    kind: "page",
    label: row.leaf
      ? range(BigInt(row.from), BigInt(row.size))
      : `${row.level} ${row.index}: ${row.from}`,
    description: row.leaf ? `→ ${target} · ${flags}` : `${byteSize(BigInt(row.size))} · ${flags}`,
    ...(row.changed ? { mark: "changed" as const } : { icon: row.leaf ? "file" : "list-tree" }),
    tooltip: entryFacts(row),
    ...(row.leaf ? {} : { children: () => subtable(reader, body.which, path) }),
    value: row.value,
    address: addressOf(body.which, row),
  };
}

function addressOf(which: Which, row: PageTableRowBody): string {
  return `${which === "nested" ? "gpa" : "gva"}:${row.from}`;
}

function entryFacts(row: PageTableRowBody): string {
  return facts(`${row.level} ${row.index}`, [
    ["Maps", `${range(BigInt(row.from), BigInt(row.size))} (${byteSize(BigInt(row.size))})`],
    [row.leaf ? "To" : "Next table", `${NAMES[row.targetSpace]} ${row.target}`],
    ["Flags", row.flags.join(" ")],
    ["Entry", row.value],
    ["Stored at", `${NAMES[row.entrySpace]} ${row.entryAddress}`],
    ["Before", row.changed ? (row.previous ?? "not present") : undefined],
  ]);
}

async function subtable(
  reader: Reader,
  which: Which,
  path: readonly number[],
): Promise<readonly Row[]> {
  const body = await reader.read("ringside/pageTables", { which, path });
  if (body.rows.length > 0) return tableRows(reader, body);
  return [
    {
      id: `${which}/${path.join("/")}/empty`,
      kind: "note",
      label: body.note ?? "No entry of this table is present.",
    },
  ];
}

function runRow(reader: Reader, body: PageTablesBody, run: Run): Row {
  const [first] = run;
  const each = BigInt(first.size);
  const size = each * BigInt(run.length);
  const changed = run.filter((row) => row.changed).length;
  const flags = first.flags.join(" ");
  const pages = `${run.length} × ${byteSize(each)}`;
  return {
    id: `${body.which}/${[...body.path, first.index].join("/")}+`,
    kind: "page",
    label: range(BigInt(first.from), size),
    description: `→ ${NAMES[first.targetSpace]} ${first.target} · ${flags} · ${pages}${
      changed > 0 ? ` · ${changed} changed` : ""
    }`,
    ...(changed > 0 ? { mark: "changed" as const } : { icon: "files" }),
    tooltip: facts(`${first.level} ${first.index} – ${run.at(-1)?.index ?? first.index}`, [
      ["Maps", `${range(BigInt(first.from), size)} (${pages})`],
      ["To", `${NAMES[first.targetSpace]} ${range(BigInt(first.target), size)}`],
      ["Flags", flags],
    ]),
    children: run.map((row) => entryRow(reader, body, row)),
    value: first.value,
    address: addressOf(body.which, first),
  };
}
