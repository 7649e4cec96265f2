/** Follows all paths from a statement with a small state, each state once per statement. */

/** States per statement: a loop that pushes makes a new one each time round, and then nothing can be said. */
const MOST_STATES = 4;

export interface PathStep<State> {
  /** Where control goes on, each with the state it takes along; empty ends the path. */
  readonly next: readonly (readonly [index: number, state: State])[];
}

/** False where a statement is reached in too many states. `keyOf` must tell states apart. */
export function followPaths<State>(
  start: number,
  first: State,
  keyOf: (state: State) => string,
  step: (index: number, state: State) => PathStep<State>,
): boolean {
  const seen = new Map<number, Set<string>>();
  const open: (readonly [number, State])[] = [[start, first]];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    const [index, state] = item;
    let states = seen.get(index);
    if (states === undefined) seen.set(index, (states = new Set()));
    const key = keyOf(state);
    if (states.has(key)) continue;
    if (states.size >= MOST_STATES) return false;
    states.add(key);
    open.push(...step(index, state).next);
  }
  return true;
}
