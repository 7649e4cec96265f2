/** Wires the features to a connection. What a feature answers is its own file's business; here is only who asks what. */
import path from "node:path";
import {
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  ErrorCodes,
  ResponseError,
  TextDocuments,
  type Connection,
  type DocumentDiagnosticReport,
  type InitializeParams,
  type InitializeResult,
  type Position,
  type Range,
  type TextEdit,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Analysis } from "./analysis";
import { capabilitiesFor } from "./capabilities";
import { DiagnosticsPublisher } from "./diagnosticsPublisher";
import { REAL_DISK } from "./disk";
import {
  incomingCalls,
  isCallItemData,
  outgoingCalls,
  prepareCallHierarchy,
} from "./features/callHierarchy";
import { codeActions } from "./features/codeActions";
import { codeLenses, isLensData, measure, resolveLens } from "./features/codeLens";
import {
  completionsAt,
  isCompletionData,
  resolveCompletion,
  type CompletionAbilities,
} from "./features/completion";
import { declarationsAt, definitionsAt } from "./features/definition";
import { documentLinks } from "./features/documentLinks";
import { documentSymbols } from "./features/documentSymbols";
import { foldingRanges } from "./features/folding";
import { formatEdits } from "./features/formatting";
import { hoverAt } from "./features/hover";
import { includableFiles } from "./features/includableFiles";
import { inlayHints, isHintData, resolveHint } from "./features/inlayHints";
import { inlineValues } from "./features/inlineValues";
import { listingOf } from "./features/listing";
import { expandMacroAt } from "./features/macroExpansion";
import { highlightsAt, referencesAt } from "./features/references";
import { refactorings } from "./features/refactorings";
import { prepareRename, renameAt, RenameRefusal } from "./features/rename";
import { selectionRangeAt } from "./features/selectionRanges";
import { semanticTokens, TokenHistory } from "./features/semanticTokens";
import { signatureHelpAt } from "./features/signatureHelp";
import { workspaceSymbols } from "./features/workspaceSymbols";
import { fileOfUri } from "./fileNames";
import { toPlace, type Place } from "./positions";
import {
  EXPAND_MACRO_REQUEST,
  LISTING_REQUEST,
  MEASURE_REQUEST,
  SERVER_COMMANDS,
  type ExpandMacroParams,
  type ExpandMacroResult,
  type InitializationOptions,
  type ListingParams,
  type ListingResult,
  type MeasureParams,
  type MeasureResult,
} from "./protocol";
import { readSettings } from "./settings";
import { readLaunch, techniqueFor, type Technique } from "./techniques";
import { Workspace } from "./workspace";
import { isSourceFile, sourceFilesIn } from "./workspaceScan";

/** A pause in typing after which diagnostics are made anew. */
const DEBOUNCE_MS = 20;

interface Client {
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
  canShowReferences: boolean;
  tellsOfFolders: boolean;
  completion: CompletionAbilities;
  folders: readonly string[];
}

export function serve(connection: Connection): void {
  new LanguageServer(connection).listen();
}

class LanguageServer {
  private readonly texts = new TextDocuments(TextDocument);
  private readonly workspace: Workspace;
  private readonly publisher: DiagnosticsPublisher;
  private readonly client: Client = {
    canConfigure: false,
    mustSubscribe: false,
    canWatch: false,
    canRefreshHints: false,
    canRefreshLenses: false,
    canRefreshTokens: false,
    canRefreshDiagnostics: false,
    pulls: false,
    canShowReferences: false,
    tellsOfFolders: false,
    completion: { snippets: false, labelDetails: false },
    folders: [],
  };
  private readonly tokens = new TokenHistory();
  private timer: NodeJS.Timeout | undefined;
  /** Settings from the start, for editors that have no others. */
  private initialOptions: unknown;

