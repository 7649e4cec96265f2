/** FLOW5: a boot sector is 512 bytes whose last two are 55 AA; the BIOS looks for them at offset 510. */
import type { Diagnostic, Statement } from "../../engine/language";
import type { Analysis } from "../analysis";
import type { Finding, Rule, RuleContext } from "./rule";

const SIGNATURE_OFFSET = 510;
const SECTOR = 512;

function isSignature(statement: Statement): boolean {
  const { kind, bytes, times } = statement;
  return (
    kind === "data" && times === 1 && bytes.length === 2 && bytes[0] === 0x55 && bytes[1] === 0xaa
  );
}

/** Whether a program begins as firmware starts a boot sector. */
export function loadsAt7c00(analysis: Analysis): boolean {
  const { origin, originGiven, entryBits } = analysis.model.assembly;
  return originGiven && origin === 0x7c00 && entryBits === 16;
}

/** `times 510-($-$$) db 0` where more than 510 bytes stand before it. */
function tooLong(analysis: Analysis): Finding[] {
  return analysis.model.assembly.diagnostics.flatMap((diagnostic: Diagnostic) => {
    const count = /value (-\d+) is negative/.exec(diagnostic.message)?.[1];
    if (count === undefined) return [];
    const line = analysis.lineText(diagnostic.range.file, diagnostic.range.line);
    if (!/times\s+(510|0x1fe|1feh)\s*-\s*\(\s*\$\s*-\s*\$\$\s*\)/i.test(line)) return [];
    const message = `The boot sector is ${-Number(count)} bytes too long: code and data before the signature have ${SIGNATURE_OFFSET} bytes.`;
    return [
      {
        code: "FLOW5",
        severity: "error",
        message,
        range: diagnostic.range,
        replaces: [diagnostic.code],
      },
    ];
  });
}

function misplaced(analysis: Analysis): Finding[] {
  const signatures = analysis.model.statements.filter(isSignature);
  const [only] = signatures;
  if (only === undefined || signatures.length > 1 || only.fileOffset === SIGNATURE_OFFSET)
    return [];
  // A later sector may hold the same two bytes by chance; in the first one they are meant as the signature.
  if (only.fileOffset < 0 || only.fileOffset >= 2 * SECTOR) return [];
  const message = `The boot signature 55 AA stands at offset ${only.fileOffset}; the BIOS looks for it at offset ${SIGNATURE_OFFSET}. Put \`times 510-($-$$) db 0\` before it.`;
  return [{ code: "FLOW5", severity: "warning", message, range: only.range }];
}

function missing(analysis: Analysis): Finding[] {
  const { image } = analysis.model.assembly;
  if (image.length !== SECTOR) return [];
  if (image[SIGNATURE_OFFSET] === 0x55 && image[SIGNATURE_OFFSET + 1] === 0xaa) return [];
  const last = analysis.model.statements.findLast((statement) => statement.length > 0);
  if (last === undefined) return [];
  const message =
    "This boot sector does not end in 55 AA: a BIOS does not start it. End it with `dw 0xaa55`.";
  return [{ code: "FLOW5", severity: "warning", message, range: last.callRange }];
}

function run({ analysis }: RuleContext): readonly Finding[] {
  if (!loadsAt7c00(analysis)) return [];
  const found = tooLong(analysis);
  if (found.length > 0) return found;
  found.push(...misplaced(analysis));
  return found.length > 0 || !analysis.model.assembly.ok ? found : missing(analysis);
}

export const bootSector: Rule = { id: "FLOW5", title: "Boot sector form", run };
