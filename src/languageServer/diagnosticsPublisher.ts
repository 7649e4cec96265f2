/** Decides which files' diagnostics the editor has to be sent, and sends only what has changed. */
import type { Diagnostic, DocumentDiagnosticReport } from "vscode-languageserver-protocol";
import type { Analysis } from "./analysis";
import {
  diagnosticsOf,
  mergeDiagnostics,
  withoutContextErrors,
  type ProgramFindings,
} from "./features/diagnostics";
import { uriOfFile } from "./fileNames";
import { pageFileUri, type PageUri } from "./rules/pages";
import type { Settings } from "./settings";
import { techniqueFor } from "./techniques";
import type { Workspace } from "./workspace";

interface Judged {
  readonly settings: Settings;
  readonly launch: Workspace["launch"];
  readonly findings: ProgramFindings;
}

export class DiagnosticsPublisher {
  /** What the editor shows, by URI. */
  private readonly sent = new Map<string, string>();
  private readonly pulled = new Map<string, { readonly id: string; readonly key: string }>();
  private pulls = 0;
  private readonly judged = new WeakMap<Analysis, Judged>();
  /** Links to the documentation; an editor may ask for others when it starts. */
  pageUri: PageUri = pageFileUri;

  constructor(
    private readonly workspace: Workspace,
    private readonly send: (
      uri: string,
      diagnostics: Diagnostic[],
      version: number | undefined,
    ) => void,
  ) {}

  private findingsOf(analysis: Analysis): ProgramFindings {
    const { settings, launch } = this.workspace;
    const kept = this.judged.get(analysis);
    if (kept?.settings === settings && kept.launch === launch) return kept.findings;
    const { technique } = techniqueFor(analysis, settings.vmm, launch);
    const { pageUri } = this;
    const links = { uriOf: (file: string): string => this.uriOf(file), pageUri };
    const findings = diagnosticsOf(analysis, technique, settings, links);
    this.judged.set(analysis, { settings, launch, findings });
    return findings;
  }

  private uriOf(file: string): string {
    return this.workspace.documents.uriOf(file) ?? uriOfFile(file);
  }

  /** Diagnostics of every file of every program that has one of these files. */
  private current(files: readonly string[]): Map<string, Diagnostic[]> {
    const { workspace } = this;
    const lists = new Map<string, (readonly Diagnostic[])[]>();
    const programs = new Set(files.flatMap((file) => workspace.contextsOf(file)));
    for (const program of programs) {
      const isLoose = workspace.isLooseFragment(program.root);
      for (const [file, diagnostics] of this.findingsOf(program).byFile) {
        const shown = isLoose ? withoutContextErrors(diagnostics) : diagnostics;
        const list = lists.get(file);
        if (list === undefined) lists.set(file, [shown]);
        else list.push(shown);
      }
    }
    return new Map([...lists].map(([file, each]) => [file, mergeDiagnostics(each)]));
  }

  /**
   * For an editor that asks: a document's own, and if it takes them those of files of its programs that are not open. Other editors
   * are sent these.
   */
  pull(
    file: string,
    previousResultId: string | undefined,
    withRelated: boolean,
  ): DocumentDiagnosticReport {
    const current = this.current([file]);
    const related = withRelated
      ? [...current].filter(([other]) => other !== file && !this.workspace.documents.isOpen(other))
      : [];
    const items = current.get(file) ?? [];
    const key = JSON.stringify([items, related]);
    const before = this.pulled.get(file);
    if (before?.key === key && before.id === previousResultId)
      return { kind: "unchanged", resultId: before.id };
    const resultId = String(++this.pulls);
    this.pulled.set(file, { id: resultId, key });
    return {
      kind: "full",
      resultId,
      items,
      ...(withRelated
        ? {
            relatedDocuments: Object.fromEntries(
              related.map(([other, list]) => [this.uriOf(other), { kind: "full", items: list }]),
            ),
          }
        : {}),
    };
  }

  /** Sends what has changed: of all files, or of those that no editor asks about because they are not open. */
  publish(which: "all" | "not open" = "all"): void {
    const { documents } = this.workspace;
    const current = this.current(documents.openFiles);
    if (which === "not open") for (const file of documents.openFiles) current.delete(file);
    const seen = new Set<string>();
    for (const [file, diagnostics] of current) {
      const uri = this.uriOf(file);
      seen.add(uri);
      this.sendIfNew(uri, diagnostics, this.workspace.documents.versionOf(file));
    }
    for (const uri of [...this.sent.keys()]) {
      if (seen.has(uri)) continue;
      this.sendIfNew(uri, [], undefined);
      this.sent.delete(uri);
    }
  }

  private sendIfNew(uri: string, diagnostics: Diagnostic[], version: number | undefined): void {
    // An open file is answered for each version, so that an editor knows that its text was looked at.
    const key = `${version ?? ""} ${JSON.stringify(diagnostics)}`;
    const before = this.sent.get(uri);
    if (
      before === key ||
      (before === undefined && diagnostics.length === 0 && version === undefined)
    )
      return;
    this.sent.set(uri, key);
    this.send(uri, diagnostics, version);
  }
}
