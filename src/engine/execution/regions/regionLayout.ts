/**
 * The order in which a region's blocks are emitted. Blocks stay in the order of their addresses; the innermost loops become WebAssembly loops, everything
 * else that goes backwards passes the dispatcher. An item is a block or such a loop; only its first block can be entered from elsewhere.
 */

export interface Item {
  /** Numbers of its first and last block. */
  readonly first: number;
  readonly last: number;
  /** Its last blocks jump back to its first. */
  readonly isLoop: boolean;
}

export interface Edge {
  readonly from: number;
  readonly to: number;
}

interface Interval {
  readonly first: number;
  readonly last: number;
}

function loopIntervals(edges: readonly Edge[]): Interval[] {
  const lasts = new Map<number, number>();
  for (const { from, to } of edges)
    if (to <= from) lasts.set(to, Math.max(from, lasts.get(to) ?? from));
  return [...lasts].map(([first, last]) => ({ first, last }));
}

function contains({ first, last }: Interval, block: number): boolean {
  return block > first && block <= last;
}

/** A loop whose inner blocks are entered from elsewhere, or hold the head of another loop, cannot be one in WebAssembly. */
function isClosed(
  loop: Interval,
  loops: readonly Interval[],
  edges: readonly Edge[],
  entries: ReadonlySet<number>,
): boolean {
  for (const entry of entries) if (contains(loop, entry)) return false;
  if (loops.some(({ first }) => contains(loop, first))) return false;
  return edges.every(
    ({ from, to }) => !contains(loop, to) || from === loop.first || contains(loop, from),
  );
}

/** `entries`: blocks that may be entered from outside or by a computed jump. */
export function layOut(
  blockCount: number,
  edges: readonly Edge[],
  entries: ReadonlySet<number>,
): readonly Item[] {
  const loops = loopIntervals(edges);
  const closed = new Map<number, Interval>();
  for (const loop of loops) if (isClosed(loop, loops, edges, entries)) closed.set(loop.first, loop);
  const items: Item[] = [];
  for (let block = 0; block < blockCount;) {
    const loop = closed.get(block);
    const last = loop?.last ?? block;
    items.push({ first: block, last, isLoop: loop !== undefined });
    block = last + 1;
  }
  return items;
}
