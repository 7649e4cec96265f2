/** All that the server knows of the user's files: open buffers, the include graph, analyses, settings. */
import { Analysis } from "./analysis";
import { AnalysisStore } from "./analysisStore";
import { Documents, type Disk } from "./documents";
import { IncludeGraph } from "./includeGraph";
import type { LaunchTechniques } from "./techniques";
import { NO_LAUNCH } from "./techniques";
import { DEFAULT_SETTINGS, type Settings } from "./settings";

/** Programs that a fragment is checked in: enough to see that an error depends on the program, few enough to stay fast. */
const MOST_CONTEXTS = 4;
/** Programs that a name is followed into. */
const MOST_PROGRAMS = 24;

export class Workspace {
  readonly documents: Documents;
  readonly graph: IncludeGraph;
  settings: Settings = DEFAULT_SETTINGS;
  launch: LaunchTechniques = NO_LAUNCH;
  private readonly store: AnalysisStore;

  constructor(disk: Disk, reportBug: (error: unknown, file: string) => void) {
    this.documents = new Documents(disk);
    this.graph = new IncludeGraph(this.documents);
    this.store = new AnalysisStore(this.documents, reportBug);
  }

  configure(settings: Settings, launch: LaunchTechniques = this.launch): void {
    this.settings = settings;
    this.launch = launch;
    const { includePaths, defines } = settings;
    this.store.configure({ includePaths, defines });
    this.graph.configure(includePaths);
  }

  open(file: string, uri: string, version: number, text: string): void {
    this.documents.setOpen(file, { uri, version, text });
    this.graph.update(file);
  }

  close(file: string): void {
    this.documents.close(file);
    this.graph.update(file);
  }

  program(root: string): Analysis | undefined {
    const analysis = this.store.analysisOf(root);
    if (analysis !== undefined) this.graph.noteProgram(root, analysis.model.assembly.files);
    return analysis;
  }

  /** Main files that a file is part of, open ones first. */
  rootsOf(file: string): string[] {
    const roots = this.graph.rootsOf(file);
    const isOpen = (root: string): boolean => this.documents.isOpen(root);
    return [...roots.filter(isOpen), ...roots.filter((root) => !isOpen(root))];
  }

  /** Programs that a file is checked in. A main file that says it includes the file, but does not (a false %if), counts not. */
  contextsOf(file: string, most = MOST_CONTEXTS): Analysis[] {
    const found: Analysis[] = [];
    for (const root of this.rootsOf(file)) {
      if (found.length >= most) break;
      const analysis = this.program(root);
      if (analysis?.has(file) === true) found.push(analysis);
    }
    if (found.length > 0) return found;
    const alone = this.program(file);
    return alone === undefined ? [] : [alone];
  }

  /** The program in which questions about a file are answered. */
  analysisFor(file: string): Analysis | undefined {
    return this.contextsOf(file, 1)[0];
  }

  /** All programs that share a file. */
  programsWith(file: string): Analysis[] {
    return this.contextsOf(file, MOST_PROGRAMS);
  }

  /** Whether nothing is known about where a file belongs although it looks like a part of something. */
  isLooseFragment(file: string): boolean {
    const roots = this.graph.rootsOf(file);
    return /\.(inc|mac)$/i.test(file) && roots.length === 1 && roots[0] === file;
  }
}
