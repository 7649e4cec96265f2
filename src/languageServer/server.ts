/** The server: its client, its documents, its settings. What is asked stands in answers/, what is answered in features/. */
import path from "node:path";
import {
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  TextDocuments,
  type Connection,
  type InitializeParams,
  type InitializeResult,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Analysis } from "./analysis";
import { capabilitiesFor } from "./capabilities";
import { DiagnosticsPublisher } from "./diagnosticsPublisher";
import { REAL_DISK } from "./disk";
import { TokenHistory } from "./features/semanticTokens";
import { fileOfUri } from "./fileNames";
import type { InitializationOptions } from "./protocol";
import { pageUriFrom } from "./rules/pages";
import { readSettings } from "./settings";
import { readLaunch, techniqueFor, type Technique } from "./techniques";
import { Workspace } from "./workspace";
import { isSourceFile, sourceFilesIn } from "./workspaceScan";
import type { Answering, Client } from "./answers/answering";
import { answerAboutCalls } from "./answers/calls";
import { answerAboutFiles, answerAboutTokens, answerFormatting } from "./answers/files";
import { answerOwnRequests } from "./answers/ownRequests";
import { answerAboutPlaces } from "./answers/places";

/** A pause in typing after which diagnostics are made anew. */
const DEBOUNCE_MS = 10;

export function serve(connection: Connection): void {
  new LanguageServer(connection).listen();
}

class LanguageServer implements Answering {
  private readonly texts = new TextDocuments(TextDocument);
  readonly workspace: Workspace;
  readonly publisher: DiagnosticsPublisher;
  readonly client: Client = {
    canConfigure: false,
    mustSubscribe: false,
    canWatch: false,
    canRefreshHints: false,
    canRefreshLenses: false,
    canRefreshTokens: false,
    canRefreshDiagnostics: false,
    pulls: false,
    takesRelated: false,
    canShowReferences: false,
    tellsOfFolders: false,
    completion: { snippets: false, labelDetails: false },
    folders: [],
  };
  readonly tokens = new TokenHistory();
  private timer: NodeJS.Timeout | undefined;
  /** Settings from the start, for editors that have no others. */
  private initialOptions: unknown;

  constructor(readonly connection: Connection) {
    this.workspace = new Workspace(REAL_DISK, (error, file) =>
      this.bug(`analysis of ${file}`, error),
    );
    this.publisher = new DiagnosticsPublisher(this.workspace, (uri, diagnostics, version) => {
      const message = { uri, diagnostics, ...(version === undefined ? {} : { version }) };
      void connection.sendDiagnostics(message);
    });
  }

  listen(): void {
    const { connection } = this;
    connection.onInitialize((params) => this.initialize(params));
    connection.onInitialized(() => this.guardAsync("initialized", () => this.initialized()));
    connection.onShutdown(() => {
      clearTimeout(this.timer);
    });
    this.listenToDocuments();
    answerAboutPlaces(this);
    answerAboutFiles(this);
    answerAboutCalls(this);
    answerAboutTokens(this);
    answerFormatting(this);
    answerOwnRequests(this);
  }

  private initialize(params: InitializeParams): InitializeResult {
    const { capabilities, workspaceFolders } = params;
    const options: unknown = params.initializationOptions;
    const wishes = options as InitializationOptions | undefined;
    const own = capabilitiesFor(capabilities, wishes);
    const { client } = this;
    client.canConfigure = capabilities.workspace?.configuration === true;
    client.mustSubscribe =
      capabilities.workspace?.didChangeConfiguration?.dynamicRegistration === true;
    client.canWatch = capabilities.workspace?.didChangeWatchedFiles?.dynamicRegistration === true;
    client.canRefreshHints = capabilities.workspace?.inlayHint?.refreshSupport === true;
    client.canRefreshLenses = capabilities.workspace?.codeLens?.refreshSupport === true;
    client.canRefreshTokens = capabilities.workspace?.semanticTokens?.refreshSupport === true;
    client.canRefreshDiagnostics = capabilities.workspace?.diagnostics?.refreshSupport === true;
    const { diagnosticProvider } = own;
    client.pulls = diagnosticProvider !== undefined;
    client.takesRelated = capabilities.textDocument?.diagnostic?.relatedDocumentSupport === true;
    const item = capabilities.textDocument?.completion?.completionItem;
    client.completion = {
      snippets: item?.snippetSupport === true,
      labelDetails: item?.labelDetailsSupport === true,
    };
    client.tellsOfFolders = capabilities.workspace?.workspaceFolders === true;
    client.canShowReferences = wishes?.canShowReferences === true;
    client.folders = (workspaceFolders ?? []).map((folder) => fileOfUri(folder.uri));
    this.initialOptions = sectionOf(options);
    this.publisher.pageUri = pageUriFrom(wishes?.documentationPage);
    this.configure(undefined, undefined);
    return { capabilities: own, serverInfo: { name: "Ringside" } };
  }

