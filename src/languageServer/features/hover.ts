/** Hover: what the word or number under the cursor is, does, holds and becomes. */
import { MarkupKind, type Hover } from "vscode-languageserver-protocol";
import {
  hexBytes,
  keywordOf,
  type NameOccurrence,
  type PlainToken,
  type SourceRange,
  type Statement,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { alternatives } from "../knowledge/alternatives";
import { dataMeaning } from "../knowledge/dataMeaning";
import { encodingFields } from "../knowledge/encodingFields";
import { instructionCard } from "../knowledge/instructionCard";
import { implicitMeaning, namedConstantMeaning, operandMeaning } from "../knowledge/literals";
import { macroCard } from "../knowledge/macroCard";
import { nasmWordCard } from "../knowledge/nasmWords";
import { literalValue } from "../knowledge/numberLiteral";
import { numberText } from "../knowledge/numberText";
import { pageEntryMeaning } from "../knowledge/pageEntries";
import { registerCard } from "../knowledge/registerCard";
import { sensitivityCard } from "../knowledge/sensitivityCard";
import { symbolCard } from "../knowledge/symbolCard";
import { contains, toRange, type Place } from "../positions";
import type { Technique } from "../techniques";

function hover(parts: readonly (string | undefined)[], range: SourceRange): Hover | undefined {
  const shown = parts.filter((part) => part !== undefined && part !== "");
  if (shown.length === 0) return undefined;
  return {
    contents: { kind: MarkupKind.Markdown, value: shown.join("\n\n---\n\n") },
    range: toRange(range),
  };
}

/** The chosen bytes with their fields, and where they lie. */
function encodingCard(statement: Statement): string | undefined {
  const { form, bytes, bits, address, times } = statement;
  if (form === undefined || bytes.length === 0) return undefined;
  const fields = encodingFields(bytes, form, bits).map(
    (field) => `\`${field.bytes}\` ${field.text}`,
  );
  const count = times > 1 ? `, ${times} times` : "";
  const others = alternatives(statement);
  const unchosen =
    others.length === 0
      ? ""
      : `\n\n**Not chosen:**\n${others.map((each) => `- ${each}`).join("\n")}`;
  return `**Encoding** at \`0x${address.toString(16)}\`: \`${hexBytes(bytes)}\` (${bytes.length} byte${bytes.length === 1 ? "" : "s"}${count})\n\n${fields.join(" · ")}${unchosen}`;
}

function instructionHover(
  analysis: Analysis,
  statement: Statement,
  technique: Technique,
): Hover | undefined {
  const { mnemonic, form, bits } = statement;
  if (mnemonic === undefined) return undefined;
  const card = instructionCard(mnemonic.text, bits, form);
  if (card === undefined) return undefined;
  const parts = [
    card,
    form && sensitivityCard(form, technique),
    implicitMeaning(analysis, statement),
    encodingCard(statement),
  ];
  return hover(parts, mnemonic.range);
}

/** The statement whose mnemonic is under the cursor, in its first expansion. */
function mnemonicAt(analysis: Analysis, place: Place): Statement | undefined {
  return analysis
    .statementsOn(place.file, place.line)
    .find((each) => each.mnemonic !== undefined && contains(each.mnemonic.range, place));
}

/** The operand under the cursor. */
function operandAt(
  analysis: Analysis,
  place: Place,
): { readonly statement: Statement; readonly index: number } | undefined {
  for (const statement of analysis.statementsOn(place.file, place.line)) {
    const index = statement.operands.findIndex((operand) => contains(operand.range, place));
    if (index >= 0) return { statement, index };
  }
  return argumentAt(analysis, place);
}

/** An argument of a macro call: the operand that it becomes, in the first statement that takes it. */
function argumentAt(
  analysis: Analysis,
  place: Place,
): { readonly statement: Statement; readonly index: number } | undefined {
  for (const statement of analysis.statementsCalledOn(place.file, place.line)) {
    if (statement.macroTrail.length === 0) continue;
    const index = statement.operands.findIndex((operand) => contains(operand.range, place));
    if (index >= 0) return { statement, index };
  }
  return undefined;
}

/** What the operand around a number or a constant means. A part of a larger expression is spoken of as a whole. */
function meaningAt(analysis: Analysis, place: Place): string | undefined {
  const found = operandAt(analysis, place);
  if (found === undefined) return undefined;
  const { statement, index } = found;
  const meaning = operandMeaning(analysis, statement, index);
  if (meaning !== undefined) return meaning;
  if (statement.kind !== "data") return undefined;
  return dataMeaning(analysis, statement) ?? pageEntryMeaning(analysis, statement, index);
}

/** The value of an operand where it is more than the word under the cursor. */
function wholeValue(analysis: Analysis, place: Place, token: PlainToken): string | undefined {
  const found = operandAt(analysis, place);
  const operand = found?.statement.operands[found.index];
  if (operand === undefined || operand.text === token.text) return undefined;
  const value =
    operand.number ??
    (operand.value?.kind === "imm" && operand.value.known ? operand.value.value : undefined);
  return value === undefined ? undefined : `\`${operand.text}\` = ${numberText(value)}`;
}

function nameHover(
  analysis: Analysis,
  name: NameOccurrence,
  place: Place,
  token: PlainToken,
): Hover | undefined {
  const call = analysis.invocationsAt(place).at(-1);
  if (name.kind === "macro" || name.kind === "define")
    return hover(
      [
        macroCard(analysis, name, call),
        meaningAt(analysis, place),
        wholeValue(analysis, place, token),
        callData(analysis, place),
      ],
      name.range,
    );
  const symbol = analysis.symbol(name.name);
  const named = symbol?.kind === "equ" ? namedConstantMeaning(name.name, symbol.value) : undefined;
  const isDefinition = name.role === "definition";
  const here = isDefinition ? undefined : meaningAt(analysis, place);
  return hover(
    [
      symbolCard(analysis, name),
      here ?? named,
      isDefinition ? undefined : wholeValue(analysis, place, token),
    ],
    name.range,
  );
}

/** A macro call that makes an entry of a table: what the entry says. */
function callData(analysis: Analysis, place: Place): string | undefined {
  const made = analysis.model.statements.find(
    (each) => each.kind === "data" && contains(each.callRange, place) && each.macroTrail.length > 0,
  );
  return made === undefined ? undefined : dataMeaning(analysis, made);
}

function numberHover(analysis: Analysis, place: Place, token: PlainToken): Hover | undefined {
  const value = literalValue(token.text);
  if (value === undefined) return undefined;
  const parts = [
    numberText(value),
    wholeValue(analysis, place, token),
    meaningAt(analysis, place) ?? definedMeaning(analysis, place, value),
  ];
  return hover(parts, token.range);
}

/** `IA32_EFER equ 0xc0000080`: the name tells what the number is. */
function definedMeaning(analysis: Analysis, place: Place, value: bigint): string | undefined {
  const statement = analysis
    .statementsOn(place.file, place.line)
    .find((each) => each.kind === "equ");
  return statement?.label === undefined
    ? undefined
    : namedConstantMeaning(statement.label.name, value);
}

function wordHover(analysis: Analysis, place: Place, token: PlainToken): Hover | undefined {
  const lower = token.text.toLowerCase();
  const keyword = keywordOf(lower);
  if (keyword?.kind === "register") return hover([registerCard(lower)], token.range);
  if (keyword?.kind === "instruction") {
    // Inside a body that is never expanded, or behind a false %if: no statement, but still an instruction.
    const bits = analysis.statementAt(place)?.bits ?? analysis.model.assembly.entryBits;
    return hover([instructionCard(lower, bits)], token.range);
  }
  return hover([nasmWordCard(lower)], token.range);
}

export function hoverAt(analysis: Analysis, place: Place, technique: Technique): Hover | undefined {
  const token = analysis.tokenAt(place);
  if (token === undefined || token.kind === "comment") return undefined;
  const statement = mnemonicAt(analysis, place);
  if (statement?.kind === "instruction") {
    const found = instructionHover(analysis, statement, technique);
    if (found !== undefined) return found;
  }
  const name = analysis.namesAt(place).at(-1);
  if (name !== undefined) return nameHover(analysis, name, place, token);
  if (token.kind === "number") return numberHover(analysis, place, token);
  if (token.kind === "word" || token.kind === "preprocessor")
    return wordHover(analysis, place, token);
  if (token.kind === "punctuation" && /^\${1,2}$/.test(token.text))
    return hereHover(analysis, place, token);
  return undefined;
}

/** `$` and `$$`. */
function hereHover(analysis: Analysis, place: Place, token: PlainToken): Hover | undefined {
  const statement = analysis.statementAt(place);
  if (statement === undefined) return undefined;
  const section = analysis.model.assembly.sections.find((each) => each.name === statement.section);
  const value = token.text === "$" ? statement.address : section?.address;
  if (value === undefined) return undefined;
  const what =
    token.text === "$" ? "address of this line" : `start of section ${statement.section}`;
  return hover(
    [
      `\`${token.text}\`, ${what}: ${numberText(BigInt(value))}`,
      wholeValue(analysis, place, token),
    ],
    token.range,
  );
}
