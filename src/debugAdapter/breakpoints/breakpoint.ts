/** A breakpoint of any kind as it works: where, under which condition, how often, and what it does. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { Condition, ExpressionError } from "../expressions/expression";
import { parseHitCondition, HitRecord } from "./hitCondition";
import type { HitCondition } from "./hitCondition";
import { LogMessage } from "./logMessage";

export type BreakpointKind = "source" | "instruction" | "function" | "data" | "vmm";

/** What the client asked for, whatever the kind. */
export interface BreakpointRequest {
  readonly condition?: string | undefined;
  readonly hitCondition?: string | undefined;
  readonly logMessage?: string | undefined;
}

export interface Guards {
  readonly condition: Condition | undefined;
  readonly hitCondition: HitCondition | undefined;
  readonly logMessage: LogMessage | undefined;
}

export interface Breakpoint extends Guards {
  readonly id: number;
  readonly kind: BreakpointKind;
  /** Linear addresses to stop before; empty for kinds that have none. */
  readonly addresses: readonly bigint[];
  readonly hits: HitRecord;
  /** For messages: "kernel.asm:12", "kmain". */
  readonly place: string;
}

const NO_GUARDS: Guards = { condition: undefined, hitCondition: undefined, logMessage: undefined };

/** Compiles conditions; a string is what is wrong with them. */
export function parseGuards(request: BreakpointRequest): Guards | string {
  try {
    const hitCondition = parseHitCondition(request.hitCondition);
    if (typeof hitCondition === "string") return hitCondition;
    return {
      condition: Condition.parse(request.condition),
      hitCondition,
      logMessage: LogMessage.parse(request.logMessage),
    };
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}

let nextId = 1;

/** Ids are unique in the process: a restarted session never gives one to another breakpoint. */
export function newBreakpointId(): number {
  return nextId++;
}

export function makeBreakpoint(
  id: number,
  kind: BreakpointKind,
  addresses: readonly bigint[],
  place: string,
  guards: Guards = NO_GUARDS,
): Breakpoint {
  return { id, kind, addresses, place, hits: new HitRecord(), ...guards };
}

/** An answer for a breakpoint that cannot work, with the reason. */
export function refused(
  id: number,
  message: string,
  more: Partial<DebugProtocol.Breakpoint> = {},
): DebugProtocol.Breakpoint {
  return { id, verified: false, message, reason: "failed", ...more };
}
