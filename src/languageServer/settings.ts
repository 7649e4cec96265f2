/** What a user can set: one table, from which the editor's form, the defaults and the reading of values are made. */

export const TECHNIQUE_SETTING = [
  "auto",
  "none",
  "trap-and-emulate",
  "binary-translation",
  "paravirtual",
  "hardware-assisted",
] as const;
export type TechniqueSetting = (typeof TECHNIQUE_SETTING)[number];

export const RULE_SEVERITIES = ["error", "warning", "information", "hint", "off"] as const;
export type RuleSeverity = (typeof RULE_SEVERITIES)[number];

export const LETTER_CASES = ["keep", "lower", "upper"] as const;
export type LetterCase = (typeof LETTER_CASES)[number];

export interface Settings {
  readonly vmm: TechniqueSetting;
  readonly rules: Readonly<Record<string, RuleSeverity>>;
  readonly includePaths: readonly string[];
  readonly defines: Readonly<Record<string, string>>;
  readonly showPrivileged: boolean;
  readonly inlayHints: {
    readonly addresses: boolean;
    readonly bytes: boolean;
    readonly jumps: boolean;
    readonly sizes: boolean;
    readonly values: boolean;
  };
  readonly inlineValues: boolean;
  readonly codeLens: boolean;
  readonly format: {
    readonly mnemonicColumn: number;
    readonly operandColumn: number;
    readonly commentColumn: number;
    readonly case: LetterCase;
  };
}

/** A row is a property of `contributes.configuration` in the form that VS Code wants. */
interface SettingRow {
  readonly type: "string" | "boolean" | "integer" | "array" | "object";
  readonly default: unknown;
  readonly description: string;
  readonly enum?: readonly string[];
  readonly items?: object;
  readonly additionalProperties?: object;
  readonly minimum?: number;
  readonly maximum?: number;
}

// prettier-ignore
export const SETTINGS: Readonly<Record<string, SettingRow>> = {
  "ringside.vmm": {
    type: "string", enum: TECHNIQUE_SETTING, default: "auto",
    description: "Technique that sensitive instructions are judged by. \"auto\" takes it from launch.json, else hardware-assisted. A comment \"; ringside: vmm=paravirtual\" in a file goes before this.",
  },
  "ringside.rules": {
    type: "object", default: {}, additionalProperties: { type: "string", enum: RULE_SEVERITIES },
    description: "Severity of a rule or of a NASM warning class, by its code: { \"VMM1\": \"hint\", \"label-orphan\": \"off\" }.",
  },
  "ringside.includePaths": {
    type: "array", items: { type: "string" }, default: [],
    description: "Folders that %include and incbin search, after the folders of the including and of the main file. Relative to the workspace.",
  },
  "ringside.defines": {
    type: "object", default: {}, additionalProperties: { type: "string" },
    description: "Macros defined before each main file, as with nasm -D: { \"DEBUG\": \"1\" }.",
  },
  "ringside.showPrivileged": {
    type: "boolean", default: false,
    description: "Also mark privileged instructions, and say what each costs under the technique in force.",
  },
  "ringside.inlayHints.addresses": {
    type: "boolean", default: false, description: "Show the address in front of each line that makes bytes.",
  },
  "ringside.inlayHints.bytes": {
    type: "boolean", default: false, description: "Show the bytes behind each instruction.",
  },
  "ringside.inlayHints.jumps": {
    type: "boolean", default: false, description: "Show whether a jump became short or near.",
  },
  "ringside.inlayHints.sizes": {
    type: "boolean", default: false,
    description: "Show the operand size of instructions whose size is not written: PUSH, RETF, IRET, LGDT and their like.",
  },
  "ringside.inlayHints.values": {
    type: "boolean", default: false, description: "Show the value of each EQU whose text is no plain number.",
  },
  "ringside.inlineValues": {
    type: "boolean", default: true,
    description: "While stopped, show the registers, flags and memory that the lines up to the stop use.",
  },
  "ringside.codeLens": {
    type: "boolean", default: true,
    description: "Show size, references, and sensitive instructions above each label.",
  },
  "ringside.format.mnemonicColumn": {
    type: "integer", default: 8, minimum: 1, maximum: 32, description: "Column of mnemonics when a file is formatted.",
  },
  "ringside.format.operandColumn": {
    type: "integer", default: 16, minimum: 1, maximum: 64, description: "Column of operands when a file is formatted.",
  },
  "ringside.format.commentColumn": {
    type: "integer", default: 40, minimum: 1, maximum: 120,
    description: "Column of comments behind code when a file is formatted. Comments that stand in one column already keep it.",
  },
  "ringside.format.case": {
    type: "string", enum: LETTER_CASES, default: "keep",
    description: "Case of mnemonics and registers when a file is formatted.",
  },
};

function record<Value>(
  value: unknown,
  accept: (entry: unknown) => Value | undefined,
): Record<string, Value> {
  const result: Record<string, Value> = {};
  if (typeof value !== "object" || value === null) return result;
  for (const [key, entry] of Object.entries(value)) {
    const accepted = accept(entry);
    if (accepted !== undefined) result[key] = accepted;
  }
  return result;
}

function oneOf<Value extends string>(values: readonly Value[], value: unknown): Value | undefined {
  return values.find((each) => each === value);
}

/** The part of a setting's value under a dotted name, as an editor sends it (nested) or a person writes it (flat). */
function lookUp(section: unknown, name: string): unknown {
  const flat = record(section, (entry) => entry);
  if (name in flat) return flat[name];
  const [first = "", ...rest] = name.split(".");
  return rest.length === 0 ? undefined : lookUp(flat[first], rest.join("."));
}

/** Settings from the editor's section "ringside". Values of the wrong type count as not given. */
export function readSettings(section: unknown): Settings {
  const value = (name: string): unknown => lookUp(section, name);
  const flag = (name: string): boolean => {
    const given = value(name);
    return typeof given === "boolean" ? given : SETTINGS[`ringside.${name}`]?.default === true;
  };
  const column = (name: string): number => {
    const given = value(name);
    const { default: usual, minimum = 0, maximum = 0 } = SETTINGS[`ringside.${name}`]!;
    const isValid = typeof given === "number" && Number.isInteger(given);
    return isValid && given >= minimum && given <= maximum ? given : Number(usual);
  };
  const paths = value("includePaths");
  return {
    vmm: oneOf(TECHNIQUE_SETTING, value("vmm")) ?? "auto",
    rules: record(value("rules"), (entry) => oneOf(RULE_SEVERITIES, entry)),
    includePaths: Array.isArray(paths) ? paths.filter((each) => typeof each === "string") : [],
    defines: record(value("defines"), (entry) =>
      ["string", "number"].includes(typeof entry) ? String(entry) : undefined,
    ),
    showPrivileged: flag("showPrivileged"),
    inlayHints: {
      addresses: flag("inlayHints.addresses"),
      bytes: flag("inlayHints.bytes"),
      jumps: flag("inlayHints.jumps"),
      sizes: flag("inlayHints.sizes"),
      values: flag("inlayHints.values"),
    },
    inlineValues: flag("inlineValues"),
    codeLens: flag("codeLens"),
    format: {
      mnemonicColumn: column("format.mnemonicColumn"),
      operandColumn: column("format.operandColumn"),
      commentColumn: column("format.commentColumn"),
      case: oneOf(LETTER_CASES, value("format.case")) ?? "keep",
    },
  };
}

export const DEFAULT_SETTINGS: Settings = readSettings(undefined);
