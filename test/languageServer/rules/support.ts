/** What a rule says of a program, for short expectations. */
import { diagnose } from "../support";

/** Lines (1-based) at which a rule speaks. */
export function linesOf(rule: string, text: string, settings: object = {}): number[] {
  return diagnose(text, settings)
    .filter((each) => each.code === rule)
    .map((each) => each.range.start.line + 1);
}
