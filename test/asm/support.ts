import { assemble } from "../../src/engine/asm/assemble";
import type { AssembleOptions, Assembly, SourceRange } from "../../src/engine/asm/types";
import { hexBytes } from "../../src/engine/base/hex";

export const FILE = "a.asm";

export function assembled(text: string, options: Partial<AssembleOptions> = {}): Assembly {
  return assemble({ file: FILE, text, ...options });
}

/** The image in hex, or the errors as `line: message`. */
export function image(text: string, options: Partial<AssembleOptions> = {}): string {
  const assembly = assembled(text, options);
  return assembly.ok ? hexBytes(assembly.image) : messages(assembly, "error").join("\n");
}

export function messages(assembly: Assembly, severity?: string): string[] {
  return assembly.diagnostics
    .filter((each) => severity === undefined || each.severity === severity)
    .map((each) => `${each.range.line}: ${each.message}`);
}

/** `line:column-endColumn`, with the end line where it differs. */
export function shown(range: SourceRange): string {
  const end = range.endLine === range.line ? "" : `${range.endLine}:`;
  return `${range.line}:${range.column}-${end}${range.endColumn}`;
}

export function filesOf(
  files: Readonly<Record<string, string>>,
): NonNullable<AssembleOptions["readFile"]> {
  return (name) => {
    const text = files[name];
    return text === undefined ? undefined : { file: name, bytes: new TextEncoder().encode(text) };
  };
}
