/** What a domain rule is: a function over a program, with an id that a user can set a severity for or allow on a line. */
import type { SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import type { RuleSeverity } from "../settings";
import type { Technique } from "../techniques";

export type FindingSeverity = Exclude<RuleSeverity, "off">;

export interface FixEdit {
  /** Empty: `newText` is inserted. */
  readonly range: SourceRange;
  readonly newText: string;
}

/** A change that makes a finding go away. */
export interface Fix {
  /** What an editor offers: "Insert INVLPG". */
  readonly title: string;
  readonly edits: readonly FixEdit[];
}

export interface Finding {
  readonly code: string;
  readonly severity: FindingSeverity;
  readonly message: string;
  readonly range: SourceRange;
  readonly related?: readonly { readonly message: string; readonly range: SourceRange }[];
  /** Codes of assembler diagnostics at the same range that this finding says better. */
  readonly replaces?: readonly string[];
  /** A text that is right where the one at `range` is wrong: for a quick fix. */
  readonly replacement?: string;
  /** Other quick fixes, the best one first. */
  readonly fixes?: readonly Fix[];
  /** A page below docs/ that says more than the rule's own: "sensitive/popf". */
  readonly page?: string;
  /** Code that does nothing: editors show it faded. */
  readonly unnecessary?: boolean;
}

export interface RuleContext {
  readonly analysis: Analysis;
  readonly technique: Technique;
  /** The user wants to see what privileged instructions cost. */
  readonly showPrivileged: boolean;
}

export interface Rule {
  /** Family and number. The page is docs/rules/<id>.md. */
  readonly id: string;
  /** The heading of its page. */
  readonly title: string;
  readonly run: (context: RuleContext) => readonly Finding[];
}
