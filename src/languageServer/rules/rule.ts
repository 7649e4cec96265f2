/** What a domain rule is: a function over a program, with an id that a user can set a severity for or allow on a line. */
import type { SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import type { RuleSeverity } from "../settings";
import type { Technique } from "../techniques";

export interface Finding {
  readonly code: string;
  readonly severity: Exclude<RuleSeverity, "off">;
  readonly message: string;
  readonly range: SourceRange;
  readonly related?: readonly { readonly message: string; readonly range: SourceRange }[];
  /** Codes of assembler diagnostics at the same range that this finding says better. */
  readonly replaces?: readonly string[];
  /** A text that is right where the one at `range` is wrong: for a quick fix. */
  readonly replacement?: string;
}

export interface RuleContext {
  readonly analysis: Analysis;
  readonly technique: Technique;
  /** The user wants to see what privileged instructions cost. */
  readonly showPrivileged: boolean;
}

export interface Rule {
  readonly id: string;
  readonly title: string;
  readonly run: (context: RuleContext) => readonly Finding[];
}
