import type { AssembleOptions } from "./types";

export function listingOf(_options: AssembleOptions): string {
  return "";
}