  constructor(private readonly connection: Connection) {
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
    this.answerAboutPlaces();
    this.answerAboutFiles();
    this.answerAboutCalls();
    this.answerAboutTokens();
    this.answerFormatting();
    this.answerOwnRequests();
  }

  private initialize(params: InitializeParams): InitializeResult {
    const { capabilities, workspaceFolders } = params;
    const options: unknown = params.initializationOptions;
    const { client } = this;
    client.canConfigure = capabilities.workspace?.configuration === true;
    client.mustSubscribe =
      capabilities.workspace?.didChangeConfiguration?.dynamicRegistration === true;
    client.canWatch = capabilities.workspace?.didChangeWatchedFiles?.dynamicRegistration === true;
    client.canRefreshHints = capabilities.workspace?.inlayHint?.refreshSupport === true;
    client.canRefreshLenses = capabilities.workspace?.codeLens?.refreshSupport === true;
    client.canRefreshTokens = capabilities.workspace?.semanticTokens?.refreshSupport === true;
    client.canRefreshDiagnostics = capabilities.workspace?.diagnostics?.refreshSupport === true;
    client.pulls = capabilities.textDocument?.diagnostic !== undefined;
    const item = capabilities.textDocument?.completion?.completionItem;
    client.completion = {
      snippets: item?.snippetSupport === true,
      labelDetails: item?.labelDetailsSupport === true,
    };
    client.tellsOfFolders = capabilities.workspace?.workspaceFolders === true;
    client.canShowReferences =
      (options as InitializationOptions | undefined)?.canShowReferences === true;
    client.folders = (workspaceFolders ?? []).map((folder) => fileOfUri(folder.uri));
    this.initialOptions = sectionOf(options);
    this.configure(undefined, undefined);
    return { capabilities: capabilitiesFor(capabilities), serverInfo: { name: "Ringside" } };
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
        if (!this.client.pulls) this.publisher.publish();
        else if (this.workspace.documents.openFiles.length > 1) this.refreshDiagnostics();
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
  private guard<Result>(what: string, fallback: Result, run: () => Result): Result {
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
  private about<Result>(
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

  private techniqueOf(analysis: Analysis): Technique {
    return techniqueFor(analysis, this.workspace.settings.vmm, this.workspace.launch).technique;
  }

  private programsAt(uri: string): readonly Analysis[] {
    return this.workspace.programsWith(fileOfUri(uri));
  }

  private answerAboutPlaces(): void {
    const { connection } = this;
    interface At {
      readonly textDocument: { readonly uri: string };
      readonly position: Position;
    }
    const at = ({ textDocument, position }: At): Place =>
      toPlace(fileOfUri(textDocument.uri), position);
    connection.onHover((params) =>
      this.about(
        "hover",
        params.textDocument.uri,
        null,
        (analysis) => hoverAt(analysis, at(params), this.techniqueOf(analysis)) ?? null,
      ),
    );
    connection.onDefinition((params) =>
      this.about("definition", params.textDocument.uri, null, (analysis) =>
        definitionsAt(analysis, at(params)),
      ),
    );
    connection.onDeclaration((params) =>
      this.about("declaration", params.textDocument.uri, null, (analysis) =>
        declarationsAt(analysis, at(params)),
      ),
    );
    connection.onReferences((params) =>
      this.guard("references", null, () =>
        referencesAt(
          this.programsAt(params.textDocument.uri),
          at(params),
          params.context.includeDeclaration,
        ),
      ),
    );
    connection.onDocumentHighlight((params) =>
      this.about("highlight", params.textDocument.uri, null, (analysis) =>
        highlightsAt(analysis, at(params)),
      ),
    );
    connection.onPrepareRename((params) =>
      orRefusal(
        this.guard("rename", null, () =>
          prepareRename(this.programsAt(params.textDocument.uri), at(params)),
        ),
      ),
    );
    connection.onRenameRequest((params) =>
      orRefusal(
        this.guard("rename", null, () =>
          renameAt(this.programsAt(params.textDocument.uri), at(params), params.newName),
        ),
      ),
    );
    connection.onCompletion((params) =>
      this.about("completion", params.textDocument.uri, null, (analysis, file) =>
        completionsAt(
          analysis,
          file,
          params.position,
          (typed) => includableFiles(file, analysis.root, typed),
          this.client.completion,
        ),
      ),
    );
    connection.onCompletionResolve((item) => {
      const data: unknown = item.data;
      if (!isCompletionData(data)) return item;
      return this.guard("completion", item, () => {
        const analysis = this.workspace.analysisFor(data.file);
        return analysis === undefined ? item : resolveCompletion(analysis, item);
      });
    });
    connection.onSignatureHelp((params) =>
      this.about(
        "signature help",
        params.textDocument.uri,
        null,
        (analysis, file) => signatureHelpAt(analysis, file, params.position) ?? null,
      ),
    );
    connection.onSelectionRanges((params) =>
      this.about("selection", params.textDocument.uri, null, (analysis, file) =>
        params.positions.map((position) => selectionRangeAt(analysis, file, position)),
      ),
    );
  }

  private answerAboutFiles(): void {
    const { connection, workspace } = this;
    connection.onDocumentSymbol(({ textDocument: { uri } }) =>
      this.about("symbols", uri, null, (analysis, file) => documentSymbols(analysis, file)),
    );
    connection.onWorkspaceSymbol(({ query }) =>
      this.guard("symbols", null, () => workspaceSymbols(workspace, query)),
    );
    connection.onFoldingRanges(({ textDocument: { uri } }) =>
      this.about("folding", uri, null, (analysis, file) => foldingRanges(analysis, file)),
    );
    connection.onDocumentLinks(({ textDocument: { uri } }) =>
      this.about("links", uri, null, (analysis, file) => documentLinks(analysis, file)),
    );
    connection.onCodeLens(({ textDocument: { uri } }) =>
      this.about("code lens", uri, null, (analysis, file) =>
        workspace.settings.codeLens ? codeLenses(analysis, file) : [],
      ),
    );
    connection.onCodeLensResolve((lens) => {
      const data: unknown = lens.data;
      if (!isLensData(data)) return lens;
      return this.about("code lens", data.file, lens, (analysis) =>
        resolveLens(analysis, lens, this.techniqueOf(analysis), this.client.canShowReferences),
      );
    });
    connection.onCodeAction(({ textDocument: { uri }, range, context: { diagnostics, only } }) =>
      this.about("code action", uri, null, (analysis, file) => [
        ...codeActions(analysis, file, uri, diagnostics),
        ...refactorings(analysis, file, uri, range, only),
      ]),
    );
    connection.languages.inlayHint.on(({ textDocument: { uri }, range }) =>
      this.about("inlay hints", uri, null, (analysis, file) =>
        inlayHints(analysis, file, range, workspace.settings.inlayHints),
      ),
    );
    connection.languages.inlayHint.resolve((hint) => {
      const data: unknown = hint.data;
      if (!isHintData(data)) return hint;
      return this.about("inlay hints", data.file, hint, (analysis) => resolveHint(analysis, hint));
    });
    connection.languages.inlineValue.on(({ textDocument: { uri }, range, context }) =>
      this.about("inline values", uri, [], (analysis, file) =>
        workspace.settings.inlineValues
          ? inlineValues(analysis, file, range, context.stoppedLocation)
          : [],
      ),
    );
    connection.languages.diagnostics.on(({ textDocument: { uri }, previousResultId }) =>
      this.guard<DocumentDiagnosticReport>("diagnostics", { kind: "full", items: [] }, () =>
        this.publisher.pull(fileOfUri(uri), previousResultId),
      ),
    );
  }

  private answerAboutCalls(): void {
    const { connection } = this;
    const calls = connection.languages.callHierarchy;
    calls.onPrepare(({ textDocument: { uri }, position }) =>
      this.about("call hierarchy", uri, null, (analysis, file) =>
        prepareCallHierarchy(analysis, toPlace(file, position)),
      ),
    );
    calls.onIncomingCalls(({ item: { uri, data } }) =>
      this.guard("call hierarchy", null, () =>
        isCallItemData(data) ? incomingCalls(this.programsAt(uri), data) : null,
      ),
    );
    calls.onOutgoingCalls(({ item: { uri, data } }) =>
      this.guard("call hierarchy", null, () =>
        isCallItemData(data) ? outgoingCalls(this.programsAt(uri), data) : null,
      ),
    );
  }

  private answerAboutTokens(): void {
    const { connection } = this;
    const all = (uri: string): number[] =>
      this.about("tokens", uri, [], (analysis, file) => semanticTokens(analysis, file));
    connection.languages.semanticTokens.on(({ textDocument: { uri } }) =>
      this.tokens.full(uri, all(uri)),
    );
    connection.languages.semanticTokens.onDelta(({ textDocument: { uri }, previousResultId }) =>
      this.tokens.delta(uri, previousResultId, all(uri)),
    );
    connection.languages.semanticTokens.onRange(({ textDocument: { uri }, range }) => ({
      data: this.about("tokens", uri, [], (analysis, file) =>
        semanticTokens(analysis, file, range),
      ),
    }));
  }

  private answerFormatting(): void {
    const { connection } = this;
    const format = (uri: string, within?: Range): TextEdit[] =>
      this.about("formatting", uri, [], (analysis, file) =>
        formatEdits(analysis, file, this.workspace.settings.format, within),
      );
    connection.onDocumentFormatting(({ textDocument: { uri } }) => format(uri));
    connection.onDocumentRangeFormatting(({ textDocument: { uri }, range }) => format(uri, range));
    connection.onDocumentOnTypeFormatting(({ textDocument: { uri }, position: { line } }) => {
      const above = { start: { line: line - 1, character: 0 }, end: { line, character: 0 } };
      return line === 0 ? [] : format(uri, above);
    });
  }

  private answerOwnRequests(): void {
    const { connection } = this;
    const expand = ({ textDocument: { uri }, position }: ExpandMacroParams): ExpandMacroResult =>
      this.about(
        "expand macro",
        uri,
        null,
        (analysis, file) => expandMacroAt(analysis, toPlace(file, position)) ?? null,
      );
    const list = ({ textDocument: { uri } }: ListingParams): ListingResult =>
      this.about("listing", uri, { text: "", lines: [] }, listingOf);
    const nothing: MeasureResult = { bytes: 0, instructions: 0, costs: [] };
    connection.onRequest(EXPAND_MACRO_REQUEST, expand);
    connection.onRequest(LISTING_REQUEST, list);
    connection.onRequest(MEASURE_REQUEST, ({ textDocument: { uri }, range }: MeasureParams) =>
      this.about("measure", uri, nothing, (analysis, file) =>
        measure(analysis, file, range, this.techniqueOf(analysis)),
      ),
    );
    connection.onExecuteCommand(({ command, arguments: [params] = [] }) => {
      if (command === SERVER_COMMANDS.expandMacro) return expand(params as ExpandMacroParams);
      return command === SERVER_COMMANDS.listing ? list(params as ListingParams) : null;
    });
  }
}

/** Options may be the settings themselves or hold them under "ringside", as Helix and Neovim write them. */
function sectionOf(options: unknown): unknown {
  const isNested = typeof options === "object" && options !== null && "ringside" in options;
  return isNested ? options.ringside : options;
}

/** A refusal becomes an error whose text the editor shows. */
function orRefusal<Result>(result: Result | RenameRefusal): Result | ResponseError {
  return result instanceof RenameRefusal
    ? new ResponseError(ErrorCodes.InvalidRequest, result.reason)
    : result;
}
