/** Words where the assembler has not looked: behind a false %if, and in bodies of macros that nothing calls. */
import type { PlainToken, SourceRange } from "../../engine/language";
import type { Analysis } from "../analysis";
import { contains, rangeKey } from "../positions";

export interface UnassembledWord {
  readonly text: string;
  readonly range: SourceRange;
  /** Parameters of the macro whose body it stands in: there they hide other things of their names. */
  readonly parameters: readonly string[];
}

interface Region {
  readonly range: SourceRange;
  readonly parameters: readonly string[];
}

function regionsOf({ model }: Analysis): Region[] {
  const bodies = model.macroDefinitions.flatMap(({ bodyRange, parameters = [] }) =>
    bodyRange === undefined ? [] : [{ range: bodyRange, parameters }],
  );
  return [...model.inactive.map(({ range }) => ({ range, parameters: [] })), ...bodies];
}

/** `x%1` and `x %+ y` are parts of other names. */
function isPasted(tokens: readonly PlainToken[], index: number): boolean {
  const token = tokens[index]!;
  const [before, after] = [tokens[index - 1], tokens[index + 1]];
  if (before?.text === "%+" || after?.text === "%+") return true;
  const touches = (left: PlainToken, right: PlainToken): boolean =>
    left.range.line === right.range.line && left.range.endColumn === right.range.column;
  return (
    (before?.kind === "preprocessor" && touches(before, token)) ||
    (after?.kind === "preprocessor" && touches(token, after))
  );
}

/** Whole words that a test picks, in all programs, each place once. What some program has as a name is not among them. */
export function unassembledWords(
  programs: readonly Analysis[],
  isWanted: (text: string) => boolean,
): UnassembledWord[] {
  const assembled = new Set(
    programs.flatMap(({ model }) => model.names.map(({ range }) => rangeKey(range))),
  );
  const found = new Map<string, UnassembledWord>();
  for (const program of programs) {
    const regions = regionsOf(program);
    for (const file of new Set(regions.map(({ range }) => range.file))) {
      const inFile = regions.filter(({ range }) => range.file === file);
      program.tokensOf(file).forEach(({ kind, text, range }, index, tokens) => {
        if (kind !== "word" || !isWanted(text) || isPasted(tokens, index)) return;
        const around = inFile.filter((region) => contains(region.range, range));
        const key = rangeKey(range);
        if (around.length === 0 || assembled.has(key)) return;
        const parameters = around.flatMap((region) => region.parameters);
        found.set(key, { text, range, parameters });
      });
    }
  }
  return [...found.values()];
}
