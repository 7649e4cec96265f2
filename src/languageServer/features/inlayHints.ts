/** Inlay hints: addresses, bytes, and whether a jump became short or near. */
import { InlayHintKind, type InlayHint, type Range } from "vscode-languageserver-protocol";
import { hexBytes, type Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import { toRange } from "../positions";
import type { Settings } from "../settings";

const MOST_BYTES = 8;

function bytesText(statement: Statement): string {
  const { bytes, times } = statement;
  const shown = hexBytes(bytes.subarray(0, MOST_BYTES));
  const more = bytes.length > MOST_BYTES ? "…" : "";
  return `${shown}${more}${times > 1 ? ` ×${times}` : ""}`;
}

function addressWidth(analysis: Analysis): number {
  const { origin, image } = analysis.model.assembly;
  return Math.max(4, (origin + image.length).toString(16).length);
}

/** Jumps that NASM chose the length of. */
function jumpText(statement: Statement): string | undefined {
  const { form, operands } = statement;
  if (form === undefined || !/^j(?!(e|r)?cxz)/.test(form.mnemonic)) return undefined;
  const written = operands[0]?.text.toLowerCase() ?? "";
  if (/\b(short|near|far)\b/.test(written)) return undefined;
  const kind = form.operands[0]?.kind;
  if (kind === "rel8") return "short";
  return kind === "rel16" || kind === "rel32" ? "near" : undefined;
}

/** The statements of a line in the open: one, or those that a macro call on it made. */
function linesOf(analysis: Analysis, file: string, within: Range): Map<number, Statement[]> {
  const lines = new Map<number, Statement[]>();
  for (const statement of analysis.model.statements) {
    const { callRange } = statement;
    const line = callRange.line - 1;
    if (callRange.file !== file || line < within.start.line || line > within.end.line) continue;
    const list = lines.get(line);
    if (list === undefined) lines.set(line, [statement]);
    else list.push(statement);
  }
  return lines;
}

export function inlayHints(
  analysis: Analysis,
  file: string,
  within: Range,
  settings: Settings["inlayHints"],
): InlayHint[] {
  const hints: InlayHint[] = [];
  const width = addressWidth(analysis);
  for (const [line, statements] of linesOf(analysis, file, within)) {
    const first = statements.find((each) => each.length > 0);
    if (first === undefined) continue;
    const length = statements.reduce((sum, each) => sum + each.length, 0);
    if (settings.addresses)
      hints.push({
        position: { line, character: 0 },
        label: first.address.toString(16).padStart(width, "0"),
        paddingRight: true,
        tooltip: `${length} byte${length === 1 ? "" : "s"}`,
      });
    const inTheOpen = first.macroTrail.every((entry) => entry.macro === "%rep") ? first : undefined;
    const jump = inTheOpen === undefined ? undefined : jumpText(inTheOpen);
    if (settings.jumps && jump !== undefined && inTheOpen?.mnemonic !== undefined)
      hints.push({
        position: toRange(inTheOpen.mnemonic.range).end,
        label: jump,
        kind: InlayHintKind.Type,
        paddingLeft: true,
      });
    if (settings.bytes && inTheOpen?.kind === "instruction" && inTheOpen.bytes.length > 0)
      hints.push({
        position: toRange(inTheOpen.range).end,
        label: bytesText(inTheOpen),
        paddingLeft: true,
      });
  }
  return hints;
}
