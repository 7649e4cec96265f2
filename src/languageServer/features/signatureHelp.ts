/** Signature help: the forms of an instruction that are valid in this code size, or the parameters of a macro. */
import {
  MarkupKind,
  type Position,
  type SignatureHelp,
  type SignatureInformation,
} from "vscode-languageserver-protocol";
import {
  keywordOf,
  operationText,
  type Bits,
  type InstructionForm,
  type MacroDefinition,
  type OperandKind,
} from "../../engine/language";
import type { Analysis } from "../analysis";
import { formsIn, operandText, writtenOperands } from "../knowledge/instructionCard";
import { macroParameters } from "../knowledge/macroCard";
import { escaped } from "../knowledge/markdown";
import { toPlace } from "../positions";
import { bitsAt, isMacroIn } from "./completion";
import { commasOutside, writtenHead } from "./lineContext";

function signature(
  head: string,
  parameters: readonly string[],
  documentation?: string,
): SignatureInformation {
  const label = parameters.length === 0 ? head : `${head} ${parameters.join(", ")}`;
  let at = head.length + 1;
  return {
    label,
    parameters: parameters.map((parameter) => {
      const start = at;
      at += parameter.length + 2;
      return { label: [start, start + parameter.length] as [number, number] };
    }),
    ...(documentation === undefined
      ? {}
      : { documentation: { kind: MarkupKind.Markdown, value: documentation } }),
  };
}

function documentationOf({ documentation }: MacroDefinition): string | undefined {
  return documentation && escaped(documentation);
}

/** Whether an operand that is written out fits a slot: enough to choose the line that is shown first. */
function fits(text: string, kind: OperandKind): boolean {
  const written = text.trim().toLowerCase();
  if (written === "") return true;
  const keyword = keywordOf(written);
  if (keyword?.kind === "register") {
    if (written === kind) return true;
    const register = keyword.register?.class;
    if (register === "gpr") return new RegExp(`^(r|rm|rr)${keyword.size}$`).test(kind);
    if (register === "st") return kind === "st0" || kind === "sti";
    return register === kind || new RegExp(`^(rr|v|is4)?${register ?? ""}(/m\\d+)?$`).test(kind);
  }
  if (written.includes("[")) {
    const size = /^(byte|word|dword|qword)\b/.exec(written)?.[1];
    const bits = size && { byte: 8, word: 16, dword: 32, qword: 64 }[size];
    return /^(rm|m|vm)|\/m/.test(kind) && (bits === undefined || kind.includes(String(bits)));
  }
  return /^(imm|sx|rel|one|ptr|moffs)/.test(kind);
}

function splitOperands(text: string): string[] {
  const parts: string[] = [];
  let current = "";
  for (const c of text) {
    if (c === "," && commasOutside(`${current},`) > 0) {
      parts.push(current);
      current = "";
    } else current += c;
  }
  return [...parts, current];
}

function instructionHelp(
  mnemonic: string,
  bits: Bits,
  operands: readonly string[],
): SignatureHelp | undefined {
  const forms = new Map<string, InstructionForm>();
  for (const form of formsIn(mnemonic.toLowerCase(), bits)) {
    const parameters = writtenOperands(form).map(({ kind }) => operandText(kind));
    if (parameters.length >= operands.length || operands.length === 1)
      forms.set(parameters.join(), form);
  }
  const list = [...forms.values()].filter((form) => writtenOperands(form).length > 0);
  if (list.length === 0) return undefined;
  // The operand that is being written says nothing yet.
  const done = operands.slice(0, -1);
  const active = list.findIndex((form) =>
    done.every((text, i) => fits(text, writtenOperands(form)[i]!.kind)),
  );
  const text = operationText(mnemonic.toLowerCase());
  return {
    signatures: list.map((form) =>
      signature(
        mnemonic,
        writtenOperands(form).map(({ kind }) => operandText(kind)),
        text,
      ),
    ),
    activeSignature: Math.max(active, 0),
    activeParameter: operands.length - 1,
  };
}

function macroHelp(analysis: Analysis, head: string, count: number): SignatureHelp | undefined {
  const same = (macro: MacroDefinition): boolean =>
    macro.kind === "macro" &&
    (macro.caseSensitive ? macro.name === head : macro.name.toLowerCase() === head.toLowerCase());
  const found = analysis.model.macroDefinitions.filter(same);
  const signatures = found.map((macro) =>
    signature(head, macroParameters(macro), documentationOf(macro)),
  );
  if (signatures.length === 0) return undefined;
  const active = found.findIndex((macro) => macro.maxArguments >= count || macro.greedy);
  const shown = Math.max(active, 0);
  const last = (signatures[shown]?.parameters?.length ?? 1) - 1;
  return {
    signatures,
    activeSignature: shown,
    activeParameter: Math.max(0, Math.min(count - 1, last)),
  };
}

/** Inside the parentheses of a parametrised %define. */
function defineHelp(analysis: Analysis, before: string): SignatureHelp | undefined {
  const call = /([\w$#@~.?]+)\(([^()]*)$/.exec(before);
  const macro = analysis.model.macroDefinitions.find(
    (each) => each.kind === "define" && each.name === call?.[1],
  );
  if (macro?.parameters === undefined || call === null) return undefined;
  return {
    signatures: [signature(macro.name, macroParameters(macro), documentationOf(macro))],
    activeSignature: 0,
    activeParameter: Math.min(commasOutside(call[2] ?? ""), macro.parameters.length - 1),
  };
}

export function signatureHelpAt(
  analysis: Analysis,
  file: string,
  position: Position,
): SignatureHelp | undefined {
  const { line } = toPlace(file, position);
  const before = analysis.lineText(file, line).slice(0, position.character);
  // A semicolon in a string is no comment; rare enough to look only at text without quotes.
  if (before.replace(/"[^"]*"|'[^']*'|`[^`]*`/g, "").includes(";")) return undefined;
  const inDefine = defineHelp(analysis, before);
  if (inDefine !== undefined) return inDefine;
  const { head, headEnd } = writtenHead(before, isMacroIn(analysis));
  if (head === undefined || headEnd === before.length) return undefined;
  const operands = splitOperands(before.slice(headEnd));
  return (
    macroHelp(analysis, head, operands.length) ??
    instructionHelp(head, bitsAt(analysis, file, line), operands)
  );
}
