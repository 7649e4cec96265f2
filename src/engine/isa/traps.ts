/** What brings a deprivileged guest into the VMM: the exit keys of the techniques that run guest kernels above ring 0. */

export interface TrapRow {
  readonly key: string;
  readonly title: string;
  /** Exceptions that arrive under this key; other keys are told apart by more than the vector. */
  readonly vector?: number;
}

// SDM Vol. 3A, "Exception and Interrupt Reference"; every gate of the VMM's IDT has DPL 0, so INT n, INT3 and INTO arrive as #GP of their gate.
// prettier-ignore
export const TRAPS = [
  { key: "TRAP_GP", vector: 13, title: "#GP of the deprivileged guest" },
  { key: "TRAP_UD", vector: 6, title: "#UD of the deprivileged guest" },
  { key: "TRAP_NP", vector: 11, title: "#NP of the deprivileged guest" },
  { key: "TRAP_SS", vector: 12, title: "#SS of the deprivileged guest" },
  { key: "TRAP_TS", vector: 10, title: "#TS of the deprivileged guest" },
  { key: "TRAP_PF_HIDDEN", title: "hidden page fault: only the shadow lacked the page" },
  { key: "TRAP_PF_TRUE", title: "true page fault: the guest's own" },
  { key: "TRAP_INT", title: "software interrupt: INT n, INT3 or INTO" },
  { key: "TRAP_INTERRUPT", title: "external interrupt of the host" },
  { key: "TRAP_DE", vector: 0, title: "#DE of the deprivileged guest" },
  { key: "TRAP_DB", vector: 1, title: "#DB: the guest's own, or a single step of the VMM's" },
  { key: "TRAP_BR", vector: 5, title: "#BR of the deprivileged guest" },
  { key: "TRAP_NM", vector: 7, title: "#NM of the deprivileged guest" },
  { key: "TRAP_AC", vector: 17, title: "#AC of the deprivileged guest" },
] as const satisfies readonly TrapRow[];

export type TrapKey = (typeof TRAPS)[number]["key"];

/** Key of a trap that no handler of the VMM is for. */
export const UNEXPECTED_TRAP = "TRAP_UNEXPECTED";

const byVector = new Map<number, TrapKey>(
  TRAPS.flatMap((row: TrapRow) =>
    row.vector === undefined ? [] : [[row.vector, row.key as TrapKey]],
  ),
);

export function trapOfVector(vector: number): TrapKey | undefined {
  return byVector.get(vector);
}

export function trapTitle(key: string): string | undefined {
  return TRAPS.find((row) => row.key === key)?.title;
}
