/** The VMM's handlers as virtual sources: one line a step, rendered from the list that the engine runs, so they cannot drift apart. */
import type { Debuggee, VmmKind } from "../../engine/index";

export interface VmmSource {
  /** DAP sourceReference, from 1. */
  readonly reference: number;
  readonly handler: string;
  readonly title: string;
  readonly name: string;
  readonly text: string;
  /** Line (from 1) of the first step; the others follow one by one. */
  readonly firstLine: number;
  readonly stepCount: number;
}

export class VmmSources {
  readonly all: readonly VmmSource[];

  constructor(handlers: ReturnType<Debuggee["vmmHandlers"]>, vmm: VmmKind) {
    this.all = handlers.map((handler, index) => renderHandler(handler, index + 1, vmm));
  }

  byReference(reference: number): VmmSource | undefined {
    return this.all.find((source) => source.reference === reference);
  }

  byHandler(handler: string): VmmSource | undefined {
    return this.all.find((source) => source.handler === handler);
  }

  byName(name: string): VmmSource | undefined {
    return this.all.find((source) => source.name === name);
  }

  lineOf(source: VmmSource, step: number): number {
    return source.firstLine + Math.min(Math.max(step, 0), Math.max(source.stepCount - 1, 0));
  }

  /** The first step at or after a line, with its `handler:step` key. */
  stepAtOrAfter(
    reference: number,
    line: number,
  ): { readonly key: string; readonly line: number } | undefined {
    const source = this.byReference(reference);
    if (!source) return undefined;
    const step = Math.max(0, line - source.firstLine);
    if (step >= source.stepCount) return undefined;
    return { key: `${source.handler}:${step}`, line: source.firstLine + step };
  }
}

function renderHandler(
  handler: ReturnType<Debuggee["vmmHandlers"]>[number],
  reference: number,
  vmm: VmmKind,
): VmmSource {
  const head = [`; VMM (${vmm}): ${handler.title}`, `; handler ${handler.handler}`, ""];
  const width = Math.max(0, ...handler.steps.map(({ name }) => name.length));
  const steps = handler.steps.map(
    ({ name, text }, index) =>
      `${String(index + 1).padStart(2)}  ${text === name || text === "" ? name : `${name.padEnd(width)}  ; ${text}`}`,
  );
  return {
    reference,
    handler: handler.handler,
    title: handler.title,
    name: `VMM ${handler.handler}.vmm`,
    text: [...head, ...steps, ""].join("\n"),
    firstLine: head.length + 1,
    stepCount: handler.steps.length,
  };
}
