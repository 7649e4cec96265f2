/** What is made of a program is made when it is first asked for, and kept as long as its analysis. */
import type { Analysis } from "./analysis";

export function oncePerAnalysis<Value>(
  make: (analysis: Analysis) => Value,
): (analysis: Analysis) => Value {
  const made = new WeakMap<Analysis, { readonly value: Value }>();
  return (analysis) => {
    let kept = made.get(analysis);
    if (kept === undefined) made.set(analysis, (kept = { value: make(analysis) }));
    return kept.value;
  };
}