  private async initialized(): Promise<void> {
    const { client, connection } = this;
    if (client.mustSubscribe)
      await connection.client.register(DidChangeConfigurationNotification.type, {
        section: ["ringside", "launch"],
      });
    if (client.canConfigure) await this.fetchConfiguration();
    if (client.canWatch) {
      const watchers = [{ globPattern: "**/*.{asm,nasm,inc,mac}" }];
      await connection.client.register(DidChangeWatchedFilesNotification.type, { watchers });
    }
    if (client.tellsOfFolders)
      connection.workspace.onDidChangeWorkspaceFolders(({ added, removed }) => {
        const gone = new Set(removed.map(({ uri }) => fileOfUri(uri)));
        const found = added.map(({ uri }) => fileOfUri(uri));
        client.folders = [...client.folders.filter((folder) => !gone.has(folder)), ...found];
        void this.guardAsync("folders", async () => {
          await this.scan(found);
          await this.fetchConfiguration();
        });
      });
    await this.scan(client.folders);
  }

  /** Learns who includes whom in folders. */
  private async scan(folders: readonly string[]): Promise<void> {
    for (const file of await sourceFilesIn(folders)) this.workspace.graph.update(file);
    this.publishSoon();
  }

  private async fetchConfiguration(): Promise<void> {
    if (!this.client.canConfigure) return;
    const [own, launch] = (await this.connection.workspace.getConfiguration([
      { section: "ringside" },
      { section: "launch" },
    ])) as unknown[];
    this.configure(own, launch);
    this.refresh();
    this.publishSoon();
  }

  private configure(own: unknown, launch: unknown): void {
    const settings = readSettings(own ?? this.initialOptions);
    const { folders } = this.client;
    // A path that is not absolute is looked for in each folder of the workspace.
    const includePaths = settings.includePaths.flatMap((each) =>
      (folders.length === 0 ? [""] : folders).map((folder) =>
        path.resolve(folder, each.replace("${workspaceFolder}", folder)),
      ),
    );
    this.workspace.configure({ ...settings, includePaths }, readLaunch(launch));
  }

  /** Asks the editor for what it shows and does not ask again by itself. */
  private refresh(): void {
    const { client, connection } = this;
    const ignore = (): void => undefined;
    if (client.canRefreshHints) connection.languages.inlayHint.refresh().catch(ignore);
    if (client.canRefreshLenses) connection.sendRequest("workspace/codeLens/refresh").catch(ignore);
    if (client.canRefreshTokens) connection.languages.semanticTokens.refresh().catch(ignore);
    if (client.canRefreshDiagnostics) connection.languages.diagnostics.refresh().catch(ignore);
  }

  private listenToDocuments(): void {
    const { connection, texts, workspace } = this;
    texts.onDidChangeContent(({ document }) => {
      this.guard("change", undefined, () =>
        workspace.open(fileOfUri(document.uri), document.uri, document.version, document.getText()),
      );
      this.publishSoon();
    });
    texts.onDidClose(({ document }) => {
      this.guard("close", undefined, () => workspace.close(fileOfUri(document.uri)));
      this.tokens.forget(document.uri);
      this.publishSoon();
    });
    texts.listen(connection);
    connection.onDidChangeConfiguration(({ settings }) => {
      void this.guardAsync("configuration", async () => {
        if (this.client.canConfigure) {
          await this.fetchConfiguration();
          return;
        }
        const given = settings as { ringside?: unknown; launch?: unknown } | null;
        this.configure(given?.ringside, given?.launch);
        this.refresh();
        this.publishSoon();
      });
    });
    connection.onDidChangeWatchedFiles(({ changes }) => {
      for (const { uri } of changes) {
        const file = fileOfUri(uri);
        if (isSourceFile(file))
          this.guard("watched file", undefined, () => workspace.graph.update(file));
      }
      this.publishSoon();
    });
  }

  private publishSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.guard("diagnostics", undefined, () => {
        if (!this.client.pulls) {
          this.publisher.publish();
          return;
        }
        if (!this.client.takesRelated) this.publisher.publish("not open");
        if (this.workspace.documents.openFiles.length > 1) this.refreshDiagnostics();
      });
    }, DEBOUNCE_MS);
  }

  /** A change in one file may be an error in another that is open. */
  private refreshDiagnostics(): void {
    const { client, connection } = this;
    if (client.canRefreshDiagnostics)
      connection.languages.diagnostics.refresh().catch(() => undefined);
  }

  /** A bug ends one request, never the server: the editor would lose everything else with it. */
  guard<Result>(what: string, fallback: Result, run: () => Result): Result {
    try {
      return run();
    } catch (error) {
      this.bug(what, error);
      return fallback;
    }
  }

  private async guardAsync(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.bug(what, error);
    }
  }

  private bug(what: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.connection.console.error(`Bug in Ringside's language server, ${what}: ${text}`);
  }

  /** Answers a question about a file in the program that it belongs to. */
  about<Result>(
    what: string,
    uri: string,
    fallback: Result,
    answer: (analysis: Analysis, file: string) => Result,
  ): Result {
    return this.guard(what, fallback, () => {
      const file = fileOfUri(uri);
      const analysis = this.workspace.analysisFor(file);
      return analysis === undefined ? fallback : answer(analysis, file);
    });
  }

  techniqueOf(analysis: Analysis): Technique {
    return techniqueFor(analysis, this.workspace.settings.vmm, this.workspace.launch).technique;
  }

  programsAt(uri: string): readonly Analysis[] {
    return this.workspace.programsWith(fileOfUri(uri));
  }
}

/** Options may be the settings themselves or hold them under "ringside", as Helix and Neovim write them. */
function sectionOf(options: unknown): unknown {
  const isNested = typeof options === "object" && options !== null && "ringside" in options;
  return isNested ? options.ringside : options;
}
