/** Wires the features to a connection. What a feature answers is its own file's business; here is only who asks what. */
import path from "node:path";
import {
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  ErrorCodes,
  ResponseError,
  TextDocuments,
  type Connection,
  type InitializeParams,
  type InitializeResult,
  type Position,
  type Range,
  type TextEdit,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Analysis } from "./analysis";
import { CAPABILITIES } from "./capabilities";
import { DiagnosticsPublisher } from "./diagnosticsPublisher";
import { REAL_DISK } from "./disk";
import { codeActions } from "./features/codeActions";
import { codeLenses } from "./features/codeLens";
import { completionsAt, isCompletionData, resolveCompletion } from "./features/completion";
import { definitionsAt } from "./features/definition";
import { documentLinks } from "./features/documentLinks";
import { documentSymbols } from "./features/documentSymbols";
import { foldingRanges } from "./features/folding";
import { formatEdits } from "./features/formatting";
import { hoverAt } from "./features/hover";
import { includableFiles } from "./features/includableFiles";
import { inlayHints } from "./features/inlayHints";
import { expandMacroAt } from "./features/macroExpansion";
import { highlightsAt, referencesAt } from "./features/references";
import { prepareRename, renameAt, RenameRefusal } from "./features/rename";
import { selectionRangeAt } from "./features/selectionRanges";
import { semanticTokens } from "./features/semanticTokens";
import { signatureHelpAt } from "./features/signatureHelp";
import { workspaceSymbols } from "./features/workspaceSymbols";
import { fileOfUri } from "./fileNames";
import { toPlace, type Place } from "./positions";
import {
  EXPAND_MACRO_REQUEST,
  LISTING_REQUEST,
  type ExpandMacroParams,
  type ExpandMacroResult,
  type ListingParams,
  type ListingResult,
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
    folders: [],
  };
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
    client.folders = (workspaceFolders ?? []).map((folder) => fileOfUri(folder.uri));
    this.initialOptions = sectionOf(options);
    this.configure(undefined, undefined);
    return { capabilities: CAPABILITIES, serverInfo: { name: "Ringside" } };
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
    for (const file of await sourceFilesIn(client.folders)) this.workspace.graph.update(file);
    this.publishSoon();
  }

  private async fetchConfiguration(): Promise<void> {
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
    const [folder = ""] = this.client.folders;
    const includePaths = settings.includePaths.map((each) =>
      path.resolve(folder, each.replace("${workspaceFolder}", folder)),
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
      this.guard("diagnostics", undefined, () => this.publisher.publish());
    }, DEBOUNCE_MS);
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
        completionsAt(analysis, file, params.position, (typed) =>
          includableFiles(file, analysis.root, typed),
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
        workspace.settings.codeLens ? codeLenses(analysis, file, this.techniqueOf(analysis)) : [],
      ),
    );
    connection.onCodeAction(({ textDocument: { uri }, context }) =>
      this.about("code action", uri, null, (analysis, file) =>
        codeActions(analysis, file, uri, context.diagnostics),
      ),
    );
    connection.languages.inlayHint.on(({ textDocument: { uri }, range }) =>
      this.about("inlay hints", uri, null, (analysis, file) =>
        inlayHints(analysis, file, range, workspace.settings.inlayHints),
      ),
    );
    connection.languages.semanticTokens.on(({ textDocument: { uri } }) => ({
      data: this.about("tokens", uri, [], (analysis, file) => semanticTokens(analysis, file)),
    }));
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
    connection.onRequest(EXPAND_MACRO_REQUEST, (params: ExpandMacroParams): ExpandMacroResult =>
      this.about(
        "expand macro",
        params.textDocument.uri,
        null,
        (analysis, file) => expandMacroAt(analysis, toPlace(file, params.position)) ?? null,
      ),
    );
    connection.onRequest(LISTING_REQUEST, (params: ListingParams): ListingResult => ({
      text: this.about("listing", params.textDocument.uri, "", (analysis) =>
        analysis.model.assembly.listing(),
      ),
    }));
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
