/** Makes analyses and keeps them as long as nothing that they were made from has changed. */
import { buildSourceModel, type Diagnostic, type SourceModel } from "../engine/language";
import { Analysis } from "./analysis";
import type { Documents } from "./documents";
import { includeCandidates } from "./fileNames";
import { fileStart } from "./positions";

export interface BuildOptions {
  readonly includePaths: readonly string[];
  readonly defines: Readonly<Record<string, string>>;
}

interface Entry {
  readonly analysis: Analysis;
  readonly options: BuildOptions;
  /** Every file that was looked for, found or not, with its stamp then. */
  readonly stamps: ReadonlyMap<string, string | undefined>;
}

/** Lines after macro expansion: more would hold up the editor for seconds at each key, as `%rep 1000000` does while its end is not yet typed. */
const MOST_LINES = 200_000;

/** Programs kept at a time: a model of a few thousand lines takes some megabytes. */
const MOST_ENTRIES = 24;

export class AnalysisStore {
  /** In the order of use, the latest last. */
  private readonly entries = new Map<string, Entry>();
  private options: BuildOptions = { includePaths: [], defines: {} };

  constructor(
    private readonly documents: Documents,
    /** A bug in the analysis of one text: it must not take the editor's features down. */
    private readonly reportBug: (error: unknown, file: string) => void,
  ) {}

  configure(options: BuildOptions): void {
    this.options = options;
  }

  /** The program whose main file is `root`; undefined when there is no such file. */
  analysisOf(root: string): Analysis | undefined {
    const kept = this.entries.get(root);
    if (kept !== undefined && this.isFresh(kept)) {
      this.entries.delete(root);
      this.entries.set(root, kept);
      return kept.analysis;
    }
    const text = this.documents.textOf(root);
    if (text === undefined) {
      this.entries.delete(root);
      return undefined;
    }
    const entry = this.build(root, text);
    this.entries.delete(root);
    this.entries.set(root, entry);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= MOST_ENTRIES) break;
      this.entries.delete(oldest);
    }
    return entry.analysis;
  }

  private isFresh(entry: Entry): boolean {
    if (entry.options !== this.options) return false;
    for (const [file, stamp] of entry.stamps) {
      if (this.documents.stamp(file) !== stamp) return false;
    }
    return true;
  }

  private build(root: string, text: string): Entry {
    const stamps = new Map<string, string | undefined>([[root, this.documents.stamp(root)]]);
    const { options } = this;
    const readFile = (
      name: string,
      from: string,
    ): { readonly file: string; readonly bytes: Uint8Array } | undefined => {
      for (const file of includeCandidates(name, from, root, options.includePaths)) {
        stamps.set(file, this.documents.stamp(file));
        const bytes = this.documents.bytesOf(file);
        if (bytes !== undefined) return { file, bytes };
      }
      return undefined;
    };
    const request = { file: root, text, readFile, defines: options.defines, mostLines: MOST_LINES };
    let model: SourceModel;
    try {
      model = withoutTail(buildSourceModel(request));
    } catch (error) {
      this.reportBug(error, root);
      model = withProblem(buildSourceModel({ file: root, text: "" }), root, error);
    }
    return { analysis: new Analysis(root, model), options, stamps };
  }
}

/** Of a program that was not read to its end nothing else can be said: what it misses may stand there. */
function withoutTail(model: SourceModel): SourceModel {
  const { assembly } = model;
  const end = assembly.diagnostics.find(({ code }) => code === "too-long");
  if (end === undefined) return model;
  const lines = MOST_LINES.toLocaleString("en");
  const message = `The program has more than ${lines} lines when its macros are expanded: too many to be checked while you type. \`ringside asm\` and F5 take all of them.`;
  const diagnostic: Diagnostic = { ...end, severity: "info", message };
  return withDiagnostic(model, diagnostic);
}

/** The model with nothing else to say. Its lazy members stay lazy. */
function withDiagnostic(model: SourceModel, diagnostic: Diagnostic): SourceModel {
  const assembly = Object.create(model.assembly, {
    diagnostics: { value: [diagnostic] },
  }) as SourceModel["assembly"];
  return Object.create(model, { assembly: { value: assembly } }) as SourceModel;
}

function withProblem(empty: SourceModel, file: string, error: unknown): SourceModel {
  const diagnostic: Diagnostic = {
    severity: "error",
    code: "internal-error",
    message: `Ringside could not analyse this file: ${error instanceof Error ? error.message : String(error)}. Please report it with the file.`,
    range: fileStart(file),
    related: [],
  };
  return withDiagnostic(empty, diagnostic);
}
