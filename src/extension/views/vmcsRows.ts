/** "VMCS": areas, groups, decoded fields; on top the VM-entry rules that it breaks. */
import type { EntryChecksBody, VmcsBody, VmcsFieldBody } from "../../debugAdapter/protocol";
import type { Reader, Row, Rows } from "./row";
import { NO_ROWS, countMarks, facts, optional } from "./row";

const AREAS: readonly { readonly area: VmcsFieldBody["area"]; readonly title: string }[] = [
  { area: "exit-info", title: "VM-exit information" },
  { area: "guest", title: "Guest state" },
  { area: "control", title: "Controls" },
  { area: "host", title: "Host state" },
];

export async function vmcsRows(reader: Reader): Promise<Rows> {
  if (reader.state === undefined) return NO_ROWS;
  const [body, checks] = await Promise.all([
    reader.read("ringside/vmcs", {}),
    reader.read("ringside/entryChecks", {}),
  ]);
  if (body.fields.length === 0) {
    return { rows: [], note: body.note ?? "There is no current VMCS." };
  }
  const rows = [...violations(checks), identity(body), ...AREAS.flatMap((one) => area(one, body))];
  return { rows, ...optional("note", body.note) };
}

function violations(checks: EntryChecksBody): readonly Row[] {
  if (checks.violations.length === 0) return [];
  const rows = checks.violations.map((one): Row => {
    return {
      id: `vmcs/violations/${one.rule}`,
      kind: "value",
      label: one.text,
      mark: "violation",
      description: one.fields.map((field) => `${field.name} = ${field.value}`).join(", "),
      tooltip: facts(one.text, [
        ["Rule", one.rule],
        ["Manual", one.sdm],
        ...one.fields.map((field) => [field.name, field.value] as const),
        ["What to do", one.hint],
      ]),
      value: one.text,
    };
  });
  return [
    {
      id: "vmcs/violations",
      kind: "group",
      label: "A VM entry would fail now",
      description: `${rows.length} ${rows.length === 1 ? "rule" : "rules"} violated`,
      mark: "violation",
      expanded: true,
      children: rows,
    },
  ];
}

function identity(body: VmcsBody): Row {
  return {
    id: "vmcs/identity",
    kind: "value",
    label: `VMCS at ${body.address ?? "?"}`,
    ...optional("description", body.launchState),
    icon: "chip",
    ...optional("value", body.address),
  };
}

function area(one: (typeof AREAS)[number], body: VmcsBody): readonly Row[] {
  const fields = body.fields.filter((field) => field.area === one.area);
  if (fields.length === 0) return [];
  const groups = [...new Set(fields.map((field) => field.group))];
  const id = `vmcs/${one.area}`;
  // The reason goes before the details.
  const byWeight = (field: VmcsFieldBody): number => Number(!/reason/i.test(field.title));
  const groupRows = groups.map((title): Row => {
    const members = fields.filter((field) => field.group === title);
    return {
      id: `${id}/${title}`,
      kind: "group",
      label: title,
      ...changes(members),
      children: members
        .toSorted((a, b) => byWeight(a) - byWeight(b))
        .map((field) => fieldRow(field, `${id}/${title}`)),
    };
  });
  return [
    {
      id,
      kind: "group",
      label: one.title,
      ...changes(fields),
      expanded: one.area === "exit-info",
      children: (groupRows.length === 1 ? groupRows[0]?.children : undefined) ?? groupRows,
    },
  ];
}

function changes(fields: readonly VmcsFieldBody[]): { readonly description?: string } {
  const count = fields.filter((field) => field.changed).length;
  return optional("description", countMarks([[count, "changed"]]));
}

function fieldRow(field: VmcsFieldBody, path: string): Row {
  return {
    id: `${path}/${field.name}`,
    kind: "value",
    label: field.title,
    description: field.decoded === "" ? field.value : `${field.value} · ${field.decoded}`,
    ...(field.changed ? { mark: "changed" as const } : {}),
    tooltip: facts(field.title, [
      ["Field", field.name],
      ["Encoding", `0x${field.encoding.toString(16)}`],
      ["Width", `${field.width} bits`],
      ["Value", field.value],
      ["Decoded", field.decoded === "" ? undefined : field.decoded],
      ["At the previous stop", field.changed ? field.previous : undefined],
    ]),
    value: field.value,
    key: field.name,
  };
}
