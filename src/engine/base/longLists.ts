/** What `f(...list)` does for lists that may be longer than the arguments that a call can take: a user's data decide their length. */

/** `target.push(...items)`. */
export function append<Item>(target: Item[], items: readonly Item[]): void {
  for (const item of items) target.push(item);
}

/** `String.fromCharCode(...codes)`. */
export function textOfCodes(codes: readonly number[]): string {
  let text = "";
  for (let start = 0; start < codes.length; start += 4096) {
    text += String.fromCharCode(...codes.slice(start, start + 4096));
  }
  return text;
}
