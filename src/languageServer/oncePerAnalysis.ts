/** What is made of a program is made when it is first asked for, and kept as long as its analysis. */
import type { Analysis } from "./analysis";

export function oncePerAnalysis<Value>(
  make: (analysis: Analysis) => Value,
): (analysis: Analysis) => Value {
  return (analysis) => analysis.once(make);
}
