/** Address arguments of own requests. */
import { evaluateText } from "../expressions/expression";
import { parsePlace } from "../memoryReference";
import type { Place } from "../memoryReference";
import type { RingsideSession } from "../session/session";

/** An address argument: plain, with a space, or an expression (whose own space counts). */
export function placeArgument(
  session: RingsideSession,
  text: string,
  space: Place["space"] | undefined,
  frameId?: number,
): Place {
  const { target } = session;
  let own: Place["space"] | undefined;
  const place = parsePlace(text, (expression) => {
    const value = evaluateText(expression, target.scope(frameId));
    own = value.addressSpace;
    return value.value;
  });
  return { address: place.address, space: space ?? own ?? place.space };
}
