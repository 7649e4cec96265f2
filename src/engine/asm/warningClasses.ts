/** NASM's warning classes and which are on (NASM manual, "Warning Options"). */

/** Off by default; all others are on. */
const OFF_BY_DEFAULT = new Set([
  "float-denorm",
  "float-underflow",
  "label-redef",
  "phase",
  "pragma-bad",
  "pragma-empty",
  "pragma-na",
  "pragma-unknown",
  "reloc",
  "reloc-abs-byte",
  "reloc-abs-word",
  "reloc-abs-dword",
  "reloc-abs-qword",
  "reloc-rel-byte",
  "reloc-rel-word",
  "reloc-rel-dword",
  "reloc-rel-qword",
  "unknown-warning",
]);

const ERROR_BY_DEFAULT = new Set(["label-redef-late", "pp-macro-def-param-single"]);

/** Older names of classes. */
const ALIASES: Readonly<Record<string, string>> = {
  "orphan-labels": "label-orphan",
  hle: "prefix-hle",
  bnd: "prefix-bnd",
  "macro-params-single": "pp-macro-params-single",
  "macro-params-multi": "pp-macro-params-multi",
  "macro-params-legacy": "pp-macro-params-legacy",
  "macro-defaults": "pp-macro-defaults",
  "macro-def-case-single": "pp-macro-def-case-single",
  "macro-def-param-single": "pp-macro-def-param-single",
  "macro-def-greedy-single": "pp-macro-def-greedy-single",
  "negative-rep": "pp-rep-negative",
  "bad-pragma": "pragma-bad",
  "unknown-pragma": "pragma-unknown",
  "not-my-pragma": "pragma-na",
  environment: "pp-environment",
  lock: "prefix-lock",
};

const CLASSES = [
  ...OFF_BY_DEFAULT,
  ...ERROR_BY_DEFAULT,
  "db-empty",
  "ea-absolute",
  "ea-dispsize",
  "float-overflow",
  "float-toolong",
  "forward",
  "label-orphan",
  "number-overflow",
  "obsolete-nop",
  "obsolete-removed",
  "obsolete-valid",
  "other",
  "pp-else-elif",
  "pp-else-else",
  "pp-empty-braces",
  "pp-environment",
  "pp-macro-def-case-single",
  "pp-macro-def-greedy-single",
  "pp-macro-defaults",
  "pp-macro-params-legacy",
  "pp-macro-params-multi",
  "pp-macro-params-single",
  "pp-macro-redef-multi",
  "pp-open-braces",
  "pp-open-brackets",
  "pp-open-string",
  "pp-rep-negative",
  "pp-sel-range",
  "pp-trailing",
  "prefix-bnd",
  "prefix-hle",
  "prefix-lock",
  "prefix-opsize",
  "prefix-seg",
  "ptr",
  "regsize",
  "unknown-warning",
  "user",
  "warn-stack-empty",
  "zeroing",
  "zext-reloc",
];

/** Immutable: statements keep the state in force where they stand. */
export class WarningState {
  private constructor(
    private readonly off: ReadonlySet<string>,
    private readonly error: ReadonlySet<string>,
    /** What `*class` goes back to: the switches of the command line. */
    private readonly start: WarningState | undefined,
  ) {}

  static readonly initial = new WarningState(OFF_BY_DEFAULT, ERROR_BY_DEFAULT, undefined);

  /** The state that switches of the command line make, and those of them that name no class. */
  static of(switches: readonly string[]): {
    readonly state: WarningState;
    readonly unknown: readonly string[];
  } {
    let state = WarningState.initial;
    const unknown: string[] = [];
    for (const each of switches) {
      const changed = state.apply(each);
      if (changed === undefined) unknown.push(each.replace(/^([-+*]|no-)?/i, ""));
      else state = changed;
    }
    if (state === WarningState.initial) return { state, unknown };
    return { state: new WarningState(state.off, state.error, undefined), unknown };
  }

  isOn(name: string): boolean {
    return !this.off.has(name);
  }

  isError(name: string): boolean {
    return this.error.has(name);
  }

  /** Applies the value of a `[warning ..]` directive; undefined if it names no class. */
  apply(value: string): WarningState | undefined {
    const match = /^\s*([-+*]|no-)?\s*(.*?)\s*$/i.exec(value)!;
    let action =
      match[1] === undefined || match[1] === "+" ? "on" : match[1] === "*" ? "reset" : "off";
    let name = match[2]!.toLowerCase();
    if (match[1] === undefined && name === "none") {
      action = "off";
      name = "all";
    }
    const asError = name === "error" || name.startsWith("error=");
    if (asError) name = name === "error" ? "all" : name.slice("error=".length);
    const chosen = matching(name);
    if (chosen.length === 0) return undefined;
    const off = new Set(this.off);
    const error = new Set(this.error);
    const start = this.start ?? this;
    for (const each of chosen) {
      if (asError) toggle(error, each, action === "reset" ? start.isError(each) : action === "on");
      else toggle(off, each, action === "reset" ? !start.isOn(each) : action === "off");
    }
    return new WarningState(off, error, start);
  }
}

function toggle(set: Set<string>, name: string, present: boolean): void {
  if (present) set.add(name);
  else set.delete(name);
}

/** A name stands for itself and for all that start with it and a dash. */
function matching(name: string): string[] {
  if (name === "all") return CLASSES;
  const isMeant = (each: string): boolean => each === name || each.startsWith(`${name}-`);
  const byOldName = Object.entries(ALIASES).filter(([old]) => isMeant(old));
  return [...CLASSES.filter(isMeant), ...byOldName.map(([, full]) => full)];
}

/** ` [-w+class]` behind a warning, as NASM writes it; a warning that counts as an error says so. */
export function warningSuffix(severity: "error" | "warning" | "info", code: string): string {
  if (severity === "warning") return ` [-w+${code}]`;
  return severity === "error" && CLASSES.includes(code) ? ` [-w+error=${code}]` : "";
}
