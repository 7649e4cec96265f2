/** Diagnostics of files without an editor: what an editor would show if each file were opened. */
import { DiagnosticSeverity, type Diagnostic } from "vscode-languageserver-protocol";
import { REAL_DISK } from "./disk";
import { diagnosticsOf, mergeDiagnostics, withoutContextErrors } from "./features/diagnostics";
import { RULES } from "./rules/allRules";
import { readSettings } from "./settings";
import { techniqueFor } from "./techniques";
import { Workspace } from "./workspace";

export { isSourceFile, sourceFilesIn } from "./workspaceScan";

export interface CheckFinding {
  /** 1-based; columns count UTF-16 units. */
  readonly line: number;
  readonly column: number;
  readonly severity: "error" | "warning" | "information" | "hint";
  readonly code: string;
  readonly message: string;
}

export interface CheckedFile {
  readonly file: string;
  readonly lines: number;
  readonly findings: readonly CheckFinding[];
}

export interface CheckOptions {
  /** Leaves out the assembler's own errors and warnings. */
  readonly onlyRules: boolean;
}

const SEVERITY: Readonly<Record<DiagnosticSeverity, CheckFinding["severity"]>> = {
  [DiagnosticSeverity.Error]: "error",
  [DiagnosticSeverity.Warning]: "warning",
  [DiagnosticSeverity.Information]: "information",
  [DiagnosticSeverity.Hint]: "hint",
};

/** `files` are absolute paths; `settings` is a section "ringside" as an editor sends it. Files that include each other are seen together. */
export function checkFiles(
  files: readonly string[],
  settings: object,
  { onlyRules }: CheckOptions,
): CheckedFile[] {
  const workspace = new Workspace(REAL_DISK, (error) => {
    throw error;
  });
  workspace.configure(readSettings(settings));
  for (const file of files) workspace.graph.update(file);
  const ids = new Set(RULES.map(({ id }) => id));
  return files.map((file) => ({
    file,
    lines: workspace.documents.textOf(file)?.split("\n").length ?? 0,
    findings: diagnosticsOfFile(workspace, file)
      .filter((each) => !onlyRules || ids.has(String(each.code)))
      .map(toFinding),
  }));
}

function diagnosticsOfFile(workspace: Workspace, file: string): Diagnostic[] {
  const { settings, launch } = workspace;
  const lists = workspace.contextsOf(file).map((program) => {
    const { technique } = techniqueFor(program, settings.vmm, launch);
    const found = diagnosticsOf(program, technique, settings).byFile.get(file) ?? [];
    return workspace.isLooseFragment(program.root) ? withoutContextErrors(found) : found;
  });
  return mergeDiagnostics(lists);
}

function toFinding({ range, severity, code, message }: Diagnostic): CheckFinding {
  return {
    line: range.start.line + 1,
    column: range.start.character + 1,
    severity: SEVERITY[severity ?? DiagnosticSeverity.Error],
    code: String(code),
    message: typeof message === "string" ? message : message.value,
  };
}
