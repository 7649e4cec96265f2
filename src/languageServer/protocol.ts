/** What an editor may ask of this server besides the Language Server Protocol, and what it can set. */
export { SETTINGS } from "./settings";

/**
 * What Node is started with. Each keystroke makes some megabytes of tokens and statements that die at once: with room for them
 * the collector need not copy what is alive in between.
 */
export const NODE_FLAGS = ["--max-semi-space-size=64"] as const;

export interface TextDocumentPosition {
  readonly textDocument: { readonly uri: string };
  readonly position: { readonly line: number; readonly character: number };
}

export interface MacroExpansion {
  readonly name: string;
  /** NASM text, one line for a %define. */
  readonly text: string;
}

/** The macro call at a position, expanded; null where there is none. */
export const EXPAND_MACRO_REQUEST = "ringside/expandMacro";
export type ExpandMacroParams = TextDocumentPosition;
export type ExpandMacroResult = MacroExpansion | null;

/** The listing of the program that a document belongs to. */
export const LISTING_REQUEST = "ringside/listing";
export interface ListingParams {
  readonly textDocument: { readonly uri: string };
}
export interface ListingResult {
  readonly text: string;
  /** For each line of the listing the line of the document (0-based) that it shows, or null. */
  readonly lines: readonly (number | null)[];
}

/** What the lines of a selection take and cost. */
export const MEASURE_REQUEST = "ringside/measure";
export interface MeasureParams {
  readonly textDocument: { readonly uri: string };
  readonly range: {
    readonly start: { readonly line: number; readonly character: number };
    readonly end: { readonly line: number; readonly character: number };
  };
}
export interface MeasureResult {
  readonly bytes: number;
  readonly instructions: number;
  /** What the technique in force makes of them: "2 sure VM exits". */
  readonly costs: readonly string[];
}

/** The same for editors that can only run commands (`workspace/executeCommand`): the parameters are those of the request. */
export const SERVER_COMMANDS = {
  expandMacro: "ringside.server.expandMacro",
  listing: "ringside.server.listing",
} as const;

/** The editor's own command behind a code lens: uri, position and locations of the protocol. */
export const SHOW_REFERENCES_COMMAND = "ringside.showReferences";

/** What an editor can say in its `initializationOptions`, besides settings. */
export interface InitializationOptions {
  /** It has SHOW_REFERENCES_COMMAND. */
  readonly canShowReferences?: boolean;
  /** It wants to be sent diagnostics although it could ask for them. */
  readonly sendDiagnostics?: boolean;
  /** What the code of a rule's diagnostic links to, with `{page}` for "rules/VMM7", "sensitive/popf". Without it the link is the page's file. */
  readonly documentationPage?: string;
}
