/** The VM exits that can be broken on: in package.json, because the extension holds no engine to ask. */
import type { ExitBody } from "../../debugAdapter/protocol";
import { EXCEPTION_FILTERS } from "../../debugAdapter/protocol";

export type KnownExit = Pick<ExitBody, "key" | "number" | "title">;

/** A row of the engine's table of basic exit reasons. */
export interface ExitReasonRow extends KnownExit {
  /** False: the simulated processor does not produce it. */
  readonly supported: boolean;
}

/** Keys of the deprivileging techniques; all others are VMX's. */
export function isTrapKey(key: string): boolean {
  return /^(TRAP_|CALLOUT_|HYPERCALL$)/.test(key);
}

/** VMX's reasons from the engine's table, and the traps that the exception filters name. */
export function exitCatalogue(reasons: readonly ExitReasonRow[]): readonly KnownExit[] {
  const vmx = reasons
    .filter((reason) => reason.supported)
    .map(({ key, number, title }) => ({ key, number, title }));
  const traps = EXCEPTION_FILTERS.flatMap(({ exits = [], label }) =>
    exits
      .filter((key) => isTrapKey(key) && !key.endsWith("*"))
      .map((key) => ({ key, number: -1, title: label.replace(/^.*?: /, "") })),
  );
  return [...vmx, ...traps];
}

/** What `breakOnVmExit` in launch.json takes. */
export function exitKeySchema(exits: readonly KnownExit[]): object {
  const described = exits.map(({ number, title }) =>
    number >= 0 ? `Exit reason ${number}: ${title}` : title,
  );
  return {
    anyOf: [
      {
        type: "string",
        enum: ["any", ...exits.map(({ key }) => key)],
        enumDescriptions: ["Every VM exit or trap", ...described],
      },
      { type: "string", pattern: "^CALLOUT_[A-Z0-9_]+$" },
    ],
  };
}
