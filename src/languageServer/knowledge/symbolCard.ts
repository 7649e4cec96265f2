/** What hover says about a label, a constant or a field of a structure. */
import type { NameOccurrence, SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import { escaped } from "./markdown";
import { numberText } from "./numberText";

const KIND_TEXT: Readonly<Record<NameOccurrence["kind"], string>> = {
  label: "label",
  "local-label": "local label",
  equ: "constant",
  struc: "structure",
  "struc-field": "field of a structure",
  extern: "external symbol",
  common: "common variable",
  section: "section",
  macro: "macro",
  define: "single-line macro",
  "macro-parameter": "parameter",
  "macro-label": "label of each expansion",
  "context-label": "label of the context",
  context: "context",
};

export function kindText(kind: NameOccurrence["kind"]): string {
  return KIND_TEXT[kind];
}

/** Comment lines directly above a definition, and the comment behind it when there are none. */
export function commentsOf(analysis: Analysis, definition: SourceRange): string | undefined {
  const lines = analysis.lines(definition.file);
  const above: string[] = [];
  for (let line = definition.line - 1; line >= 1; line--) {
    const text = /^\s*;+\s?(.*)$/.exec(lines[line - 1] ?? "")?.[1];
    if (text === undefined || /^[-=*#;\s]*$/.test(text)) break;
    above.unshift(text);
  }
  if (above.length > 0) return above.join("  \n");
  const behind = analysis
    .tokensOn(definition.file, definition.line)
    .find((token) => token.kind === "comment");
  return behind?.text.replace(/^;+\s*/, "");
}

/** Bytes from a label to the next label of its rank in its section. */
export function sizeOfLabel(analysis: Analysis, name: string): number | undefined {
  const { assembly } = analysis.model;
  const symbol = analysis.symbol(name);
  if (symbol?.kind !== "label") return undefined;
  const section = assembly.sections.find((each) => each.name === symbol.section);
  if (section === undefined) return undefined;
  const isLocal = (each: string): boolean => each.includes(".", 1);
  const start = Number(symbol.value);
  let end = section.address + section.length;
  for (const other of assembly.symbols) {
    if (other.kind !== "label" || other.section !== symbol.section) continue;
    if (isLocal(other.name) && !isLocal(name)) continue;
    // Labels that macros make for themselves divide nothing for a reader.
    if (other.name.startsWith("..@")) continue;
    const at = Number(other.value);
    if (at > start && at < end) end = at;
  }
  return end >= start ? end - start : undefined;
}

function sectionText(analysis: Analysis, name: string): string {
  const section = analysis.model.assembly.sections.find((each) => each.name === name);
  return section === undefined
    ? `section \`${name}\``
    : `section \`${name}\`: address \`0x${section.address.toString(16)}\`, ${section.length} bytes`;
}

export function symbolCard(analysis: Analysis, name: NameOccurrence): string {
  if (name.kind === "section") return sectionText(analysis, name.name);
  const lines = [`**${name.name}**: ${KIND_TEXT[name.kind]}`];
  const symbol = analysis.symbol(name.name);
  if (symbol !== undefined && symbol.kind !== "extern") lines.push("", numberText(symbol.value));
  if (symbol?.kind === "label") {
    const size = sizeOfLabel(analysis, name.name);
    const bytes =
      size === undefined || size === 0
        ? ""
        : `, ${size} byte${size === 1 ? "" : "s"} to the next label`;
    lines.push("", `section \`${symbol.section ?? ""}\`${bytes}${symbol.global ? ", global" : ""}`);
  }
  if (name.definition === undefined) lines.push("", "not defined");
  else {
    const comment = commentsOf(analysis, name.definition);
    if (comment !== undefined && comment !== "") lines.push("", escaped(comment));
  }
  return lines.join("\n");
}
