/** The listing and macro expansions as documents of their own, which follow the source while it is typed and the cursor both ways. */
import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type {
  ExpandMacroParams,
  ExpandMacroResult,
  ListingParams,
  ListingResult,
} from "../languageServer/protocol";
import { EXPAND_MACRO_REQUEST, LISTING_REQUEST } from "../languageServer/protocol";

export const LISTING_SCHEME = "ringside-listing";
export const EXPANSION_SCHEME = "ringside-expansion";

/** A pause in typing or moving after which they are made anew. */
const DELAY_MS = 150;

/** The document's own address holds that of its source. */
function liveUri(scheme: string, source: vscode.Uri, ending: string): vscode.Uri {
  const name = source.path.split("/").at(-1) ?? "source";
  return vscode.Uri.from({ scheme, path: `/${name}${ending}`, query: source.toString() });
}

function sourceOf(live: vscode.Uri): string {
  return live.query;
}

function editorOf(uri: string): vscode.TextEditor | undefined {
  return vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri);
}

export class LiveDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  /** Lines of the source that each line of a listing shows, by the source. */
  private readonly lines = new Map<string, readonly (number | null)[]>();
  /** The last place of each source that had a macro call. */
  private readonly calls = new Map<string, ExpandMacroParams["position"]>();
  private timer: NodeJS.Timeout | undefined;
  private readonly marked = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    backgroundColor: new vscode.ThemeColor("editor.rangeHighlightBackground"),
  });
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly client: LanguageClient) {
    this.subscriptions = [
      vscode.workspace.registerTextDocumentContentProvider(LISTING_SCHEME, this),
      vscode.workspace.registerTextDocumentContentProvider(EXPANSION_SCHEME, this),
      vscode.workspace.onDidChangeTextDocument(() => {
        this.soon(() => this.refresh());
      }),
      vscode.window.onDidChangeTextEditorSelection((event) => {
        this.follow(event);
      }),
    ];
  }

  async showListing(source: vscode.Uri): Promise<void> {
    await this.show(liveUri(LISTING_SCHEME, source, ".lst"));
    const editor = editorOf(source.toString());
    if (editor !== undefined) this.revealInListing(editor);
  }

  /** False where there is no macro call. */
  async showExpansion(editor: vscode.TextEditor): Promise<boolean> {
    const { document, selection } = editor;
    const expansion = await this.expand(document.uri.toString(), selection.active);
    if (expansion === null) return false;
    this.calls.set(document.uri.toString(), selection.active);
    const live = liveUri(EXPANSION_SCHEME, document.uri, ".expanded.asm");
    this.changed.fire(live);
    await this.show(live);
    return true;
  }

  async provideTextDocumentContent(live: vscode.Uri): Promise<string> {
    const uri = sourceOf(live);
    if (live.scheme === EXPANSION_SCHEME) {
      const position = this.calls.get(uri);
      const expansion = position && (await this.expand(uri, position));
      return expansion ? `; ${expansion.name}, expanded\n${expansion.text}\n` : "";
    }
    const params: ListingParams = { textDocument: { uri } };
    const { text, lines } = await this.client.sendRequest<ListingResult>(LISTING_REQUEST, params);
    this.lines.set(uri, lines);
    return text;
  }

  dispose(): void {
    clearTimeout(this.timer);
    vscode.Disposable.from(this.changed, this.marked, ...this.subscriptions).dispose();
  }

  private async show(live: vscode.Uri): Promise<void> {
    const document = await vscode.workspace.openTextDocument(live);
    await vscode.window.showTextDocument(document, {
      viewColumn: vscode.ViewColumn.Beside,
      preserveFocus: true,
      preview: true,
    });
  }

  private async expand(
    uri: string,
    { line, character }: ExpandMacroParams["position"],
  ): Promise<ExpandMacroResult> {
    const params: ExpandMacroParams = {
      textDocument: { uri },
      position: { line, character },
    };
    return this.client.sendRequest<ExpandMacroResult>(EXPAND_MACRO_REQUEST, params);
  }

  private soon(act: () => void): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(act, DELAY_MS);
  }

  /** Those that are open: a change in any file may be a change in an included one. */
  private refresh(): void {
    for (const { uri } of vscode.workspace.textDocuments) {
      if (uri.scheme === LISTING_SCHEME || uri.scheme === EXPANSION_SCHEME) this.changed.fire(uri);
    }
  }

  private follow({ textEditor, kind }: vscode.TextEditorSelectionChangeEvent): void {
    const { uri } = textEditor.document;
    if (uri.scheme === LISTING_SCHEME) {
      // Only what a person does there moves the source: an update of the text is no wish to go somewhere.
      if (kind !== undefined) this.revealSource(textEditor);
      return;
    }
    const source = uri.toString();
    if (this.lines.has(source)) this.revealInListing(textEditor);
    if (this.calls.has(source)) this.soon(() => void this.followCall(textEditor));
  }

  private revealInListing({ document, selection }: vscode.TextEditor): void {
    const source = document.uri.toString();
    const listing = editorOf(liveUri(LISTING_SCHEME, document.uri, ".lst").toString());
    const lines = this.lines.get(source);
    if (listing === undefined || lines === undefined) return;
    const found = lines.flatMap((line, i) => (line === selection.active.line ? [i] : []));
    mark(listing, this.marked, found);
  }

  private revealSource({ document, selection }: vscode.TextEditor): void {
    const source = sourceOf(document.uri);
    const line = this.lines.get(source)?.[selection.active.line];
    const editor = editorOf(source);
    if (editor !== undefined) mark(editor, this.marked, typeof line === "number" ? [line] : []);
  }

  private async followCall({ document, selection }: vscode.TextEditor): Promise<void> {
    const source = document.uri.toString();
    const live = liveUri(EXPANSION_SCHEME, document.uri, ".expanded.asm");
    if (editorOf(live.toString()) === undefined) return;
    if ((await this.expand(source, selection.active)) === null) return;
    this.calls.set(source, selection.active);
    this.changed.fire(live);
  }
}

function mark(
  editor: vscode.TextEditor,
  decoration: vscode.TextEditorDecorationType,
  lines: readonly number[],
): void {
  const ranges = lines.map((line) => new vscode.Range(line, 0, line, 0));
  editor.setDecorations(decoration, ranges);
  const [first] = ranges;
  if (first !== undefined)
    editor.revealRange(first, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
