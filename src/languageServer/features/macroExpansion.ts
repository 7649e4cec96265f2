/** The macro call at a place, expanded: what the editor shows in a document of its own. */
import type { Analysis } from "../analysis";
import type { Place } from "../positions";
import type { MacroExpansion } from "../protocol";

export function expandMacroAt(analysis: Analysis, place: Place): MacroExpansion | undefined {
  const call =
    analysis.invocationsAt(place).at(-1) ??
    analysis.invocationsOn(place.file, place.line).find((each) => each.kind === "macro");
  return call === undefined ? undefined : { name: call.name, text: call.expansion() };
}
