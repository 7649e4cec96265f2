/** "Translation": addresses that are followed from stop to stop, each with every entry on its way GVA → GPA → HPA. */
import type { TranslateBody, WalkStepBody } from "../../debugAdapter/protocol";
import type { Reader, Row, Rows } from "./row";
import { NO_ROWS, byteSize, facts, optional } from "./row";

export async function translationRows(
  reader: Reader,
  expressions: readonly string[],
): Promise<Rows> {
  if (reader.state === undefined) return NO_ROWS;
  const rows = await Promise.all(expressions.map((one) => expressionRow(reader, one)));
  return { rows, ...(rows.length === 0 ? { note: "Add an address with +." } : {}) };
}

async function expressionRow(reader: Reader, expression: string): Promise<Row> {
  const base = { id: `translation/${expression}`, kind: "translation", key: expression } as const;
  let body: TranslateBody;
  try {
    body = await reader.read("ringside/translate", { address: expression });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...base, label: expression, description: reason, icon: "circle-slash" };
  }
  const refused = body.failure !== undefined;
  return {
    ...base,
    label: expression,
    description: translationChain(body),
    ...(refused ? { mark: "violation" as const } : { icon: "type-hierarchy-sub" }),
    tooltip: facts(expression, [
      ["GVA", body.gva],
      ["GPA", body.gpa],
      ["HPA", body.hpa],
      ["Symbol", body.symbol],
      ["Page", body.pageSize === undefined ? undefined : byteSize(BigInt(body.pageSize))],
      ["Rights over all levels", body.rights],
      ["Refused", body.failure],
    ]),
    children: [
      ...body.steps.map((step, index) => stepRow(base.id, step, index)),
      result(base.id, body),
    ],
    value: translationChain(body),
  };
}

/** "GVA 0x1000 → GPA 0x1000 → HPA 0x401000". */
export function translationChain(body: TranslateBody): string {
  const parts = [
    body.gva === undefined ? undefined : `GVA ${body.gva}`,
    body.gpa === undefined ? undefined : `GPA ${body.gpa}`,
    body.hpa === undefined ? "✗" : `HPA ${body.hpa}`,
  ];
  return parts.filter((part) => part !== undefined).join(" → ");
}

const STAGES: Readonly<Record<WalkStepBody["stage"], string>> = {
  guest: "guest table",
  nested: "nested table",
  shadow: "shadow table",
};

function stepRow(path: string, step: WalkStepBody, index: number): Row {
  const flags = step.flags.join(" ");
  return {
    id: `${path}/${index}`,
    kind: "value",
    label: step.level,
    description: step.refused ?? `${step.value} · ${flags} → ${step.target}`,
    ...(step.refused === undefined
      ? { icon: step.stage === "guest" ? "arrow-small-right" : "indent" }
      : { mark: "violation" as const }),
    tooltip: facts(step.level, [
      ["In the", STAGES[step.stage]],
      ["Entry", step.value],
      ["Stored at", `${step.entrySpace.toUpperCase()} ${step.entryAddress}`],
      ["That is HPA", step.entryHpa],
      ["Flags", flags],
      ["Points to", step.target],
      ["Refused", step.refused],
    ]),
    value: step.value,
  };
}

function result(path: string, body: TranslateBody): Row {
  if (body.failure !== undefined) {
    return { id: `${path}/result`, kind: "note", label: body.failure, mark: "violation" };
  }
  const page = body.pageSize === undefined ? undefined : `${byteSize(BigInt(body.pageSize))} page`;
  return {
    id: `${path}/result`,
    kind: "value",
    label: `HPA ${body.hpa ?? "?"}`,
    description: [body.rights, page].filter((part) => part !== undefined).join(" · "),
    icon: "check",
    ...optional("value", body.hpa),
  };
}
