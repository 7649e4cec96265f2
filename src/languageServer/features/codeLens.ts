/** Code lenses above labels: size, references, and what the code below costs under the technique in force. */
import type { CodeLens, Location, Range } from "vscode-languageserver-protocol";
import type { NameOccurrence, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { uriOfFile } from "../fileNames";
import { sizeOfLabel } from "../knowledge/symbolCard";
import { rangeKey, toRange } from "../positions";
import { SHOW_REFERENCES_COMMAND, type MeasureResult } from "../protocol";
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

/** What resolve needs to make the text of a lens. */
export interface LensData {
  readonly file: string;
  readonly name: string;
}

export function isLensData(data: unknown): data is LensData {
  return typeof data === "object" && data !== null && "file" in data && "name" in data;
}

/** Where lenses stand; their texts come with resolve, for those that can be seen. */
export function codeLenses(analysis: Analysis, file: string): CodeLens[] {
  return outlineNames(analysis, file).flatMap((name) => {
    const isLabel = name.kind === "label" && analysis.symbol(name.name)?.kind === "label";
    const data: LensData = { file, name: name.name };
    return isLabel ? [{ range: toRange(name.range), data }] : [];
  });
}

function placesOf(analysis: Analysis, name: NameOccurrence): Location[] {
  const places = new Map(
    analysis
      .occurrences(name.id)
      .filter((each) => each.role === "reference")
      .map((each) => [rangeKey(each.range), each.range]),
  );
  return [...places.values()].map((range) => ({
    uri: uriOfFile(range.file),
    range: toRange(range),
  }));
}

export function resolveLens(
  analysis: Analysis,
  lens: CodeLens,
  technique: Technique,
  canShowReferences: boolean,
): CodeLens {
  const data: unknown = lens.data;
  if (!isLensData(data)) return lens;
  const name = analysis
    .namesOf(data.file)
    .find((each) => each.role === "definition" && each.name === data.name);
  if (name === undefined) return { ...lens, command: { title: "", command: "" } };
  const size = sizeOfLabel(analysis, name.name) ?? 0;
  const places = placesOf(analysis, name);
  const title = [
    ...(size > 0 ? [count(size, "byte")] : []),
    count(places.length, "reference"),
    ...costs(statementsIn(analysis, name.name, size), technique),
  ].join(" · ");
  const command =
    canShowReferences && places.length > 0
      ? {
          title,
          command: SHOW_REFERENCES_COMMAND,
          arguments: [uriOfFile(data.file), toRange(name.range).start, places],
        }
      : { title, command: "" };
  return { ...lens, command };
}

/** What the lines of a selection take and cost; a macro call counts with all that it makes. */
export function measure(
  analysis: Analysis,
  file: string,
  range: Range,
  technique: Technique,
): MeasureResult {
  const isEmptyEnd = range.end.character === 0 && range.end.line > range.start.line;
  const last = isEmptyEnd ? range.end.line - 1 : range.end.line;
  const selected = analysis.model.statements.filter(({ callRange }) => {
    const line = callRange.line - 1;
    return callRange.file === file && line >= range.start.line && line <= last;
  });
  return {
    bytes: selected.reduce((sum, each) => sum + each.length, 0),
    instructions: number(selected, ({ kind }) => kind === "instruction"),
    costs: costs(
      selected.filter(({ form }) => form !== undefined),
      technique,
    ),
  };
}
