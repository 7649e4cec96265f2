/** Breakpoints on machine events: exception filters, exit modes, `breakOnVmExit`, and the target of a "run to". */
import type { DebugProtocol } from "@vscode/debugprotocol";
import type { MachineEvent } from "../../engine/index";
import { Condition, ExpressionError } from "../expressions/expression";
import type { Scope } from "../expressions/evaluator";
import { EXCEPTION_FILTERS } from "../protocol";
import type { ExceptionFilter, ExitBreakpoint, ExitMode } from "../protocol";
import { newBreakpointId, refused } from "./breakpoint";

interface ActiveFilter {
  readonly filter: ExceptionFilter;
  readonly condition: Condition | undefined;
  readonly id: number;
}

interface ActiveExit {
  readonly mode: ExitMode;
  readonly condition: Condition | undefined;
}

/** What to do with an event. */
export interface EventDecision {
  readonly action: "stop" | "log" | "pass";
  /** The filter that stopped it, for exceptionInfo and hitBreakpointIds. */
  readonly filter?: string;
  readonly id?: number;
}

const PASS: EventDecision = { action: "pass" };

/** The event's key for filters: exit key of VM exits. */
export function exitKeyOf(event: MachineEvent): string | undefined {
  return event.kind === "vm-exit" ? event.key : undefined;
}

export class EventBreakpoints {
  private filters: readonly ActiveFilter[] = [];
  private readonly exits = new Map<string, ActiveExit>();

  /** setExceptionBreakpoints: answers in the order filters, then filterOptions. */
  setFilters(args: DebugProtocol.SetExceptionBreakpointsArguments): DebugProtocol.Breakpoint[] {
    const active: ActiveFilter[] = [];
    const options = args.filterOptions ?? [];
    const requests = [...args.filters.map((filterId) => ({ filterId })), ...options];
    const answers = requests.map((request: DebugProtocol.ExceptionFilterOptions) => {
      const filter = filterNamed(request.filterId);
      if (!filter) return refused(newBreakpointId(), `There is no filter "${request.filterId}".`);
      const condition = parseCondition(request.condition);
      if (typeof condition === "string") return refused(newBreakpointId(), condition);
      const id = idOf(filter.filter);
      active.push({ filter, condition, id });
      return { id, verified: true };
    });
    this.filters = active;
    return answers;
  }

  /** ringside/setExitBreakpoints. Messages for those that were refused, in order. */
  setExits(requests: readonly ExitBreakpoint[]): readonly (string | undefined)[] {
    this.exits.clear();
    return requests.map((request) => {
      const condition = parseCondition(request.condition);
      if (typeof condition === "string") return condition;
      if (!["break", "log", "ignore"].includes(request.mode)) return `"${request.mode}" is not a mode: break, log or ignore.`; // prettier-ignore
      this.exits.set(request.key, { mode: request.mode, condition });
      return undefined;
    });
  }

  /** launch.json's breakOnVmExit: as if the client had set these to "break". */
  breakOn(keys: readonly string[]): void {
    for (const key of keys) this.exits.set(key, { mode: "break", condition: undefined });
  }

  modeOf(key: string): ExitMode {
    const own = this.exits.get(key) ?? this.exits.get("any");
    if (own) return own.mode;
    return this.filters.some(({ filter }) => coversExit(filter, key)) ? "break" : "ignore";
  }

  conditionOf(key: string): string | undefined {
    return this.exits.get(key)?.condition?.text;
  }

  /** Whether any event at all could stop or log: lets a run go without asking. */
  get idle(): boolean {
    return this.filters.length === 0 && this.exits.size === 0;
  }

  decide(event: MachineEvent, scopeFor: () => Scope): EventDecision {
    const key = exitKeyOf(event);
    const own = key === undefined ? undefined : this.exits.get(key) ?? this.exits.get("any"); // prettier-ignore
    if (own) {
      if (own.mode === "ignore") return PASS;
      if (own.condition && !own.condition.holds(scopeFor())) return PASS;
      return own.mode === "log" ? { action: "log" } : { action: "stop", filter: `exit:${key ?? ""}` }; // prettier-ignore
    }
    for (const { filter, condition, id } of this.filters) {
      if (!covers(filter, event)) continue;
      if (condition && !condition.holds(scopeFor())) continue;
      return { action: "stop", filter: filter.filter, id };
    }
    return PASS;
  }
}

function covers(filter: ExceptionFilter, event: MachineEvent): boolean {
  const key = exitKeyOf(event);
  if (key !== undefined) return coversExit(filter, key);
  return filter.events?.includes(event.kind) ?? false;
}

function coversExit(filter: ExceptionFilter, key: string): boolean {
  return (filter.exits ?? []).some(
    (pattern) =>
      pattern === "any" ||
      pattern === key ||
      (pattern.endsWith("*") && key.startsWith(pattern.slice(0, -1))),
  );
}

/** Names that mean a filter of the table. */
const FILTER_ALIASES: Readonly<Record<string, string>> = {
  // What the SDM calls all of them: Vol. 3C, "VM-Entry Failures During or After Loading Guest State".
  "exit:VM_ENTRY_FAILURE": "exit:ENTRY_FAILURE",
};

/** A filter of the table, or the plain `exit:KEY` of any exit key. */
function filterNamed(name: string): ExceptionFilter | undefined {
  const known = EXCEPTION_FILTERS.find(({ filter }) => filter === (FILTER_ALIASES[name] ?? name)); // prettier-ignore
  if (known) return known;
  const key = /^exit:([A-Z][A-Z0-9_]*)$/.exec(name)?.[1];
  return key === undefined ? undefined : { filter: name, label: key, description: key, exits: [key] }; // prettier-ignore
}

function parseCondition(text: string | undefined): Condition | undefined | string {
  try {
    return Condition.parse(text);
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}

/** Stable ids for filters, apart from the ids of other breakpoints. */
const filterIds = new Map<string, number>();

function idOf(filter: string): number {
  const known = filterIds.get(filter);
  if (known !== undefined) return known;
  const id = 1_000_000 + filterIds.size;
  filterIds.set(filter, id);
  return id;
}
