/** What an editor may ask of this server besides the Language Server Protocol, and what it can set. */
export { SETTINGS } from "./settings";

/**
 * Initialization option: what the code of a rule's diagnostic links to, with `{id}` for the rule. Without it the link is the page's file.
 */
export const RULE_PAGE_OPTION = "rulePage";

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
}
