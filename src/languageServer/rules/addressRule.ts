/** Rules that go by addresses and bytes: both are not to be trusted before a program assembles without an error. */
import type { Analysis } from "../analysis";
import { once } from "./once";
import type { Finding, Rule } from "./rule";

export function addressRule(
  id: string,
  title: string,
  run: (analysis: Analysis) => readonly Finding[],
): Rule {
  return {
    id,
    title,
    run: ({ analysis }) => (analysis.model.assembly.ok ? once(run(analysis)) : []),
  };
}
