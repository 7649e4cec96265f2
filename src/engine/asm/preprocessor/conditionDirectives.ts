/** %if, %elif, %else, %endif: which lines are read (NASM manual, "Conditional Assembly"). */
import type { Token } from "../tokens";
import { conditionOf, testCondition } from "./conditions";
import type { ConditionState, Input } from "./inputs";
import { expandParameters } from "./parameters";
import type { Session } from "./session";

/** Whether a word may be a conditional directive. */
export function isConditional(word: string): boolean {
  return word.startsWith("if") || word.startsWith("elif") || word === "else" || word === "endif";
}

export class ConditionRunner {
  constructor(private readonly session: Session) {}

  /** %if, %elif, %else, %endif; false for a word that only looks like one. */
  carryOut(
    word: string,
    first: Token,
    rest: readonly Token[],
    input: Input,
    skipping: boolean,
  ): boolean {
    const { session } = this;
    const open = input.conditions[input.conditions.length - 1];
    if (word.startsWith("if")) {
      const condition = conditionOf(word.slice(2));
      if (condition === undefined) return false;
      let state: ConditionState = "never";
      if (!skipping) {
        const truth = testCondition(condition, rest, first, session);
        state = truth === undefined ? "never" : truth ? "true" : "false";
      }
      input.conditions.push({ state, directive: first, opener: first });
      session.observer?.block("if", "open", first);
      return true;
    }
    if (word.startsWith("elif") && conditionOf(word.slice(4)) === undefined) return false;
    if (open === undefined) {
      session.error(first, "no-condition", `\`${first.text}': no matching \`%if'`);
      return true;
    }
    session.observer?.block("if", word === "endif" ? "close" : "part", first);
    if (word !== "elif" && !word.startsWith("elif") && rest.length > 0) {
      session.warning(rest[0]!, "pp-trailing", `trailing garbage after \`${first.text}' ignored`);
    }
    if (word === "endif") {
      input.conditions.pop();
      return true;
    }
    open.directive =
      open.state === "true" || open.state === "false" || open.state === "elseTrue"
        ? first
        : open.directive;
    if (word === "else") this.otherwise(open, first);
    else this.elseIf(open, first, word.slice(4), rest);
    return true;
  }

  private otherwise(open: Input["conditions"][number], first: Token): void {
    if (open.state === "true" || open.state === "done") open.state = "elseFalse";
    else if (open.state === "false") open.state = "elseTrue";
    else if (open.state !== "never") {
      this.session.warning(first, "pp-else-else", "`%else' after `%else', ignoring content");
      open.state = "never";
    }
  }

  private elseIf(
    open: Input["conditions"][number],
    first: Token,
    suffix: string,
    rest: readonly Token[],
  ): void {
    const { session } = this;
    if (open.state === "true") open.state = "done";
    else if (open.state === "elseTrue" || open.state === "elseFalse") {
      const message = `\`${first.text}' after \`%else', ignoring content`;
      session.warning(first, "pp-else-elif", message);
      open.state = "never";
    } else if (open.state === "false") {
      const tokens = expandParameters(rest, session);
      const truth = testCondition(conditionOf(suffix)!, tokens, first, session);
      open.state = truth === undefined ? "never" : truth ? "true" : "false";
    }
  }
}
