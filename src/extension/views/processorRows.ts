/** "VCPU and CPU": what the guest believes beside what the hardware holds. */
import type { ProcessorBody, ProcessorGroup, ProcessorRow } from "../../debugAdapter/protocol";
import { MODE_TEXT } from "../wording";
import type { Reader, Row, Rows } from "./row";
import { NO_ROWS, countMarks, facts, optional } from "./row";

export async function processorRows(reader: Reader): Promise<Rows> {
  if (reader.state === undefined) return NO_ROWS;
  const body = await reader.read("ringside/processor", {});
  return { rows: [summary(body), ...body.groups.map(group)] };
}

function summary(body: ProcessorBody): Row {
  const side = (view: ProcessorBody["vcpu"]): string =>
    `${MODE_TEXT[view.mode]}, ring ${view.cpl}${view.halted ? ", halted" : ""}`;
  const [guest, hardware] = [side(body.vcpu), side(body.cpu)];
  const same = guest === hardware;
  return {
    id: "processor",
    kind: "note",
    label: same ? guest : `VCPU: ${guest}`,
    ...(same ? {} : { description: `CPU: ${hardware}`, mark: "differs" as const }),
    tooltip: facts("Where the processor is", [
      ["The guest believes", guest],
      ["The hardware holds", hardware],
    ]),
    icon: "circuit-board",
  };
}

function group(body: ProcessorGroup, index: number): Row {
  const differing = body.rows.filter((row) => row.differs).length;
  const changed = body.rows.filter((row) => row.changed || row.cpuChanged).length;
  return {
    id: `processor/${body.title}`,
    kind: "group",
    label: body.title,
    ...optional(
      "description",
      countMarks([
        [changed, "changed"],
        [differing, "differ"],
      ]),
    ),
    expanded: index === 0,
    children: body.rows.map((row) => register(row, body.title)),
  };
}

function register(row: ProcessorRow, title: string): Row {
  const changed = row.changed || row.cpuChanged;
  const decoded = row.vcpuDecoded ?? row.cpuDecoded;
  const values = row.differs ? `${row.vcpu} ≠ ${row.cpu} in hardware` : row.vcpu;
  return {
    id: `processor/${title}/${row.name}`,
    kind: "register",
    label: row.name,
    description: decoded === undefined || decoded === "" ? values : `${values} · ${decoded}`,
    ...optional("mark", row.differs ? "differs" : changed ? "changed" : undefined),
    ...(row.differs && changed ? { icon: "diff-modified" } : {}),
    tooltip: facts(row.name, [
      ["VCPU (the guest believes)", row.vcpu],
      ["", row.vcpuDecoded],
      ["VCPU at the previous stop", row.changed ? row.previous : undefined],
      ["CPU (the hardware holds)", row.cpu],
      ["", row.cpuDecoded],
      ["CPU at the previous stop", row.cpuChanged ? row.cpuPrevious : undefined],
    ]),
    value: row.vcpu,
    address: row.vcpu,
    key: row.name,
  };
}
