/** What the client asked for, kept so that a restarted program gets the same breakpoints under the same ids. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { BreakpointStore } from "./breakpointStore";
import type { BreakpointTarget } from "./breakpointStore";

type Answer = DebugProtocol.Breakpoint;
type Apply = (ids?: readonly number[]) => Answer[];

interface Asked {
  readonly apply: Apply;
  readonly ids: readonly number[];
}

export class ClientBreakpoints {
  readonly store = new BreakpointStore();
  private readonly asked = new Map<string, Asked>();

  constructor(private readonly target: () => BreakpointTarget) {}

  setSource(file: string, requests: readonly DebugProtocol.SourceBreakpoint[]): Answer[] {
    return this.ask(`source ${file}`, (ids) => this.store.setSource(file, requests, this.target(), ids)); // prettier-ignore
  }

  setVmm(reference: number, requests: readonly DebugProtocol.SourceBreakpoint[]): Answer[] {
    return this.ask(`vmm ${reference}`, (ids) => this.store.setVmm(reference, requests, this.target(), ids)); // prettier-ignore
  }

  setFunctions(requests: readonly DebugProtocol.FunctionBreakpoint[]): Answer[] {
    return this.ask("functions", (ids) => this.store.setFunctions(requests, this.target(), ids));
  }

  setInstructions(requests: readonly DebugProtocol.InstructionBreakpoint[]): Answer[] {
    return this.ask("instructions", (ids) => this.store.setInstructions(requests, this.target(), ids)); // prettier-ignore
  }

  setData(requests: readonly DebugProtocol.DataBreakpoint[]): Answer[] {
    return this.ask("data", (ids) => this.store.setData(requests, ids));
  }

  /** Resolves everything again for a newly loaded program. */
  reapply(): Answer[] {
    return [...this.asked.values()].flatMap(({ apply, ids }) => apply(ids));
  }

  private ask(key: string, apply: Apply): Answer[] {
    const answers = apply();
    this.asked.set(key, { apply, ids: answers.map(({ id }) => id ?? 0) });
    return answers;
  }
}
