/** ASM2, ASM7: expressions that compute something else than what they look like. NASM manual, "Expressions". */
import type { MacroInvocation, PlainToken, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { loosestOperator, PRECEDENCE, unsignedOperations } from "../knowledge/operators";
import { once } from "./once";
import type { Finding, Rule } from "./rule";

const SIGNED: Readonly<Record<string, string>> = { "/": "//", "%": "%%", ">>": ">>>" };

const MAY_DIVIDE = /[/%]|>>/;

/** A cheap look before operands are put together: the line as written, unless defines bring operators along. */
function mayDivide(analysis: Analysis): (statement: Statement) => boolean {
  const isHidden = analysis.model.macroDefinitions.some(
    ({ kind, body }) => kind === "define" && MAY_DIVIDE.test(body),
  );
  if (isHidden) return () => true;
  return ({ range }) => MAY_DIVIDE.test(analysis.lineText(range.file, range.line));
}

function unsignedIn(analysis: Analysis, statement: Statement): Finding[] {
  const valueOf = (name: string): bigint | undefined => {
    const symbol = analysis.symbol(name);
    return symbol?.kind === "equ" ? symbol.value : undefined;
  };
  return statement.operands.flatMap(({ text, range, value }) => {
    if (value?.kind === "reg" || !MAY_DIVIDE.test(text)) return [];
    return unsignedOperations(text, valueOf).map(({ operator, left }): Finding => ({
      code: "ASM2",
      severity: "warning",
      message: `\`${operator}\` is unsigned in NASM: ${left} counts as 0x${BigInt.asUintN(64, left).toString(16)} here. Write \`${SIGNED[operator]}\` for the signed operation.`,
      range,
    }));
  });
}

function unsigned(analysis: Analysis): Finding[] {
  const statements = analysis.model.statements.filter(mayDivide(analysis));
  return once(statements.flatMap((each) => unsignedIn(analysis, each)));
}

export const unsignedOperators: Rule = {
  id: "ASM2",
  title: "Unsigned operator on a negative number",
  run: ({ analysis }) => unsigned(analysis),
};

function isOperand(token: PlainToken | undefined): boolean {
  if (token === undefined) return false;
  return token.kind !== "punctuation" ? token.kind !== "comment" : /^[)\]$]+$/.test(token.text);
}

interface Neighbours {
  readonly before: string | undefined;
  readonly isUnary: boolean;
  readonly after: string | undefined;
}

/** The operators on both sides of a use. */
function neighboursOf(analysis: Analysis, { range, nameRange }: MacroInvocation): Neighbours {
  const tokens = analysis
    .tokensOn(nameRange.file, nameRange.line)
    .filter(({ text, kind }) => kind !== "comment" && text.trim() !== "");
  const at = tokens.findIndex((each) => each.range.column === nameRange.column);
  const end = tokens.findLastIndex((each) => each.range.endColumn <= range.endColumn);
  const before = tokens[at - 1];
  return {
    before: before?.kind === "punctuation" ? before.text : undefined,
    isUnary: !isOperand(tokens[at - 2]) || tokens[at - 2]?.kind === "other",
    after: range.endLine === nameRange.line ? tokens[end + 1]?.text : undefined,
  };
}

/** Whether an operator at the left of a body takes only its first term, so that the value changes. */
function splitsFromLeft(operator: string, isUnary: boolean, inner: string): boolean {
  if (operator === "~" || (operator === "-" && isUnary))
    return operator === "~" || PRECEDENCE[inner]! <= 9;
  const [outer, rank] = [PRECEDENCE[operator], PRECEDENCE[inner]!];
  if (outer === undefined || isUnary) return false;
  if (outer > rank) return true;
  return outer === rank && /^(-|\/|\/\/|%|%%)$/.test(operator);
}

function looseBody(analysis: Analysis, use: MacroInvocation): Finding[] {
  const { definition, range, name } = use;
  if (definition?.directive.toLowerCase().includes("define") !== true) return [];
  const inner = loosestOperator(definition.body);
  if (inner === undefined) return [];
  const { before, isUnary, after } = neighboursOf(analysis, use);
  const isSplit =
    (before !== undefined && splitsFromLeft(before, isUnary, inner)) ||
    (after !== undefined && (PRECEDENCE[after] ?? 0) > PRECEDENCE[inner]!);
  if (!isSplit) return [];
  const body = definition.body.trim();
  const { bodyRange } = definition;
  return [
    {
      code: "ASM7",
      severity: "warning",
      message: `${name} stands for \`${body}\` without parentheses: the operator beside it takes only one part of it.`,
      range,
      related: [{ message: `${name} is defined here`, range: definition.nameRange }],
      ...(bodyRange === undefined
        ? {}
        : {
            fixes: [
              {
                title: `Put the body of ${name} in parentheses`,
                edits: [{ range: bodyRange, newText: `(${body})` }],
              },
            ],
          }),
    },
  ];
}

export const looseDefine: Rule = {
  id: "ASM7",
  title: "Define without parentheses in a larger expression",
  run: ({ analysis }) =>
    once(
      analysis.model.macroInvocations
        .filter(({ kind }) => kind === "define")
        .flatMap((use) => looseBody(analysis, use)),
    ),
};
