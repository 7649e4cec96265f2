/** Functions as the direct calls of a program show them: where they begin, what belongs to them, whether they come back. */
import { oncePerAnalysis } from "../oncePerAnalysis";
import { controlFlowOf, goesOn, type ControlFlow } from "./controlFlow";

export class Functions {
  /** Indices of statements that a direct call goes to. */
  readonly entries: ReadonlySet<number>;
  private readonly bodies = new Map<number, ReadonlySet<number>>();
  private readonly returning = new Map<number, boolean>();

  constructor(readonly flow: ControlFlow) {
    const entries = new Set<number>();
    for (const { kind, target } of flow.transfers)
      if (kind === "call" && target !== undefined) entries.add(target);
    this.entries = entries;
  }

  /** Where control goes inside a function; a call that comes back goes on behind it. */
  successors(index: number): readonly number[] {
    const { kind, target } = this.flow.transfers[index]!;
    if (kind !== "call") return this.flow.successors(index);
    const next = this.flow.next(index);
    if (next === undefined || (target !== undefined && !this.mayReturn(target))) return [];
    return [next];
  }

  /** Everything that control reaches from an entry without entering what it calls. */
  bodyOf(entry: number): ReadonlySet<number> {
    let body = this.bodies.get(entry);
    if (body === undefined) this.bodies.set(entry, (body = this.collect([entry])));
    return body;
  }

  /** A body, and the bodies of all that it calls. */
  withCallees(entry: number): ReadonlySet<number> {
    return this.collect([entry], (index) => {
      const { kind, target } = this.flow.transfers[index]!;
      return kind === "call" && target !== undefined ? [target] : [];
    });
  }

  /** Whether a function may come back to its caller, as far as one knows. */
  mayReturn(entry: number): boolean {
    const known = this.returning.get(entry);
    if (known !== undefined) return known;
    // Recursion: as if it came back.
    this.returning.set(entry, true);
    const returns = [...this.bodyOf(entry)].some((index) => this.leaves(index));
    this.returning.set(entry, returns);
    return returns;
  }

  /** Whether control leaves the function here, or goes where nobody knows. */
  private leaves(index: number): boolean {
    const { kind } = this.flow.transfers[index]!;
    if (/^(return|interrupt-return|far-jump|none|service)$/.test(kind)) return true;
    if (kind !== "call" && !this.flow.isComplete(index)) return true;
    return goesOn(kind) && this.flow.next(index) === undefined;
  }

  private collect(
    starts: readonly number[],
    more: (index: number) => readonly number[] = () => [],
  ): ReadonlySet<number> {
    const reached = new Set(starts);
    // A set grows while it is walked.
    for (const index of reached) {
      for (const next of this.successors(index)) reached.add(next);
      for (const next of more(index)) reached.add(next);
    }
    return reached;
  }
}

/** Made once for a program. */
export const functionsOf = oncePerAnalysis(
  (analysis): Functions => new Functions(controlFlowOf(analysis)),
);
