/** Diagnostics of a program, by file: the assembler's, and those of the domain rules. */
import {
  DiagnosticSeverity,
  DiagnosticTag,
  type Diagnostic,
  type Range,
} from "vscode-languageserver-protocol";
import type { Diagnostic as AsmDiagnostic } from "../../engine/language";
import type { Analysis } from "../analysis";
import { isAllowed } from "../commandComments";
import { uriOfFile } from "../fileNames";
import { rangeKey, toRange } from "../positions";
import { RULES } from "../rules/allRules";
import { pageFileUri, rulePage, type PageUri } from "../rules/pages";
import type { Finding, Fix } from "../rules/rule";
import type { RuleSeverity, Settings } from "../settings";
import { unknownTechniques, type Technique } from "../techniques";
import { macroChain } from "./macroChain";

export const DIAGNOSTIC_SOURCE = "ringside";

/** What a quick fix gets back from the editor with the diagnostic. */
export interface DiagnosticData {
  readonly replacement?: string;
  readonly fixes?: readonly DiagnosticFix[];
}

export interface DiagnosticFix {
  readonly title: string;
  readonly edits: readonly {
    readonly uri: string;
    readonly range: Range;
    readonly newText: string;
  }[];
}

const RULE_IDS: ReadonlySet<string> = new Set(RULES.map(({ id }) => id));

const SEVERITY: Readonly<Record<Exclude<RuleSeverity, "off">, DiagnosticSeverity>> = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
  hint: DiagnosticSeverity.Hint,
};

export type FileUri = (file: string) => string;

/** Where the links in diagnostics lead. */
export interface Links {
  readonly uriOf: FileUri;
  readonly pageUri: PageUri;
}

const DEFAULT_LINKS: Links = { uriOf: uriOfFile, pageUri: pageFileUri };

function asFinding(analysis: Analysis, diagnostic: AsmDiagnostic): Finding {
  const { severity, code, message, range } = diagnostic;
  const related = macroChain(analysis, diagnostic);
  return {
    code,
    severity: severity === "info" ? "information" : severity,
    message,
    range,
    related,
  };
}

function toFix({ title, edits }: Fix, uriOf: FileUri): DiagnosticFix {
  const changes = edits.map(({ range, newText }) => {
    return { uri: uriOf(range.file), range: toRange(range), newText };
  });
  return { title, edits: changes };
}

function dataOf({ replacement, fixes }: Finding, uriOf: FileUri): DiagnosticData | undefined {
  if (replacement === undefined && fixes === undefined) return undefined;
  return {
    ...(replacement === undefined ? {} : { replacement }),
    ...(fixes === undefined ? {} : { fixes: fixes.map((fix) => toFix(fix, uriOf)) }),
  };
}

function pageOf({ code, page }: Finding): string {
  return page ?? rulePage(code);
}

function toDiagnostic(
  finding: Finding,
  severity: Exclude<RuleSeverity, "off">,
  { uriOf, pageUri }: Links,
): Diagnostic {
  const data = dataOf(finding, uriOf);
  const related = finding.related ?? [];
  return {
    range: toRange(finding.range),
    severity: SEVERITY[severity],
    code: finding.code,
    source: DIAGNOSTIC_SOURCE,
    message: finding.message,
    ...(RULE_IDS.has(finding.code) ? { codeDescription: { href: pageUri(pageOf(finding)) } } : {}),
    ...(finding.unnecessary === true ? { tags: [DiagnosticTag.Unnecessary] } : {}),
    ...(data === undefined ? {} : { data }),
    ...(related.length === 0
      ? {}
      : {
          relatedInformation: related.map(({ message, range }) => ({
            message,
            location: { uri: uriOf(range.file), range: toRange(range) },
          })),
        }),
  };
}

/** A line of a macro's body is told once, however often the macro is called. */
function distinct(findings: readonly Finding[]): Finding[] {
  const byPlace = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.code}\n${rangeKey(finding.range)}\n${finding.message}`;
    if (!byPlace.has(key)) byPlace.set(key, finding);
  }
  return [...byPlace.values()];
}

function ruleFindings(analysis: Analysis, technique: Technique, settings: Settings): Finding[] {
  const context = { analysis, technique, showPrivileged: settings.showPrivileged };
  const rules = RULES.filter((rule) => settings.rules[rule.id] !== "off");
  const findings = distinct(rules.flatMap((rule) => [...rule.run(context)]));
  for (const { value, range } of unknownTechniques(analysis))
    findings.push({
      code: "unknown-technique",
      severity: "warning",
      message: `There is no technique "${value}": none, trap-and-emulate, binary-translation, paravirtual, hardware-assisted.`,
      range,
    });
  return findings;
}

/** Errors of the assembler cannot be silenced: the program does not assemble. */
function severityOf(finding: Finding, isAssemblerError: boolean, settings: Settings): RuleSeverity {
  return isAssemblerError ? "error" : (settings.rules[finding.code] ?? finding.severity);
}

export interface ProgramFindings {
  /** By file; each file of the program has an entry. */
  readonly byFile: ReadonlyMap<string, readonly Diagnostic[]>;
}

export function diagnosticsOf(
  analysis: Analysis,
  technique: Technique,
  settings: Settings,
  links: Links = DEFAULT_LINKS,
): ProgramFindings {
  const fromRules = ruleFindings(analysis, technique, settings);
  const replaced = new Set(
    fromRules.flatMap((finding) =>
      (finding.replaces ?? []).map((code) => `${code}\n${rangeKey(finding.range)}`),
    ),
  );
  const fromAssembler = analysis.model.assembly.diagnostics
    .filter((each) => !replaced.has(`${each.code}\n${rangeKey(each.range)}`))
    .map((each) => ({ finding: asFinding(analysis, each), isError: each.severity === "error" }));
  const byFile = new Map<string, Diagnostic[]>(
    analysis.model.assembly.files.map((file) => [file, []]),
  );
  const all = [...fromAssembler, ...fromRules.map((finding) => ({ finding, isError: false }))];
  for (const { finding, isError } of all) {
    const severity = severityOf(finding, isError, settings);
    if (severity === "off") continue;
    if (!isError && isAllowed(analysis, finding.code, finding.range)) continue;
    byFile.get(finding.range.file)?.push(toDiagnostic(finding, severity, links));
  }
  return { byFile };
}

/** One list for a file that is part of several programs. */
export function mergeDiagnostics(lists: readonly (readonly Diagnostic[])[]): Diagnostic[] {
  const merged = new Map<string, Diagnostic>();
  for (const diagnostic of lists.flat()) {
    const { start, end } = diagnostic.range;
    const key = `${start.line}:${start.character}-${end.line}:${end.character} ${String(diagnostic.code)} ${JSON.stringify(diagnostic.message)}`;
    if (!merged.has(key)) merged.set(key, diagnostic);
  }
  return [...merged.values()].sort(
    (a, b) =>
      a.range.start.line - b.range.start.line || a.range.start.character - b.range.start.character,
  );
}

/** Errors that only say that a name comes from elsewhere: a fragment whose program is not known has many. */
const NEEDS_CONTEXT = new Set(["undefined-symbol", "unknown-instruction", "file-not-found"]);

export function withoutContextErrors(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.filter((each) => !NEEDS_CONTEXT.has(String(each.code)));
}
