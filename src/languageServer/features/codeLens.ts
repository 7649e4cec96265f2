/** Code lenses above labels: size, references, and what the code below costs under the technique in force. */
import type { CodeLens } from "vscode-languageserver-protocol";
import type { NameOccurrence, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { sizeOfLabel } from "../knowledge/symbolCard";
import { rangeKey, toRange } from "../positions";
import type { Technique } from "../techniques";
import { outlineNames } from "./documentSymbols";

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function statementsIn(analysis: Analysis, name: string, size: number): Statement[] {
  const symbol = analysis.symbol(name);
  const start = Number(symbol?.value ?? 0n);
  return analysis.model.statements.filter(
    ({ form, section, address, length }) =>
      form !== undefined &&
      length > 0 &&
      section === symbol?.section &&
      address >= start &&
      address < start + size,
  );
}

/** Statements in a %rep or with `times` count as often as they stand there. */
function number(statements: readonly Statement[], is: (statement: Statement) => boolean): number {
  return statements.reduce((sum, each) => sum + (is(each) ? each.times : 0), 0);
}

function costs(statements: readonly Statement[], technique: Technique): string[] {
  if (technique === "none") return [];
  if (technique === "hardware-assisted") {
    const always = number(statements, ({ form }) => form?.vmExit?.when === "always");
    const maybe = number(
      statements,
      ({ form }) =>
        form?.vmExit !== undefined && form.vmExit.when !== "always" && isUsual(form.vmExit.reason),
    );
    const text = [
      ...(always > 0 ? [count(always, "sure VM exit")] : []),
      ...(maybe > 0 ? [`${maybe} by controls`] : []),
    ];
    return text.length === 0 ? [] : [text.join(", ")];
  }
  const isTrap = ({ form }: Statement): boolean =>
    form?.sensitivity === "privileged" || form?.sensitivity === "iopl-sensitive";
  const sensitive = number(
    statements,
    ({ form }) =>
      form?.sensitivity === "sensitive-unprivileged" || form?.sensitivity === "conditional",
  );
  const traps = number(statements, isTrap);
  const trapNoun = {
    "trap-and-emulate": "trap",
    "binary-translation": "callout",
    paravirtual: "trap or hypercall",
  }[technique];
  return [
    ...(sensitive > 0 ? [`${sensitive} sensitive`] : []),
    ...(traps > 0 ? [count(traps, trapNoun)] : []),
  ];
}

/** Far transfers and software exceptions exit only in cases that hardly a guest has (task gates, an exception bitmap). */
function isUsual(reason: string): boolean {
  return reason !== "TASK_SWITCH" && reason !== "EXCEPTION_NMI";
}

function lens(
  analysis: Analysis,
  name: NameOccurrence,
  technique: Technique,
): CodeLens | undefined {
  const size = sizeOfLabel(analysis, name.name);
  if (size === undefined) return undefined;
  const places = new Set(
    analysis
      .occurrences(name.id)
      .filter((each) => each.role === "reference")
      .map((each) => rangeKey(each.range)),
  );
  const parts = [
    ...(size > 0 ? [count(size, "byte")] : []),
    count(places.size, "reference"),
    ...costs(statementsIn(analysis, name.name, size), technique),
  ];
  return { range: toRange(name.range), command: { title: parts.join(" · "), command: "" } };
}

export function codeLenses(analysis: Analysis, file: string, technique: Technique): CodeLens[] {
  return outlineNames(analysis, file).flatMap((name) =>
    name.kind === "label" ? (lens(analysis, name, technique) ?? []) : [],
  );
}
