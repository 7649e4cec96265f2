/** What the answers to an editor's requests need of the server. */
import type { Connection } from "vscode-languageserver/node";
import type { Analysis } from "../analysis";
import type { DiagnosticsPublisher } from "../diagnosticsPublisher";
import type { CompletionAbilities } from "../features/completion";
import type { TokenHistory } from "../features/semanticTokens";
import type { Technique } from "../techniques";
import type { Workspace } from "../workspace";

/** What the editor can do. */
export interface Client {
  canConfigure: boolean;
  /** Wants to be asked before it tells of changed settings. */
  mustSubscribe: boolean;
  canWatch: boolean;
  canRefreshHints: boolean;
  canRefreshLenses: boolean;
  canRefreshTokens: boolean;
  canRefreshDiagnostics: boolean;
  /** Asks for diagnostics itself. */
  pulls: boolean;
  /** Takes diagnostics of other files with those that it asks for. */
  takesRelated: boolean;
  canShowReferences: boolean;
  tellsOfFolders: boolean;
  completion: CompletionAbilities;
  folders: readonly string[];
}

export interface Answering {
  readonly connection: Connection;
  readonly workspace: Workspace;
  readonly publisher: DiagnosticsPublisher;
  readonly client: Readonly<Client>;
  readonly tokens: TokenHistory;
  /** Ends one request where there is a bug, never the server. */
  guard<Result>(what: string, fallback: Result, run: () => Result): Result;
  /** Answers a question about a file in the program that it belongs to. */
  about<Result>(
    what: string,
    uri: string,
    fallback: Result,
    answer: (analysis: Analysis, file: string) => Result,
  ): Result;
  techniqueOf(analysis: Analysis): Technique;
  programsAt(uri: string): readonly Analysis[];
}
