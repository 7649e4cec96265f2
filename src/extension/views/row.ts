/** What a view shows, as plain data: no `vscode` here, so that the views' contents can be tested by themselves. */
import type {
  RequestArguments,
  RequestBody,
  RingsideRequest,
  StateBody,
} from "../../debugAdapter/protocol";

/** Why a row stands out. The strongest one wins. */
export type Mark = "changed" | "differs" | "violation";

/** Decides which context-menu entries a row has. */
export type RowKind =
  "group" | "note" | "value" | "register" | "page" | "exit" | "event" | "translation";

export interface Row {
  /** The path from the root: stable from stop to stop, so that a refresh keeps what is unfolded. */
  readonly id: string;
  readonly label: string;
  readonly kind: RowKind;
  readonly description?: string;
  /** Markdown. */
  readonly tooltip?: string;
  readonly mark?: Mark;
  /** A codicon's name, instead of the mark's own. */
  readonly icon?: string;
  readonly children?: readonly Row[] | (() => Promise<readonly Row[]>);
  readonly expanded?: boolean;
  readonly checked?: boolean;
  /** What "Copy Value" copies. */
  readonly value?: string;
  /** An address that "Translate" can follow, as `evaluate` takes it. */
  readonly address?: string;
  /** Exit key, register name, or followed expression. */
  readonly key?: string;
  /** A point in time: choosing the row goes there. */
  readonly position?: number;
}

/** The contents of a view: rows, and a sentence above them (or instead of them). */
export interface Rows {
  readonly rows: readonly Row[];
  readonly note?: string;
}

export const NO_ROWS: Rows = { rows: [] };

/** Where the views read from: a session, or an array in a test. */
export interface Reader {
  /** Undefined while no session runs. */
  readonly state: StateBody | undefined;
  /** Answers are kept for one generation: many views may ask the same. */
  read<R extends RingsideRequest>(request: R, args: RequestArguments<R>): Promise<RequestBody<R>>;
}

/** "3 changed, 1 differs", or undefined when nothing does. */
export function countMarks(counts: readonly (readonly [number, string])[]): string | undefined {
  const parts = counts.flatMap(([count, word]) => (count > 0 ? [`${count} ${word}`] : []));
  return parts.length > 0 ? parts.join(", ") : undefined;
}

/** Adds a member only when it has a value (`exactOptionalPropertyTypes`). */
export function optional<K extends string, const V>(
  key: K,
  value: V | undefined,
): Partial<Readonly<Record<K, V>>> {
  return value === undefined ? {} : ({ [key]: value } as Readonly<Record<K, V>>);
}

/** A Markdown table of facts; what a guest or a user wrote is escaped. */
export function facts(
  title: string,
  rows: readonly (readonly [string, string | undefined])[],
): string {
  const lines = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`| ${escape(name)} | ${escape(value)} |`],
  );
  return [`**${escape(title)}**`, "", "| | |", "|---|---|", ...lines].join("\n");
}

function escape(text: string): string {
  return text.replace(/[\\`*_{}[\]<>()#+!|~-]/g, "\\$&").replace(/\n/g, " ");
}

/** 4096 -> "4 KiB". */
export function byteSize(bytes: bigint): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024n && size % 1024n === 0n && unit < units.length - 1) {
    size /= 1024n;
    unit += 1;
  }
  return `${size} ${units[unit] ?? "bytes"}`;
}
